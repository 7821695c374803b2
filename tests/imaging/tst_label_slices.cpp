#include "core/imaging/label_slices.h"
#include "core/imaging/regularise.h"
#include "tests/support/compare.h"

using namespace hilum;
using namespace hilum::imaging;

namespace {

/// Slices with these origins, each of 4 x 6 voxels of 1 mm; along the third axis the nominal distance.
Volume uneven(std::vector<Vec3> origins, std::vector<std::uint16_t> voxels, double nominalMm)
{
    ImageHeader h;
    h.geometry.size = {4, 6, static_cast<std::int64_t>(origins.size())};
    h.geometry.spacingMm = {1, 1, nominalMm};
    h.geometry.originLps = origins.front();
    h.irregular = true;
    h.sliceOriginsLps = std::move(origins);
    h.unit = Unit::Label;
    return Volume(std::move(h), std::move(voxels));
}

} // namespace

class TestLabelSlices : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void slicesLieWhereTheyWereAcquired_data()
    {
        QTest::addColumn<QList<double>>("heights");
        QTest::addColumn<QList<int>>("expected"); // label of each even slice; slice n of the file holds label n + 1
        // labels above the gap lay one gap too low: 3 at 15 mm, where nothing was acquired
        QTest::newRow("one missing") << QList<double>{0, 5, 10, 20, 25} << QList<int>{1, 2, 3, 0, 4, 5};
        QTest::newRow("ten missing") << QList<double>{0, 2.5, 30, 32.5} << QList<int>{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4};
        QTest::newRow("a gap of no whole steps") << QList<double>{0, 2.5, 5, 22.6, 25.1} << QList<int>{1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5};
        // a lone slice reached half of either gap
        QTest::newRow("alone between two gaps") << QList<double>{0, 2.5, 17.5, 32.5, 35} << QList<int>{1, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 4, 5};
        QTest::newRow("a stretch of wider distances") << QList<double>{0, 1, 2, 3, 4, 9, 14, 19, 20, 21} << QList<int>{1, 2, 3, 4, 5, 0, 0, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 0, 0, 8, 9, 10};
        QTest::newRow("uneven, none missing") << QList<double>{0, 2, 5, 9, 11} << QList<int>{1, 2, 3, 3, 4, 5};
    }
    void slicesLieWhereTheyWereAcquired()
    {
        QFETCH(QList<double>, heights);
        QFETCH(QList<int>, expected);
        std::vector<Vec3> origins;
        std::vector<std::uint16_t> voxels;
        for (qsizetype n = 0; n < heights.size(); ++n) {
            origins.push_back({-20, 30, 100 + heights[n]});
            voxels.insert(voxels.end(), 24, static_cast<std::uint16_t>(n + 1));
        }
        const Volume labels = uneven(origins, voxels, 2.5);
        const auto even = evenLabels(labels);
        HILUM_VERIFY_OK(even);
        QVERIFY(!even->header().irregular && even->header().sliceOriginsLps.empty());
        QCOMPARE(even->geometry().originLps, (Vec3{-20, 30, 100}));
        QCOMPARE(even->geometry().size, (Index3{4, 6, expected.size()}));
        QList<int> seen;
        for (std::int64_t k = 0; k < even->geometry().size[2]; ++k) {
            seen << static_cast<int>(even->at(2, 3, k));
            for (std::int64_t v = 0; v < 24; ++v)
                QCOMPARE(even->at(v % 4, v / 4, k), double(seen.back()));
        }
        QCOMPARE(seen, expected);
        QCOMPARE(even->header().notices.back().code, std::string("resampled"));
        // the grid is that of the image that was made even
        const auto image = regularise(labels);
        HILUM_VERIFY_OK(image);
        QVERIFY(image->geometry() == even->geometry());
        // conversions put labels where overlays have them: the nearest slice filled the gaps there
        const auto converted = applySpacing(labels, SpacingPolicy::Regularise, {});
        HILUM_VERIFY_OK(converted);
        QVERIFY(converted->voxels() == even->voxels() && converted->geometry() == even->geometry());
    }

    void tiltedSlicesAreReadAtTheirOwnOrigins()
    {
        // the table moves 2 mm to the back with each 5 mm; the third slice is missing
        std::vector<std::uint16_t> voxels(4 * 6 * 3, 0);
        voxels[1 * 24 + 3 * 4 + 1] = 7; // second slice, column 1, row 3: at (1, 2 + 3, 5)
        voxels[2 * 24 + 4 * 4 + 2] = 9; // third slice in the file, column 2, row 4: at (2, 6 + 4, 15)
        const auto even = evenLabels(uneven({{0, 0, 0}, {0, 2, 5}, {0, 6, 15}}, voxels, 5));
        HILUM_VERIFY_OK(even);
        QCOMPARE(even->geometry().size, (Index3{4, 12, 4}));
        std::vector<std::pair<Vec3, double>> found;
        for (std::int64_t k = 0; k < 4; ++k)
            for (std::int64_t j = 0; j < 12; ++j)
                for (std::int64_t i = 0; i < 4; ++i)
                    if (even->at(i, j, k) != 0)
                        found.emplace_back(even->geometry().indexToWorld({double(i), double(j), double(k)}), even->at(i, j, k));
        QCOMPARE(found.size(), std::size_t{2});
        QVERIFY(norm(found[0].first - Vec3{1, 5, 5}) < 1e-9 && found[0].second == 7);
        QVERIFY(norm(found[1].first - Vec3{2, 10, 15}) < 1e-9 && found[1].second == 9);
    }

    // labels filled from contours have no notice of their slices: they were told to be shifted sideways by 0.000 mm
    void unevenSlicesAreToldWithoutANotice()
    {
        const Volume labels = uneven({{0, 0, 0}, {0, 0, 2.5}, {0, 0, 7.5}}, std::vector<std::uint16_t>(72, 1), 2.5);
        QCOMPARE(whyIrregular(labels), std::string("the slices are uneven, 2.500 to 5.000 mm apart"));
    }

    void evenOnesStayAndBrokenOnesAreRefused()
    {
        const Volume labels = uneven({{0, 0, 0}, {0, 0, 5}, {0, 0, 15}}, std::vector<std::uint16_t>(72, 1), 5);
        ImageHeader h = labels.header();
        h.irregular = false;
        h.sliceOriginsLps.clear();
        const auto same = evenLabels(labels.withHeader(h));
        HILUM_VERIFY_OK(same);
        QCOMPARE(&same->voxels(), &labels.voxels());
        h = labels.header();
        h.sliceOriginsLps.pop_back();
        HILUM_VERIFY_ERROR(evenLabels(labels.withHeader(h)), ErrorCode::BadData);
    }
};

QTEST_APPLESS_MAIN(TestLabelSlices)
#include "tst_label_slices.moc"
