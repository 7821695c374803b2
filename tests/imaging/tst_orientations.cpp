// Every orientation of the voxel axes through every format that is written and read: corners stay where they are, and what lies on the patient's left stays there.
#include "core/base/paths.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/label_surface.h"
#include "core/imaging/read.h"
#include "core/imaging/volume_write.h"
#include "tests/support/compare.h"
#include "tests/support/orientations.h"

#include <cmath>
#include <cstring>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::cornersApart;
using hilum::tests::obliqueDirection;
using hilum::tests::orientation;

namespace {

constexpr int Orientations = 49; // 48 and an oblique one

Geometry grid(int n)
{
    return {.size = {7, 6, 5}, .spacingMm = {0.71, 1.3, 2.9}, .originLps = {-12.25, 33.5, -101.125}, .direction = n == 48 ? obliqueDirection() : orientation(n)};
}

/// The voxel whose centre lies farthest to the patient's left, a little off the corner where that is one.
Index3 leftmost(const Geometry& g)
{
    Index3 best{1, 1, 1};
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i)
                if (g.indexToWorld({double(i), double(j), double(k)})[0] > g.indexToWorld({double(best[0]), double(best[1]), double(best[2])})[0] + 1e-9)
                    best = {i, j, k};
    return best;
}

Vec3 centreOf(const Geometry& g, const Index3& at) { return g.indexToWorld({double(at[0]), double(at[1]), double(at[2])}); }

/// A volume of one bright voxel, the leftmost, in low numbers that differ everywhere.
Volume marked(const Geometry& g, bool label)
{
    std::vector<std::int16_t> voxels(static_cast<std::size_t>(g.voxelCount()));
    for (std::size_t v = 0; v < voxels.size(); ++v)
        voxels[v] = static_cast<std::int16_t>(label ? 0 : v % 100);
    const Index3 at = leftmost(g);
    voxels[static_cast<std::size_t>((at[2] * g.size[1] + at[1]) * g.size[0] + at[0])] = label ? 5 : 900;
    ImageHeader h;
    h.geometry = g;
    h.unit = label ? Unit::Label : Unit::Hu;
    h.modality = label ? "" : "CT";
    return Volume(h, std::move(voxels));
}

/// Centre of the brightest voxel.
Vec3 brightest(const Volume& v)
{
    Index3 best{0, 0, 0};
    const Index3& n = v.geometry().size;
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i)
                if (v.at(i, j, k) > v.at(best[0], best[1], best[2]))
                    best = {i, j, k};
    return centreOf(v.geometry(), best);
}

DicomStudy study() { return {.patientId = "T", .patientName = "Test^Left", .patientSex = "", .studyUid = uidFromText("left"), .studyId = "1", .accession = "", .description = "", .date = "20260102", .time = "101500", .referringPhysician = ""}; }

DicomSeriesInfo series(int n) { return {.seriesUid = uidFromText(hilum::format("left {}", n)), .number = 1, .description = "left", .frameOfReferenceUid = uidFromText("frame")}; }

} // namespace

class TestOrientations : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void leftStaysLeft_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("DICOM series") << "series" << 1e-6;
        QTest::newRow("NIfTI") << "a.nii" << 1e-4; // single precision
        QTest::newRow("NIfTI, compressed") << "a.nii.gz" << 1e-4;
        QTest::newRow("NRRD") << "a.nrrd" << 1e-6;
        QTest::newRow("MetaImage") << "a.mha" << 1e-6;
        QTest::newRow("SEG, binary") << "seg" << 1e-6;
        QTest::newRow("SEG, label map") << "labelmap" << 1e-6;
        QTest::newRow("label map, NIfTI") << "label.nii.gz" << 1e-4;
        QTest::newRow("label map, seg.nrrd") << "label.seg.nrrd" << 1e-6;
    }
    void leftStaysLeft()
    {
        QFETCH(QString, name);
        QFETCH(double, tolerance);
        const std::string kind = name.toStdString();
        const bool label = kind.starts_with("label") || kind == "seg";
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        for (int n = 0; n < Orientations; ++n) {
            const Geometry g = grid(n);
            const Volume volume = marked(g, label);
            const LabelMap map{volume, {{5, "left", {10, 20, 30}, Json::object()}}};
            path file = folder->where() / hilum::format("{}-{}", n, kind);
            if (kind == "series") {
                HILUM_VERIFY_OK(writeSliceSeries(volume, study(), series(n), file));
            } else if (kind == "seg" || kind == "labelmap") {
                file += ".dcm";
                SegmentationWriteOptions options;
                options.encoding = kind == "seg" ? SegmentationEncoding::Binary : SegmentationEncoding::LabelMap;
                HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), study(), series(n), file, options));
            } else if (kind.ends_with(".seg.nrrd")) {
                HILUM_VERIFY_OK(writeSegNrrd(std::span(&map, 1), file));
            } else {
                HILUM_VERIFY_OK(writeVolume(volume, file, formatOfName(file)));
            }
            const auto back = readVolume(file);
            HILUM_VERIFY_OK(back);
            const double apart = cornersApart(g, back->geometry());
            QVERIFY2(apart < tolerance, hilum::format("orientation {}: corners are {} mm apart", n, apart).c_str());
            const Vec3 before = centreOf(g, leftmost(g)), after = brightest(*back);
            QVERIFY2(norm(before - after) < tolerance, hilum::format("orientation {}: the mark moved by {} mm", n, norm(before - after)).c_str());
            QVERIFY2(after[0] > back->geometry().centreLps()[0] + 1, hilum::format("orientation {}: left became right", n).c_str());
        }
    }

    void surfaceOfTheMarkLiesAroundIt()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        for (int n = 0; n < Orientations; ++n) {
            const Geometry g = grid(n);
            const auto surface = labelSurface(marked(g, true), 5);
            HILUM_VERIFY_OK(surface);
            const Vec3 mark = centreOf(g, leftmost(g));
            Vec3 mean{0, 0, 0};
            for (const Vec3& p : surface->pointsLps)
                mean = mean + (1.0 / static_cast<double>(surface->pointsLps.size())) * p;
            QVERIFY2(norm(mean - mark) < 1e-9, hilum::format("orientation {}: the surface lies {} mm from the mark", n, norm(mean - mark)).c_str());
            // closed, and its triangles turn outwards: the volume by the divergence theorem is positive and that of the octant-cut voxel
            double volume = 0;
            for (const auto& t : surface->triangles)
                volume += dot(surface->pointsLps[t[0]] - mark, cross(surface->pointsLps[t[1]] - mark, surface->pointsLps[t[2]] - mark)) / 6;
            // eight points at a sixth of an edge from the centre (the mean of three edge middles): a box of a third of the voxel each way
            const double expected = 0.71 * 1.3 * 2.9 / 27;
            QVERIFY2(std::abs(volume - expected) < 1e-9, hilum::format("orientation {}: volume {} mm3, expected {}", n, volume, expected).c_str());
            HILUM_VERIFY_OK(writeStl(*surface, folder->where() / "s.stl"));
            const auto stl = readTextFile(folder->where() / "s.stl");
            HILUM_VERIFY_OK(stl);
            QCOMPARE(stl->size(), 84 + 50 * surface->triangles.size());
            float x = 0;
            std::memcpy(&x, stl->data() + 84 + 12, 4);
            QVERIFY(std::abs(x - surface->pointsLps[surface->triangles[0][0]][0]) < 1e-4);
        }
        HILUM_VERIFY_ERROR(labelSurface(marked(grid(0), true), 6), ErrorCode::Empty);
    }

    void surfaceOfABallHasItsVolume()
    {
        Geometry g{.size = {60, 60, 60}, .spacingMm = {1, 1, 1}, .originLps = {0, 0, 0}, .direction = {}};
        std::vector<std::uint8_t> voxels(60 * 60 * 60);
        std::size_t at = 0;
        for (int k = 0; k < 60; ++k)
            for (int j = 0; j < 60; ++j)
                for (int i = 0; i < 60; ++i, ++at)
                    voxels[at] = std::hypot(i - 29.5, j - 29.5, k - 29.5) < 25;
        ImageHeader h;
        h.geometry = g;
        const auto surface = labelSurface(Volume(h, voxels), 1);
        HILUM_VERIFY_OK(surface);
        double volume = 0;
        for (const auto& t : surface->triangles)
            volume += dot(surface->pointsLps[t[0]], cross(surface->pointsLps[t[1]], surface->pointsLps[t[2]])) / 6;
        const double ball = 4.0 / 3 * 3.14159265358979 * 25 * 25 * 25;
        QVERIFY2(std::abs(volume / ball - 1) < 0.02, hilum::format("{} against {} mm3", volume, ball).c_str()); // cutting corners takes about half a voxel off a rough surface
        QCOMPARE(surface->triangles.size(), 2 * surface->pointsLps.size() - 4); // Euler: a sphere
    }
};

QTEST_APPLESS_MAIN(TestOrientations)
#include "tst_orientations.moc"
