#include "core/imaging/phantom.h"
#include "core/services/label_compare.h"
#include "tests/support/compare.h"
#include "tests/support/orientations.h"

#include "core/imaging/label_grid.h"

#include <cmath>

using namespace hilum;
using namespace hilum::imaging;

namespace {

Geometry grid() { return {.size = {30, 24, 12}, .spacingMm = {1, 1.5, 4}, .originLps = {-10, 20, 5}, .direction = {}}; }

Segmentation segmentation(LabelMap map)
{
    Segmentation s;
    s.map = std::move(map);
    return s;
}

/// Boxes of labels: value, low, high (half-open), along i, j, k.
struct Part {
    std::uint8_t value;
    Index3 low, high;
};

LabelMap boxes(const Geometry& g, const std::vector<Part>& parts)
{
    std::vector<std::uint8_t> voxels(static_cast<std::size_t>(g.voxelCount()));
    LabelMap map;
    for (const Part& p : parts) {
        for (std::int64_t k = p.low[2]; k < p.high[2]; ++k)
            for (std::int64_t j = p.low[1]; j < p.high[1]; ++j)
                for (std::int64_t i = p.low[0]; i < p.high[0]; ++i)
                    voxels[static_cast<std::size_t>((k * g.size[1] + j) * g.size[0] + i)] = p.value;
        map.labels.push_back({p.value, "part " + std::to_string(p.value), {1, 2, 3}, Json::object()});
    }
    ImageHeader h;
    h.geometry = g;
    map.volume = Volume(h, std::move(voxels));
    return map;
}

/// The same voxels with the axes in another order and direction.
LabelMap turned(const LabelMap& map, int orientation)
{
    const Geometry& g = map.volume.geometry();
    Geometry to;
    const Mat3 signs = tests::orientation(orientation);
    Vec3 origin{0, 0, 0};
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t a = 0; a < 3; ++a)
            if (signs[a][c] != 0) { // axis c of the new grid runs along axis a of the old one
                to.size[c] = g.size[a];
                to.spacingMm[c] = g.spacingMm[a];
                to.direction.setColumn(c, signs[a][c] * g.direction.column(a));
                if (signs[a][c] < 0)
                    origin[a] = static_cast<double>(g.size[a] - 1);
            }
    to.originLps = g.indexToWorld(origin);
    LabelMap out = map;
    out.volume = moveLabels(map.volume, to, *matchGrids(g, to)).volume;
    return out;
}

} // namespace

class TestLabelCompare : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void comparesByHand()
    {
        // label 1: 6 x 4 x 2 against the same shifted by 2 voxels along i: both 4 x 4 x 2
        const auto a = segmentation(boxes(grid(), {{1, {2, 2, 2}, {8, 6, 4}}, {2, {20, 10, 5}, {22, 12, 6}}}));
        const auto b = segmentation(boxes(grid(), {{1, {4, 2, 2}, {10, 6, 4}}, {3, {0, 0, 0}, {1, 1, 1}}}));
        const auto c = services::compareLabels(a, b, {});
        HILUM_VERIFY_OK(c);
        QCOMPARE(c->labels.size(), std::size_t{3});
        const auto& one = c->labels[0];
        QCOMPARE(one.overlap.a, std::int64_t{48});
        QCOMPARE(one.overlap.both, std::int64_t{32});
        QCOMPARE(*one.overlap.dice(), 64.0 / 96);
        QCOMPARE(*one.overlap.jaccard(), 32.0 / 64);
        // every voxel of two slices is border: columns 2 and 3 of A are 2 and 1 mm from B, the others within it
        QVERIFY(one.surface.has_value());
        QCOMPARE(one.surface->hausdorffMm, 2.0);
        QCOMPARE(one.surface->hausdorff95Mm, 2.0);
        QCOMPARE(one.surface->meanMm, (8 * 2.0 + 8 * 1.0) / 48);
        QCOMPARE(*c->labels[1].overlap.dice(), 0.0); // B has none
        QVERIFY(!c->labels[1].surface);
        QCOMPARE(c->labels[2].overlap.a, std::int64_t{0});
        QVERIFY(!c->labels[2].overlap.volumeDifference());
    }

    void orderOfAxesAndEmptyBordersDoNotMatter()
    {
        const LabelMap map = boxes(grid(), {{1, {2, 2, 2}, {8, 6, 4}}, {2, {20, 10, 5}, {25, 12, 9}}});
        for (int n = 0; n < 48; ++n) {
            const auto c = services::compareLabels(segmentation(map), segmentation(turned(map, n)), {});
            HILUM_VERIFY_OK(c);
            for (const auto& row : c->labels)
                QVERIFY2(*row.overlap.dice() == 1 && row.surface->hausdorffMm == 0, hilum::format("orientation {}", n).c_str());
        }
        // B lacks the empty slices below and above, A reaches less far than B on the other side
        Geometry small = grid();
        small.size = {28, 24, 8};
        small.originLps = grid().indexToWorld({1, 0, 2});
        LabelMap cut = map;
        cut.volume = moveLabels(map.volume, small, *matchGrids(grid(), small)).volume;
        for (const auto& [a, b] : {std::pair{map, cut}, std::pair{cut, map}}) {
            const auto c = services::compareLabels(segmentation(a), segmentation(b), {});
            HILUM_VERIFY_OK(c);
            QCOMPARE(*c->labels[0].overlap.dice(), 1.0);
            QCOMPARE(*c->labels[1].overlap.dice(), 1.0);
        }
    }

    void aLoneSliceMayBeThicker()
    {
        const LabelMap map = boxes(grid(), {{1, {2, 2, 5}, {8, 6, 6}}});
        Geometry slice = grid();
        slice.size[2] = 1;
        slice.originLps = grid().indexToWorld({0, 0, 5});
        LabelMap lone = map;
        lone.volume = moveLabels(map.volume, slice, *matchGrids(grid(), slice)).volume;
        ImageHeader h = lone.volume.header();
        h.geometry.spacingMm[2] = 10;
        lone.volume = lone.volume.withHeader(h);
        for (const auto& [a, b] : {std::pair{map, lone}, std::pair{lone, map}}) {
            const auto c = services::compareLabels(segmentation(a), segmentation(b), {});
            HILUM_VERIFY_OK(c);
            QCOMPARE(*c->labels[0].overlap.dice(), 1.0);
            QCOMPARE(c->grid.spacingMm[2], 4.0);
        }
        // half a slice further it lies on none
        h.geometry.originLps[2] += 2;
        lone.volume = lone.volume.withHeader(h);
        HILUM_VERIFY_ERROR(services::compareLabels(segmentation(map), segmentation(lone), {}), ErrorCode::Mismatch);
    }

    void otherGridsAreRefusedWithNumbers()
    {
        const LabelMap map = boxes(grid(), {{1, {2, 2, 2}, {20, 20, 10}}});
        Geometry shifted = grid();
        shifted.originLps[0] += 0.5;
        LabelMap other = map;
        ImageHeader h = map.volume.header();
        h.geometry = shifted;
        other.volume = map.volume.withHeader(h);
        const auto refused = services::compareLabels(segmentation(map), segmentation(other), {.nameA = "a.nii", .nameB = "b.nii"});
        HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
        for (const char* word : {"a.nii", "b.nii", "0.500 mm", "--resample"})
            QVERIFY2(refused.error().sentence().find(word) != std::string::npos, refused.error().sentence().c_str());
        const auto c = services::compareLabels(segmentation(map), segmentation(other), {.nameA = "", .nameB = "", .resample = true});
        HILUM_VERIFY_OK(c);
        QVERIFY(*c->labels[0].overlap.dice() > 0.9);
        QVERIFY(c->placed.find("nearest voxel") != std::string::npos);
        // tilted slices have no right angles: distances would be wrong
        Geometry tilted = grid();
        tilted.direction.setColumn(2, normalised({0, 0.3, 1}));
        h.geometry = tilted;
        other.volume = map.volume.withHeader(h);
        HILUM_VERIFY_ERROR(services::compareLabels(segmentation(other), segmentation(other), {}), ErrorCode::Unsupported);
    }

    void overlappingLabelsAreComparedWhole()
    {
        const LabelMap organ = boxes(grid(), {{1, {2, 2, 2}, {12, 12, 8}}}), lesion = boxes(grid(), {{2, {4, 4, 4}, {6, 6, 6}}});
        Segmentation a;
        a.map = organ;
        a.layers = {organ, lesion};
        const auto c = services::compareLabels(a, a, {});
        HILUM_VERIFY_OK(c);
        QCOMPARE(c->labels[0].overlap.a, std::int64_t{600});
        QCOMPARE(c->labels[1].overlap.a, std::int64_t{8});
    }

    void imagesAreNoLabels()
    {
        Segmentation image = segmentation(boxes(grid(), {{1, {2, 2, 2}, {8, 6, 4}}}));
        image.map.labels.push_back({-1000, "label -1000", {1, 2, 3}, Json::object()});
        HILUM_VERIFY_ERROR(services::compareLabels(image, image, {}), ErrorCode::BadData);
    }

    void nothingToCompare()
    {
        Segmentation empty = segmentation(boxes(grid(), {}));
        HILUM_VERIFY_ERROR(services::compareLabels(empty, empty, {}), ErrorCode::Empty);
    }
};

QTEST_APPLESS_MAIN(TestLabelCompare)
#include "tst_label_compare.moc"
