#include "core/base/paths.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/label_grid.h"
#include "core/imaging/label_names.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/phantom.h"
#include "core/imaging/volume_write.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/made_study.h"
#include "tests/support/orientations.h"

#include <QFileInfo>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmseg/segdoc.h>

#include <csignal>
#include <cmath>
#include <memory>
#include <sys/resource.h>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::madeStudy;
using hilum::tests::obliqueDirection;
using hilum::tests::orientation;

namespace {

DicomSeriesInfo series(const std::string& name) { return {.seriesUid = uidFromText("series " + name), .number = 3, .description = name, .frameOfReferenceUid = uidFromText("frame")}; }

Geometry grid(const Mat3& direction) { return {.size = {19, 13, 11}, .spacingMm = {1.5, 1.25, 3}, .originLps = {-20.1, 10.55, -33.3}, .direction = direction}; }

/// Three labels of any shape, with all that a label can hold; slices at both ends stay empty.
LabelMap labels(const Geometry& g, std::array<std::int64_t, 3> values)
{
    std::vector<std::uint16_t> voxels(static_cast<std::size_t>(g.voxelCount()));
    std::size_t at = 0;
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i, ++at)
                if (k > 1 && k < g.size[2] - 2)
                    voxels[at] = static_cast<std::uint16_t>((i * 7 + j * 5 + k * 3) % 11 == 0 ? values[0] : i > 12 && j < 4 ? values[1] : k == 4 && j > 9 ? values[2] : 0);
    ImageHeader h;
    h.geometry = g;
    h.unit = Unit::Label;
    LabelMap map{Volume(h, std::move(voxels)), {}};
    const auto code = [](const char* value, const char* meaning) { return Json{{"CodeValue", value}, {"CodingSchemeDesignator", "SCT"}, {"CodeMeaning", meaning}}; };
    map.labels = {{values[0], "Leber, größter \"Lappen\"", {221, 130, 101}, {{"SegmentedPropertyCategoryCodeSequence", code("123037004", "Anatomical Structure")},
                                                                               {"SegmentedPropertyTypeCodeSequence", code("10200004", "Liver")}}},
                  {values[1], "kidney", {1, 2, 3}, {{"SegmentedPropertyCategoryCodeSequence", code("123037004", "Anatomical Structure")}, {"SegmentedPropertyTypeCodeSequence", code("64033007", "Kidney")},
                                                     {"SegmentedPropertyTypeModifierCodeSequence", code("24028007", "Right")}, {"AnatomicRegionSequence", code("818983003", "Abdomen")}}},
                  {values[2], std::string(80, 'x') + " of many letters", {255, 255, 0}, Json::object()}};
    return map;
}

Result<Segmentation> readOne(const path& file, const SegmentationReadOptions& options = {})
{
    HILUM_TRY(const ScanResult found, scan({file}));
    if (found.items.size() != 1)
        return fail(ErrorCode::Empty, "{} items", found.items.size());
    return readSegmentation(found.items[0], {}, {}, options);
}

/// Bit-exact after putting both on the grid of the first.
void verifySame(const LabelMap& original, const LabelMap& back, double toleranceMm)
{
    QVERIFY2(hilum::tests::cornersApart(original.volume.geometry(), back.volume.geometry()) < toleranceMm,
             hilum::format("corners are {} mm apart", hilum::tests::cornersApart(original.volume.geometry(), back.volume.geometry())).c_str());
    const auto match = matchGrids(back.volume.geometry(), original.volume.geometry());
    QVERIFY(match.has_value());
    const PlacedLabels moved = moveLabels(back.volume, original.volume.geometry(), *match);
    QCOMPARE(moved.lost, std::int64_t{0});
    std::int64_t labelled = 0;
    for (std::int64_t k = 0; k < original.volume.geometry().size[2]; ++k)
        for (std::int64_t j = 0; j < original.volume.geometry().size[1]; ++j)
            for (std::int64_t i = 0; i < original.volume.geometry().size[0]; ++i) {
                labelled += original.volume.at(i, j, k) != 0;
                if (original.volume.at(i, j, k) != moved.volume.at(i, j, k))
                    QFAIL(hilum::format("voxel {} {} {}: {} became {}", i, j, k, original.volume.at(i, j, k), moved.volume.at(i, j, k)).c_str());
            }
    QVERIFY(labelled > 100);
    QCOMPARE(back.labels.size(), original.labels.size());
    for (const Label& label : original.labels) {
        const Label* found = back.find(label.value);
        QVERIFY2(found, hilum::format("label {} is missing", label.value).c_str());
        QCOMPARE(found->name, label.name);
        QCOMPARE(found->colour, label.colour);
        QVERIFY2(found->terminology == label.terminology, found->terminology.dump().c_str());
    }
}

} // namespace

class TestSegmentationFiles : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void comesBackFromEveryOrientation_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("encoding"); // 0 binary, 1 label map, 2 seg.nrrd
        QTest::addColumn<int>("largest");
        QTest::addColumn<double>("tolerance");
        // decimal strings of DICOM hold 16 characters: about 1e-12 mm here
        QTest::newRow("binary") << "a.dcm" << 0 << 3 << 1e-6;
        QTest::newRow("binary, values with gaps") << "a.dcm" << 0 << 900 << 1e-6;
        QTest::newRow("label map, 8 bits") << "a.dcm" << 1 << 200 << 1e-6;
        QTest::newRow("label map, 16 bits") << "a.dcm" << 1 << 900 << 1e-6;
        QTest::newRow("seg.nrrd, 8 bits") << "a.seg.nrrd" << 2 << 200 << 1e-6;
        QTest::newRow("seg.nrrd, 16 bits") << "a.seg.nrrd" << 2 << 900 << 1e-6;
    }
    void comesBackFromEveryOrientation()
    {
        QFETCH(QString, name);
        QFETCH(int, encoding);
        QFETCH(int, largest);
        QFETCH(double, tolerance);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / name.toStdString();
        for (int n = 0; n < 49; ++n) {
            const LabelMap map = labels(grid(n == 48 ? obliqueDirection() : orientation(n)), {1, largest == 3 ? 2 : 7, largest});
            SegmentationWriteOptions options;
            options.encoding = encoding == 1 ? SegmentationEncoding::LabelMap : SegmentationEncoding::Binary;
            if (encoding == 2)
                HILUM_VERIFY_OK(writeSegNrrd(std::span(&map, 1), file));
            else
                HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("labels"), file, options));
            const auto back = readOne(file);
            HILUM_VERIFY_OK(back);
            verifySame(map, back->map, tolerance);
            if (QTest::currentTestFailed()) {
                qWarning("orientation %d", n);
                return;
            }
            if (n % 16 == 5 && encoding < 2) {
                QCOMPARE(readTextFile(file)->find(ResearchNotice) != std::string::npos, true);
                if (encoding == 0)
                    HILUM_VERIFY_VALID(file);
            }
        }
    }

    void dcmtkReadsBoth_data()
    {
        QTest::addColumn<bool>("binary");
        QTest::newRow("binary") << true;
        QTest::newRow("label map") << false;
    }
    void dcmtkReadsBoth()
    {
        QFETCH(bool, binary);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "a.dcm";
        const LabelMap map = labels(grid({}), {1, 2, 3});
        SegmentationWriteOptions options;
        options.encoding = binary ? SegmentationEncoding::Binary : SegmentationEncoding::LabelMap;
        HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("labels"), file, options));
        DcmSegmentation* raw = nullptr;
        const OFCondition ok = DcmSegmentation::loadFile(file.c_str(), raw);
        const std::unique_ptr<DcmSegmentation> seg(raw);
        QVERIFY2(ok.good() && seg, ok.text());
        QCOMPARE(seg->getNumberOfSegments(), std::size_t{3});
        QCOMPARE(seg->getSegmentationType() == (binary ? DcmSegTypes::ST_BINARY : DcmSegTypes::ST_LABELMAP), true);
        std::int64_t expected = 0, seen = 0;
        map.volume.visit([&](auto v) { for (auto x : v) expected += x != 0; });
        for (std::size_t f = 0; f < seg->getNumberOfFrames(); ++f) {
            const DcmIODTypes::FrameBase* frame = seg->getFrame(f);
            QVERIFY(frame);
            for (std::size_t n = 0; n < frame->getLengthInBytes(); ++n) {
                Uint8 byte = 0;
                QVERIFY(frame->getUint8AtIndex(byte, n).good());
                seen += binary ? std::popcount(byte) : byte != 0;
            }
        }
        QCOMPARE(seen, expected);
    }

    void pydicomReadsBoth_data() { dcmtkReadsBoth_data(); }
    void pydicomReadsBoth()
    {
        QFETCH(bool, binary);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "a.dcm";
        const LabelMap map = labels(grid({}), {1, 2, 3});
        SegmentationWriteOptions options;
        options.encoding = binary ? SegmentationEncoding::Binary : SegmentationEncoding::LabelMap;
        HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("labels"), file, options));
        int code = 0;
        const bool systems = QFileInfo::exists("/usr/bin/python3"); // a python of the user's own may come first in the path, without pydicom
        const QString text = tests::said(systems ? "/usr/bin/python3" : "python3", {"-c",
            "import sys, pydicom\n"
            "d = pydicom.dcmread(sys.argv[1])\n"
            "print(d.SOPClassUID, d.SegmentationType, d.NumberOfFrames, len(d.PerFrameFunctionalGroupsSequence))\n"
            "print([(s.SegmentNumber, s.SegmentLabel) for s in d.SegmentSequence])\n"
            "p = d.PixelData[:(d.NumberOfFrames * d.Rows * d.Columns * d.BitsAllocated + 7) // 8]\n"
            "print(sum(bin(b).count('1') for b in p) if d.BitsAllocated == 1 else sum(b != 0 for b in p))\n", QString::fromStdString(file.string())}, code);
        if (code == -1 || text.contains("ModuleNotFoundError"))
            QSKIP("pydicom is not installed");
        QCOMPARE(code, 0);
        std::int64_t expected = 0;
        map.volume.visit([&](auto v) { for (auto x : v) expected += x != 0; });
        QVERIFY2(text.contains(binary ? "1.2.840.10008.5.1.4.1.1.66.4 BINARY" : "1.2.840.10008.5.1.4.1.1.66.7 LABELMAP 11 11"), qPrintable(text));
        QVERIFY2(text.contains("(2, 'kidney')"), qPrintable(text));
        QVERIFY2(text.trimmed().endsWith(QString("\n%1").arg(expected)), qPrintable(text));
    }

    void framesReferToTheirImages()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "a.dcm";
        const LabelMap map = labels(grid({}), {1, 2, 3});
        SegmentationWriteOptions options;
        for (int k = 0; k < 11; ++k)
            options.sources.push_back({.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText(hilum::format("image {}", k)), .seriesUid = uidFromText("ct"), .studyUid = madeStudy().studyUid, .file = {}});
        HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("labels"), file, options));
        HILUM_VERIFY_VALID(file);
        DcmFileFormat format;
        QVERIFY(format.loadFile(file.c_str()).good());
        DcmItem *frames = nullptr, *shown = nullptr;
        DcmDataset& d = *format.getDataset();
        DcmSequenceOfItems* all = nullptr;
        QVERIFY(d.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, all).good());
        for (unsigned long f = 0; f < all->card(); ++f) {
            DcmItem* frame = all->getItem(f);
            QVERIFY(frame->findAndGetSequenceItem(DCM_DerivationImageSequence, frames).good() && frames->findAndGetSequenceItem(DCM_SourceImageSequence, shown).good());
            OFString uid, position;
            QVERIFY(shown->findAndGetOFString(DCM_ReferencedSOPInstanceUID, uid).good());
            DcmItem* plane = nullptr;
            QVERIFY(frame->findAndGetSequenceItem(DCM_PlanePositionSequence, plane).good() && plane->findAndGetOFString(DCM_ImagePositionPatient, position, 2).good());
            const int k = static_cast<int>(std::lround((std::stod(position.c_str()) + 33.3) / 3)); // the slice by its place
            QCOMPARE(std::string(uid.c_str()), uidFromText(hilum::format("image {}", k)));
        }
        options.sources.resize(5); // not one a slice: all frames refer to all
        HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("labels"), file, options));
        HILUM_VERIFY_VALID(file);
    }

    void overlapComesBack_data()
    {
        QTest::addColumn<QString>("name");
        QTest::newRow("binary SEG") << "o.dcm";
        QTest::newRow("seg.nrrd") << "o.seg.nrrd";
    }
    void overlapComesBack()
    {
        QFETCH(QString, name);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / name.toStdString();
        const Geometry g = grid({});
        const Vec3 middle = g.centreLps();
        std::vector<LabelMap> layers{ellipsoidLabels(g, {{.name = "organ", .centreLps = middle, .radiiMm = {12, 7, 14}}}), ellipsoidLabels(g, {{.name = "lesion", .centreLps = middle, .radiiMm = {4, 4, 6}}})};
        layers[1].labels[0].value = 2;
        std::vector<std::uint8_t> lesion;
        layers[1].volume.visit([&](auto v) { for (auto x : v) lesion.push_back(x ? 2 : 0); });
        layers[1].volume = Volume(layers[1].volume.header(), lesion);
        std::map<std::int64_t, std::int64_t> expected;
        for (const LabelMap& layer : layers)
            layer.volume.visit([&](auto v) { for (auto x : v) if (x) ++expected[static_cast<std::int64_t>(x)]; });
        if (name.endsWith("nrrd"))
            HILUM_VERIFY_OK(writeSegNrrd(layers, file));
        else
            HILUM_VERIFY_OK(writeSegmentation(layers, madeStudy(), series("overlap"), file));
        const auto plain = readOne(file);
        HILUM_VERIFY_OK(plain);
        QVERIFY(std::ranges::any_of(plain->map.volume.header().notices, [](const Notice& n) { return n.code == "overlapping_labels"; }));
        QVERIFY(plain->voxels == expected); // each in its own right
        const auto back = readOne(file, {.threshold = 0, .layers = true});
        HILUM_VERIFY_OK(back);
        QCOMPARE(back->layers.size(), std::size_t{2});
        std::map<std::int64_t, std::int64_t> seen;
        for (const LabelMap& layer : back->layers)
            layer.volume.visit([&](auto v) { for (auto x : v) if (x) ++seen[static_cast<std::int64_t>(x)]; });
        QVERIFY(seen == expected);
        if (!name.endsWith("nrrd"))
            HILUM_VERIFY_VALID(file);
        SegmentationWriteOptions options;
        options.encoding = SegmentationEncoding::LabelMap;
        HILUM_VERIFY_ERROR(writeSegmentation(layers, madeStudy(), series("overlap"), folder->where() / "refused.dcm", options), ErrorCode::Unsupported);
        QVERIFY(!std::filesystem::exists(folder->where() / "refused.dcm"));
    }

    void keepsEmptySlicesBetweenLabels()
    {
        // a label on every third slice: evenly spaced frames, and yet the grid has all slices
        const Geometry g = grid({});
        std::vector<std::uint8_t> voxels(static_cast<std::size_t>(g.voxelCount()));
        for (std::int64_t k : {0, 5, 10})
            for (std::int64_t n = 0; n < 60; ++n)
                voxels[static_cast<std::size_t>(k * 19 * 13 + n + k)] = 1;
        ImageHeader h;
        h.geometry = g;
        const LabelMap map{Volume(h, voxels), {{1, "rare", {9, 9, 9}, Json::object()}}};
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        HILUM_VERIFY_OK(writeSegmentation(map, madeStudy(), series("rare"), {}, folder->where() / "a.dcm"));
        const auto back = readOne(folder->where() / "a.dcm");
        HILUM_VERIFY_OK(back);
        QCOMPARE(back->map.volume.geometry().size, g.size);
        verifySame(map, back->map, 1e-6);
    }

    void tiltedSlicesComeBack()
    {
        Mat3 sheared;
        sheared.setColumn(2, normalised({0, 0.3, 1}));
        const LabelMap map = labels(grid(sheared), {1, 2, 3});
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        for (const auto encoding : {SegmentationEncoding::Binary, SegmentationEncoding::LabelMap}) {
            SegmentationWriteOptions options;
            options.encoding = encoding;
            HILUM_VERIFY_OK(writeSegmentation(std::span(&map, 1), madeStudy(), series("tilt"), folder->where() / "a.dcm", options));
            const auto back = readOne(folder->where() / "a.dcm");
            HILUM_VERIFY_OK(back);
            verifySame(map, back->map, 1e-6);
        }
    }

    void refusesWhatItCannotKeep()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "a.dcm";
        LabelMap map = labels(grid({}), {1, 2, 3});
        map.labels.pop_back(); // voxels of a value without a label
        HILUM_VERIFY_ERROR(writeSegmentation(map, madeStudy(), series("s"), {}, file), ErrorCode::Mismatch);
        HILUM_VERIFY_ERROR(writeSegNrrd(std::span(&map, 1), folder->where() / "a.seg.nrrd"), ErrorCode::Mismatch);
        map = labels(grid({}), {1, 2, 3});
        map.labels[2].value = 70000;
        HILUM_VERIFY_ERROR(writeSegmentation(map, madeStudy(), series("s"), {}, file), ErrorCode::Unsupported);
        map = labels(grid({}), {1, 2, 3});
        ImageHeader flat = map.volume.header();
        flat.hasPatientSpace = false;
        map.volume = map.volume.withHeader(flat);
        HILUM_VERIFY_ERROR(writeSegmentation(map, madeStudy(), series("s"), {}, file), ErrorCode::Unsupported);
        map = labels(grid({}), {1, 2, 3});
        HILUM_VERIFY_ERROR(writeSegmentation(map, madeStudy(), series("s"), std::vector<DicomReference>(4), file), ErrorCode::Mismatch);
        QVERIFY(std::filesystem::is_empty(folder->where()));
    }

    void nothingIsLeftWhenWritingFails()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const LabelMap map = labels(grid({}), {1, 2, 3});
        rlimit before{};
        QCOMPARE(getrlimit(RLIMIT_FSIZE, &before), 0);
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{2000, before.rlim_max}; // the file would be larger: the system stops the writing midway
        QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
        const auto dicom = writeSegmentation(map, madeStudy(), series("s"), {}, folder->where() / "a.dcm");
        const auto nifti = writeVolume(map.volume, folder->where() / "a.nii", "nifti");
        setrlimit(RLIMIT_FSIZE, &before);
        QVERIFY(!dicom && !nifti);
        QVERIFY2(dicom.error().sentence().find("a.dcm") != std::string::npos, dicom.error().sentence().c_str());
        QVERIFY(std::filesystem::is_empty(folder->where()));
    }

    void readsFractions()
    {
        HILUM_NEED_SHARED();
        const path file = tests::sharedFolder() / "data/dicom-conformance/seg/highdicom/seg_image_ct_true_fractional.dcm";
        const auto found = scan({file});
        HILUM_VERIFY_OK(found);
        const auto fractions = readFractions(found->items.at(0), 1);
        HILUM_VERIFY_OK(fractions);
        std::int64_t any = 0, half = 0;
        fractions->visit([&](auto v) {
            for (auto x : v) {
                QVERIFY(x >= 0 && x <= 1);
                any += x > 0;
                half += x >= 0.5;
            }
        });
        QCOMPARE(any, std::int64_t{661}); // facts of the data set
        QVERIFY(half > 0 && half < any);
        const auto from = readOne(file, {.threshold = 0.5, .layers = false});
        HILUM_VERIFY_OK(from);
        QCOMPARE(from->voxels.at(1), half);
        HILUM_VERIFY_ERROR(readFractions(found->items.at(0), 9), ErrorCode::NotFound);
    }

    void namesLabelsFromFiles()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const std::vector<Label> plain{{1, "label 1", {1, 1, 1}, Json::object()}, {4, "label 4", {4, 4, 4}, Json::object()}};
        const path csv = folder->where() / "n.csv", snap = folder->where() / "n.label", record = folder->where() / "n.json";
        HILUM_VERIFY_OK(writeFileAtomically(csv, "label,name,voxels\n0,background,5\n1,\"spleen, left\",3\n"));
        HILUM_VERIFY_OK(writeFileAtomically(snap, "# ITK-SNAP\n    0     0    0    0        0  0  0    \"Clear Label\"\n    4   255  128    0        1  1  1    \"aorta wall\"\n"));
        HILUM_VERIFY_OK(writeFileAtomically(record, R"({"labels": [{"value": 1, "name": "lung", "colour": [7, 8, 9], "terminology": {"a": 1}}]})"));
        auto labels = plain;
        HILUM_VERIFY_OK(nameLabels(labels, csv));
        QCOMPARE(labels[0].name, std::string("spleen, left"));
        QCOMPARE(labels[0].colour, plain[0].colour); // the file gives none
        QCOMPARE(labels[1].name, std::string("label 4"));
        HILUM_VERIFY_OK(nameLabels(labels, snap));
        QCOMPARE(labels[1].name, std::string("aorta wall"));
        QCOMPARE(labels[1].colour, (std::array<std::uint8_t, 3>{255, 128, 0}));
        HILUM_VERIFY_OK(nameLabels(labels, record));
        QCOMPARE(labels[0].name, std::string("lung"));
        QVERIFY(labels[0].terminology == Json({{"a", 1}}));
        HILUM_VERIFY_OK(writeFileAtomically(csv, "label,name\n77,none\n"));
        HILUM_VERIFY_ERROR(nameLabels(labels, csv), ErrorCode::NotFound);
        HILUM_VERIFY_OK(writeFileAtomically(csv, "label,name\nseven,none\n"));
        HILUM_VERIFY_ERROR(nameLabels(labels, csv), ErrorCode::BadData);
    }
};

QTEST_APPLESS_MAIN(TestSegmentationFiles)
#include "tst_segmentation_files.moc"
