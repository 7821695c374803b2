#include "core/imaging/chest_region.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>

using namespace hilum::imaging;

namespace {

struct Drawn {
    GreyImage image;
    std::vector<std::uint8_t> lungs;
};

// A body of grey 0.75 on black with two dark ellipses; `shiftX` moves all of it.
Drawn drawChest(std::int64_t width, std::int64_t height, double shiftX)
{
    Drawn d;
    d.image = {.width = width, .height = height, .values = {}, .chain = {}};
    const auto w = static_cast<double>(width), h = static_cast<double>(height);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            const double u = (static_cast<double>(x) + 0.5) / w - 0.5 - shiftX, v = (static_cast<double>(y) + 0.5) / h;
            const bool body = std::abs(u) < 0.44 && v > 0.08 + 0.5 * std::max(0.0, std::abs(u) - 0.25);
            const bool lung = std::hypot((std::abs(u) - 0.21) / 0.14, (v - 0.47) / 0.31) < 1;
            d.image.values.push_back(lung ? 0.3F : body ? 0.75F - 0.2F * static_cast<float>(std::abs(u)) : 0.02F);
            d.lungs.push_back(lung);
        }
    return d;
}

double shareInside(const ChestRegion& region, const std::vector<std::uint8_t>& lungs)
{
    double in = 0, all = 0;
    for (std::size_t i = 0; i < lungs.size(); ++i)
        if (lungs[i])
            all += 1, in += region.inside[i];
    return in / all;
}

} // namespace

class TestChestRegion : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void findsTheDrawnLungs_data();
    void findsTheDrawnLungs();
    void saysWhenThereAreNoLungs();
    void polygonFollowsTheEvenOddRule();
    void maskIsResampledByNearestNeighbour();
};

void TestChestRegion::findsTheDrawnLungs_data()
{
    QTest::addColumn<int>("width");
    QTest::addColumn<int>("height");
    QTest::addColumn<double>("shift");
    QTest::addColumn<QString>("burnt");
    QTest::newRow("plain") << 400 << 360 << 0.0 << "";
    QTest::newRow("tall") << 300 << 420 << 0.0 << "";
    QTest::newRow("large, to the side") << 1400 << 1200 << 0.05 << "";
    QTest::newRow("white page around it") << 400 << 360 << 0.0 << "page";
    QTest::newRow("white letters and arrows") << 400 << 360 << 0.0 << "letters";
}

void TestChestRegion::findsTheDrawnLungs()
{
    QFETCH(int, width);
    QFETCH(int, height);
    QFETCH(double, shift);
    QFETCH(QString, burnt);
    Drawn d = drawChest(width, height, shift);
    const auto paint = [&](int x0, int y0, int x1, int y1) {
        for (int y = y0; y < y1; ++y)
            for (int x = x0; x < x1; ++x)
                d.image.values[static_cast<std::size_t>(y * width + x)] = 1;
    };
    if (burnt == "page") { // 30 white columns and rows around the same picture
        Drawn page = drawChest(width, height, shift);
        page.image.values.assign(page.image.values.size(), 1.0F);
        page.lungs.assign(page.lungs.size(), 0);
        const Drawn inner = drawChest(width - 60, height - 60, shift);
        for (int y = 0; y < height - 60; ++y)
            for (int x = 0; x < width - 60; ++x) {
                const auto from = static_cast<std::size_t>(y * (width - 60) + x), to = static_cast<std::size_t>((y + 30) * width + x + 30);
                page.image.values[to] = inner.image.values[from];
                page.lungs[to] = inner.lungs[from];
            }
        d = page;
    } else if (burnt == "letters") {
        paint(10, 10, 14, 40), paint(10, 36, 28, 40); // an L in the corner
        paint(110, 150, 140, 154), paint(270, 200, 274, 230);
    }
    const ChestRegion region = findChestRegion(d.image);
    QCOMPARE(region.inside.size(), d.image.values.size());
    QVERIFY2(region.confidence > 0.5, region.method.c_str());
    QVERIFY2(shareInside(region, d.lungs) > 0.97, qPrintable(QString::number(shareInside(region, d.lungs))));
    double inside = 0, lungs = 0;
    for (std::size_t i = 0; i < d.lungs.size(); ++i)
        inside += region.inside[i], lungs += d.lungs[i];
    // hull of the two ellipses: their area plus what lies between their centres, 1.32 times theirs; a rim of 1/40 of the width is added
    QVERIFY2(inside < 1.8 * lungs, qPrintable(QString::number(inside / lungs)));
    // the mediastinum between the lungs belongs to it, the shoulders do not
    const auto at = [&](double x, double y) { return region.inside[static_cast<std::size_t>(static_cast<int>(y * height) * width + static_cast<int>(x * width))]; };
    QCOMPARE(int{at(0.5 + shift, 0.47)}, 1);
    QCOMPARE(int{at(0.12, 0.12)}, 0);
}

void TestChestRegion::saysWhenThereAreNoLungs()
{
    const GreyImage flat{.width = 200, .height = 150, .values = std::vector<float>(200 * 150, 0.5F), .chain = {}};
    const ChestRegion region = findChestRegion(flat);
    QCOMPARE(region.confidence, 0.0);
    QVERIFY(region.method.find("no lungs") != std::string::npos);
    QVERIFY(std::count(region.inside.begin(), region.inside.end(), 1) > 200 * 150 / 3);
}

void TestChestRegion::polygonFollowsTheEvenOddRule()
{
    const ChestRegion square = regionFromPolygon({{1.5, 1.5}, {4.5, 1.5}, {4.5, 3.5}, {1.5, 3.5}}, 8, 6);
    QCOMPARE(std::count(square.inside.begin(), square.inside.end(), 1), 3 * 2);
    QCOMPARE(int{square.inside[2 * 8 + 2]}, 1);
    QCOMPARE(int{square.inside[2 * 8 + 5]}, 0);
    // a star of two crossing loops leaves its middle out
    const ChestRegion doubled = regionFromPolygon({{0.5, 0.5}, {6.5, 0.5}, {6.5, 4.5}, {0.5, 4.5}, {0.5, 0.5}, {2.5, 1.5}, {4.5, 1.5}, {4.5, 3.5}, {2.5, 3.5}, {2.5, 1.5}}, 8, 6);
    QCOMPARE(int{doubled.inside[2 * 8 + 3]}, 0);
    QCOMPARE(int{doubled.inside[1 * 8 + 1]}, 1);
}

void TestChestRegion::maskIsResampledByNearestNeighbour()
{
    ImageHeader header;
    header.geometry.size = {2, 2, 1};
    const Volume mask(header, std::vector<std::uint8_t>{0, 7, 0, 0});
    const ChestRegion region = regionFromMask(mask, 4, 4);
    QCOMPARE(region.inside, (std::vector<std::uint8_t>{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
}

QTEST_APPLESS_MAIN(TestChestRegion)
#include "tst_chest_region.moc"
