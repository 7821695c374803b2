#include "core/imaging/label_reader.h"
#include "tests/support/compare.h"
#include "tests/support/make_jpeg.h"

#include <cstdlib>
#include <fstream>

using namespace hilum;
using namespace hilum::imaging;
using tests::makeJpeg;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-jpeg");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

void writeBytes(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

/// EXIF data that say nothing but the orientation, in one of the two byte orders.
std::string exif(int orientation, bool little)
{
    const auto number = [&](std::uint32_t v, int width) {
        std::string out;
        for (int n = 0; n < width; ++n)
            out.push_back(static_cast<char>(v >> (8 * (little ? n : width - 1 - n)) & 0xFF));
        return out;
    };
    return std::string("Exif\0\0", 6) + (little ? "II" : "MM") + number(42, 2) + number(8, 4) + number(1, 2) + number(0x0112, 2) + number(3, 2) + number(1, 4)
         + number(static_cast<std::uint32_t>(orientation), 2) + number(0, 2) + number(0, 4);
}

/// Blocks of 8 x 8 pixels, two beside and three below one another, each of one value.
int blocks(int x, int y, int c) { return 40 + 30 * (x / 8 + 2 * (y / 8)) + c; }

} // namespace

class JpegFile : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void foreignBytesBehindTheEndAreAllowed()
    {
        const Folder f;
        const std::string whole = makeJpeg(64, 48, 1, [](int x, int y, int) { return (x * 37 + y * 91 + x * y * 13) % 251; });
        writeBytes(f / "a.jpg", whole + std::string(200'000, 'x')); // cameras put a second picture or a log there
        const auto image = readVolume(f / "a.jpg");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->geometry().size, (Index3{64, 48, 1}));
        writeBytes(f / "b.jpg", whole.substr(0, whole.size() - 300));
        HILUM_VERIFY_ERROR(readVolume(f / "b.jpg"), ErrorCode::BadData);
        writeBytes(f / "c.jpg", whole.substr(0, whole.size() - 300) + "\xFF\xD9"); // an end marker, but not all rows before it
        HILUM_VERIFY_ERROR(readVolume(f / "c.jpg"), ErrorCode::BadData);
    }

    void orientationOfExifIsApplied_data()
    {
        QTest::addColumn<int>("orientation");
        QTest::addColumn<int>("topLeft"); // of the picture the right way up: column and row of the stored block, in tens and ones
        QTest::addColumn<int>("topRight");
        QTest::newRow("as stored") << 1 << 0 << 10;
        QTest::newRow("mirrored") << 2 << 10 << 0;
        QTest::newRow("half a turn") << 3 << 12 << 2;
        QTest::newRow("upside down") << 4 << 2 << 12;
        QTest::newRow("transposed") << 5 << 0 << 2;
        QTest::newRow("a quarter to the right") << 6 << 2 << 0;
        QTest::newRow("transposed the other way") << 7 << 12 << 10;
        QTest::newRow("a quarter to the left") << 8 << 10 << 12;
        QTest::newRow("impossible") << 9 << 0 << 10;
    }
    void orientationOfExifIsApplied()
    {
        QFETCH(int, orientation);
        QFETCH(int, topLeft);
        QFETCH(int, topRight);
        const Folder f;
        for (const int components : {1, 3})
            for (const bool little : {true, false}) {
                writeBytes(f / "a.jpg", makeJpeg(16, 24, components, blocks, exif(orientation, little)));
                const auto image = readVolume(f / "a.jpg");
                HILUM_VERIFY_OK(image);
                const bool turned = orientation >= 5 && orientation <= 8;
                QCOMPARE(image->geometry().size, turned ? (Index3{24, 16, 1}) : (Index3{16, 24, 1}));
                const auto width = static_cast<std::size_t>(image->geometry().size[0]), samples = static_cast<std::size_t>(components);
                const auto value = [&](std::size_t x) { return image->visit([&](auto voxels) { return static_cast<int>(voxels[(2 * width + x) * samples]); }); };
                const auto stored = [](int block) { return blocks(8 * (block / 10), 8 * (block % 10), 0); };
                QVERIFY(std::abs(value(2) - stored(topLeft)) <= 2); // rounding of the codec
                QVERIFY(std::abs(value(width - 3) - stored(topRight)) <= 2);
            }
    }
};

QTEST_APPLESS_MAIN(JpegFile)
#include "tst_jpeg_file.moc"
