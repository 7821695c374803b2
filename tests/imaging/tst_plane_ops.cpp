// Shapes on one plane, beside what their definitions say pixel by pixel.
#include "core/base/random.h"
#include "core/imaging/plane_ops.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <utility>

using namespace hilum;
using namespace hilum::imaging;

namespace {

/// Random pixels pressed into blobs: `share` of them set.
BitPlane blobs(int width, int height, double share, std::uint64_t seed)
{
    Rng rng(seed);
    GreyPlane noise(width, height);
    for (float& v : noise.values)
        v = static_cast<float>(rng.uniform());
    noise = blurred(noise, 1.0);
    std::vector<float> sorted = noise.values;
    const float threshold = quantile(sorted, 1 - share);
    BitPlane out(width, height);
    for (std::size_t i = 0; i < out.values.size(); ++i)
        out.values[i] = noise.values[i] >= threshold;
    return out;
}

/// Every pixel asks all others.
BitPlane spreadByDefinition(const BitPlane& bits, int radius, std::uint8_t value)
{
    BitPlane out = bits;
    for (int y = 0; y < bits.height; ++y)
        for (int x = 0; x < bits.width; ++x)
            for (int v = 0; v < bits.height; ++v)
                for (int u = 0; u < bits.width; ++u)
                    if (bits.at(u, v) == value && (u - x) * (u - x) + (v - y) * (v - y) <= radius * radius + radius / 2)
                        out.at(x, y) = value;
    return out;
}

/// The smallest number of a pixel that each set pixel is joined with, found by passing numbers on until nothing changes; -1 elsewhere.
Plane<int> joined(const BitPlane& bits)
{
    Plane<int> out(bits.width, bits.height, -1);
    for (std::size_t i = 0; i < bits.values.size(); ++i)
        if (bits.values[i])
            out.values[i] = static_cast<int>(i);
    for (bool again = true; again;) {
        again = false;
        for (int y = 0; y < bits.height; ++y)
            for (int x = 0; x < bits.width; ++x)
                for (const auto& [u, v] : {std::pair(x + 1, y), std::pair(x, y + 1), std::pair(x - 1, y), std::pair(x, y - 1)})
                    if (u >= 0 && v >= 0 && u < bits.width && v < bits.height && out.at(x, y) >= 0 && out.at(u, v) >= 0 && out.at(u, v) < out.at(x, y)) {
                        out.at(x, y) = out.at(u, v);
                        again = true;
                    }
    }
    return out;
}

} // namespace

class TestPlaneOps : public QObject {
    Q_OBJECT

    std::vector<BitPlane> m_planes;

private Q_SLOTS:
    void initTestCase()
    {
        for (const double share : {0.05, 0.3, 0.6, 0.9})
            for (std::uint64_t seed = 1; seed <= 3; ++seed)
                m_planes.push_back(blobs(23, 17, share, seed));
        for (const auto& [width, height] : {std::pair(1, 1), std::pair(1, 9), std::pair(9, 1)})
            m_planes.push_back(blobs(width, height, 0.5, 4));
        m_planes.emplace_back(6, 5);
        m_planes.emplace_back(6, 5, std::uint8_t{1});
    }

    void discsGrowAndShrinkAsDefined()
    {
        for (const BitPlane& plane : m_planes)
            for (int radius = 0; radius <= 5; ++radius) {
                QVERIFY(dilated(plane, radius).values == spreadByDefinition(plane, radius, 1).values);
                QVERIFY(eroded(plane, radius).values == spreadByDefinition(plane, radius, 0).values); // what is outside takes nothing away
            }
    }

    void componentsAreWhatIsJoined()
    {
        int seen = 0;
        for (const BitPlane& plane : m_planes) {
            const Plane<int> labels = joined(plane);
            for (const std::int64_t smallest : {1, 4}) {
                std::vector<int> roots; // in the order of their first pixels
                for (std::size_t i = 0; i < labels.values.size(); ++i)
                    if (labels.values[i] == static_cast<int>(i) && std::ranges::count(labels.values, static_cast<int>(i)) >= smallest)
                        roots.push_back(static_cast<int>(i));
                const std::vector<Component> found = components(plane, smallest);
                QCOMPARE(found.size(), roots.size());
                for (std::size_t n = 0; n < found.size(); ++n) {
                    const Component& c = found[n];
                    QCOMPARE(c.area, static_cast<std::int64_t>(std::ranges::count(labels.values, roots[n])));
                    int x0 = plane.width, y0 = plane.height, x1 = -1, y1 = -1;
                    for (int y = 0; y < plane.height; ++y)
                        for (int x = 0; x < plane.width; ++x) {
                            QCOMPARE(c.bits.at(x, y) != 0, labels.at(x, y) == roots[n]);
                            if (c.bits.at(x, y))
                                x0 = std::min(x0, x), y0 = std::min(y0, y), x1 = std::max(x1, x), y1 = std::max(y1, y);
                        }
                    QVERIFY(c.x0 == x0 && c.y0 == y0 && c.x1 == x1 && c.y1 == y1);
                    ++seen;
                }
            }
        }
        QVERIFY(seen > 20);
    }

    void holesAreBackgroundThatDoesNotReachTheEdge()
    {
        int filled = 0;
        for (const BitPlane& plane : m_planes) {
            BitPlane background = plane;
            for (std::uint8_t& b : background.values)
                b = !b;
            const Plane<int> labels = joined(background);
            std::vector<int> open; // numbers of background that reaches the edge
            for (int y = 0; y < plane.height; ++y)
                for (int x = 0; x < plane.width; ++x)
                    if ((x == 0 || y == 0 || x + 1 == plane.width || y + 1 == plane.height) && labels.at(x, y) >= 0)
                        open.push_back(labels.at(x, y));
            const BitPlane out = holesFilled(plane);
            for (std::size_t i = 0; i < out.values.size(); ++i) {
                const bool hole = labels.values[i] >= 0 && std::ranges::find(open, labels.values[i]) == open.end();
                QCOMPARE(out.values[i] != 0, plane.values[i] != 0 || hole);
                filled += hole;
            }
        }
        QVERIFY(filled > 5);
    }
};

QTEST_APPLESS_MAIN(TestPlaneOps)
#include "tst_plane_ops.moc"
