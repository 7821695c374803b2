#include "core/imaging/dicom_codec.h"
#include "core/imaging/dicom_deflated.h"
#include "core/imaging/jpeg2000.h"
#include "core/imaging/jpeg_warnings.h"
#include "core/imaging/label_reader.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"
#include "tests/support/make_jpeg.h"

#include <zlib.h>

using namespace hilum;
using namespace hilum::imaging;
using tests::DicomFile;
using tests::dicomSlice;
using tests::makeJpeg;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-codec");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const std::vector<Notice>& notices, std::string_view code)
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code; });
}

/// A picture of bytes without a place in the patient.
DicomFile picture(int columns, int rows, int samples = 1)
{
    auto f = dicomSlice({.position = "", .rows = rows, .columns = columns, .isSigned = false, .modality = "OT", .sopClass = "1.2.840.10008.5.1.4.1.1.7", .photometric = samples == 1 ? "MONOCHROME2" : "RGB"});
    f.us(0x00280002, {static_cast<std::uint16_t>(samples)}).us(0x00280100, {8}).us(0x00280101, {8}).us(0x00280102, {7});
    if (samples == 3)
        f.us(0x00280006, {0});
    return f;
}

constexpr char Baseline[] = "1.2.840.10008.1.2.4.50", Jpeg2000[] = "1.2.840.10008.1.2.4.90", Deflated[] = "1.2.840.10008.1.2.1.99";

int rough(int x, int y, int c) { return (x * 37 + y * 91 + x * y * 13 + c * 50) % 251; }

Status decodeAll(const path& file)
{
    HILUM_TRY(const DicomHeader h, readDicomHeader(file));
    HILUM_TRY(auto reader, DicomFrameReader::open(h));
    std::vector<std::byte> out(static_cast<std::size_t>(h.storedFrameBytes()));
    for (std::int64_t k = 0; k < h.frameCount(); ++k)
        HILUM_TRY_STATUS(reader.decode(k, out));
    return {};
}

/// The head of a JPEG 2000 codestream: its size, nothing behind it.
std::string jpeg2000Head(std::uint32_t columns, std::uint32_t rows, std::uint16_t components)
{
    std::string b("\xFF\x4F\xFF\x51", 4);
    const auto put = [&](std::uint32_t v, int width) {
        for (int n = width - 1; n >= 0; --n)
            b.push_back(static_cast<char>(v >> (8 * n) & 0xFF));
    };
    put(38u + 3u * components, 2);
    put(0, 2);
    for (const std::uint32_t v : {columns, rows, 0u, 0u, columns, rows, 0u, 0u})
        put(v, 4);
    put(components, 2);
    for (int c = 0; c < components; ++c)
        b += std::string("\x07\x01\x01", 3);
    return b;
}

/// The same file with its data set deflated.
std::string deflatedBytes(const DicomFile& f)
{
    const std::string all = f.bytes();
    const std::size_t at = all.find(std::string("\x08\x00\x16\x00UI", 6));
    std::string out = all.substr(0, at);
    std::vector<Bytef> packed(compressBound(static_cast<uLong>(all.size())) + 64);
    z_stream z{};
    if (deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return {};
    std::string set = all.substr(at);
    z.next_in = reinterpret_cast<Bytef*>(set.data());
    z.avail_in = static_cast<uInt>(set.size());
    z.next_out = packed.data();
    z.avail_out = static_cast<uInt>(packed.size());
    deflate(&z, Z_FINISH);
    out.append(reinterpret_cast<const char*>(packed.data()), packed.size() - z.avail_out);
    deflateEnd(&z);
    return out;
}

void writeBytes(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

} // namespace

class DicomCodec : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // the decoder fills what is missing with grey and calls that good
    void aDamagedJpegIsRefused()
    {
        const Folder f;
        const std::string whole = makeJpeg(64, 64, 1, rough);
        picture(64, 64).syntax(Baseline).fragments({whole}).write(f / "whole");
        HILUM_VERIFY_OK(decodeAll(f / "whole"));
        for (const std::string& end : {std::string("\xFF\xD9"), std::string()}) {
            picture(64, 64).syntax(Baseline).fragments({whole.substr(0, whole.size() * 2 / 3) + end}).write(f / "cut");
            HILUM_VERIFY_ERROR(decodeAll(f / "cut"), ErrorCode::BadData);
        }
        HILUM_VERIFY_OK(decodeAll(f / "whole")); // a warning stays with its frame
    }

    void warningsThatLosePixels_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("loses");
        QTest::newRow("cut") << "Corrupt JPEG data: premature end of data segment" << true;
        QTest::newRow("code") << "Corrupt JPEG data: bad Huffman code" << true;
        QTest::newRow("restart") << "Corrupt JPEG data: found marker 0xd9 instead of RST0" << true;
        QTest::newRow("file") << "Premature end of JPEG file" << true;
        QTest::newRow("half a scan left over") << "Corrupt JPEG data: 2400 extraneous bytes before marker 0xd9" << true;
        QTest::newRow("padding") << "Corrupt JPEG data: 2 extraneous bytes before marker 0xd9" << false;
        QTest::newRow("parameters") << "Invalid SOS parameters for sequential JPEG" << false;
    }
    void warningsThatLosePixels()
    {
        QFETCH(QString, text);
        QFETCH(bool, loses);
        QCOMPARE(losesPixels(text.toStdString()), loses);
    }

    void aStreamOfAnotherKindIsRefused()
    {
        const Folder f;
        const std::string grey = makeJpeg(32, 24, 1, rough), colour = makeJpeg(32, 24, 3, rough), small = makeJpeg(16, 24, 1, rough);
        picture(32, 24, 3).syntax(Baseline).fragments({colour}).write(f / "colour");
        HILUM_VERIFY_OK(decodeAll(f / "colour"));
        picture(32, 24, 3).syntax(Baseline).fragments({grey}).write(f / "a");
        HILUM_VERIFY_ERROR(decodeAll(f / "a"), ErrorCode::BadData);
        picture(32, 24).us(0x00280100, {16}).us(0x00280101, {16}).us(0x00280102, {15}).syntax(Baseline).fragments({grey}).write(f / "a");
        HILUM_VERIFY_ERROR(decodeAll(f / "a"), ErrorCode::BadData);
        // each frame is held against the header, not the first one alone
        picture(32, 24).text(0x00280008, "IS", "2").syntax(Baseline).fragments({grey, grey}).write(f / "two");
        HILUM_VERIFY_OK(decodeAll(f / "two"));
        picture(32, 24).text(0x00280008, "IS", "2").syntax(Baseline).fragments({grey, small}).write(f / "a");
        const auto second = decodeAll(f / "a");
        HILUM_VERIFY_ERROR(second, ErrorCode::BadData);
        QVERIFY2(second.error().sentence().find("frame 2 has 16 x 24 pixels of 1 samples") != std::string::npos, second.error().sentence().c_str());
    }

    // such streams of a kilobyte took gigabytes before they were refused
    void jpeg2000IsHeldAgainstTheHeaderFirst()
    {
        const std::string many = jpeg2000Head(64, 64, 4000);
        const auto decoded = decodeJpeg2000(std::as_bytes(std::span(many)), {.columns = 64, .rows = 64, .components = 1});
        HILUM_VERIFY_ERROR(decoded, ErrorCode::BadData);
        QVERIFY2(decoded.error().sentence().find("64 x 64 pixels of 4000 components") != std::string::npos, decoded.error().sentence().c_str());
        const Folder f;
        picture(64, 64).syntax(Jpeg2000).fragments({jpeg2000Head(24000, 24000, 1)}).write(f / "a");
        const auto wide = decodeAll(f / "a");
        HILUM_VERIFY_ERROR(wide, ErrorCode::BadData);
        QVERIFY2(wide.error().sentence().find("24000 x 24000 pixels of 1 samples") != std::string::npos, wide.error().sentence().c_str());
        // within the boxes of a JP2 file as well
        const std::string boxes = std::string("\0\0\0\x0CjP  \r\n\x87\n", 12) + std::string("\0\0\0\0jp2c", 8) + jpeg2000Head(80, 64, 3);
        const auto told = codestreamSize(std::as_bytes(std::span(boxes)));
        QVERIFY(told && told->columns == 80 && told->rows == 64 && told->components == 3 && told->bits == 8);
    }

    void deflatedPixelsAreReadUpToWhatTheHeaderNeeds()
    {
        const Folder f;
        auto file = dicomSlice({.rows = 2, .columns = 3, .values = {7, -8, 9, 10, 11, 12}});
        file.syntax(Deflated);
        writeBytes(f / "a", deflatedBytes(file));
        const auto volume = readVolume(f / "a");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(1, 0, 0), -8.0);
        QCOMPARE(volume->at(2, 1, 0), 12.0);
        // 2 MB behind 2 x 3 pixels
        writeBytes(f / "b", deflatedBytes(file.pixels(std::vector<std::int16_t>(1 << 20, 1))));
        const auto h = readDicomHeader(f / "b");
        HILUM_VERIFY_OK(h);
        HILUM_VERIFY_OK(inflatePixels(*h));
        const auto bomb = inflatePixels(*h, 1 << 20);
        HILUM_VERIFY_ERROR(bomb, ErrorCode::BadData);
        QVERIFY2(bomb.error().sentence().find("grows beyond 1,048,588 bytes, but the header's pixels take 12") != std::string::npos, bomb.error().sentence().c_str());
        std::vector<std::int16_t> values;
        for (int n = 0; n < 3600; ++n)
            values.push_back(static_cast<std::int16_t>(rough(n % 60, n / 60, 0)));
        const std::string all = deflatedBytes(dicomSlice({.rows = 60, .columns = 60, .values = values}).syntax(Deflated));
        writeBytes(f / "c", all.substr(0, all.size() - 60));
        const auto cut = decodeAll(f / "c");
        HILUM_VERIFY_ERROR(cut, ErrorCode::BadData);
        QVERIFY2(cut.error().sentence().find("of 7,200 bytes") != std::string::npos, cut.error().sentence().c_str());
    }

    // General Electric's private syntax: a little-endian header without VRs, big-endian pixels
    void bigEndianPixelsBehindALittleEndianHeader()
    {
        const Folder f;
        std::string file = dicomSlice({}).syntax("1.2.840.113619.5.2").bytes();
        file.resize(file.find(std::string("\x08\x00\x16\x00UI", 6)));
        const auto add = [&](std::uint16_t group, std::uint16_t element, std::string value) {
            if (value.size() % 2)
                value.push_back(group == 8 ? '\0' : ' ');
            const std::uint16_t tag[] = {group, element};
            const auto length = static_cast<std::uint32_t>(value.size());
            file.append(reinterpret_cast<const char*>(tag), 4).append(reinterpret_cast<const char*>(&length), 4).append(value);
        };
        const auto number = [](std::uint16_t v) { return std::string(reinterpret_cast<const char*>(&v), 2); };
        add(0x0008, 0x0016, "1.2.840.10008.5.1.4.1.1.7");
        add(0x0008, 0x0018, "1.2.3.4");
        add(0x0008, 0x0060, "OT");
        add(0x0028, 0x0002, number(1));
        add(0x0028, 0x0004, "MONOCHROME2");
        add(0x0028, 0x0010, number(1));
        add(0x0028, 0x0011, number(2));
        add(0x0028, 0x0100, number(16));
        add(0x0028, 0x0101, number(16));
        add(0x0028, 0x0102, number(15));
        add(0x0028, 0x0103, number(0));
        add(0x7FE0, 0x0010, std::string("\x03\xE8\x03\xE9", 4));
        writeBytes(f / "a", file);
        const auto image = readVolume(f / "a");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->at(0, 0, 0), 1000.0);
        QCOMPARE(image->at(1, 0, 0), 1001.0);
    }

    void greyOfYbrStaysGrey_data()
    {
        QTest::addColumn<int>("bits");
        for (const int bits : {8, 12, 16})
            QTest::addRow("%d bits", bits) << bits;
    }
    void greyOfYbrStaysGrey()
    {
        QFETCH(int, bits);
        const Folder f;
        const auto middle = static_cast<std::uint16_t>(1 << (bits - 1)), most = static_cast<std::uint16_t>((1 << bits) - 1), last = static_cast<std::uint16_t>(bits);
        auto file = dicomSlice({.position = "", .rows = 1, .columns = 2, .isSigned = false, .modality = "OT", .sopClass = "1.2.840.10008.5.1.4.1.1.7", .photometric = "YBR_FULL"});
        file.us(0x00280002, {3}).us(0x00280006, {0}).us(0x00280100, {16}).us(0x00280101, {last}).us(0x00280102, {static_cast<std::uint16_t>(bits - 1)});
        file.pixels(std::vector<std::uint16_t>{middle, middle, middle, most, middle, most}).write(f / "a");
        const auto image = readVolume(f / "a");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->components(), 3);
        const auto value = [&](std::size_t n) { return image->visit([&](auto voxels) { return static_cast<int>(voxels[n]); }); };
        for (std::size_t c = 0; c < 3; ++c)
            QCOMPARE(value(c), static_cast<int>(middle));
        QCOMPARE(value(3), static_cast<int>(most)); // clipped at the stored range, not at the type's
    }

    void onlyRescaledCtIsInHounsfieldUnits_data()
    {
        QTest::addColumn<QString>("slope");
        QTest::addColumn<QString>("type");
        QTest::addColumn<bool>("hu");
        QTest::newRow("slope, no type") << "1" << "" << true;
        QTest::newRow("HU") << "1" << "HU" << true;
        QTest::newRow("effective atomic number") << "1" << "Z_EFF" << false;
        QTest::newRow("electron density") << "1" << "ED" << false;
        QTest::newRow("no slope, no type") << "" << "" << false;
    }
    void onlyRescaledCtIsInHounsfieldUnits()
    {
        QFETCH(QString, slope);
        QFETCH(QString, type);
        QFETCH(bool, hu);
        const Folder f;
        dicomSlice({.slope = slope.toStdString(), .intercept = slope.isEmpty() ? "" : "-1024"}).text(0x00281054, "LO", type.toStdString()).write(f / "a");
        const auto volume = readVolume(f / "a");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->header().unit == Unit::Hu, hu);
        QCOMPARE(hasNotice(volume->header().notices, "rescale_missing"), slope.isEmpty());
    }

    void aRescaleThatIsNoNumberIsRefused()
    {
        const Folder f;
        for (const char* const slope : {"0,5", "nan", "inf", "1.5x"}) {
            dicomSlice({.slope = slope}).write(f / "a");
            const auto h = readDicomHeader(f / "a");
            HILUM_VERIFY_ERROR(h, ErrorCode::BadData);
            QVERIFY2(h.error().sentence().find(hilum::format("Rescale Slope is \"{}\"", slope)) != std::string::npos, h.error().sentence().c_str());
        }
        dicomSlice({.slope = "+1.5E0", .intercept = "-0.5"}).write(f / "a");
        const auto h = readDicomHeader(f / "a");
        HILUM_VERIFY_OK(h);
        QCOMPARE(h->frames.front().slope, 1.5);
        QCOMPARE(h->frames.front().intercept, -0.5);
    }

    void indicesWithoutTheirPaletteAreNoted()
    {
        const Folder f;
        auto file = picture(2, 1);
        file.text(0x00280004, "CS", "PALETTE COLOR").pixels(std::vector<std::uint8_t>{0, 1});
        file.write(f / "a");
        const auto bare = readVolume(f / "a");
        HILUM_VERIFY_OK(bare);
        QVERIFY(hasNotice(bare->header().notices, "palette_missing"));
        for (std::uint32_t c = 0; c < 3; ++c)
            file.us(0x00281101 + c, {2, 0, 16}).us(0x00281201 + c, {0x1000, 0x2000}, "OW");
        file.write(f / "a");
        const auto coloured = readVolume(f / "a");
        HILUM_VERIFY_OK(coloured);
        QCOMPARE(coloured->components(), 3);
        QVERIFY(!hasNotice(coloured->header().notices, "palette_missing"));
    }

    void lossySyntaxesAreNotedWithoutTheirTag()
    {
        const Folder f;
        picture(16, 16).syntax(Baseline).fragments({makeJpeg(16, 16, 1, rough)}).write(f / "a");
        const auto image = readVolume(f / "a");
        HILUM_VERIFY_OK(image);
        QVERIFY(hasNotice(image->header().notices, "lossy"));
        picture(16, 16).pixels(std::vector<std::uint8_t>(256, 3)).write(f / "b");
        const auto plain = readVolume(f / "b");
        HILUM_VERIFY_OK(plain);
        QVERIFY(!hasNotice(plain->header().notices, "lossy"));
    }
};

QTEST_APPLESS_MAIN(DicomCodec)
#include "tst_dicom_codec.moc"
