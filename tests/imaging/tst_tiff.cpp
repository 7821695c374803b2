// TIFF files of every layout, written with libtiff value by value.
#include "core/base/paths.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"

#include <QTest>

#include <tiffio.h>

#include <cstring>
#include <fstream>

using namespace hilum;
using namespace hilum::imaging;

namespace {

constexpr int Width = 21, Height = 13; // no multiples of tiles and strips

struct Page {
    int bits = 16, samples = 1, format = SAMPLEFORMAT_UINT, photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE;
    int orientation = ORIENTATION_TOPLEFT;
    bool tiled = false;
    int width = Width, height = Height, reduced = 0;
};

/// The value at (x, y) of sample s on page n; small enough for 8 bits.
int valueAt(int x, int y, int s, int n) { return (7 * x + 11 * y + 50 * s + 3 * n) % 101; }

template <class T> void put(std::vector<char>& bytes, std::size_t at, T value) { std::memcpy(bytes.data() + at * sizeof(T), &value, sizeof(T)); }

void putValue(std::vector<char>& row, std::size_t at, const Page& p, int v)
{
    if (p.bits < 8) {
        const std::size_t per = 8 / static_cast<std::size_t>(p.bits);
        row[at / per] = static_cast<char>(row[at / per] | (v & ((1 << p.bits) - 1)) << (8 - p.bits * static_cast<int>(at % per + 1)));
    } else if (p.format == SAMPLEFORMAT_IEEEFP) {
        p.bits == 32 ? put(row, at, v + 0.5f) : put(row, at, v + 0.5);
    } else {
        const int shown = p.format == SAMPLEFORMAT_INT ? v - 50 : v;
        switch (p.bits) {
        case 8: put(row, at, static_cast<std::int8_t>(shown)); break;
        case 16: put(row, at, static_cast<std::int16_t>(shown)); break;
        default: put(row, at, static_cast<std::int32_t>(shown)); break;
        }
    }
}

void writeTiff(const path& file, const std::vector<Page>& pages, const char* mode = "w")
{
    TIFF* t = TIFFOpen(file.c_str(), mode);
    QVERIFY(t);
    for (int n = 0; n < static_cast<int>(pages.size()); ++n) {
        const Page& p = pages[static_cast<std::size_t>(n)];
        TIFFSetField(t, TIFFTAG_IMAGEWIDTH, p.width);
        TIFFSetField(t, TIFFTAG_IMAGELENGTH, p.height);
        TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, p.bits);
        TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, p.samples);
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, p.format);
        TIFFSetField(t, TIFFTAG_PHOTOMETRIC, p.photometric);
        TIFFSetField(t, TIFFTAG_PLANARCONFIG, p.planar);
        TIFFSetField(t, TIFFTAG_COMPRESSION, p.compression);
        TIFFSetField(t, TIFFTAG_ORIENTATION, p.orientation);
        if (p.reduced)
            TIFFSetField(t, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
        if (p.samples == 2 || p.samples == 4) {
            const std::uint16_t alpha[] = {EXTRASAMPLE_UNASSALPHA};
            TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, alpha);
        }
        if (p.photometric == PHOTOMETRIC_PALETTE) {
            std::vector<std::uint16_t> red(256), green(256), blue(256);
            for (std::size_t c = 0; c < 256; ++c) {
                red[c] = static_cast<std::uint16_t>(257 * c);
                green[c] = static_cast<std::uint16_t>(257 * (255 - c));
                blue[c] = 257 * 9;
            }
            TIFFSetField(t, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
        }
        const bool separate = p.planar == PLANARCONFIG_SEPARATE;
        const int inRow = separate ? 1 : p.samples, planes = separate ? p.samples : 1;
        const int side = 16;
        if (p.tiled) {
            TIFFSetField(t, TIFFTAG_TILEWIDTH, side);
            TIFFSetField(t, TIFFTAG_TILELENGTH, side);
        } else {
            TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 5);
        }
        for (int s = 0; s < planes; ++s) {
            const auto fill = [&](std::vector<char>& row, int y, int left, int columns) {
                for (int c = 0; c < columns && left + c < p.width; ++c)
                    for (int e = 0; e < inRow; ++e)
                        putValue(row, static_cast<std::size_t>(c * inRow + e), p, valueAt(left + c, y, separate ? s : e, n));
            };
            if (p.tiled) {
                for (int top = 0; top < p.height; top += side)
                    for (int left = 0; left < p.width; left += side) {
                        std::vector<char> tile;
                        for (int y = top; y < top + side; ++y) {
                            std::vector<char> row(static_cast<std::size_t>(side * inRow * p.bits / 8));
                            if (y < p.height)
                                fill(row, y, left, side);
                            tile.insert(tile.end(), row.begin(), row.end());
                        }
                        TIFFWriteTile(t, tile.data(), static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), 0, static_cast<std::uint16_t>(s));
                    }
            } else {
                for (int y = 0; y < p.height; ++y) {
                    std::vector<char> row(static_cast<std::size_t>((p.width * inRow * p.bits + 7) / 8));
                    fill(row, y, 0, p.width);
                    TIFFWriteScanline(t, row.data(), static_cast<std::uint32_t>(y), static_cast<std::uint16_t>(s));
                }
            }
        }
        TIFFWriteDirectory(t);
    }
    TIFFClose(t);
}

/// Component s of a voxel.
double valueOf(const Volume& v, int x, int y, int n, int s)
{
    const auto at = static_cast<std::size_t>(((n * Height + y) * Width + x) * v.components() + s);
    return v.visit([&](auto values) { return static_cast<double>(values[at]); });
}

std::string bytesOfFile(const path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

class TestTiff : public QObject {
    Q_OBJECT
    TemporaryFolder m_folder = TemporaryFolder::make("hilum-tiff").value();
    path file(const char* name) const { return m_folder.where() / name; }

private Q_SLOTS:
    void everyLayoutGivesItsValues_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("samples");
        QTest::addColumn<int>("format");
        QTest::addColumn<int>("planar");
        QTest::addColumn<int>("compression");
        QTest::addColumn<bool>("tiled");
        QTest::addColumn<int>("pages");
        QTest::addColumn<QByteArray>("mode");
        constexpr int U = SAMPLEFORMAT_UINT, I = SAMPLEFORMAT_INT, F = SAMPLEFORMAT_IEEEFP, C = PLANARCONFIG_CONTIG, S = PLANARCONFIG_SEPARATE;
        QTest::newRow("1 bit") << 1 << 1 << U << C << COMPRESSION_NONE << false << 1 << QByteArray("w");
        QTest::newRow("4 bits") << 4 << 1 << U << C << COMPRESSION_NONE << false << 1 << QByteArray("w");
        QTest::newRow("8 bits, LZW") << 8 << 1 << U << C << COMPRESSION_LZW << false << 1 << QByteArray("w");
        QTest::newRow("16 bits, stack, deflate") << 16 << 1 << U << C << COMPRESSION_ADOBE_DEFLATE << false << 4 << QByteArray("w");
        QTest::newRow("16 bits signed, other byte order") << 16 << 1 << I << C << COMPRESSION_NONE << false << 2 << QByteArray("wb");
        QTest::newRow("16 bits, tiles, BigTIFF") << 16 << 1 << U << C << COMPRESSION_PACKBITS << true << 3 << QByteArray("w8");
        QTest::newRow("32 bits signed") << 32 << 1 << I << C << COMPRESSION_NONE << false << 1 << QByteArray("w");
        QTest::newRow("float") << 32 << 1 << F << C << COMPRESSION_LZW << true << 2 << QByteArray("w");
        QTest::newRow("double") << 64 << 1 << F << C << COMPRESSION_NONE << false << 1 << QByteArray("wb");
        QTest::newRow("RGB") << 8 << 3 << U << C << COMPRESSION_NONE << false << 1 << QByteArray("w");
        QTest::newRow("RGB of 16 bits, separate tiles") << 16 << 3 << U << S << COMPRESSION_LZW << true << 2 << QByteArray("w");
        QTest::newRow("RGBA, separate strips") << 8 << 4 << U << S << COMPRESSION_NONE << false << 1 << QByteArray("w");
        QTest::newRow("grey and alpha") << 8 << 2 << U << C << COMPRESSION_NONE << false << 1 << QByteArray("w");
    }
    void everyLayoutGivesItsValues()
    {
        QFETCH(int, bits);
        QFETCH(int, samples);
        QFETCH(int, format);
        QFETCH(int, planar);
        QFETCH(int, compression);
        QFETCH(bool, tiled);
        QFETCH(int, pages);
        QFETCH(QByteArray, mode);
        Page p{.bits = bits, .samples = samples, .format = format, .photometric = samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK, .planar = planar, .compression = compression,
               .tiled = tiled};
        writeTiff(file("in.tif"), std::vector<Page>(static_cast<std::size_t>(pages), p), mode.constData());
        const auto volume = readVolume(file("in.tif"));
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size, (Index3{Width, Height, pages}));
        const int shown = samples == 2 || samples == 4 ? samples - 1 : samples;
        QCOMPARE(volume->components(), shown);
        for (int n = 0; n < pages; ++n)
            for (int y = 0; y < Height; ++y)
                for (int x = 0; x < Width; ++x)
                    for (int s = 0; s < shown; ++s) {
                        const int stored = valueAt(x, y, s, n);
                        const double expected = bits < 8 ? stored & ((1 << bits) - 1) : format == SAMPLEFORMAT_IEEEFP ? stored + 0.5 : format == SAMPLEFORMAT_INT ? stored - 50 : stored;
                        QCOMPARE(valueOf(*volume, x, y, n, s), expected);
                    }
    }

    void whiteZeroPalettesAndOrientation()
    {
        writeTiff(file("white.tif"), {{.bits = 8, .photometric = PHOTOMETRIC_MINISWHITE}});
        const auto white = readVolume(file("white.tif"));
        HILUM_VERIFY_OK(white);
        QCOMPARE(white->header().photometric, std::string("MONOCHROME1")); // values as stored
        QCOMPARE(white->at(3, 2, 0), static_cast<double>(valueAt(3, 2, 0, 0)));

        writeTiff(file("palette.tif"), {{.bits = 8, .photometric = PHOTOMETRIC_PALETTE}});
        const auto palette = readVolume(file("palette.tif"));
        HILUM_VERIFY_OK(palette);
        QCOMPARE(palette->components(), 3);
        const int index = valueAt(5, 4, 0, 0);
        QCOMPARE(valueOf(*palette, 5, 4, 0, 0), static_cast<double>(index));
        QCOMPARE(valueOf(*palette, 5, 4, 0, 1), static_cast<double>(255 - index));
        QCOMPARE(valueOf(*palette, 5, 4, 0, 2), 9.0);

        writeTiff(file("turned.tif"), {{.bits = 16, .orientation = ORIENTATION_BOTRIGHT}});
        const auto turned = readVolume(file("turned.tif"));
        HILUM_VERIFY_OK(turned);
        QCOMPARE(turned->at(0, 0, 0), static_cast<double>(valueAt(Width - 1, Height - 1, 0, 0)));
        writeTiff(file("sideways.tif"), {{.bits = 16, .orientation = ORIENTATION_LEFTTOP}});
        const auto sideways = readVolume(file("sideways.tif"));
        HILUM_VERIFY_ERROR(sideways, ErrorCode::Unsupported);
    }

    void reducedCopiesAreLeftOutAndOtherPagesRefused()
    {
        writeTiff(file("pyramid.tif"), {{}, {.width = 10, .height = 6, .reduced = 1}, {}});
        const auto pyramid = readVolume(file("pyramid.tif"));
        HILUM_VERIFY_OK(pyramid);
        QCOMPARE(pyramid->geometry().size, (Index3{Width, Height, 2}));
        QCOMPARE(pyramid->at(1, 1, 1), static_cast<double>(valueAt(1, 1, 0, 2)));
        writeTiff(file("mixed.tif"), {{}, {.width = 10, .height = 6}});
        const auto mixed = readVolume(file("mixed.tif"));
        HILUM_VERIFY_ERROR(mixed, ErrorCode::Unsupported);
        QVERIFY2(mixed.error().message.find("page 2 has 10 x 6 pixels") != std::string::npos, mixed.error().message.c_str());
    }

    void damagedFilesAreRefused()
    {
        writeTiff(file("whole.tif"), {{.compression = COMPRESSION_LZW}});
        const std::string all = bytesOfFile(file("whole.tif"));
        // libtiff writes the directory last: bytes taken out before it shift nothing that the header names when they are overwritten
        std::string damaged = all;
        std::fill(damaged.begin() + 8, damaged.begin() + 60, '\xFF');
        std::ofstream(file("damaged.tif"), std::ios::binary) << damaged;
        const auto broken = readVolume(file("damaged.tif"));
        HILUM_VERIFY_ERROR(broken, ErrorCode::BadData);
        std::ofstream(file("cut.tif"), std::ios::binary) << all.substr(0, all.size() - 20);
        const auto cut = readVolume(file("cut.tif"));
        HILUM_VERIFY_ERROR(cut, ErrorCode::BadData);

        // a plain picture whose height claims 1.6 billion rows in strips of 5
        writeTiff(file("plain.tif"), {{}});
        std::string lying = bytesOfFile(file("plain.tif"));
        const std::string length{'\x01', '\x01', '\x03', '\0', '\x01', '\0', '\0', '\0', static_cast<char>(Height), '\0', '\0', '\0'}; // tag 257, SHORT
        const auto at = lying.find(length);
        QVERIFY(at != std::string::npos);
        lying[at + 2] = 4; // LONG
        lying[at + 11] = 0x62;
        std::ofstream(file("lying.tif"), std::ios::binary) << lying;
        const auto claimed = readVolume(file("lying.tif"));
        QVERIFY(!claimed);
        QVERIFY2(claimed.error().code == ErrorCode::BadData || claimed.error().code == ErrorCode::TooLarge, claimed.error().sentence().c_str());
    }
};

QTEST_GUILESS_MAIN(TestTiff)
#include "tst_tiff.moc"
