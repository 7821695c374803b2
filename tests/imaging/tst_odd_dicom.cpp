#include "core/imaging/dicom_nesting.h"
#include "core/imaging/dicom_series.h"
#include "core/imaging/label_reader.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::DicomFile;
using hilum::tests::dicomSlice;
using hilum::tests::SliceSpec;

namespace {

constexpr char Ct[] = "1.2.840.10008.5.1.4.1.1.2", Mr[] = "1.2.840.10008.5.1.4.1.1.4", Seg[] = "1.2.840.10008.5.1.4.1.1.66.4";

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-odd");
    const path& where() const { return folder.where(); }
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const std::vector<Notice>& notices, std::string_view code, std::string_view words = {})
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code && n.text.find(words) != std::string::npos; });
}

void writeBytes(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

std::string little(std::uint32_t v)
{
    return {static_cast<char>(v & 0xFF), static_cast<char>(v >> 8 & 0xFF), static_cast<char>(v >> 16 & 0xFF), static_cast<char>(v >> 24)};
}

const std::string SequenceStart("\x18\x00\x03\x90SQ\0\0\xFF\xFF\xFF\xFF", 12), ItemStart("\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", 8), ItemEnd("\xFE\xFF\x0D\xE0\0\0\0\0", 8),
    SequenceEnd("\xFE\xFF\xDD\xE0\0\0\0\0", 8);

/// Enough levels to end a program that calls itself for each.
std::string manyLevels(const std::string& between = {})
{
    std::string out;
    for (int level = 0; level < 200'000; ++level)
        out += between + SequenceStart + ItemStart;
    return out;
}

/// The same file under another transfer syntax.
std::string withSyntax(std::string bytes, std::string uid)
{
    if (uid.size() % 2)
        uid.push_back('\0');
    const auto at = bytes.find(std::string("\x02\x00\x10\x00UI", 6)) + 6;
    const auto old = static_cast<unsigned char>(bytes[at]);
    bytes.replace(at, 2u + old, std::string{static_cast<char>(uid.size()), '\0'} + uid);
    bytes[140] = static_cast<char>(static_cast<unsigned char>(bytes[140]) + uid.size() - old); // length of group 0002
    return bytes;
}

std::size_t dataSetOf(const std::string& bytes) { return 144u + static_cast<unsigned char>(bytes[140]); }

std::string deflated(const std::string& bytes)
{
    z_stream s{};
    if (deflateInit2(&s, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return {};
    std::string in = bytes, out(deflateBound(&s, static_cast<uLong>(bytes.size())), '\0');
    s.next_in = reinterpret_cast<Bytef*>(in.data());
    s.avail_in = static_cast<uInt>(in.size());
    s.next_out = reinterpret_cast<Bytef*>(out.data());
    s.avail_out = static_cast<uInt>(out.size());
    deflate(&s, Z_FINISH);
    out.resize(s.total_out);
    deflateEnd(&s);
    return out;
}

/// A slice of one value, RLE: a segment for the high bytes, one for the low ones.
std::string rleSlice(const SliceSpec& spec)
{
    std::string bytes = withSyntax(dicomSlice(spec).bytes(), "1.2.840.10008.1.2.5");
    bytes.resize(bytes.find(std::string("\xE0\x7F\x10\x00OW", 6)));
    const auto pixels = static_cast<std::size_t>(spec.rows * spec.columns); // up to 128
    const auto run = [&](int value) { return std::string(1, static_cast<char>(pixels - 1)) + std::string(pixels, static_cast<char>(value)) + std::string(pixels % 2 ? 0 : 1, '\x80'); };
    const std::string high = run(0), low = run(spec.number);
    std::string frame = little(2) + little(64) + little(static_cast<std::uint32_t>(64 + high.size()));
    frame.resize(64, '\0');
    frame += high + low;
    return bytes + std::string("\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF", 12) + std::string("\xFE\xFF\x00\xE0\0\0\0\0", 8) + std::string("\xFE\xFF\x00\xE0", 4)
         + little(static_cast<std::uint32_t>(frame.size())) + frame + SequenceEnd;
}

/// A binary segmentation, all pixels set: one frame of its own segment at each position.
DicomFile segmentation(int size, const std::string& orientation, const std::vector<std::string>& positions)
{
    auto f = dicomSlice({.position = "", .rows = size, .columns = size, .values = std::vector<std::int16_t>(1), .bitsStored = 1, .isSigned = false, .modality = "SEG", .sopClass = Seg});
    std::vector<DicomFile> frames, segments;
    for (std::size_t n = 0; n < positions.size(); ++n) {
        const auto number = static_cast<std::uint16_t>(n + 1);
        frames.push_back(DicomFile().item(0x00209113, DicomFile().text(0x00200032, "DS", positions[n])).item(0x0062000A, DicomFile().us(0x0062000B, {number})));
        segments.push_back(DicomFile().us(0x00620004, {number}).text(0x00620005, "LO", hilum::format("s{}", number)));
    }
    f.us(0x00280100, {1}).us(0x00280102, {0}).text(0x00280008, "IS", std::to_string(positions.size())).text(0x00620001, "CS", "BINARY").items(0x00620002, segments);
    f.item(0x52009229, DicomFile().item(0x00209116, DicomFile().text(0x00200037, "DS", orientation)).item(0x00289110, DicomFile().text(0x00180050, "DS", "3").text(0x00280030, "DS", "1\\1")));
    f.items(0x52009230, frames).pixels(std::vector<std::uint8_t>((positions.size() * static_cast<std::size_t>(size * size) + 7) / 8, 0xFF));
    return f;
}

Result<Segmentation> readOne(const path& file)
{
    HILUM_TRY(const ScanResult found, scan({file}));
    if (found.items.size() != 1)
        return fail(ErrorCode::Empty, "{} items, {} refused", found.items.size(), found.refused.size());
    return readSegmentation(found.items[0], {}, {}, {});
}

} // namespace

class OddDicom : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void deepNestingIsFoundAnywhere_data()
    {
        QTest::addColumn<int>("place");
        QTest::newRow("deflated") << 0;
        QTest::newRow("behind compressed pixels") << 1;
        QTest::newRow("behind a long value") << 2;
        QTest::newRow("with delimiters within values") << 3;
        QTest::newRow("in a value of unknown kind") << 4;
        QTest::newRow("behind the ends that are told") << 5;
        QTest::newRow("where the way is lost") << 6;
    }
    void deepNestingIsFoundAnywhere()
    {
        QFETCH(int, place);
        const Folder f;
        std::string bytes = place == 1 ? rleSlice({}) : dicomSlice({}).bytes();
        if (place != 1)
            bytes.resize(bytes.find(std::string("\x20\x00\x0D\x00UI", 6)));
        if (place == 0) {
            bytes = withSyntax(bytes, "1.2.840.10008.1.2.1.99");
            const auto at = dataSetOf(bytes);
            bytes = bytes.substr(0, at) + deflated(bytes.substr(at) + manyLevels());
            QVERIFY(bytes.size() < 32768); // all of it is read at once
        } else if (place == 2) { // most of the file is a hole
            constexpr std::uint32_t Long = 66u << 20;
            std::ofstream out(f / "deep", std::ios::binary);
            bytes += std::string("\x09\x00\x10\x10OB\0\0", 8) + little(Long);
            out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
            out.seekp(Long, std::ios::cur);
            const std::string levels = manyLevels();
            out.write(levels.data(), static_cast<std::streamsize>(levels.size()));
        } else if (place == 3) {
            bytes += manyLevels(std::string("\x09\x00\x11\x10OB\0\0\x08\0\0\0", 12) + ItemEnd);
        } else if (place == 4) { // UN of undefined length: implicit VR within
            bytes += std::string("\x09\x00\x12\x10UN\0\0\xFF\xFF\xFF\xFF", 12) + ItemStart;
            for (int level = 0; level < 200'000; ++level)
                bytes += std::string("\x18\x00\x03\x90\xFF\xFF\xFF\xFF", 8) + ItemStart;
        } else if (place == 5) { // each item goes on where its sequence has ended
            for (int level = 0; level < 200'000; ++level)
                bytes += std::string("\x18\x00\x03\x90SQ\0\0\x08\0\0\0", 12) + ItemStart;
        } else if (place == 6) { // bytes of undefined length are read as a sequence
            bytes += std::string("\x09\x00\x13\x10OB\0\0\xFF\xFF\xFF\xFF", 12) + ItemStart;
            for (int level = 0; level < 200'000; ++level) // items that seem to end before the next one begins
                bytes += SequenceStart + std::string("\xFE\xFF\x00\xE0\x0C\0\0\0", 8);
        } else {
            bytes += manyLevels();
        }
        if (place != 2)
            writeBytes(f / "deep", bytes);
        const Status checked = checkNesting(f / "deep");
        QVERIFY(!checked);
        QVERIFY2(checked.error().message.find("nested in more than 256 levels") != std::string::npos, checked.error().message.c_str());
        dicomSlice({}).write(f / "good");
        const auto found = scan({f.where()}); // the program must live on
        HILUM_VERIFY_OK(found);
        if (place != 1) {
            QCOMPARE(found->items.size(), std::size_t{1});
            QCOMPARE(found->refused.at(0).code, std::string("damaged"));
        } else { // its header is fine: it is found out when its pixels are wanted
            HILUM_VERIFY_ERROR(readVolume(f / "deep"), ErrorCode::BadData);
        }
    }

    void manyItemsAreNoLevels()
    {
        const Folder f;
        std::string items;
        for (int n = 0; n < 1000; ++n)
            items += ItemStart + SequenceStart + ItemStart + ItemEnd + SequenceEnd + ItemEnd;
        auto slice = dicomSlice({.number = 7});
        slice.text(0x00091010, "OB", std::string(40'000, '\xFE')); // the header goes on behind what is read at once
        std::string bytes = slice.bytes();
        bytes.insert(bytes.find(std::string("\x20\x00\x0D\x00UI", 6)), SequenceStart + items + SequenceEnd);
        writeBytes(f / "a", bytes);
        HILUM_VERIFY_OK(checkNesting(f / "a"));
        const auto at = dataSetOf(bytes);
        const std::string packed = withSyntax(bytes, "1.2.840.10008.1.2.1.99");
        writeBytes(f / "b", packed.substr(0, dataSetOf(packed)) + deflated(bytes.substr(at)));
        HILUM_VERIFY_OK(checkNesting(f / "b"));
        writeBytes(f / "c", rleSlice({.number = 7}));
        HILUM_VERIFY_OK(checkNesting(f / "c"));
        for (const char* name : {"a", "b", "c"}) {
            const auto volume = readVolume(f / name);
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->at(4, 3, 0), 7.0);
        }
    }

    void aSegmentationHasOneSample()
    {
        const Folder f;
        auto file = segmentation(4, "1\\0\\0\\0\\1\\0", {"0\\0\\0", "0\\0\\3"});
        file.us(0x00280002, {3}).us(0x00280100, {8}).us(0x00280101, {8}).us(0x00280102, {7}).pixels(std::vector<std::uint8_t>(96, 1)).write(f / "a");
        HILUM_VERIFY_ERROR(readOne(f / "a"), ErrorCode::Unsupported);
        file.text(0x00620001, "CS", "FRACTIONAL").write(f / "b");
        const auto found = scan({f / "b"});
        HILUM_VERIFY_OK(found);
        HILUM_VERIFY_ERROR(readFractions(found->items.at(0), 1), ErrorCode::Unsupported);
    }

    void framesAHairApartLieOnOneSlice()
    {
        const Folder f; // 0.002 mm along the normal: more or less, by the last digit
        segmentation(900, "0.638024\\0.770016\\0\\-0.766363\\0.634997\\0.0973", {"-218.419\\-169.808\\279.288", "-218.41885015488586\\-169.80812415947085\\279.28999051020287"}).write(f / "a");
        const auto seg = readOne(f / "a");
        HILUM_VERIFY_OK(seg);
        QCOMPARE(seg->map.volume.geometry().size, (Index3{900, 900, 1}));
        QCOMPARE(seg->voxels.at(2), std::int64_t{900 * 900});
    }

    void segmentationsSayWhatIsAssumed()
    {
        const Folder f;
        segmentation(4, "1\\0\\0\\0\\1\\0", {"0\\0\\0", "0\\0\\3", "0\\0\\6"}).write(f / "near");
        const auto near = readOne(f / "near");
        HILUM_VERIFY_OK(near);
        QVERIFY(!hasNotice(near->map.volume.header().notices, "assumed_spacing"));
        auto file = segmentation(4, "1\\0\\0\\0\\1\\0", {"0\\0\\0", "0\\0\\30", "0\\0\\60"});
        file.write(f / "far");
        const auto far = readOne(f / "far");
        HILUM_VERIFY_OK(far);
        QVERIFY(hasNotice(far->map.volume.header().notices, "assumed_spacing", "30.000 mm apart, Slice Thickness is 3.000 mm"));
        file.item(0x52009229, DicomFile().item(0x00209116, DicomFile().text(0x00200037, "DS", "1\\0\\0\\0\\1\\0"))).text(0x00280030, "DS", "").write(f / "bare");
        const auto bare = readOne(f / "bare");
        HILUM_VERIFY_OK(bare);
        QVERIFY(hasNotice(bare->map.volume.header().notices, "assumed_spacing", "Pixel Spacing is missing"));
    }

    void segmentationsAreReadOutOfArchives()
    {
        const Folder f;
        const std::string bytes = segmentation(4, "1\\0\\0\\0\\1\\0", {"0\\0\\0", "0\\0\\3"}).bytes();
        int code = 0;
        zip_t* archive = zip_open((f / "seg.zip").c_str(), ZIP_CREATE, &code);
        QVERIFY(archive);
        QVERIFY(zip_file_add(archive, "a.dcm", zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0) >= 0);
        QCOMPARE(zip_close(archive), 0);
        const auto seg = readOne(f / "seg.zip");
        HILUM_VERIFY_OK(seg);
        QCOMPARE(seg->voxels.at(1), std::int64_t{16});
    }

    void overlaysOfImpossibleSizeAreLeftOut()
    {
        const Folder f;
        auto file = dicomSlice({.bitsStored = 12});
        file.text(0x60000010, "IS", "4611686018427387904").text(0x60000011, "IS", "4").us(0x60000100, {1}).us(0x60000102, {0}).text(0x60003000, "OW", std::string(8, '\xFF'));
        file.us(0x60020010, {4}).us(0x60020011, {5}).us(0x60020100, {16}).us(0x60020102, {0xFFFF}, "SS"); // bit -1
        file.us(0x60040010, {4}).us(0x60040011, {5}).us(0x60040100, {16}).us(0x60040102, {12});
        file.write(f / "a");
        const auto header = readDicomHeader(f / "a");
        HILUM_VERIFY_OK(header);
        QCOMPARE(header->overlays.size(), std::size_t{1});
        QCOMPARE(header->overlays[0].group, 0x6004);
        HILUM_VERIFY_OK(readVolume(f / "a"));
    }

    void oneFileThatFailsIsOneRefusal()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).write(f / std::to_string(k));
        // lengths whose squares are beyond all numbers
        writeBytes(f / "inf.nrrd", std::string("NRRD0004\ntype: short\ndimension: 2\nspace: left-posterior-superior\nsizes: 2 2\nspace directions: (1e200,0,0) (0,1e200,0)\n"
                                   "space origin: (0,0,0)\nendian: little\nencoding: raw\n\n") + std::string(8, '\1'));
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].size[2], std::int64_t{3});
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->refused[0].file, f / "inf.nrrd");
    }

    void aCutPieceIsThatFilesRefusal()
    {
        const Folder f;
        for (int k = 0; k < 4; ++k) {
            const std::string bytes = rleSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)});
            writeBytes(f / std::to_string(k), bytes.substr(0, bytes.size() - (k == 1 ? 20 : 0)));
        }
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QVERIFY(hasNotice(found->items[0].notices, "missing_slice"));
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->refused[0].file, f / "1");
        QCOMPARE(found->refused[0].code, std::string("truncated"));
        const auto volume = readVolume(found->items[0]);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(0, 0, 1), 3.0);
        // the good copy of it is read, although the damaged one comes first
        writeBytes(f / "2nd", rleSlice({.number = 2, .position = "0\\0\\1"}));
        const auto again = scan({f.where()});
        HILUM_VERIFY_OK(again);
        QCOMPARE(again->items.at(0).size[2], std::int64_t{4});
        QVERIFY(!hasNotice(again->items[0].notices, "missing_slice"));
    }

    void patientsAndFoldersStayApartWithoutASeries()
    {
        const Folder f;
        for (int k = 0; k < 2; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).text(0x0020000E, "UI", "").text(0x00100020, "LO", k ? "PB" : "PA").write(f / std::to_string(k));
        const auto patients = scan({f.where()});
        HILUM_VERIFY_OK(patients);
        QCOMPARE(patients->items.size(), std::size_t{2});
        const Folder g;
        for (int k = 0; k < 4; ++k) {
            std::filesystem::create_directories(g / std::to_string(k / 2));
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).text(0x0020000E, "UI", "").write(g / hilum::format("{}/{}", k / 2, k));
        }
        const auto folders = scan({g.where()});
        HILUM_VERIFY_OK(folders);
        QCOMPARE(folders->items.size(), std::size_t{2});
        for (const Item& i : folders->items)
            QCOMPARE(i.size[2], std::int64_t{2});
    }

    void theClassMakesACrossSection()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k), .modality = "XA", .sopClass = Ct}).write(f / std::to_string(k));
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].size[2], std::int64_t{3});
    }

    void aSliceWithoutAPlaceSaysSo_data()
    {
        QTest::addColumn<std::string>("position");
        QTest::addColumn<std::string>("orientation");
        QTest::addColumn<std::string>("words");
        QTest::newRow("no tags") << std::string() << std::string() << std::string("Image Position (Patient) and Image Orientation (Patient) are missing");
        QTest::newRow("no length") << std::string("0\\0\\1") << std::string("0\\0\\0\\0\\0\\0") << std::string("Image Orientation (Patient) is missing");
    }
    void aSliceWithoutAPlaceSaysSo()
    {
        QFETCH(std::string, position);
        QFETCH(std::string, orientation);
        QFETCH(std::string, words);
        const Folder f;
        dicomSlice({.position = position, .orientation = orientation}).write(f / "a");
        const auto found = scan({f / "a"});
        HILUM_VERIFY_OK(found);
        QVERIFY(hasNotice(found->items.at(0).notices, "not_a_volume", words));
        const ImageHeader& header = found->items[0].dicom->header;
        QVERIFY(!header.hasPatientSpace);
        QVERIFY(header.spacingMeaning == SpacingMeaning::Patient); // no detector made it
    }

    void aMosaicHasNoPlace()
    {
        const Folder f;
        dicomSlice({.position = "-624\\-661\\-6", .modality = "MR", .sopClass = Mr}).text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC").write(f / "a");
        const auto found = scan({f / "a"});
        HILUM_VERIFY_OK(found);
        QVERIFY(hasNotice(found->items.at(0).notices, "not_a_volume", "mosaic"));
        QVERIFY(!found->items[0].dicom->header.hasPatientSpace);
        const auto volume = readVolume(found->items[0]);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size, (Index3{5, 4, 1}));
        QCOMPARE(volume->geometry().originLps, (Vec3{0, 0, 0}));
    }

    void timePointsMayLieAHairApart()
    {
        const Folder f;
        int number = 0;
        for (int t = 0; t < 3; ++t)
            for (int k = 0; k < 4; ++k)
                dicomSlice({.number = ++number, .position = hilum::format("0\\0\\{}", 2 * k + 0.01 * (t == 1 ? -1 : t)), .values = std::vector<std::int16_t>(20, static_cast<std::int16_t>(100 * t + k)), .modality = "MR", .sopClass = Mr})
                    .write(f / std::to_string(number));
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].timePoints, std::int64_t{3});
        QCOMPARE(found->items[0].size[2], std::int64_t{4});
        QVERIFY(hasNotice(found->items[0].notices, "time_series", "differ by up to 0.030 mm"));
        const auto volume = readVolume(found->items[0], {.timePoint = 1}); // by its number, though it lies lowest
        HILUM_VERIFY_OK(volume);
        for (int k = 0; k < 4; ++k)
            QCOMPARE(volume->at(0, 0, k), 100.0 + k);
        // slices that are truly thin stay slices
        const Folder g;
        for (int k = 0; k < 6; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 0.05 * k)}).write(g / std::to_string(k));
        const auto thin = scan({g.where()});
        HILUM_VERIFY_OK(thin);
        QCOMPARE(thin->items.at(0).size[2], std::int64_t{6});
    }
};

QTEST_APPLESS_MAIN(OddDicom)
#include "tst_odd_dicom.moc"
