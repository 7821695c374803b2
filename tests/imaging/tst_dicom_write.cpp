#include "core/base/paths.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/phantom.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"

#include <QProcess>
#include <QStandardPaths>

#include <cmath>
#include <set>

using namespace hilum;
using namespace hilum::imaging;

namespace {

DicomStudy study()
{
    return {.patientId = "TEST-1", .patientName = "Müller^Test", .patientSex = "F", .ageYears = 54, .studyUid = uidFromText("test study"), .studyId = "1",
            .accession = "", .description = "Chest", .date = "20260102", .time = "101500", .referringPhysician = ""};
}

DicomSeriesInfo series(const std::string& name, int number) { return {.seriesUid = uidFromText("series " + name), .number = number, .description = name, .frameOfReferenceUid = uidFromText("frame")}; }

Geometry grid(const Mat3& direction) { return {.size = {40, 30, 12}, .spacingMm = {1.5, 1.25, 3}, .originLps = {-20, 10.5, -33}, .direction = direction}; }

Mat3 columns(Vec3 a, Vec3 b, Vec3 c)
{
    Mat3 m;
    m.setColumn(0, a), m.setColumn(1, b), m.setColumn(2, c);
    return m;
}

// Complaints of the validator, or nothing. `ran` is false when it is not installed.
QStringList complaints(const path& file, bool& ran)
{
    const QString program = QStandardPaths::findExecutable("dciodvfy");
    ran = !program.isEmpty();
    if (!ran)
        return {};
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(program, {QString::fromStdString(file.string())});
    process.waitForFinished(60000);
    QStringList bad;
    for (const QString& line : QString::fromUtf8(process.readAll()).split('\n'))
        if (line.startsWith("Error"))
            bad << line;
    return bad;
}

#define VERIFY_VALID(file)                                                                                                        \
    do {                                                                                                                         \
        bool ran_ = false;                                                                                                       \
        const QStringList bad_ = complaints(file, ran_);                                                                         \
        if (!ran_)                                                                                                               \
            QSKIP("dciodvfy is not installed");                                                                                  \
        QVERIFY2(bad_.isEmpty(), qPrintable(bad_.join("\n")));                                                                   \
    } while (false)

} // namespace

class TestDicomWrite : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void uidsAreWellFormed();
    void seriesComesBack_data();
    void seriesComesBack();
    void radiographComesBack_data();
    void radiographComesBack();
    void segmentationComesBack_data();
    void segmentationComesBack();
    void reportComesBack();
    void refusesWhatWouldLose();
};

void TestDicomWrite::uidsAreWellFormed()
{
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i)
        for (const std::string& uid : {uidFromText(std::to_string(i)), freshUid()}) {
            QVERIFY(uid.starts_with("2.25.") && uid.size() <= 44 && uid[5] != '0');
            QVERIFY(uid.find_first_not_of("0123456789.") == std::string::npos);
            QVERIFY(seen.insert(uid).second);
        }
    QCOMPARE(uidFromText("a"), uidFromText("a"));
}

void TestDicomWrite::seriesComesBack_data()
{
    QTest::addColumn<QString>("modality");
    QTest::addColumn<int>("low");
    QTest::newRow("CT with negative values") << "CT" << -1024;
    QTest::newRow("MR without") << "MR" << 0;
}

void TestDicomWrite::seriesComesBack()
{
    QFETCH(QString, modality);
    QFETCH(int, low);
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    Volume image = ellipsoidVolume(grid({}), {{.name = "a", .centreLps = {10, 28, -16}, .radiiMm = {15, 10, 9}, .value = 700}}, low);
    ImageHeader header = image.header();
    header.modality = modality.toStdString();
    header.windows = {{.centre = 40, .width = 400, .name = "Soft", .shape = Window::Shape::Linear}};
    image = image.withHeader(header);
    const auto written = writeSliceSeries(image, study(), series("slices", 1), folder->where() / "s");
    HILUM_VERIFY_OK(written);
    QCOMPARE(written->size(), std::size_t{12});
    const auto back = readVolume(folder->where() / "s");
    HILUM_VERIFY_OK(back);
    QVERIFY(sameGrid(back->geometry(), image.geometry(), 1e-6));
    for (std::int64_t k = 0; k < 12; ++k)
        for (std::int64_t j = 0; j < 30; ++j)
            for (std::int64_t i = 0; i < 40; ++i)
                if (back->at(i, j, k) != image.at(i, j, k))
                    QFAIL(qPrintable(QString("voxel %1 %2 %3").arg(i).arg(j).arg(k)));
    QCOMPARE(back->header().modality, modality.toStdString());
    VERIFY_VALID(written->front().file);
}

void TestDicomWrite::radiographComesBack_data()
{
    QTest::addColumn<bool>("inverted");
    QTest::addColumn<bool>("lut");
    QTest::addColumn<bool>("processing");
    QTest::newRow("MONOCHROME2, window") << false << false << false;
    QTest::newRow("MONOCHROME1, window") << true << false << false;
    QTest::newRow("VOI LUT") << false << true << false;
    QTest::newRow("for processing") << false << false << true;
}

void TestDicomWrite::radiographComesBack()
{
    QFETCH(bool, inverted);
    QFETCH(bool, lut);
    QFETCH(bool, processing);
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    ImageHeader header;
    header.geometry.size = {64, 48, 1};
    header.geometry.spacingMm = {0.4, 0.4, 1};
    header.hasPatientSpace = false;
    header.patientOrientation = {"L", "F"};
    header.windows = {{.centre = 2048, .width = 4096, .name = "Standard", .shape = Window::Shape::Linear}};
    std::vector<std::uint16_t> pixels(64 * 48);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint16_t>((i % 64) * 65 + 0); // dark on the left, 4095 on the right
    const Volume film(header, std::move(pixels));
    RadiographWriteOptions options{.monochrome1 = inverted, .forProcessing = processing, .voiLut = {}, .viewPosition = "PA"};
    if (lut) {
        VoiLut table{.firstValue = 0, .bits = 12, .table = {}, .name = "Square root"};
        for (int v = 0; v < 4096; ++v)
            table.table.push_back(static_cast<std::uint16_t>(std::lround(std::sqrt(v / 4095.0) * 4095)));
        options.voiLut = table;
    }
    const path file = folder->where() / "film.dcm";
    HILUM_VERIFY_OK(writeRadiograph(film, study(), series("film", 2), file, options));
    const auto back = readVolume(file);
    HILUM_VERIFY_OK(back);
    QCOMPARE(back->header().photometric, std::string(inverted ? "MONOCHROME1" : "MONOCHROME2"));
    QCOMPARE(back->header().patientOrientation, (std::array<std::string, 2>{"L", "F"}));
    const auto grey = greyImage(*back);
    HILUM_VERIFY_OK(grey);
    if (!processing) // on screen it looks the same however it is stored: 4095 steps, half a step of rounding each way
        for (std::size_t x = 0; x < 64; ++x) {
            const double v = static_cast<double>(x) * 65 / 4095.0, expected = lut ? std::sqrt(v) : v;
            QVERIFY2(std::abs(grey->values[x] - expected) < 6e-4, qPrintable(QString("%1: %2, expected %3").arg(x).arg(grey->values[x]).arg(expected)));
        }
    VERIFY_VALID(file);
}

void TestDicomWrite::segmentationComesBack_data()
{
    QTest::addColumn<int>("orientation");
    QTest::newRow("axial") << 0;
    QTest::newRow("axial, from above") << 1;
    QTest::newRow("coronal") << 2;
    QTest::newRow("sagittal") << 3;
    QTest::newRow("oblique") << 4;
}

void TestDicomWrite::segmentationComesBack()
{
    QFETCH(int, orientation);
    const double c = std::cos(0.3), s = std::sin(0.3);
    const Mat3 directions[] = {{}, columns({1, 0, 0}, {0, 1, 0}, {0, 0, -1}), columns({1, 0, 0}, {0, 0, -1}, {0, 1, 0}), columns({0, 1, 0}, {0, 0, -1}, {-1, 0, 0}),
                               columns({c, s, 0}, {-s, c, 0}, {0, 0, 1})};
    const Geometry g = grid(directions[orientation]);
    const Vec3 middle = g.centreLps();
    LabelMap map = ellipsoidLabels(g, {{.name = "liver", .colour = {221, 130, 101}, .centreLps = middle, .radiiMm = {14, 12, 10}, .value = 0},
                                       {.name = "nodule", .colour = {255, 60, 200}, .centreLps = middle + Vec3{3, 2, 1}, .radiiMm = {5, 5, 5}, .value = 0}});
    map.labels[0].terminology["SegmentedPropertyTypeCodeSequence"] = {{"CodeValue", "10200004"}, {"CodingSchemeDesignator", "SCT"}, {"CodeMeaning", "Liver"}};
    map.labels[0].terminology["SegmentedPropertyCategoryCodeSequence"] = {{"CodeValue", "123037004"}, {"CodingSchemeDesignator", "SCT"}, {"CodeMeaning", "Anatomical Structure"}};
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path file = folder->where() / "seg.dcm";
    HILUM_VERIFY_OK(writeSegmentation(map, study(), series("labels", 3), {}, file));
    const auto found = scan({file});
    HILUM_VERIFY_OK(found);
    QCOMPARE(found->items.size(), std::size_t{1});
    const auto back = readLabelMap(found->items[0]);
    HILUM_VERIFY_OK(back);
    QCOMPARE(back->labels.size(), std::size_t{2});
    const Geometry& bg = back->volume.geometry();
    std::int64_t seen = 0, all = 0;
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i) {
                const auto label = static_cast<std::int64_t>(map.volume.at(i, j, k));
                if (label)
                    ++all;
                // the reader orders slices by position and leaves out empty ones at the ends: compare in patient space
                const Vec3 at = bg.worldToIndex(g.indexToWorld({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}));
                std::int64_t read = 0;
                if (bg.contains(at)) {
                    for (double v : at)
                        QVERIFY2(std::abs(v - std::round(v)) < 1e-3, "the grids do not lie on each other");
                    read = static_cast<std::int64_t>(back->volume.at(std::llround(at[0]), std::llround(at[1]), std::llround(at[2])));
                }
                seen += read != 0;
                QCOMPARE(read ? back->find(read)->name : std::string(), label ? map.find(label)->name : std::string());
            }
    QVERIFY(all > 500);
    QCOMPARE(seen, all);
    for (const Label& label : back->labels)
        for (const Label& original : map.labels)
            if (label.name == original.name)
                for (std::size_t a = 0; a < 3; ++a) // CIELab in 16 bits and back
                    QVERIFY(std::abs(int{label.colour[a]} - int{original.colour[a]}) <= 2);
    const auto text = readTextFile(file);
    HILUM_VERIFY_OK(text);
    QVERIFY(text->find(ResearchNotice) != std::string::npos);
    VERIFY_VALID(file);
}

void TestDicomWrite::reportComesBack()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path file = folder->where() / "report.dcm";
    const DicomReference image{.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText("image"), .seriesUid = uidFromText("series"), .studyUid = study().studyUid, .file = {}};
    HILUM_VERIFY_OK(writeStructuredReport({{"Findings", {"There is a 12 mm nodule.", "There is no pleural effusion."}}, {"Impression", {"Nodule."}}}, study(), series("report", 4), {image}, file));
    const auto found = scan({file});
    HILUM_VERIFY_OK(found);
    QCOMPARE(found->items.size(), std::size_t{1});
    QVERIFY(found->items[0].kind == ItemKind::Report);
    const auto report = readReport(found->items[0]);
    HILUM_VERIFY_OK(report);
    const std::string all = report->dump();
    for (const char* sentence : {"There is a 12 mm nodule.", "There is no pleural effusion.", "Nodule.", ResearchNotice})
        QVERIFY2(all.find(sentence) != std::string::npos, all.c_str());
    VERIFY_VALID(file);
}

void TestDicomWrite::refusesWhatWouldLose()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path where = folder->where() / "x";
    Volume ramp = rampVolume(grid({}), {1, 0, 0}, 0);
    ImageHeader header = ramp.header();
    header.modality = "CT";
    HILUM_VERIFY_ERROR(writeSliceSeries(ramp.withHeader(header), study(), series("f", 1), where), ErrorCode::Unsupported);
    header.modality = "US";
    HILUM_VERIFY_ERROR(writeSliceSeries(ellipsoidVolume(grid({}), {}, 0).withHeader(header), study(), series("u", 1), where), ErrorCode::Unsupported);
    LabelMap empty = ellipsoidLabels(grid({}), {{.name = "far away", .centreLps = {900, 0, 0}, .radiiMm = {5, 5, 5}, .value = 0}});
    HILUM_VERIFY_ERROR(writeSegmentation(empty, study(), series("s", 1), {}, where), ErrorCode::Empty);
    QVERIFY(!std::filesystem::exists(where));
}

QTEST_APPLESS_MAIN(TestDicomWrite)
#include "tst_dicom_write.moc"
