#include "core/imaging/dicom_write.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/made_study.h"
#include "tests/support/make_dicom.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace hilum;
using namespace hilum::imaging;
using tests::DicomFile;
using tests::dicomSlice;
using tests::madeStudy;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-scale");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const ImageHeader& header, std::string_view code, std::string_view words)
{
    return std::ranges::any_of(header.notices, [&](const Notice& n) { return n.code == code && n.text.find(words) != std::string::npos; });
}

std::string bytesOf(double value)
{
    std::string out(8, '\0');
    std::memcpy(out.data(), &value, 8);
    return out;
}

/// A region of an ultrasound picture: units and size of a pixel along x and y.
struct Region {
    int unitX, unitY;
    double deltaX, deltaY;
};

/// An ultrasound picture without Pixel Spacing.
DicomFile ultrasound(const std::vector<Region>& regions)
{
    std::vector<DicomFile> items;
    for (const Region& r : regions) {
        DicomFile item;
        item.us(0x00186024, {static_cast<std::uint16_t>(r.unitX)}).us(0x00186026, {static_cast<std::uint16_t>(r.unitY)});
        item.text(0x0018602C, "FD", bytesOf(r.deltaX)).text(0x0018602E, "FD", bytesOf(r.deltaY));
        items.push_back(std::move(item));
    }
    auto file = dicomSlice({.position = "", .modality = "US", .sopClass = "1.2.840.10008.5.1.4.1.1.6.1"});
    file.text(0x00280030, "DS", "");
    if (!items.empty())
        file.items(0x00186011, items);
    return file;
}

} // namespace

/// How large a pixel of a picture without patient space is, and which value of it is white.
class PictureScale : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // the horizontal scale of the first region was that of both directions and of all regions
    void ultrasoundIsMeasuredWhereOneScaleHolds_data()
    {
        QTest::addColumn<QList<double>>("regions"); // unit x, unit y, delta x, delta y
        QTest::addColumn<QList<double>>("spacing"); // mm; empty: unknown
        QTest::addColumn<QString>("notice");
        QTest::newRow("one region") << QList<double>{3, 3, 0.02, 0.03} << QList<double>{0.2, 0.3} << QString();
        QTest::newRow("upwards") << QList<double>{3, 3, 0.02, -0.02} << QList<double>{0.2, 0.2} << QString();
        QTest::newRow("two of one scale") << QList<double>{3, 3, 0.02, 0.03, 3, 3, 0.0200001, 0.03} << QList<double>{0.2, 0.3} << QString();
        QTest::newRow("a bar of grey values beside") << QList<double>{3, 3, 0.02, 0.03, 0, 0, 1, 1} << QList<double>{0.2, 0.3} << QString();
        QTest::newRow("dual view, one enlarged") << QList<double>{3, 3, 0.02, 0.02, 3, 3, 0.01, 0.01} << QList<double>{} << QStringLiteral("0.2 x 0.2 mm, 0.1 x 0.1 mm");
        QTest::newRow("a Doppler strip below") << QList<double>{3, 3, 0.02, 0.02, 4, 7, 0.01, 0.5} << QList<double>{} << QStringLiteral("0.2 x 0.2 mm, no lengths");
        QTest::newRow("centimetres one way only") << QList<double>{3, 7, 0.02, 0.02} << QList<double>{} << QString();
        QTest::newRow("a delta of zero") << QList<double>{3, 3, 0.02, 0} << QList<double>{} << QString();
        QTest::newRow("no region") << QList<double>{} << QList<double>{} << QString();
    }
    void ultrasoundIsMeasuredWhereOneScaleHolds()
    {
        QFETCH(QList<double>, regions);
        QFETCH(QList<double>, spacing);
        QFETCH(QString, notice);
        std::vector<Region> list;
        for (qsizetype n = 0; n < regions.size(); n += 4)
            list.push_back({int(regions[n]), int(regions[n + 1]), regions[n + 2], regions[n + 3]});
        const Folder f;
        ultrasound(list).write(f / "us");
        const auto image = readVolume(f / "us");
        HILUM_VERIFY_OK(image);
        const ImageHeader& h = image->header();
        QVERIFY(!h.hasPatientSpace);
        if (spacing.isEmpty()) {
            QVERIFY(h.spacingMeaning == SpacingMeaning::Unknown);
            QCOMPARE(planeSpacing(h), (std::array{1.0, 1.0}));
        } else {
            QVERIFY(h.spacingMeaning == SpacingMeaning::Calibrated);
            for (std::size_t a = 0; a < 2; ++a)
                QVERIFY(std::abs(planeSpacing(h)[a] - spacing[qsizetype(a)]) < 1e-9);
        }
        QCOMPARE(hasNotice(h, "ultrasound_regions", notice.toStdString()), !notice.isEmpty());
    }

    void pixelsMayBeHigherThanWide_data()
    {
        QTest::addColumn<QString>("ratio");
        QTest::addColumn<double>("height");
        QTest::newRow("twice as high") << "2\\1" << 2.0;
        QTest::newRow("wider than high") << "3\\4" << 0.75;
        QTest::newRow("square") << "1\\1" << 1.0;
        QTest::newRow("nonsense") << "0\\1" << 1.0;
        QTest::newRow("one number") << "2" << 1.0;
        QTest::newRow("none") << QString() << 1.0;
    }
    void pixelsMayBeHigherThanWide()
    {
        QFETCH(QString, ratio);
        QFETCH(double, height);
        const Folder f;
        auto file = ultrasound({});
        file.text(0x00280034, "IS", ratio.toStdString()).write(f / "sc");
        const auto image = readVolume(f / "sc");
        HILUM_VERIFY_OK(image);
        QVERIFY(image->header().spacingMeaning == SpacingMeaning::Unknown);
        QCOMPARE(planeSpacing(image->header()), (std::array{1.0, height}));
        const auto found = scan({f / "sc"});
        HILUM_VERIFY_OK(found);
        const auto entry = describeItem(found->items.at(0), false);
        HILUM_VERIFY_OK(entry);
        QVERIFY((*entry)["spacing_mm"].is_null());
        QCOMPARE(entry->contains("pixel_height_over_width"), height != 1);
        file.text(0x00280030, "DS", "0.4\\0.4").write(f / "sc"); // millimetres say it better
        const auto measured = readVolume(f / "sc");
        HILUM_VERIFY_OK(measured);
        QCOMPARE(planeSpacing(measured->header()), (std::array{0.4, 0.4}));
    }

    // slices in patient space were square whatever their pixels are
    void slicesWithoutSpacingKeepTheirShape()
    {
        const Folder f;
        for (const auto& [ratio, height] : {std::pair{"2\\1", 2.0}, {"1\\1", 1.0}}) {
            for (int k = 0; k < 3; ++k)
                dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 2 * k)}).text(0x00280030, "DS", "").text(0x00280034, "IS", ratio).write(f / std::to_string(k));
            const auto volume = readVolume(f.folder.where());
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->geometry().spacingMm, (Vec3{1, height, 2}));
            QVERIFY(hasNotice(volume->header(), "assumed_spacing", height == 1 ? "1 mm is assumed" : "1 mm wide and 2 mm high"));
        }
    }

    // a picture of unknown size was written as a film of 1 mm a pixel
    void unknownLengthsStayUnknown_data()
    {
        QTest::addColumn<bool>("capture");
        QTest::addColumn<double>("height"); // of a pixel, over its width
        for (const bool capture : {false, true})
            for (const double height : {1.0, 2.0, 1.375, 0.75})
                QTest::addRow("%s, %.3f", capture ? "picture" : "film", height) << capture << height;
    }
    void unknownLengthsStayUnknown()
    {
        QFETCH(bool, capture);
        QFETCH(double, height);
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "film.dcm";
        const DicomSeriesInfo series{.seriesUid = uidFromText("series of films"), .number = 2, .description = "film", .frameOfReferenceUid = {}};
        ImageHeader header;
        header.geometry.size = {16, 12, 1};
        header.geometry.spacingMm = {1, height, 1};
        header.hasPatientSpace = false;
        header.spacingMeaning = SpacingMeaning::Unknown;
        std::vector<std::uint16_t> pixels(16 * 12);
        for (std::size_t n = 0; n < pixels.size(); ++n)
            pixels[n] = static_cast<std::uint16_t>(20 * n);
        if (capture) {
            SecondaryCapture shot{.width = 16, .height = 12, .components = 1, .bits = 16, .pixels = std::as_bytes(std::span(pixels)), .derivation = {}, .sources = {}, .pixelAspect = height};
            HILUM_VERIFY_OK(writeSecondaryCapture(shot, madeStudy(), series, file));
        } else {
            const Volume film(header, pixels);
            HILUM_VERIFY_OK(writeRadiograph(film, madeStudy(), series, file));
            HILUM_VERIFY_ERROR(writeRadiograph(film, madeStudy(), series, folder->where() / "none.dcm", {.forProcessing = true, .voiLut = {}}), ErrorCode::Unsupported);
        }
        const auto back = readVolume(file);
        HILUM_VERIFY_OK(back);
        QVERIFY(back->header().spacingMeaning == SpacingMeaning::Unknown);
        QVERIFY(std::abs(planeSpacing(back->header())[1] - height) < 1e-6);
        for (std::size_t n = 0; n < pixels.size(); ++n)
            QCOMPARE(back->at(static_cast<std::int64_t>(n % 16), static_cast<std::int64_t>(n / 16), 0), double(pixels[n]));
        QCOMPARE(back->header().modality, std::string(capture ? "OT" : "CR"));
        HILUM_VERIFY_VALID(file);
    }

    void anOverlayThatIsNotDrawnIsNamed()
    {
        const Folder f;
        auto file = dicomSlice({});
        file.us(0x60000010, {2}).us(0x60000011, {3}).text(0x60000040, "CS", "G").us(0x60000050, {1, 1}, "SS").us(0x60000100, {1}).us(0x60000102, {0}).us(0x60003000, {0b101011}, "OW");
        file.write(f / "a");
        const auto found = scan({f / "a"});
        HILUM_VERIFY_OK(found);
        const auto image = readVolume(found->items.at(0));
        HILUM_VERIFY_OK(image);
        QVERIFY(hasNotice(image->header(), "overlay_not_shown", "an overlay plane of the file is not drawn"));
        const auto entry = describeItem(found->items[0], false);
        HILUM_VERIFY_OK(entry);
        QVERIFY(std::ranges::any_of((*entry)["warnings"], [](const Json& w) { return w["code"] == "overlay_not_shown"; }));
        dicomSlice({}).write(f / "a");
        const auto plain = readVolume(f / "a");
        HILUM_VERIFY_OK(plain);
        QVERIFY(!hasNotice(plain->header(), "overlay_not_shown", ""));
    }

    void colourHasTheWhiteOfItsFile()
    {
        ImageHeader h;
        h.geometry.size = {1, 1, 1};
        QCOMPARE(colourWhite(Volume(h, std::vector<std::uint8_t>{1, 2, 3}, 3)), 255.0);
        QCOMPARE(colourWhite(Volume(h, std::vector<std::uint16_t>{1, 2, 3}, 3)), 65535.0);
        QCOMPARE(colourWhite(Volume(h, std::vector<float>{0, 0.5f, 1}, 3)), 1.0);
        QCOMPARE(colourWhite(Volume(h, std::vector<float>{0, 0.5f, 200}, 3)), 255.0);
        const Folder f; // 12 of 16 bits
        auto file = dicomSlice({.position = "", .rows = 1, .columns = 1, .values = {4095, 4095, 4095}, .bitsStored = 12, .isSigned = false, .modality = "OT",
                                .sopClass = "1.2.840.10008.5.1.4.1.1.7", .photometric = "RGB"});
        file.us(0x00280002, {3}).us(0x00280006, {0}).write(f / "rgb");
        const auto image = readVolume(f / "rgb");
        HILUM_VERIFY_OK(image);
        QCOMPARE(colourWhite(*image), 4095.0);
        const auto grey = greyImage(*image);
        HILUM_VERIFY_OK(grey);
        QVERIFY(std::abs(grey->values.at(0) - 1) < 1e-6);
    }

    void paddingHasBothEnds()
    {
        ImageHeader h;
        QVERIFY(paddingOf(h).isNone() && !paddingOf(h).holds(0));
        h.paddingValue = 5;
        QVERIFY(paddingOf(h).holds(5) && !paddingOf(h).holds(4));
        h.paddingLimit = -3; // either end may come first
        QVERIFY(paddingOf(h).holds(5) && paddingOf(h).holds(-3) && paddingOf(h).holds(0) && !paddingOf(h).holds(-4));
    }
};

QTEST_APPLESS_MAIN(PictureScale)
#include "tst_picture_scale.moc"
