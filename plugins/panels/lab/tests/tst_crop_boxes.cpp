// Crops as boxes: which slices cut them and where, and where they lie in the patient.
#include "plugins/panels/lab/crop_boxes.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace hilum;

namespace {

constexpr view::Box Crop{3, 1, 2, 7, 4, 5};
constexpr std::array<std::int64_t, 3> Size{10, 8, 6};

/// Turned by 20 degrees about the patient's long axis; i to the Right, j to Anterior.
Geometry oblique()
{
    const double c = std::cos(0.35), s = std::sin(0.35);
    Geometry g{.size = {14, 12, 9}, .spacingMm = {2, 2.5, 4}, .originLps = {31, -7, 11}, .direction = {}};
    g.direction.setColumn(0, {-c, -s, 0});
    g.direction.setColumn(1, {s, -c, 0});
    g.direction.setColumn(2, {0, 0, 1});
    return g;
}

} // namespace

class TestCropBoxes : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theCutIsThatOfTheVoxels_data()
    {
        QTest::addColumn<int>("plane");
        QTest::newRow("axial") << 0;
        QTest::newRow("coronal") << 1;
        QTest::newRow("sagittal") << 2;
    }
    void theCutIsThatOfTheVoxels()
    {
        QFETCH(int, plane);
        view::Block block{.width = Size[0], .height = Size[1], .depth = Size[2], .values = {}};
        for (std::int64_t k = 0; k < Size[2]; ++k)
            for (std::int64_t j = 0; j < Size[1]; ++j)
                for (std::int64_t i = 0; i < Size[0]; ++i)
                    block.values.push_back(i >= Crop[0] && i < Crop[3] && j >= Crop[1] && j < Crop[4] && k >= Crop[2] && k < Crop[5] ? 1.0f : 0.0f);
        const view::SliceFrame frame = view::frameOf(block, static_cast<view::SlicePlane>(plane));
        int slices = 0;
        for (std::int64_t slice = 0; slice < frame.slices(); ++slice) {
            const std::vector<float> pixels = view::sliceOf(block, frame.plane, slice);
            const auto where = lab::cut(Crop, frame, slice);
            QCOMPARE(where.has_value(), std::ranges::find(pixels, 1.0f) != pixels.end());
            for (std::int64_t y = 0; y < frame.rows(); ++y)
                for (std::int64_t x = 0; x < frame.columns(); ++x)
                    QCOMPARE(pixels[static_cast<std::size_t>(y * frame.columns() + x)] > 0, where && where->contains(QPointF(static_cast<double>(x), static_cast<double>(y))));
            slices += where.has_value();
        }
        QCOMPARE(slices, plane == 2 ? 4 : 3); // j and k: three voxels, i: four
    }
    // flips are the worst error: corners of the box are corners of the rectangle on the axial slices, taken back to the patient
    void aBoxLiesWhereItsRectanglesLie()
    {
        const Geometry grid = oblique();
        const std::array<std::int64_t, 3> offset{2, 3, 1}; // of the answer's grid, 10 x 8 x 6, in the request's
        const view::SliceFrame frame{view::SlicePlane::Axial, Size};
        const widgets::VolumeBox box = lab::placedBox(Crop, offset, grid);
        int found = 0;
        for (const auto& [slice, further] : {std::pair{Crop[2], -0.5}, std::pair{Crop[5] - 1, 0.5}}) { // outer faces of the first and the last slice
            const auto where = lab::cut(Crop, frame, slice);
            QVERIFY(where);
            for (const QPointF& corner : {where->topLeft(), where->topRight(), where->bottomLeft(), where->bottomRight()}) {
                const auto ijk = frame.voxel(corner.x(), corner.y(), static_cast<double>(slice) + further);
                const Vec3 wanted = grid.indexToWorld({ijk[0] + 2, ijk[1] + 3, ijk[2] + 1});
                found += static_cast<int>(std::ranges::count_if(box.cornersLps, [&](const Vec3& one) { return norm(one - wanted) < 1e-9; }));
            }
        }
        QCOMPARE(found, 8);
        // and the picture's left is the patient's right
        const auto where = lab::cut(Crop, frame, Crop[2]);
        const auto left = frame.voxel(where->left(), 0, 0), right = frame.voxel(where->right(), 0, 0);
        QVERIFY(dot(grid.indexToWorld({left[0], left[1], left[2]}) - grid.indexToWorld({right[0], right[1], right[2]}), {-1, 0, 0}) > 0);
    }
    void cropsHaveNamesColoursAndTheirOrder()
    {
        Geometry grid{.size = {20, 20, 10}, .spacingMm = {2, 2, 4}, .originLps = {19, 19, 0}, .direction = {}};
        grid.direction.setColumn(0, {-1, 0, 0});
        grid.direction.setColumn(1, {0, -1, 0});
        const std::vector<view::Box> bases{{0, 0, 0, 10, 10, 10}, {10, 0, 0, 20, 10, 10}}, crops{{0, 10, 0, 10, 20, 10}, {5, 5, 0, 15, 15, 10}};
        const auto boxes = lab::placedCrops(bases, crops, 0, {0, 0, 0}, grid);
        // i grows to the patient's Right: base crop 1 lies at smaller x
        QCOMPARE(widgets::boxesText(boxes), QStringLiteral("0: 0 0 -2 20 20 38; 1: -20 0 -2 0 20 38; crop 2: -10 -10 -2 10 10 38; crop: 0 -20 -2 20 0 38"));
        QCOMPARE(boxes[0].colour, boxes[1].colour);
        QVERIFY(boxes[0].colour != boxes[2].colour);
        QVERIFY(boxes[3].width > boxes[2].width && boxes[2].width > boxes[1].width);
    }
    void theVolumeIsTheAnswersPartInHounsfieldUnits()
    {
        const auto input = std::make_shared<imaging::VolumeInput>();
        input->geometry = oblique();
        const Geometry& g = input->geometry;
        const auto valueAt = [](const Vec3& p) { return static_cast<float>(0.5 + 0.01 * p[0] - 0.004 * p[1] + 0.003 * p[2]); };
        for (std::int64_t k = 0; k < g.size[2]; ++k)
            for (std::int64_t j = 0; j < g.size[1]; ++j)
                for (std::int64_t i = 0; i < g.size[0]; ++i)
                    input->values.push_back(valueAt(g.indexToWorld({double(i), double(j), double(k)})));
        lab::VolumePart part{input, {2, 3, 1}, Size, std::array{-175.0, 250.0}};
        const imaging::Volume volume = lab::volumeOf(part);
        QCOMPARE(volume.geometry().size, Size);
        QVERIFY(volume.header().unit == imaging::Unit::Hu);
        volume.visit([&](auto voxels) {
            std::size_t n = 0;
            for (std::int64_t k = 0; k < Size[2]; ++k)
                for (std::int64_t j = 0; j < Size[1]; ++j)
                    for (std::int64_t i = 0; i < Size[0]; ++i) {
                        const float hu = -175 + 425 * valueAt(volume.geometry().indexToWorld({double(i), double(j), double(k)})); // at its place in the patient
                        QVERIFY(std::abs(static_cast<float>(voxels[n++]) - hu) < 0.01f);
                    }
        });
        part.windowHu.reset();
        QVERIFY(lab::volumeOf(part).header().unit == imaging::Unit::Other);
        part.offset[0] = 5; // 5 + 10 > 14
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, lab::volumeOf(part));
    }
    void equalInputsLookAlike()
    {
        const auto input = std::make_shared<imaging::VolumeInput>();
        input->geometry = {.size = {2, 1, 1}, .spacingMm = {1, 1, 1}, .originLps = {}, .direction = {}};
        input->values = {0.25f, 0.5f};
        const auto equal = std::make_shared<imaging::VolumeInput>(*input), other = std::make_shared<imaging::VolumeInput>(*input);
        other->values[1] = 0.75f;
        const lab::VolumePart part{input, {0, 0, 0}, {2, 1, 1}, {}};
        lab::VolumePart second = part;
        second.of = equal;
        QVERIFY(second != part && second.looksLike(part));
        second.of = other;
        QVERIFY(!second.looksLike(part));
        second = part;
        QVERIFY(second.samePlace(part));
        second.of = other; // its values say nothing to the place
        QVERIFY(second.samePlace(part));
        second.offset = {1, 0, 0};
        QVERIFY(!second.looksLike(part) && !second.samePlace(part));
        second = part;
        second.size = {1, 1, 1};
        QVERIFY(!second.looksLike(part) && !second.samePlace(part));
        const auto moved = std::make_shared<imaging::VolumeInput>(*input);
        moved->geometry.originLps = {0, 0, 1};
        second = part;
        second.of = moved;
        QVERIFY(!second.looksLike(part) && !second.samePlace(part));
        QVERIFY(!part.looksLike({}) && !part.samePlace({}) && !lab::VolumePart().samePlace({}));
    }
};

QTEST_APPLESS_MAIN(TestCropBoxes)
#include "tst_crop_boxes.moc"
