#include "core/base/random.h"
#include "core/stats/overlap.h"
#include "core/stats/surface_distance.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace hilum;
using namespace hilum::stats;

namespace {

using Size = std::array<std::int64_t, 3>;
using Mask = std::vector<std::uint8_t>;

/// A box of ones: [low, high) along i, j, k.
Mask box(const Size& n, const Size& low, const Size& high)
{
    Mask out(static_cast<std::size_t>(n[0] * n[1] * n[2]));
    for (std::int64_t k = low[2]; k < high[2]; ++k)
        for (std::int64_t j = low[1]; j < high[1]; ++j)
            for (std::int64_t i = low[0]; i < high[0]; ++i)
                out[static_cast<std::size_t>((k * n[1] + j) * n[0] + i)] = 1;
    return out;
}

bool near(double a, double b) { return std::abs(a - b) < 1e-12 * std::max(1.0, std::abs(b)); } // a few roundings of doubles

} // namespace

class TestOverlap : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void countsByHand_data()
    {
        QTest::addColumn<int>("a");
        QTest::addColumn<int>("b");
        QTest::addColumn<int>("both");
        QTest::addColumn<double>("dice"); // NaN: undefined
        QTest::addColumn<double>("jaccard");
        QTest::addColumn<double>("volume");
        const double none = std::nan("");
        QTest::newRow("partly") << 4 << 6 << 3 << 0.6 << 3.0 / 7 << 0.5;
        QTest::newRow("same") << 5 << 5 << 5 << 1.0 << 1.0 << 0.0;
        QTest::newRow("apart") << 2 << 3 << 0 << 0.0 << 0.0 << 0.5;
        QTest::newRow("B within A") << 8 << 2 << 2 << 0.4 << 0.25 << -0.75;
        QTest::newRow("A empty") << 0 << 3 << 0 << 0.0 << 0.0 << none;
        QTest::newRow("B empty") << 3 << 0 << 0 << 0.0 << 0.0 << -1.0;
        QTest::newRow("both empty") << 0 << 0 << 0 << none << none << none;
    }
    void countsByHand()
    {
        QFETCH(int, a);
        QFETCH(int, b);
        QFETCH(int, both);
        QFETCH(double, dice);
        QFETCH(double, jaccard);
        QFETCH(double, volume);
        Mask x(40), y(40); // `both` common voxels first, then those of A alone, then those of B alone
        for (int n = 0; n < a; ++n)
            x[static_cast<std::size_t>(n)] = 1;
        for (int n = 0; n < b; ++n)
            y[static_cast<std::size_t>(n < both ? n : a + n - both)] = 7; // any value above 0 is inside
        const Overlap o = overlapOf(x, y);
        QCOMPARE(o.a, std::int64_t{a});
        QCOMPARE(o.b, std::int64_t{b});
        QCOMPARE(o.both, std::int64_t{both});
        const auto same = [](const std::optional<double>& got, double expected) { return std::isnan(expected) ? !got : got && near(*got, expected); };
        QVERIFY(same(o.dice(), dice));
        QVERIFY(same(o.jaccard(), jaccard));
        QVERIFY(same(o.volumeDifference(), volume));
    }
    void refusesSizesThatDiffer()
    {
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, overlapOf(Mask(3), Mask(4)));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, surfaceDistances(Mask(8), Mask(8), {2, 2, 3}, {1, 1, 1}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, squaredDistances(Mask(8), {2, 2, 2}, {1, 0, 1}));
    }

    void distancesOfALineByHand()
    {
        const Mask marked{1, 0, 0, 0, 1, 0};
        const auto d = squaredDistances(marked, {6, 1, 1}, {2, 1, 1});
        const std::vector<double> expected{0, 4, 16, 4, 0, 4};
        QVERIFY(d == expected);
        const auto nothing = squaredDistances(Mask(4), {4, 1, 1}, {1, 1, 1});
        QVERIFY(std::ranges::all_of(nothing, [](double v) { return v == std::numeric_limits<double>::infinity(); }));
    }
    void distancesEqualTheSlowWay()
    {
        Rng rng(11);
        const Size n{9, 7, 6};
        const std::array<double, 3> spacing{0.7, 1.3, 2.9};
        for (int round = 0; round < 20; ++round) {
            Mask marked(static_cast<std::size_t>(n[0] * n[1] * n[2]));
            for (int m = 0; m <= round; ++m)
                marked[static_cast<std::size_t>(rng.integer(0, static_cast<std::int64_t>(marked.size()) - 1))] = 1;
            const auto d = squaredDistances(marked, n, spacing);
            for (std::size_t v = 0; v < d.size(); ++v) {
                const auto at = [&](std::size_t x, std::size_t axis) { return static_cast<double>(axis == 0 ? x % 9 : axis == 1 ? x / 9 % 7 : x / 63); };
                double least = std::numeric_limits<double>::infinity();
                for (std::size_t m = 0; m < marked.size(); ++m)
                    if (marked[m]) {
                        double sum = 0;
                        for (std::size_t axis = 0; axis < 3; ++axis)
                            sum += std::pow(spacing[axis] * (at(v, axis) - at(m, axis)), 2);
                        least = std::min(least, sum);
                    }
                QVERIFY2(near(d[v], least), qPrintable(QString("voxel %1: %2, expected %3").arg(v).arg(d[v]).arg(least)));
            }
        }
    }

    void percentilesByHand()
    {
        QCOMPARE(percentile({5, 1, 4, 2, 3}, 0.95), 4.8); // rank 3.8
        QCOMPARE(percentile({5, 1, 4, 2, 3}, 0.5), 3.0);
        QCOMPARE(percentile({7}, 0.95), 7.0);
        QCOMPARE(percentile({1, 2}, 1.0), 2.0);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, percentile({}, 0.5));
    }

    void surfacesOfSingleVoxels()
    {
        const Size n{5, 4, 3};
        const auto d = surfaceDistances(box(n, {0, 1, 1}, {1, 2, 2}), box(n, {3, 1, 1}, {4, 2, 2}), n, {2, 9, 9});
        QVERIFY(d.has_value());
        QCOMPARE(d->borderA, std::int64_t{1});
        QCOMPARE(d->hausdorffMm, 6.0);
        QCOMPARE(d->hausdorff95Mm, 6.0);
        QCOMPARE(d->meanMm, 6.0);
    }
    void surfacesOfShiftedCubes()
    {
        // 3 x 3 x 3, shifted by one slice of 5 mm: of 26 border voxels nine are 5 mm away, one (the middle of the face inside the other cube) 1 mm, sixteen coincide
        const Size n{5, 5, 6};
        const auto d = surfaceDistances(box(n, {1, 1, 1}, {4, 4, 4}), box(n, {1, 1, 2}, {4, 4, 5}), n, {1, 1, 5});
        QVERIFY(d.has_value());
        QCOMPARE(d->borderA, std::int64_t{26});
        QCOMPARE(d->borderB, std::int64_t{26});
        QCOMPARE(d->hausdorffMm, 5.0);
        QCOMPARE(d->hausdorff95Mm, 5.0);
        QVERIFY(near(d->meanMm, 46.0 / 26));
    }
    void surfacesKnowTheAxes()
    {
        // the same pair along each axis: the distance is that axis' spacing
        const std::array<double, 3> spacing{0.5, 2, 7};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const Size n{6, 6, 6};
            Size low{2, 2, 2}, high{3, 3, 3}, low2 = low, high2 = high;
            ++low2[axis];
            ++high2[axis];
            const auto d = surfaceDistances(box(n, low, high), box(n, low2, high2), n, spacing);
            QVERIFY(d && near(d->hausdorffMm, spacing[axis]) && near(d->meanMm, spacing[axis]));
        }
    }
    void directedDistancesMayDiffer()
    {
        // A: one voxel; B: a rod of 11 from it on: A to B is 0, B to A 0 .. 10 mm
        const Size n{12, 1, 1};
        const auto d = surfaceDistances(box(n, {0, 0, 0}, {1, 1, 1}), box(n, {0, 0, 0}, {11, 1, 1}), n, {1, 1, 1});
        QVERIFY(d.has_value());
        QCOMPARE(d->hausdorffMm, 10.0);
        QVERIFY(near(d->hausdorff95Mm, 9.5)); // rank 0.95 * 10 of 0 .. 10
        QVERIFY(near(d->meanMm, 55.0 / 12));  // 1 + 11 distances
    }
    void emptyMasksHaveNoSurface()
    {
        const Size n{3, 3, 3};
        const Mask none(27), one = box(n, {1, 1, 1}, {2, 2, 2});
        QVERIFY(!surfaceDistances(none, one, n, {1, 1, 1}));
        QVERIFY(!surfaceDistances(one, none, n, {1, 1, 1}));
        QVERIFY(!surfaceDistances(none, none, n, {1, 1, 1}));
        const auto same = surfaceDistances(one, one, n, {1, 1, 1});
        QVERIFY(same && same->hausdorffMm == 0 && same->meanMm == 0);
    }
};

QTEST_APPLESS_MAIN(TestOverlap)
#include "tst_overlap.moc"
