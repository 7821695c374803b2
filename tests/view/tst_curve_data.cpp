#include "core/view/curve_data.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>

using hilum::view::CurveData;
using hilum::view::CurvePoint;

namespace {

bool contains(const std::vector<CurvePoint>& points, double x)
{
    return std::ranges::any_of(points, [x](const CurvePoint& p) { return p.x == x; });
}

} // namespace

class TestCurveData : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void decimationKeepsExtremes_data()
    {
        QTest::addColumn<int>("count");
        QTest::addColumn<int>("columns");
        for (const int count : {1, 2, 7, 100, 1000, 4097, 65536, 1000003})
            for (const int columns : {1, 50, 800})
                QTest::addRow("%d points, %d columns", count, columns) << count << columns;
    }
    void decimationKeepsExtremes()
    {
        QFETCH(int, count);
        QFETCH(int, columns);
        CurveData data;
        const int up = count / 3, down = (count * 5) / 7;
        for (int i = 0; i < count; ++i)
            data.append(i, i == up ? 1e6 : i == down && down != up ? -1e6 : std::sin(0.01 * i));
        const auto points = data.decimated(0, count, columns);
        QVERIFY(contains(points, up));
        QVERIFY(contains(points, down));
        QVERIFY(contains(points, 0) && contains(points, count - 1));
        QVERIFY2(static_cast<int>(points.size()) <= 4 * columns + 64, qPrintable(QString::number(points.size())));
        QVERIFY(std::ranges::is_sorted(points, {}, &CurvePoint::x));
    }
    void everyColumnShowsItsOwnExtremes()
    {
        // a spike in every 997th point: at full width each must be drawn, whatever block it falls into
        CurveData data;
        for (int i = 0; i < 200000; ++i)
            data.append(i, i % 997 == 0 ? 100.0 : std::cos(0.001 * i));
        const auto points = data.decimated(0, 200000, 2000);
        const auto spikes = std::ranges::count_if(points, [](const CurvePoint& p) { return p.y == 100.0; });
        QCOMPARE(spikes, 201);
    }
    void zoomedInThePointsAreThemselves()
    {
        CurveData data;
        for (int i = 0; i < 100000; ++i)
            data.append(i, 2.0 * i);
        const auto points = data.decimated(5000.5, 5010.5, 800);
        QCOMPARE(points.size(), std::size_t{12}); // ten in view and one neighbour on either side
        QCOMPARE(points.front(), (CurvePoint{5000, 10000}));
        QCOMPARE(points.back(), (CurvePoint{5011, 10022}));
        QVERIFY(data.decimated(-20, -10, 800).size() <= 1);
    }
    void aResumedRunReplacesTheStepsAfterItsCheckpoint()
    {
        CurveData data;
        for (int i = 1; i <= 2000; ++i)
            data.append(i, i == 1999 ? 50 : 1);
        data.append(1001, 7);
        QCOMPARE(data.size(), std::size_t{1001});
        QCOMPARE(data.yRange().high, 7.0); // the spike was taken back
        for (int i = 1002; i <= 3000; ++i)
            data.append(i, 2);
        const auto points = data.decimated(0, 4000, 10);
        QVERIFY(std::ranges::none_of(points, [](const CurvePoint& p) { return p.y == 50; }));
        QVERIFY(contains(points, 1001));
    }
    void leavesOutWhatIsNotFinite()
    {
        CurveData data;
        data.append(1, 0.5);
        data.append(2, std::numeric_limits<double>::quiet_NaN());
        data.append(3, std::numeric_limits<double>::infinity());
        data.append(4, -0.25);
        QCOMPARE(data.size(), std::size_t{2});
        QCOMPARE(data.leftOut(), 2);
        QCOMPARE(data.smallestPositive(), 0.5);
        QCOMPARE(data.yRange().low, -0.25);
        data.clear();
        QVERIFY(data.isEmpty());
        QCOMPARE(data.decimated(0, 1, 10).size(), std::size_t{0});
    }
};

QTEST_APPLESS_MAIN(TestCurveData)
#include "tst_curve_data.moc"
