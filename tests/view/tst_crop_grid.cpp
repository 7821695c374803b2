#include "core/view/crop_grid.h"

#include <QTest>

#include <cmath>
#include <numeric>
#include <stdexcept>

using namespace hilum::view;

namespace {

/// Base index = i-index * grid + j-index.
std::vector<Box> bases(std::int64_t grid, std::int64_t side, std::int64_t depth)
{
    std::vector<Box> out;
    for (std::int64_t i = 0; i < grid; ++i)
        for (std::int64_t j = 0; j < grid; ++j)
            out.push_back({i * side, j * side, 0, (i + 1) * side, (j + 1) * side, depth});
    return out;
}

Box crop(double i, double j, std::int64_t side, std::int64_t grid)
{
    return cropAround(i, j, {0, 0, 0, side, side, side}, grid, grid);
}

} // namespace

/// The true bars of VoCo, held to the golden values of the method's description (v2: 3 x 3 base crops of 64 in 192).
class TestCropGrid : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void goldenValuesOfTheMethod_data()
    {
        QTest::addColumn<double>("i");
        QTest::addColumn<double>("j");
        QTest::addColumn<QList<double>>("expected");
        QTest::newRow("corner of four") << 64.0 << 64.0 << QList<double>{0.25, 0.25, 0, 0.25, 0.25, 0, 0, 0, 0};
        QTest::newRow("100, 70") << 100.0 << 70.0 << QList<double>{0, 0, 0, 0.380859375, 0.556640625, 0, 0.025390625, 0.037109375, 0};
        QTest::newRow("base 6") << 160.0 << 32.0 << QList<double>{0, 0, 0, 0, 0, 0, 1, 0, 0};
        QTest::newRow("base 0") << 32.0 << 32.0 << QList<double>{1, 0, 0, 0, 0, 0, 0, 0, 0};
    }
    void goldenValuesOfTheMethod()
    {
        QFETCH(double, i);
        QFETCH(double, j);
        QFETCH(QList<double>, expected);
        const auto got = baseOverlap(crop(i, j, 64, 192), bases(3, 64, 64));
        QCOMPARE(got.size(), static_cast<std::size_t>(expected.size()));
        for (qsizetype n = 0; n < expected.size(); ++n)
            QCOMPARE(got[static_cast<std::size_t>(n)], expected[n]); // exact: sums of powers of two
    }
    void everyCentreSumsToOne()
    {
        const auto grid = bases(3, 64, 64);
        for (std::int64_t i = 32; i < 160; i += 7)
            for (std::int64_t j = 32; j < 160; j += 5) {
                const auto y = baseOverlap(crop(static_cast<double>(i), static_cast<double>(j), 64, 192), grid);
                QCOMPARE(std::accumulate(y.begin(), y.end(), 0.0), 1.0);
                const auto some = std::ranges::count_if(y, [](double v) { return v > 0; });
                QVERIFY(some == 1 || some == 2 || some == 4);
            }
        // v1: 4 x 4 of 96 in 384; 96 is no power of two
        const auto y = baseOverlap(crop(101, 77, 96, 384), bases(4, 96, 96));
        QVERIFY(std::abs(std::accumulate(y.begin(), y.end(), 0.0) - 1) < 1e-12);
    }
    void oneBaseFurtherMovesTheLabel()
    {
        const auto grid = bases(3, 64, 64);
        const auto a = baseOverlap(crop(50, 80, 64, 192), grid), b = baseOverlap(crop(50 + 64, 80, 64, 192), grid);
        for (std::size_t n = 0; n + 3 < a.size(); ++n)
            QCOMPARE(b[n + 3], a[n]);
    }
    void slabsCountTheirDepth()
    {
        std::vector<Box> two{{0, 0, 0, 8, 8, 4}, {0, 0, 4, 8, 8, 8}};
        const auto y = baseOverlap({0, 0, 3, 8, 8, 7}, two);
        QCOMPARE(y[0], 0.25);
        QCOMPARE(y[1], 0.75);
    }
    void cropsStayInside()
    {
        QCOMPARE(crop(-50, 500, 64, 192), (Box{0, 128, 0, 64, 192, 64}));
        QCOMPARE(crop(96, 96, 64, 192), (Box{64, 64, 0, 128, 128, 64}));
        QCOMPARE(middle(crop(96, 96, 64, 192)), (std::array{96.0, 96.0}));
        QCOMPARE(cropAround(5, 5, {0, 0, 0, 20, 20, 1}, 10, 10), (Box{0, 0, 0, 20, 20, 1})); // wider than the grid
    }
    void namesTheBaseUnderAPoint()
    {
        const auto grid = bases(3, 64, 64);
        QCOMPARE(baseAt(158, 34, grid, 3).value_or(99), std::size_t{6});
        QVERIFY(!baseAt(156, 34, grid, 3));
        QCOMPARE(gridShape(grid), (std::array<std::int64_t, 2>{3, 3}));
        QCOMPARE(gridShape(bases(4, 96, 96)), (std::array<std::int64_t, 2>{4, 4}));
        QCOMPARE(gridShape({}), (std::array<std::int64_t, 2>{0, 0}));
    }
    void refusesAnEmptyCrop() { QVERIFY_THROWS_EXCEPTION(std::invalid_argument, baseOverlap({4, 0, 0, 4, 8, 8}, bases(3, 64, 64))); }
};

QTEST_APPLESS_MAIN(TestCropGrid)
#include "tst_crop_grid.moc"
