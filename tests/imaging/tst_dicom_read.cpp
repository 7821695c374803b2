#include "core/imaging/regularise.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <cmath>
#include <numbers>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::DicomFile;
using hilum::tests::dicomSlice;
using hilum::tests::SliceSpec;

namespace {

bool hasNotice(const std::vector<Notice>& notices, std::string_view code)
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code; });
}

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-dicom");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

} // namespace

class DicomRead : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void ordersByPositionAndNotByName()
    {
        const Folder f;
        // names and instance numbers run against the positions
        for (int k = 0; k < 5; ++k)
            dicomSlice({.number = 5 - k, .position = hilum::format("10\\20\\{}", 30 + 2.5 * k), .intercept = "-1024"}).write(f / hilum::format("{}.dcm", 9 - k));
        const auto volume = readVolume(f.folder.where());
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size, (Index3{5, 4, 5}));
        QCOMPARE(volume->geometry().originLps, (Vec3{10, 20, 30}));
        QCOMPARE(volume->geometry().spacingMm, (Vec3{0.5, 0.8, 2.5})); // Pixel Spacing is rows, then columns
        for (int k = 0; k < 5; ++k)
            QCOMPARE(volume->at(0, 0, k), 5.0 - k - 1024);
        QCOMPARE(std::string(volume->scalarName()), std::string("int16")); // 16 bits and an offset, but real values fit
        QVERIFY(volume->header().unit == Unit::Hu);
        QVERIFY(volume->header().notices.empty());
    }

    void readsAnOrientationAsItIs()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k) // sagittal: rows to posterior, columns to the feet, slices to the right
            dicomSlice({.number = k + 1, .position = hilum::format("{}\\-40\\60", 12 - 3 * k), .orientation = "0\\1\\0\\0\\0\\-1"}).write(f / hilum::format("{}", k));
        const auto volume = readVolume(f.folder.where());
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().direction.column(2), (Vec3{-1, 0, 0}));
        QCOMPARE(volume->geometry().originLps, (Vec3{12, -40, 60})); // lowest along row x column
        QCOMPARE(volume->geometry().indexToWorld({2, 1, 2}), (Vec3{6, -39, 59.2}));
    }

    void masksAndExtendsSigns_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("isSigned");
        QTest::addColumn<int>("stored");
        QTest::addColumn<double>("value");
        QTest::addColumn<bool>("noticed");
        QTest::newRow("12 bits, garbage above") << 12 << false << 0x7ABC << double(0xABC) << true;
        QTest::newRow("12 bits clean") << 12 << false << 0x0ABC << double(0xABC) << false;
        QTest::newRow("12 bits signed, not extended") << 12 << true << 0x0FFF << -1.0 << false;
        QTest::newRow("12 bits signed, extended") << 12 << true << 0xFFFF << -1.0 << false;
        QTest::newRow("16 bits unsigned") << 16 << false << 0xFFFE << 65534.0 << false;
        QTest::newRow("16 bits signed") << 16 << true << 0x8000 << -32768.0 << false;
    }
    void masksAndExtendsSigns()
    {
        QFETCH(int, bits);
        QFETCH(bool, isSigned);
        QFETCH(int, stored);
        QFETCH(double, value);
        QFETCH(bool, noticed);
        const Folder f;
        dicomSlice({.rows = 1, .columns = 2, .values = {static_cast<std::int16_t>(stored), 1}, .bitsStored = bits, .isSigned = isSigned}).write(f / "a.dcm");
        const auto volume = readVolume(f / "a.dcm");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(0, 0, 0), value);
        QCOMPARE(volume->at(1, 0, 0), 1.0);
        QCOMPARE(hasNotice(volume->header().notices, "unused_bits_masked"), noticed);
    }

    void rescalesEachSliceByItsOwnSlope()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k), .slope = hilum::format("{}", 0.5 + k), .intercept = "3", .values = std::vector<std::int16_t>(20, 10)})
                .write(f / hilum::format("p{}", k));
        const auto volume = readVolume(f.folder.where());
        HILUM_VERIFY_OK(volume);
        for (int k = 0; k < 3; ++k)
            QCOMPARE(volume->at(3, 2, k), 10 * (0.5 + k) + 3);
    }

    void keepsWideValuesThatDoNotFit16Bits()
    {
        const Folder f;
        dicomSlice({.intercept = "-1024", .rows = 1, .columns = 2, .values = {-32768, 32767}}).write(f / "a");
        const auto volume = readVolume(f / "a");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(std::string(volume->scalarName()), std::string("int32"));
        QCOMPARE(volume->at(0, 0, 0), -33792.0);
        QCOMPARE(volume->at(1, 0, 0), 31743.0);
    }

    void saysWhenWholeValuesAreRounded()
    {
        const Folder f;
        for (const std::uint32_t most : {2'000'000'001u, 4'000'000'001u}) {
            auto file = dicomSlice({.rows = 1, .columns = 2, .isSigned = false});
            file.us(0x00280100, {32}).us(0x00280101, {32}).us(0x00280102, {31}).pixels(std::vector<std::uint32_t>{most, 1}).write(f / "a");
            const auto volume = readVolume(f / "a");
            HILUM_VERIFY_OK(volume);
            const bool fits = most < 2'147'483'648u;
            QCOMPARE(hasNotice(volume->header().notices, "rounded"), !fits);
            QCOMPARE(volume->at(0, 0, 0), fits ? double(most) : 4e9);
        }
    }

    void saysWhichSlicesAreMissing()
    {
        const Folder f;
        for (const int k : {0, 1, 2, 4, 5})
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 5 * k)}).write(f / std::to_string(k));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QVERIFY(hasNotice(found->items[0].notices, "missing_slice"));
        const auto volume = readVolume(found->items[0]);
        HILUM_VERIFY_OK(volume);
        QVERIFY(volume->header().irregular);
        QCOMPARE(volume->header().sliceOriginsLps[3], (Vec3{0, 0, 20}));
        HILUM_VERIFY_ERROR(readVolume(found->items[0], {.spacing = SpacingPolicy::Reject}), ErrorCode::BadData);
        const auto even = readVolume(found->items[0], {.spacing = SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(even);
        QCOMPARE(even->geometry().size[2], std::int64_t{6});
        for (int k = 0; k < 6; ++k) // values are the slice numbers: linear in position, so the missing slice is known
            QCOMPARE(even->at(1, 1, k), k + 1.0);
        QVERIFY(hasNotice(even->header().notices, "resampled"));
    }

    void unevenSpacingIsResampledByPosition()
    {
        const Folder f;
        const double z[] = {0, 2, 5, 9, 11};
        for (int k = 0; k < 5; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", z[k]), .values = std::vector<std::int16_t>(20, static_cast<std::int16_t>(100 * z[k]))}).write(f / std::to_string(k));
        const auto even = readVolume(f.folder.where(), {.spacing = SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(even);
        for (std::int64_t k = 0; k < even->geometry().size[2]; ++k)
            QVERIFY(std::abs(even->at(2, 2, k) - 100 * even->geometry().indexToWorld({2, 2, double(k)})[2]) <= 0.5); // rounded to whole numbers
        const auto raw = readVolume(f.folder.where());
        HILUM_VERIFY_OK(raw);
        QVERIFY(hasNotice(raw->header().notices, "uneven_spacing"));
    }

    void tiltIsKeptObliqueAndShearedBack()
    {
        const Folder f;
        const double tilt = 15 * std::numbers::pi / 180, c = std::cos(tilt), s = std::sin(tilt);
        const int rows = 40;
        for (int k = 0; k < 6; ++k) {
            // the table moves along z; the slices lean: column direction (0, c, s). Value = 10 x (z in mm) at each pixel: known everywhere
            std::vector<std::int16_t> values;
            for (int j = 0; j < rows; ++j)
                for (int i = 0; i < 5; ++i)
                    values.push_back(static_cast<std::int16_t>(std::lround(10 * (3.0 * k + 0.8 * j * s))));
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 3 * k), .orientation = hilum::format("1\\0\\0\\0\\{}\\{}", c, s), .rows = rows, .values = values}).write(f / std::to_string(k));
        }
        const auto raw = readVolume(f.folder.where());
        HILUM_VERIFY_OK(raw);
        QVERIFY(hasNotice(raw->header().notices, "gantry_tilt"));
        QVERIFY(!raw->header().irregular);
        QVERIFY(std::abs(raw->geometry().spacingMm[2] - 3) < 1e-6);
        QVERIFY(norm(raw->geometry().direction.column(2) - Vec3{0, 0, 1}) < 1e-6);
        const auto even = readVolume(f.folder.where(), {.spacing = SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(even);
        QVERIFY(orthonormalError(even->geometry().direction) < 1e-9);
        int inside = 0;
        for (std::int64_t k = 0; k < even->geometry().size[2]; ++k)
            for (std::int64_t j = 0; j < even->geometry().size[1]; ++j) {
                const double v = even->at(2, j, k), z = even->geometry().indexToWorld({2, double(j), double(k)})[2];
                if (v == 0)
                    continue; // outside the acquired slices: filled with the least value
                ++inside;
                QVERIFY2(std::abs(v - 10 * z) <= 1.1, hilum::format("{} at z {}", v, z).c_str()); // two roundings to whole numbers
            }
        QVERIFY(inside > 150);
    }

    void readsTimePointsApart()
    {
        const Folder f;
        int number = 0;
        for (int t = 0; t < 3; ++t)
            for (int k = 0; k < 4; ++k)
                dicomSlice({.number = ++number, .position = hilum::format("0\\0\\{}", 2 * k), .values = std::vector<std::int16_t>(20, static_cast<std::int16_t>(100 * t + k)), .modality = "MR", .sopClass = "1.2.840.10008.5.1.4.1.1.4"})
                    .write(f / std::to_string(100 - number));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].timePoints, std::int64_t{3});
        QVERIFY(hasNotice(found->items[0].notices, "time_series"));
        for (int t = 0; t < 3; ++t) {
            const auto volume = readVolume(found->items[0], {.timePoint = t});
            HILUM_VERIFY_OK(volume);
            for (int k = 0; k < 4; ++k)
                QCOMPARE(volume->at(0, 0, k), 100.0 * t + k);
        }
        HILUM_VERIFY_ERROR(readVolume(found->items[0], {.timePoint = 3}), ErrorCode::Usage);
    }

    void splitsOrientationsAndCountsDuplicates()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).write(f / hilum::format("a{}", k));
        dicomSlice({.number = 8, .position = "0\\0\\1"}).write(f / "again");
        dicomSlice({.number = 9, .position = "0\\0\\0", .orientation = "0\\1\\0\\0\\0\\-1"}).write(f / "scout");
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{2});
        for (const Item& i : found->items)
            QVERIFY(hasNotice(i.notices, "mixed_orientation"));
        QVERIFY(hasNotice(found->items[0].notices, "duplicate_position"));
        QCOMPARE(found->items[0].size[2], std::int64_t{3});
        HILUM_VERIFY_ERROR(readVolume(f.folder.where()), ErrorCode::Usage); // lists the choices
    }

    void deepNestingIsRefused()
    {
        const Folder f;
        std::string bytes = dicomSlice({.rows = 1, .columns = 1, .values = {1}}).bytes();
        bytes.resize(bytes.find(std::string("\x20\x00\x0D\x00UI", 6))); // all of group 0008 stays; DCMTK calls itself for each level
        for (int level = 0; level < 200000; ++level)
            bytes += std::string("\x18\x00\x03\x90SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", 20);
        std::ofstream(f / "deep", std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        dicomSlice({}).write(f / "good");
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->refused.size(), std::size_t{1});
        QVERIFY2(found->refused[0].reason.find("nested in more than 256 levels") != std::string::npos, found->refused[0].reason.c_str());
    }

    void aUidGivenTwiceHidesNoSlices()
    {
        const Folder f;
        // the same instance UID everywhere, and one true copy
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).text(0x00080018, "UI", "1.2.3.4.5").write(f / hilum::format("a{}", k));
        dicomSlice({.number = 2, .position = "0\\0\\1"}).text(0x00080018, "UI", "1.2.3.4.5").write(f / "copy");
        const auto volume = readVolume(f.folder.where());
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size[2], std::int64_t{3});
        QVERIFY(!hasNotice(volume->header().notices, "duplicate_position"));
    }

    void aSlopeOfZeroIsNoted()
    {
        const Folder f;
        dicomSlice({.slope = "0", .intercept = "-1024", .rows = 1, .columns = 2, .values = {7, 900}}).write(f / "a");
        const auto volume = readVolume(f / "a");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(0, 0, 0), -1017.0);
        QCOMPARE(volume->at(1, 0, 0), -124.0);
        QVERIFY(hasNotice(volume->header().notices, "rescale_slope_zero"));
    }

    void framesThatNobodyCountsAreNoted()
    {
        const Folder f;
        const SliceSpec two{.rows = 2, .columns = 2, .values = {1, 2, 3, 4}};
        dicomSlice(two).write(f / "a");
        const auto right = readVolume(f / "a");
        HILUM_VERIFY_OK(right);
        QVERIFY(!hasNotice(right->header().notices, "frames_left_out"));
        dicomSlice(two).pixels(std::vector<std::int16_t>(12, 9)).write(f / "b");
        const auto more = readVolume(f / "b");
        HILUM_VERIFY_OK(more);
        QVERIFY(hasNotice(more->header().notices, "frames_left_out"));
    }

    void negativeSpacingStacksAgainstTheNormal()
    {
        for (const int sign : {1, -1}) {
            const Folder f;
            DicomFile detector;
            detector.text(0x00200032, "DS", "1\\2\\3").text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
            auto file = dicomSlice({.position = "", .rows = 6, .columns = 2, .values = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, .modality = "NM", .sopClass = "1.2.840.10008.5.1.4.1.1.20"});
            file.text(0x00280008, "IS", "3").us(0x00280010, {2}).us(0x00280011, {2}).text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\RECON TOMO\\EMISSION").text(0x00280030, "DS", "2\\2");
            file.text(0x00180050, "DS", "4").text(0x00180088, "DS", sign < 0 ? "-4" : "4").item(0x00540022, detector);
            file.write(f / "a");
            const auto volume = readVolume(f / "a");
            HILUM_VERIFY_OK(volume);
            // the first frame lies at the detector's position
            QCOMPARE(volume->geometry().originLps, (Vec3{1, 2, sign < 0 ? -5.0 : 3.0}));
            QCOMPARE(volume->at(0, 0, 0), sign < 0 ? 2.0 : 0.0);
            QCOMPARE(volume->at(0, 0, 2), sign < 0 ? 0.0 : 2.0);
        }
    }

    void refusesCutFilesWithNumbers()
    {
        const Folder f;
        const auto slice = dicomSlice({.rows = 10, .columns = 10});
        const auto size = slice.bytes().size();
        slice.write(f / "cut.dcm", size - 70);
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QVERIFY(found->items.empty());
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->refused[0].code, std::string("truncated"));
        QCOMPARE(found->refused[0].reason, std::string("pixel data end after 130 of 200 bytes"));
        slice.write(f / "cut.dcm", 300); // within the header
        const auto again = scan({f / "cut.dcm"});
        HILUM_VERIFY_OK(again);
        QCOMPARE(again->refused.at(0).code, std::string("truncated"));
    }

    void oneBadSliceDoesNotHideTheSeries()
    {
        const Folder f;
        for (int k = 0; k < 4; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).write(f / std::to_string(k), k == 1 ? dicomSlice({}).bytes().size() - 10 : std::string::npos);
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->items.size(), std::size_t{1});
        QVERIFY(hasNotice(found->items[0].notices, "missing_slice"));
    }

    void radiographHasItsOwnPlane()
    {
        const Folder f;
        auto file = dicomSlice({.position = "", .modality = "DX", .sopClass = "1.2.840.10008.5.1.4.1.1.1.1", .photometric = "MONOCHROME1"});
        file.text(0x00181164, "DS", "0.14\\0.14").text(0x00200020, "CS", "L\\F").text(0x00281050, "DS", "100\\50").text(0x00281051, "DS", "200\\20");
        file.write(f / "dx.dcm");
        const auto image = readVolume(f / "dx.dcm");
        HILUM_VERIFY_OK(image);
        QVERIFY(!image->header().hasPatientSpace);
        // Pixel Spacing (0.8, 0.5) differs from Imager Pixel Spacing: somebody calibrated it
        QVERIFY(image->header().spacingMeaning == SpacingMeaning::Calibrated);
        QCOMPARE(image->header().patientOrientation[0], std::string("L"));
        QCOMPARE(image->header().windows.size(), std::size_t{2});
        QCOMPARE(image->header().windows[1].width, 20.0);
        QCOMPARE(image->header().photometric, std::string("MONOCHROME1"));
    }

    void emptyAndForeignInput()
    {
        const Folder f;
        HILUM_VERIFY_ERROR(scan({f.folder.where()}), ErrorCode::Empty);
        std::ofstream(f / "notes.csv") << "a,b\n";
        HILUM_VERIFY_ERROR(scan({f.folder.where()}), ErrorCode::Empty);
        std::ofstream(f / "text.dcm") << "this is only text, long enough to look at";
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->refused[0].code, std::string("not_an_image"));
        HILUM_VERIFY_ERROR(readVolume(f / "text.dcm"), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(readVolume(f / "absent.dcm"), ErrorCode::NotFound);
        std::filesystem::create_directory_symlink(f.folder.where(), f / "loop"); // a link to its own parent ends
        HILUM_VERIFY_OK(scan({f.folder.where()}));
    }

    void modalityLutReplacesRescale()
    {
        const Folder f;
        tests::DicomFile lut;
        lut.us(0x00283002, {3, 10, 16}).text(0x00283004, "LO", "US").us(0x00283006, {700, 800, 900});
        auto file = dicomSlice({.rows = 1, .columns = 5, .values = {5, 10, 11, 12, 40}});
        file.item(0x00283000, lut).write(f / "a");
        const auto volume = readVolume(f / "a");
        HILUM_VERIFY_OK(volume);
        const double expected[] = {700, 700, 800, 900, 900}; // outside values take the first or last entry
        for (int i = 0; i < 5; ++i)
            QCOMPARE(volume->at(i, 0, 0), expected[i]);
    }

    void itemWithoutHeadersIsReadAgain()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).write(f / std::to_string(k));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        Item kept = found->items[0];
        kept.dicom.reset(); // as a row of the library gives it
        const auto volume = readVolume(kept);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size[2], std::int64_t{3});
    }

    void stopsWhenAsked()
    {
        const Folder f;
        dicomSlice({}).write(f / "a");
        std::stop_source stop;
        stop.request_stop();
        HILUM_VERIFY_ERROR(scan({f.folder.where()}, Work{{}, stop.get_token()}), ErrorCode::Cancelled);
    }
};

QTEST_APPLESS_MAIN(DicomRead)
#include "tst_dicom_read.moc"
