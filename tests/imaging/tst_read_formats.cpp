#include "core/imaging/codestream.h"
#include "core/imaging/export_source.h"
#include "core/imaging/graphics.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/picture_stack.h"
#include "core/imaging/png_write.h"
#include "core/imaging/read_part.h"
#include "core/imaging/rle.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <zip.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iterator>

#include <jpeglib.h>

using namespace hilum;
using namespace hilum::imaging;
using tests::DicomFile;
using tests::dicomSlice;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-formats");
    const path& where() const { return folder.where(); }
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const std::vector<Notice>& notices, std::string_view code)
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code; });
}

void writeBytes(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

/// A grey baseline (8 bits) or extended (12 bits) JPEG file of finest quality.
void writeJpeg(const path& file, int size, int bits, const std::function<int(int, int)>& value)
{
    jpeg_compress_struct codec{};
    jpeg_error_mgr errors{};
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    std::FILE* out = std::fopen(file.c_str(), "wb");
    QVERIFY(out);
    jpeg_stdio_dest(&codec, out);
    codec.image_width = codec.image_height = static_cast<JDIMENSION>(size);
    codec.input_components = 1;
    codec.in_color_space = JCS_GRAYSCALE;
    codec.data_precision = bits;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, 100, FALSE);
    jpeg_start_compress(&codec, TRUE);
    for (int y = 0; y < size; ++y) {
        std::vector<JSAMPLE> bytes;
        std::vector<J12SAMPLE> words;
        for (int x = 0; x < size; ++x) {
            bytes.push_back(static_cast<JSAMPLE>(value(x, y)));
            words.push_back(static_cast<J12SAMPLE>(value(x, y)));
        }
        JSAMPROW line = bytes.data();
        J12SAMPROW wide = words.data();
        bits == 8 ? jpeg_write_scanlines(&codec, &line, 1) : jpeg12_write_scanlines(&codec, &wide, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    std::fclose(out);
}

std::string voxelBytes(int count)
{
    std::string out(2 * static_cast<std::size_t>(count), '\0');
    for (int n = 0; n < count; ++n) {
        const auto v = static_cast<std::int16_t>(n);
        std::memcpy(out.data() + 2 * n, &v, 2);
    }
    return out;
}

/// A NIfTI header of int16 voxels, its numbers behind it at byte 352.
std::string niftiHeader(std::int16_t i, std::int16_t j, std::int16_t k)
{
    std::string b(352, '\0');
    const auto put = [&](std::size_t at, auto v) { std::memcpy(b.data() + at, &v, sizeof v); };
    put(0, std::int32_t{348});
    const std::int16_t dims[] = {3, i, j, k, 1, 1, 1, 1};
    std::memcpy(b.data() + 40, dims, sizeof dims);
    put(70, std::int16_t{4});
    put(72, std::int16_t{16});
    for (std::size_t n = 0; n < 8; ++n)
        put(76 + 4 * n, 1.f);
    put(108, 352.f);
    put(254, std::int16_t{1});
    for (std::size_t n = 0; n < 3; ++n)
        put(280 + 20 * n, 2.f);
    std::memcpy(b.data() + 344, "n+1", 4);
    return b;
}

Status addToZip(const path& file, const std::vector<std::pair<std::string, std::string>>& members, bool encrypted = false)
{
    int code = 0;
    zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!archive)
        return fail(ErrorCode::Internal, "no archive");
    for (const auto& [name, bytes] : members) {
        const zip_int64_t at = zip_file_add(archive, name.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), ZIP_FL_OVERWRITE);
        if (encrypted && zip_file_set_encryption(archive, static_cast<zip_uint64_t>(at), ZIP_EM_TRAD_PKWARE, "secret") != 0)
            return fail(ErrorCode::Internal, "no encryption");
    }
    return zip_close(archive) == 0 ? Status{} : fail(ErrorCode::Internal, "not written");
}

std::string square(double low, double high, double z)
{
    return hilum::format("{0}\\{0}\\{2}\\{1}\\{0}\\{2}\\{1}\\{1}\\{2}\\{0}\\{1}\\{2}", low, high, z);
}

DicomFile contour(const std::string& data)
{
    DicomFile c;
    c.text(0x30060042, "CS", "CLOSED_PLANAR").text(0x30060046, "IS", "4").text(0x30060050, "DS", data);
    return c;
}

/// A structure set of one region on series 1.2.3.100.
DicomFile structureSet(const std::vector<DicomFile>& contours)
{
    DicomFile series, study, frame, roi, lines, set;
    series.text(0x0020000E, "UI", "1.2.3.100");
    study.item(0x30060014, series);
    frame.text(0x00200052, "UI", "1.2.3.7").item(0x30060012, study);
    roi.text(0x30060022, "IS", "5").text(0x30060026, "LO", "ring");
    lines.text(0x30060084, "IS", "5").text(0x3006002A, "IS", "10\\20\\30").items(0x30060040, contours);
    set.text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.481.3").text(0x00080018, "UI", "1.2.3.4.9").text(0x00080060, "CS", "RTSTRUCT").text(0x0020000D, "UI", "1.2.3.1").text(0x0020000E, "UI", "1.2.3.9");
    set.item(0x30060010, frame).item(0x30060020, roi).item(0x30060039, lines);
    return set;
}

} // namespace

class ReadFormats : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void rleIsUnpackedOrRefused()
    {
        // two segments: high bytes a run of 4, low bytes literal 1 2 3 4
        std::string bytes(64, '\0');
        bytes[0] = 2;
        bytes[4] = 64;
        bytes[8] = 66;
        bytes += std::string("\xFD\x01", 2) + std::string("\x03\x01\x02\x03\x04", 5);
        std::vector<std::uint16_t> out(4);
        HILUM_VERIFY_OK(decodeRle(std::as_bytes(std::span(bytes)), 1, 2, std::as_writable_bytes(std::span(out))));
        QCOMPARE(out, (std::vector<std::uint16_t>{0x101, 0x102, 0x103, 0x104}));
        bytes.resize(bytes.size() - 2);
        HILUM_VERIFY_ERROR(decodeRle(std::as_bytes(std::span(bytes)), 1, 2, std::as_writable_bytes(std::span(out))), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(decodeRle(std::as_bytes(std::span(bytes)), 1, 1, std::as_writable_bytes(std::span(out))), ErrorCode::BadData); // another number of segments
    }

    void codestreamsTellTheirSize()
    {
        const std::string jpeg("\xFF\xD8\xFF\xE0\x00\x04\x00\x00\xFF\xC3\x00\x0B\x10\x00\x40\x00\x50\x01\x01\x11\x00", 21);
        const auto size = codestreamSize(std::as_bytes(std::span(jpeg)));
        QVERIFY(size && size->columns == 80 && size->rows == 64 && size->components == 1);
        QVERIFY(!codestreamSize(std::as_bytes(std::span(jpeg).first(8))));
    }

    void segmentedPaletteIsExpanded()
    {
        const Folder f;
        auto file = dicomSlice({.position = "", .rows = 1, .columns = 8, .values = {0, 1, 2, 3, 4, 5, 6, 7}, .isSigned = false, .modality = "OT", .sopClass = "1.2.840.10008.5.1.4.1.1.7", .photometric = "PALETTE COLOR"});
        // two values, then a line of four from 512 to 4608, then the first two again
        for (std::uint32_t c = 0; c < 3; ++c)
            file.us(0x00281101 + c, {8, 0, 16}).us(0x00281221 + c, {0, 2, 256, 512, 1, 4, 4608, 2, 1, 0, 0}, "OW");
        file.write(f / "a");
        const auto image = readVolume(f / "a");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->components(), 3);
        QCOMPARE(std::string(image->scalarName()), std::string("uint8")); // the indices are words, the colours bytes
        const std::uint8_t expected[] = {1, 2, 6, 10, 14, 18, 1, 2};
        for (int n = 0; n < 8; ++n)
            QCOMPARE(image->visit([&](auto voxels) { return int(voxels[static_cast<std::size_t>(3 * n)]); }), int(expected[n]));
    }

    void overlaysShutterAndPaddingRange()
    {
        const Folder f;
        std::vector<std::int16_t> values(16);
        for (int n = 0; n < 16; ++n)
            values[static_cast<std::size_t>(n)] = static_cast<std::int16_t>(n | (n % 4 == 0 ? 0x1000 : 0)); // bit 12 marks the first column
        auto file = dicomSlice({.position = "", .rows = 4, .columns = 4, .values = values, .bitsStored = 12, .isSigned = false, .modality = "DX", .sopClass = "1.2.840.10008.5.1.4.1.1.1.1"});
        file.us(0x60000010, {2}).us(0x60000011, {3}).text(0x60000040, "CS", "G").us(0x60000050, {2, 0xFFFF}, "SS").us(0x60000100, {1}).us(0x60000102, {0}).us(0x60003000, {0b101011}, "OW");
        file.us(0x60020010, {4}).us(0x60020011, {4}).text(0x60020040, "CS", "R").us(0x60020050, {1, 1}, "SS").us(0x60020100, {16}).us(0x60020102, {12});
        file.us(0x00280120, {1}).us(0x00280121, {3});
        file.text(0x00181600, "CS", "RECTANGULAR").text(0x00181602, "IS", "0").text(0x00181604, "IS", "4").text(0x00181606, "IS", "0").text(0x00181608, "IS", "5");
        file.text(0x00281050, "DS", "8").text(0x00281051, "DS", "16");
        file.write(f / "a");
        const auto image = readVolume(f / "a");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->at(0, 1, 0), 4.0); // the embedded bit is no part of the value
        const auto& g = image->header().graphics;
        QVERIFY(g);
        QCOMPARE(g->overlays.size(), std::size_t{2});
        QCOMPARE(g->overlays[0].origin, (std::array<std::int64_t, 2>{2, -1}));
        QCOMPARE(g->overlays[0].count(), std::int64_t{4});
        QVERIFY(g->overlays[0].at(0, 0) && !g->overlays[0].at(0, 2) && g->overlays[1].embedded);
        QCOMPARE(g->overlays[1].count(), std::int64_t{4});
        for (int j = 0; j < 4; ++j)
            QVERIFY(g->overlays[1].at(j, 0) && !g->overlays[1].at(j, 1));
        QCOMPARE(*image->header().paddingValue, 1.0);
        QCOMPARE(*image->header().paddingLimit, 3.0);
        const auto grey = greyImage(*image);
        HILUM_VERIFY_OK(grey);
        QCOMPARE(grey->values[1], 0.f);  // padding
        QVERIFY(grey->values[6] > 0.f);
        QCOMPARE(grey->values[7], 0.f);  // column 4 is the shutter's edge
        QVERIFY(grey->chain.ends_with("shutter"));
    }

    void jpegPicturesAreReadWholeOrRefused_data()
    {
        QTest::addColumn<int>("bits");
        QTest::newRow("8 bits") << 8;
        QTest::newRow("12 bits") << 12;
    }
    void jpegPicturesAreReadWholeOrRefused()
    {
        QFETCH(int, bits);
        const Folder f;
        constexpr int Size = 64;
        const auto wanted = [&](int x, int y) { return (x + y) * (bits == 8 ? 2 : 30); };
        writeJpeg(f / "a.jpg", Size, bits, wanted);
        const auto image = readVolume(f / "a.jpg");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->geometry().size, (Index3{Size, Size, 1}));
        for (int n = 0; n < Size; ++n)
            QVERIFY2(std::abs(image->at(n, 63 - n / 2, 0) - wanted(n, 63 - n / 2)) < (bits == 8 ? 4 : 16), qPrintable(QString::number(image->at(n, 63 - n / 2, 0))));

        // libjpeg goes on with grey where data are missing
        std::string bytes;
        {
            std::ifstream in(f / "a.jpg", std::ios::binary);
            bytes.assign(std::istreambuf_iterator<char>(in), {});
        }
        const std::size_t scan = bytes.find("\xFF\xDA");
        QVERIFY(scan != std::string::npos);
        writeBytes(f / "cut.jpg", bytes.substr(0, scan + (bytes.size() - scan) / 2) + "\xFF\xD9");
        const auto cut = readVolume(f / "cut.jpg");
        HILUM_VERIFY_ERROR(cut, ErrorCode::BadData);
        QCOMPARE(cut.error().reason, std::string("truncated"));
        QVERIFY2(cut.error().sentence().find("of 64") != std::string::npos, cut.error().sentence().c_str());

        const std::size_t frame = bytes.find(bits == 8 ? "\xFF\xC0" : "\xFF\xC1");
        QVERIFY(frame != std::string::npos);
        std::string tall = bytes; // claims more rows than there are
        tall[frame + 5] = '\x08';
        writeBytes(f / "tall.jpg", tall);
        HILUM_VERIFY_ERROR(readVolume(f / "tall.jpg"), ErrorCode::BadData);
    }

    void volumesOfUltrasoundAndParametricMaps()
    {
        const Folder f;
        const auto enhanced = [&](const std::string& sopClass, const std::string& modality, bool volume) {
            DicomFile measures, orientation, mapping, shared;
            measures.text(0x00280030, "DS", "0.8\\0.5").text(0x00180050, "DS", "2");
            const double axes[] = {1, 0, 0, 0, 1, 0};
            if (volume)
                orientation.text(0x00209302, "FD", std::string(reinterpret_cast<const char*>(axes), sizeof axes));
            else
                orientation.text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
            const double slope = 0.5, intercept = -1;
            mapping.text(0x00409225, "FD", std::string(reinterpret_cast<const char*>(&slope), 8)).text(0x00409224, "FD", std::string(reinterpret_cast<const char*>(&intercept), 8));
            shared.item(0x00289110, measures).item(volume ? 0x0020930F : 0x00209116, orientation).item(0x00409096, mapping);
            std::vector<DicomFile> frames;
            for (int k = 0; k < 3; ++k) {
                DicomFile position, frame;
                const double at[] = {0, 0, 2.5 * k};
                if (volume)
                    position.text(0x00209301, "FD", std::string(reinterpret_cast<const char*>(at), sizeof at));
                else
                    position.text(0x00200032, "DS", hilum::format("0\\0\\{}", 2.5 * k));
                frames.push_back(frame.item(volume ? 0x0020930E : 0x00209113, position));
            }
            auto file = dicomSlice({.position = "", .rows = 6, .columns = 2, .values = std::vector<std::int16_t>(12, 8), .modality = modality, .sopClass = sopClass});
            file.text(0x00280008, "IS", "3").us(0x00280010, {2}).us(0x00280011, {2}).item(0x52009229, shared).items(0x52009230, frames);
            file.write(f / "a");
            return readVolume(f / "a");
        };
        const auto ultrasound = enhanced("1.2.840.10008.5.1.4.1.1.6.2", "US", true);
        HILUM_VERIFY_OK(ultrasound);
        QVERIFY(ultrasound->header().hasPatientSpace);
        QCOMPARE(ultrasound->geometry().size, (Index3{2, 2, 3}));
        QCOMPARE(ultrasound->geometry().spacingMm[2], 2.5);
        QVERIFY(hasNotice(ultrasound->header().notices, "assumed_orientation")); // the volume's own frame
        QCOMPARE(ultrasound->at(0, 0, 0), 8.0);
        const auto map = enhanced("1.2.840.10008.5.1.4.1.1.30", "MR", false);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->at(1, 1, 2), 3.0); // 0.5 x 8 - 1
    }

    void contoursBecomeLabelsWithHoles()
    {
        const Folder f;
        for (int k = 0; k < 4; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 2 * k), .rows = 20, .columns = 24, .values = std::vector<std::int16_t>(480, 0)}).text(0x00280030, "DS", "1\\1").write(f / std::to_string(k));
        // slice 1: a square of 10 x 10 voxels with a hole of 4 x 4; slice 2: two islands; one contour beyond the image, one oblique
        structureSet({contour(square(1.5, 11.5, 2)), contour(square(4.5, 8.5, 2)), contour(square(0.5, 2.5, 4)), contour(square(9.5, 12.5, 4)), contour(square(2, 5, 40)),
                      contour("0\\0\\0\\5\\0\\0\\5\\5\\6\\0\\5\\6")}).write(f / "set.dcm");
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        const auto item = std::ranges::find(found->items, ItemKind::Contours, &Item::kind);
        QVERIFY(item != found->items.end());
        QCOMPARE(item->size, (Index3{24, 20, 4}));
        const auto filled = readSegmentation(*item, {});
        HILUM_VERIFY_OK(filled);
        QCOMPARE(filled->voxels.at(5), std::int64_t{100 - 16 + 4 + 9});
        QCOMPARE(filled->map.find(5)->name, std::string("ring"));
        QCOMPARE(int(filled->map.find(5)->colour[2]), 30);
        QCOMPARE(filled->map.volume.at(2, 2, 1), 5.0);
        QCOMPARE(filled->map.volume.at(6, 6, 1), 0.0); // the hole
        QCOMPARE(filled->map.volume.at(2, 2, 0), 0.0);
        QVERIFY(hasNotice(filled->map.volume.header().notices, "not_on_grid"));
        const auto entry = describeItem(*item, false);
        HILUM_VERIFY_OK(entry);
        QCOMPARE((*entry)["labels"][0]["voxels"].get<int>(), 97);
        // an item of the library, without its headers, finds the image in its own folder; without the image it says which one is missing
        Item kept = *item;
        kept.dicom.reset();
        HILUM_VERIFY_OK(readLabelMap(kept));
        const Folder alone;
        std::filesystem::copy_file(f / "set.dcm", alone / "set.dcm");
        const auto only = scan({alone.where()});
        HILUM_VERIFY_OK(only);
        QVERIFY(hasNotice(only->items[0].notices, "reference_missing"));
        HILUM_VERIFY_ERROR(readLabelMap(only->items[0]), ErrorCode::NotFound);
        const auto told = describeItem(only->items[0], false);
        HILUM_VERIFY_OK(told);
        QVERIFY((*told)["labels"][0]["voxels"].is_null());
    }

    void archivesAreReadLikeFolders()
    {
        const Folder f;
        std::vector<std::pair<std::string, std::string>> members;
        for (int k = 0; k < 3; ++k)
            members.emplace_back(hilum::format("study/IM{}", k), dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 2 * k)}).bytes());
        members.emplace_back("../outside.dcm", members[0].second); // must not leave the archive
        HILUM_VERIFY_OK(addToZip(f / "study.zip", members));
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].size[2], std::int64_t{3});
        QVERIFY(found->items[0].files[0].string().find("study.zip/study/IM0") != std::string::npos);
        QVERIFY(!std::filesystem::exists(f / "outside.dcm"));
        Item kept = found->items[0];
        kept.dicom.reset();
        const auto volume = readVolume(kept);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(0, 0, 2), 3.0);
        const auto study = studyOf(kept); // read from its copy, too
        HILUM_VERIFY_OK(study);
        QCOMPARE(study->patientId, std::string("T1"));

        HILUM_VERIFY_OK(addToZip(f / "locked.zip", {members[0]}, true));
        const auto locked = scan({f / "locked.zip"});
        HILUM_VERIFY_OK(locked);
        QCOMPARE(locked->refused.at(0).code, std::string("encrypted"));
        HILUM_VERIFY_OK(addToZip(f / "bomb.zip", {{"zeros.dcm", std::string(150'000'000, '\0')}}));
        const auto bomb = scan({f / "bomb.zip"});
        HILUM_VERIFY_OK(bomb);
        QCOMPARE(bomb->refused.at(0).code, std::string("too_large"));
        writeBytes(f / "cut.zip", "PK\3\4 and no more");
        const auto cutShort = scan({f / "cut.zip"});
        HILUM_VERIFY_OK(cutShort);
        QCOMPARE(cutShort->refused.at(0).code, std::string("damaged"));
    }

    void nrrdAxesInAnyPlace_data()
    {
        QTest::addColumn<QString>("sizes");
        QTest::addColumn<QString>("kinds");
        QTest::addColumn<QString>("directions");
        QTest::addColumn<int>("value"); // of voxel (1, 0, 1) at time 1
        QTest::newRow("list first") << "2 3 4 5" << "list domain domain domain" << "none (1,0,0) (0,2,0) (0,0,3)" << 1 + 2 * (1 + 12);
        QTest::newRow("list third") << "3 4 2 5" << "domain domain list domain" << "(1,0,0) (0,2,0) none (0,0,3)" << 1 + 12 + 24;
        QTest::newRow("time last") << "3 4 5 2" << "domain domain domain time" << "(1,0,0) (0,2,0) (0,0,3) none" << 1 + 12 + 60;
    }
    void nrrdAxesInAnyPlace()
    {
        QFETCH(QString, sizes);
        QFETCH(QString, kinds);
        QFETCH(QString, directions);
        QFETCH(int, value);
        const Folder f;
        writeBytes(f / "a.nrrd", hilum::format("NRRD0005\ntype: short\ndimension: 4\nspace: right-anterior-superior\nsizes: {}\nkinds: {}\nspace directions: {}\nspace origin: (1,2,3)\nendian: little\nencoding: raw\n\n",
                                               sizes.toStdString(), kinds.toStdString(), directions.toStdString()) + voxelBytes(120));
        const auto found = scan({f / "a.nrrd"});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items[0].size, (Index3{3, 4, 5}));
        QCOMPARE(found->items[0].timePoints, std::int64_t{2});
        const auto volume = readVolume(found->items[0], {.timePoint = 1});
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(1, 0, 1), double(value));
        QCOMPARE(volume->geometry().originLps, (Vec3{-1, -2, 3}));
        QCOMPARE(volume->geometry().direction.column(1), (Vec3{0, -1, 0}));
        QCOMPARE(volume->geometry().spacingMm, (Vec3{1, 2, 3}));
    }

    void metaImageInPiecesAndAsText()
    {
        const Folder f;
        const std::string head = "ObjectType = Image\nNDims = 3\nDimSize = 3 4 2\nElementSpacing = 1 2 3\nElementType = MET_SHORT\n", all = voxelBytes(24);
        writeBytes(f / "s1.raw", all.substr(0, 24));
        writeBytes(f / "s2.raw", all.substr(24));
        writeBytes(f / "list.mhd", head + "ElementDataFile = LIST\ns1.raw\ns2.raw\n");
        writeBytes(f / "pattern.mhd", head + "ElementDataFile = s%d.raw 1 2 1\n");
        std::string text;
        for (int n = 0; n < 24; ++n)
            text += std::to_string(n) + (n % 5 ? " " : "\n");
        writeBytes(f / "text.mha", head + "BinaryData = False\nElementDataFile = LOCAL\n" + text);
        for (const char* name : {"list.mhd", "pattern.mhd", "text.mha"}) {
            const auto volume = readVolume(f / name);
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->at(2, 3, 1), 23.0);
            QCOMPARE(volume->geometry().spacingMm, (Vec3{1, 2, 3}));
        }
        std::filesystem::remove(f / "s2.raw");
        const auto found = scan({f / "list.mhd"});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->refused.at(0).code, std::string("not_found"));
    }

    void niftiFormsAndUnits()
    {
        const Folder f;
        std::string b = niftiHeader(3, 4, 2) + voxelBytes(24);
        std::memset(b.data() + 280, 0, 48); // an sform of zeros, and a qform to fall back on
        const std::int16_t one = 1;
        std::memcpy(b.data() + 252, &one, 2);
        writeBytes(f / "zero.nii", b);
        const auto found = scan({f / "zero.nii"});
        HILUM_VERIFY_OK(found);
        QVERIFY(hasNotice(found->items.at(0).notices, "repaired_direction"));
        QCOMPARE(found->items[0].explanation["place"]["orientation_from"].get<std::string>(), std::string("qform"));
        b = niftiHeader(3, 4, 2) + voxelBytes(24);
        b[123] = 3; // micrometres
        writeBytes(f / "micro.nii", b);
        const auto small = readVolume(f / "micro.nii");
        HILUM_VERIFY_OK(small);
        QVERIFY(std::abs(small->geometry().spacingMm[0] - 0.002) < 1e-9);
        QVERIFY(hasNotice(small->header().notices, "length_unit"));
    }

    void tooLargeIsRefusedWithAnOfferThatHolds()
    {
        const Folder f;
        const path file = f / "huge.nii";
        writeBytes(file, niftiHeader(30000, 30000, 200));
        std::error_code ec;
        std::filesystem::resize_file(file, 352 + std::uintmax_t{30000} * 30000 * 200 * 2, ec); // holes: no room on the disk is taken
        QVERIFY2(!ec, "360 GB of holes cannot be made here");
        {
            std::fstream io(file, std::ios::binary | std::ios::in | std::ios::out);
            io.seekp(352 + 2 * (std::int64_t{30000} * 30000 * 150 + std::int64_t{30000} * 7 + 11));
            const std::int16_t v = 1234;
            io.write(reinterpret_cast<const char*>(&v), 2);
        }
        const auto start = std::chrono::steady_clock::now();
        const auto found = scan({file});
        QVERIFY(std::chrono::steady_clock::now() - start < std::chrono::seconds(30)); // reading it would take minutes
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->refused.at(0).code, std::string("too_large"));
        QVERIFY(found->refused[0].reason.find("--region") != std::string::npos && found->refused[0].reason.find("--decimate") != std::string::npos);
        const auto item = largeFileItem(file);
        HILUM_VERIFY_OK(item);
        QVERIFY(item->has_value());
        const auto box = parsePortion("10,5,149,14,9,151", 1);
        HILUM_VERIFY_OK(box);
        const auto part = readPart(**item, *box, 0);
        HILUM_VERIFY_OK(part);
        QCOMPARE(part->geometry().size, (Index3{4, 4, 2}));
        QCOMPARE(part->at(1, 2, 1), 1234.0);
        QCOMPARE(part->at(0, 2, 1), 0.0);
        QCOMPARE(part->geometry().originLps, (Vec3{-20, -10, 298}));
        HILUM_VERIFY_ERROR(readPart(**item, *parsePortion("0,0,0,1,1,201", 1), 0), ErrorCode::Usage);
        HILUM_VERIFY_ERROR(parsePortion("1,2,3", 1), ErrorCode::Usage);
        HILUM_VERIFY_ERROR(parsePortion("5,0,0,5,1,1", 1), ErrorCode::Usage);
    }

    void everySecondVoxelOfASeries()
    {
        const Folder f;
        for (int k = 0; k < 5; ++k) {
            std::vector<std::int16_t> values(42);
            for (int n = 0; n < 42; ++n)
                values[static_cast<std::size_t>(n)] = static_cast<std::int16_t>(100 * k + n);
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 2 * k), .rows = 6, .columns = 7, .values = values}).write(f / std::to_string(k));
        }
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        const auto part = readPart(found->items[0], *parsePortion("1,0,1,7,6,5", 2), 0);
        HILUM_VERIFY_OK(part);
        QCOMPARE(part->geometry().size, (Index3{3, 3, 2}));
        QCOMPARE(part->at(1, 1, 1), 300.0 + 2 * 7 + 3);
        QCOMPARE(part->geometry().spacingMm, (Vec3{1, 1.6, 4}));
        QCOMPARE(part->geometry().originLps, (Vec3{0.5, 0, 2}));
    }

    void picturesAsSlices()
    {
        const Folder f;
        for (int k : {2, 10, 9}) { // by number, not by letter
            const std::vector<std::uint8_t> pixels(12, static_cast<std::uint8_t>(k));
            writeBytes(f / hilum::format("s{}.png", k), *imaging::encodePng(4, 3, 1, 8, std::as_bytes(std::span(pixels))));
        }
        const auto item = pictureStack(f.where(), Vec3{0.5, 0.5, 2});
        HILUM_VERIFY_OK(item);
        const auto volume = readVolume(*item);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size, (Index3{4, 3, 3}));
        QCOMPARE(volume->geometry().spacingMm[2], 2.0);
        QCOMPARE(volume->at(0, 0, 1), 9.0);
        QCOMPARE(volume->at(0, 0, 2), 10.0);
        QVERIFY(hasNotice(volume->header().notices, "assumed_orientation") && !hasNotice(volume->header().notices, "assumed_spacing"));
        const std::vector<std::uint8_t> other(20, 1);
        writeBytes(f / "s11.png", *imaging::encodePng(5, 4, 1, 8, std::as_bytes(std::span(other))));
        HILUM_VERIFY_ERROR(pictureStack(f.where()), ErrorCode::Mismatch);
        // without being asked for, pictures stay pictures
        const auto found = scan({f.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{4});
    }
};

QTEST_APPLESS_MAIN(ReadFormats)
#include "tst_read_formats.moc"
