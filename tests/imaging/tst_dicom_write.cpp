#include "core/base/format.h"
#include "core/base/paths.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/phantom.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/made_study.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::madeStudy;

namespace {

DicomSeriesInfo series(const std::string& name, int number) { return {.seriesUid = uidFromText("series " + name), .number = number, .description = name, .frameOfReferenceUid = uidFromText("frame")}; }

Geometry grid(const Mat3& direction) { return {.size = {40, 30, 12}, .spacingMm = {1.5, 1.25, 3}, .originLps = {-20, 10.5, -33}, .direction = direction}; }

Mat3 columns(Vec3 a, Vec3 b, Vec3 c)
{
    Mat3 m;
    m.setColumn(0, a), m.setColumn(1, b), m.setColumn(2, c);
    return m;
}

} // namespace

class TestDicomWrite : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void uidsAreWellFormed();
    void seriesComesBack_data();
    void seriesComesBack();
    void radiographComesBack_data();
    void radiographComesBack();
    void inversionMirrorsEveryWindow();
    void aFilmLooksTheSameAgain_data();
    void aFilmLooksTheSameAgain();
    void segmentationComesBack_data();
    void segmentationComesBack();
    void reportComesBack();
    void refusesWhatWouldLose();
    void picturesComeBack_data();
    void picturesComeBack();
    void valuesStayExactOrSayHowFarOff_data();
    void valuesStayExactOrSayHowFarOff();
    void derivedSeriesSaySo();
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
    const auto written = writeSliceSeries(image, madeStudy(), series("slices", 1), folder->where() / "s");
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
    HILUM_VERIFY_VALID(written->front().file);
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
    HILUM_VERIFY_OK(writeRadiograph(film, madeStudy(), series("film", 2), file, options));
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
    HILUM_VERIFY_VALID(file);
}

/// On screen a film looks the same however it is stored. Only the linear function has its middle at C - 0.5.
void TestDicomWrite::inversionMirrorsEveryWindow()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    for (const auto shape : {Window::Shape::Linear, Window::Shape::LinearExact, Window::Shape::Sigmoid}) {
        ImageHeader header;
        header.geometry.size = {64, 2, 1};
        header.geometry.spacingMm = {0.4, 0.4, 1};
        header.hasPatientSpace = false;
        header.windows = {{.centre = 1500, .width = 40, .name = "Narrow", .shape = shape}};
        std::vector<std::uint16_t> pixels(128);
        for (std::size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<std::uint16_t>(1470 + i % 64);
        const Volume film(header, std::move(pixels));
        std::vector<std::vector<float>> shown;
        for (const bool inverted : {false, true}) {
            const path file = folder->where() / hilum::format("film-{}.dcm", inverted);
            HILUM_VERIFY_OK(writeRadiograph(film, madeStudy(), series("film", 2), file, {.monochrome1 = inverted, .voiLut = {}}));
            const auto back = readVolume(file);
            HILUM_VERIFY_OK(back);
            QVERIFY(back->header().windows.front().shape == shape);
            const auto grey = greyImage(*back);
            HILUM_VERIFY_OK(grey);
            shown.push_back(grey->values);
        }
        for (std::size_t x = 0; x < 64; ++x)
            QVERIFY2(std::abs(shown[0][x] - shown[1][x]) < 1e-5, qPrintable(QString("shape %1, pixel %2: %3 and %4").arg(int(shape)).arg(x).arg(shown[0][x]).arg(shown[1][x])));
    }
}

void TestDicomWrite::aFilmLooksTheSameAgain_data()
{
    QTest::addColumn<std::string>("photometric");
    QTest::newRow("small values dark") << std::string("MONOCHROME2");
    QTest::newRow("small values bright") << std::string("MONOCHROME1");
}

// MONOCHROME2 was written over the values of a MONOCHROME1 film: its copy was shown inverted
void TestDicomWrite::aFilmLooksTheSameAgain()
{
    QFETCH(std::string, photometric);
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    ImageHeader header;
    header.geometry = {.size = {16, 16, 1}, .spacingMm = {0.4, 0.4, 1}, .originLps = {0, 0, 0}, .direction = {}};
    header.hasPatientSpace = false;
    header.spacingMeaning = SpacingMeaning::DetectorPlane;
    header.photometric = photometric;
    header.windows = {{.centre = 100, .width = 180, .name = "Own", .shape = Window::Shape::Linear}};
    std::vector<std::uint16_t> pixels(256);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint16_t>(i);
    const Volume film(header, pixels);
    const auto seen = greyImage(film);
    HILUM_VERIFY_OK(seen);
    for (const bool inverted : {false, true}) {
        const path file = folder->where() / hilum::format("film-{}.dcm", inverted);
        HILUM_VERIFY_OK(writeRadiograph(film, madeStudy(), series("film", 2), file, {.monochrome1 = inverted, .voiLut = {}}));
        HILUM_VERIFY_VALID(file);
        const auto back = readVolume(file);
        HILUM_VERIFY_OK(back);
        if (!inverted) {
            QCOMPARE(back->header().photometric, photometric);
            QVERIFY(back->visit([&](auto v) { return std::ranges::equal(v, pixels); }));
        }
        const auto grey = greyImage(*back);
        HILUM_VERIFY_OK(grey);
        for (std::size_t n = 0; n < pixels.size(); ++n)
            QVERIFY2(std::abs(grey->values[n] - seen->values[n]) < 1e-5, qPrintable(QString("pixel %1: %2 and %3").arg(n).arg(grey->values[n]).arg(seen->values[n])));
    }
    const path shot = folder->where() / "shot.dcm";
    HILUM_VERIFY_OK(writeSecondaryCapture({.width = 16, .height = 16, .components = 1, .inverse = photometric == "MONOCHROME1", .bits = 16, .pixels = std::as_bytes(std::span(pixels)), .derivation = {}, .sources = {}},
        madeStudy(), series("shot", 5), shot));
    const auto again = readVolume(shot);
    HILUM_VERIFY_OK(again);
    QCOMPARE(again->header().photometric, photometric);
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
    HILUM_VERIFY_OK(writeSegmentation(map, madeStudy(), series("labels", 3), {}, file));
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
                QCOMPARE(label.colour, original.colour); // CIELab in 16 bits and back
    const auto text = readTextFile(file);
    HILUM_VERIFY_OK(text);
    QVERIFY(text->find(ResearchNotice) != std::string::npos);
    HILUM_VERIFY_VALID(file);
}

void TestDicomWrite::reportComesBack()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path file = folder->where() / "report.dcm";
    const DicomReference image{.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText("image"), .seriesUid = uidFromText("series"), .studyUid = madeStudy().studyUid, .file = {}};
    HILUM_VERIFY_OK(writeStructuredReport({{"Findings", {"There is a 12 mm nodule.", "There is no pleural effusion."}}, {"Impression", {"Nodule."}}}, madeStudy(), series("report", 4), {image}, file));
    const auto found = scan({file});
    HILUM_VERIFY_OK(found);
    QCOMPARE(found->items.size(), std::size_t{1});
    QVERIFY(found->items[0].kind == ItemKind::Report);
    const auto report = readReport(found->items[0]);
    HILUM_VERIFY_OK(report);
    const std::string all = report->dump();
    for (const char* sentence : {"There is a 12 mm nodule.", "There is no pleural effusion.", "Nodule.", ResearchNotice})
        QVERIFY2(all.find(sentence) != std::string::npos, all.c_str());
    HILUM_VERIFY_VALID(file);
}

void TestDicomWrite::refusesWhatWouldLose()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path where = folder->where() / "x";
    Volume ramp = rampVolume(grid({}), {1, 0, 0}, 0);
    ImageHeader header = ramp.header();
    header.modality = "CT";
    HILUM_VERIFY_ERROR(writeSliceSeries(ramp.withHeader(header), madeStudy(), series("f", 1), where), ErrorCode::Unsupported);
    header.modality = "US";
    HILUM_VERIFY_ERROR(writeSliceSeries(ellipsoidVolume(grid({}), {}, 0).withHeader(header), madeStudy(), series("u", 1), where), ErrorCode::Unsupported);
    LabelMap empty = ellipsoidLabels(grid({}), {{.name = "far away", .centreLps = {900, 0, 0}, .radiiMm = {5, 5, 5}, .value = 0}});
    HILUM_VERIFY_ERROR(writeSegmentation(empty, madeStudy(), series("s", 1), {}, where), ErrorCode::Empty);
    QVERIFY(!std::filesystem::exists(where));
}

void TestDicomWrite::picturesComeBack_data()
{
    QTest::addColumn<int>("components");
    QTest::addColumn<int>("bits");
    QTest::newRow("colour") << 3 << 8;
    QTest::newRow("grey") << 1 << 8;
    QTest::newRow("grey, 16 bits") << 1 << 16;
}

void TestDicomWrite::picturesComeBack()
{
    QFETCH(int, components);
    QFETCH(int, bits);
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path file = folder->where() / "shot.dcm";
    std::vector<std::byte> pixels(static_cast<std::size_t>(21 * 13 * components * bits / 8)); // odd: the element is padded
    for (std::size_t n = 0; n < pixels.size(); ++n)
        pixels[n] = static_cast<std::byte>(n * 37 % 251);
    SecondaryCapture shot;
    shot.width = 21;
    shot.height = 13;
    shot.components = components;
    shot.bits = bits;
    shot.pixels = pixels;
    shot.derivation = "screenshot of Read, axial, W 400 L 40";
    shot.sources = {{.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText("image"), .seriesUid = uidFromText("ct"), .studyUid = madeStudy().studyUid, .file = {}}};
    HILUM_VERIFY_OK(writeSecondaryCapture(shot, madeStudy(), series("shot", 5), file));
    const auto back = readVolume(file);
    HILUM_VERIFY_OK(back);
    QCOMPARE(back->components(), components);
    const bool same = back->visit([&](auto v) { return std::as_bytes(v).size() == pixels.size() && std::equal(pixels.begin(), pixels.end(), std::as_bytes(v).begin()); });
    QVERIFY(same);
    const auto text = readTextFile(file);
    HILUM_VERIFY_OK(text);
    for (const std::string& words : {std::string(ResearchNotice), shot.derivation, uidFromText("image")})
        QVERIFY2(text->find(words) != std::string::npos, words.c_str());
    const auto found = scan({file});
    HILUM_VERIFY_OK(found);
    QVERIFY(std::ranges::any_of(found->items.at(0).notices, [](const Notice& n) { return n.code == "burned_in_text_possible"; }));
    HILUM_VERIFY_VALID(file);
    shot.width = 20;
    HILUM_VERIFY_ERROR(writeSecondaryCapture(shot, madeStudy(), series("shot", 5), file), ErrorCode::BadData);
}

void TestDicomWrite::valuesStayExactOrSayHowFarOff_data()
{
    QTest::addColumn<int>("kind"); // 0 int32, 1 float
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("step");
    QTest::addColumn<bool>("exact");
    QTest::newRow("unsigned beyond 32767") << 0 << 30000.0 << 11.0 << true;
    QTest::newRow("far from zero") << 0 << 500000.0 << 17.0 << true;
    QTest::newRow("far below zero") << 0 << -300000.0 << 9.0 << true;
    QTest::newRow("whole floats") << 1 << -1000.0 << 1.0 << true;
    QTest::newRow("floats") << 1 << -3.7 << 0.0137 << false;
    QTest::newRow("one float everywhere") << 1 << 0.3 << 0.0 << false;
}

void TestDicomWrite::valuesStayExactOrSayHowFarOff()
{
    QFETCH(int, kind);
    QFETCH(double, low);
    QFETCH(double, step);
    QFETCH(bool, exact);
    ImageHeader header;
    header.geometry = grid({});
    header.modality = "CT";
    const auto count = static_cast<std::size_t>(header.geometry.voxelCount());
    Volume volume;
    if (kind == 0) {
        std::vector<std::int32_t> v(count);
        for (std::size_t n = 0; n < count; ++n)
            v[n] = static_cast<std::int32_t>(low + step * static_cast<double>(n % 3000));
        volume = Volume(header, std::move(v));
    } else {
        std::vector<float> v(count);
        for (std::size_t n = 0; n < count; ++n)
            v[n] = static_cast<float>(low + step * static_cast<double>(n % 3000));
        volume = Volume(header, std::move(v));
    }
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    if (!exact)
        HILUM_VERIFY_ERROR(storedScale(volume), ErrorCode::Unsupported);
    const auto scale = storedScale(volume, FloatPolicy::Quantise);
    HILUM_VERIFY_OK(scale);
    QCOMPARE(scale->largestError == 0, exact);
    SliceSeriesOptions options;
    options.floats = FloatPolicy::Quantise;
    HILUM_VERIFY_OK(writeSliceSeries(volume, madeStudy(), series("values", 1), folder->where() / "s", {}, options));
    const auto back = readVolume(folder->where() / "s");
    HILUM_VERIFY_OK(back);
    double worst = 0;
    for (std::int64_t k = 0; k < 12; ++k)
        for (std::int64_t j = 0; j < 30; ++j)
            for (std::int64_t i = 0; i < 40; ++i)
                worst = std::max(worst, std::abs(back->at(i, j, k) - volume.at(i, j, k)));
    // reading rounds to single precision once more
    QVERIFY2(worst <= scale->largestError + (exact ? 0 : 1e-6), qPrintable(QString("off by %1, told %2").arg(worst).arg(scale->largestError)));
}

void TestDicomWrite::derivedSeriesSaySo()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    Volume image = ellipsoidVolume(grid({}), {{.name = "a", .centreLps = {10, 28, -16}, .radiiMm = {15, 10, 9}, .value = 700}}, -1000);
    ImageHeader header = image.header();
    SliceSeriesOptions options;
    options.derived = true;
    options.derivation = "converted from nifti";
    for (int k = 0; k < 12; ++k)
        options.sources.push_back({.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText(hilum::format("source {}", k)), .seriesUid = uidFromText("ct"), .studyUid = madeStudy().studyUid, .file = {}});
    for (const char* modality : {"CT", "MR"}) {
        header.modality = modality;
        const auto written = writeSliceSeries(image.withHeader(header), madeStudy(), series(modality, 1), folder->where() / modality, {}, options);
        HILUM_VERIFY_OK(written);
        const auto text = readTextFile(written->at(7).file);
        HILUM_VERIFY_OK(text);
        for (const std::string& words : {std::string("DERIVED\\SECONDARY"), options.derivation, uidFromText("source 7")})
            QVERIFY2(text->find(words) != std::string::npos, words.c_str());
        QVERIFY(text->find(uidFromText("source 6")) == std::string::npos);
        HILUM_VERIFY_VALID(written->at(7).file);
    }
}

QTEST_APPLESS_MAIN(TestDicomWrite)
#include "tst_dicom_write.moc"
