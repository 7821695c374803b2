#include "core/imaging/rtstruct.h"
#include "tests/support/compare.h"

#include <algorithm>

using namespace hilum;
using namespace hilum::imaging;

namespace {

/// A square around the voxel centres low to high - 1 along both axes, on the slice at z.
std::vector<Vec3> square(double low, double high, double z)
{
    low -= 0.5, high -= 0.5;
    return {{low, low, z}, {high, low, z}, {high, high, z}, {low, high, z}};
}

/// Regions on a grid of 20 x 20 x 4 voxels of 1 mm, slice by slice.
Result<Segmentation> filled(std::vector<ContourRoi> rois, bool layers)
{
    ImageHeader grid;
    grid.geometry.size = {20, 20, 4};
    ContourSet set;
    set.file = "made-up";
    set.rois = std::move(rois);
    return fillContours(set, grid, {}, {.layers = layers});
}

std::int64_t count(const Volume& volume, std::int64_t value)
{
    return volume.visit([&](auto voxels) { return static_cast<std::int64_t>(std::ranges::count_if(voxels, [&](auto v) { return static_cast<std::int64_t>(v) == value; })); });
}

} // namespace

/// Regions of a structure set as labels.
class TestContours : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // of two regions at one place the later one alone came out, whatever was written
    void regionsThatOverlapComeInLayers()
    {
        const std::vector<ContourRoi> rois{{.number = 1, .name = "body", .contours = {square(2, 12, 1), square(2, 12, 2)}},
                                           {.number = 2, .name = "organ", .contours = {square(4, 8, 1)}},
                                           {.number = 3, .name = "other organ", .contours = {square(9, 11, 1)}},
                                           {.number = 4, .name = "lesion", .contours = {square(5, 6, 1)}}};
        const auto whole = filled(rois, true);
        HILUM_VERIFY_OK(whole);
        QCOMPARE(whole->layers.size(), std::size_t{3}); // the body; both organs; the lesion
        const std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> expected{{{1, 200}}, {{2, 16}, {3, 4}}, {{4, 1}}};
        for (std::size_t l = 0; l < expected.size(); ++l) {
            QCOMPARE(whole->layers[l].labels.size(), expected[l].size());
            for (const auto& [value, voxels] : expected[l]) {
                QVERIFY(whole->layers[l].find(value));
                QCOMPARE(count(whole->layers[l].volume, value), voxels);
                QCOMPARE(whole->voxels.at(value), voxels);
            }
        }
        QCOMPARE(count(whole->map.volume, 1), std::int64_t{200 - 16 - 4}); // the later one lies on top
        QVERIFY(std::ranges::any_of(whole->map.volume.header().notices, [](const Notice& n) { return n.code == "overlapping_labels"; }));
        const auto plain = filled(rois, false);
        HILUM_VERIFY_OK(plain);
        QVERIFY(plain->layers.empty());
        QVERIFY(plain->map.volume.voxels() == whole->map.volume.voxels());
    }

    void regionsSideBySideNeedNoLayers()
    {
        const auto apart = filled({{.number = 1, .name = "left", .contours = {square(2, 5, 1)}}, {.number = 2, .name = "right", .contours = {square(5, 9, 1), square(2, 5, 2)}}}, true);
        HILUM_VERIFY_OK(apart);
        QVERIFY(apart->layers.empty());
        QCOMPARE(count(apart->map.volume, 1), std::int64_t{9});
        QCOMPARE(count(apart->map.volume, 2), std::int64_t{16 + 9});
    }
};

QTEST_APPLESS_MAIN(TestContours)
#include "tst_contours.moc"
