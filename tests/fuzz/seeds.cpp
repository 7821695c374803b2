#include "tests/fuzz/seeds.h"

#include "core/base/paths.h"
#include "core/imaging/png_write.h"
#include "tests/support/make_dicom.h"

#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmImageWriter.h>
#include <zlib.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>

namespace hilum::fuzz {

namespace {

using tests::DicomFile;
using tests::dicomSlice;

std::string contentOf(const path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

template <class T> void put(std::string& bytes, std::size_t at, T value) { std::memcpy(bytes.data() + at, &value, sizeof(T)); }

std::vector<std::int16_t> ramp(std::size_t count)
{
    std::vector<std::int16_t> out(count);
    for (std::size_t n = 0; n < count; ++n)
        out[n] = static_cast<std::int16_t>(n * 37 % 1000);
    return out;
}

/// The file again in other transfer syntaxes, by GDCM.
void addCompressed(const DicomFile& file, std::vector<std::string>& out)
{
    const auto folder = TemporaryFolder::make("hilum-seeds");
    if (!folder)
        throw std::runtime_error(folder.error().sentence());
    const path plain = folder->where() / "plain.dcm", packed = folder->where() / "packed.dcm";
    file.write(plain);
    using Syntax = gdcm::TransferSyntax; // not JPEG-LS: GDCM's writer meets the functions of the same names in DCMTK's library and crashes
    for (const auto syntax : {Syntax::RLELossless, Syntax::JPEGLosslessProcess14_1, Syntax::JPEG2000Lossless, Syntax::JPEG2000}) {
        gdcm::ImageReader reader;
        reader.SetFileName(plain.c_str());
        if (!reader.Read())
            throw std::runtime_error("GDCM cannot read the seed");
        gdcm::ImageChangeTransferSyntax change;
        change.SetTransferSyntax(syntax);
        change.SetInput(reader.GetImage());
        if (!change.Change())
            continue; // a codec that GDCM was built without
        gdcm::ImageWriter writer;
        writer.SetFile(reader.GetFile());
        writer.SetImage(change.GetOutput());
        writer.SetFileName(packed.c_str());
        if (writer.Write())
            out.push_back(contentOf(packed));
    }
}

DicomFile code(const std::string& value, const std::string& meaning)
{
    DicomFile f;
    f.text(0x00080100, "SH", value).text(0x00080102, "SH", "DCM").text(0x00080104, "LO", meaning);
    return f;
}

std::vector<std::string> dicomSeeds()
{
    std::vector<std::string> out;
    const auto slice = dicomSlice({.rows = 16, .columns = 12, .values = ramp(192), .bitsStored = 12});
    out.push_back(slice.bytes());
    addCompressed(slice, out);
    // lookup tables, overlay, windows, shutter
    DicomFile lut, voi;
    lut.us(0x00283002, {4, 0, 16}).text(0x00283004, "LO", "US").us(0x00283006, {0, 10, 20, 30}, "OW");
    voi.us(0x00283002, {4, 0, 8}).us(0x00283006, {1, 2, 3, 4}, "OW");
    auto rich = dicomSlice({.position = "", .rows = 8, .columns = 8, .values = ramp(64), .isSigned = false, .modality = "DX", .sopClass = "1.2.840.10008.5.1.4.1.1.1.1", .photometric = "MONOCHROME1"});
    rich.item(0x00283000, lut).item(0x00283010, voi).text(0x00281050, "DS", "40\\300").text(0x00281051, "DS", "400\\10").text(0x00181600, "CS", "CIRCULAR").text(0x00181610, "IS", "4\\4");
    rich.text(0x00181612, "IS", "3").us(0x60000010, {8}).us(0x60000011, {8}).text(0x60000040, "CS", "G").us(0x60000050, {1, 1}, "SS").us(0x60000100, {1}).us(0x60000102, {0}).us(0x60003000, {1, 2, 3, 4}, "OW");
    out.push_back(rich.bytes());
    // a palette in segments
    auto palette = dicomSlice({.position = "", .rows = 8, .columns = 8, .values = ramp(64), .isSigned = false, .modality = "OT", .sopClass = "1.2.840.10008.5.1.4.1.1.7", .photometric = "PALETTE COLOR"});
    for (std::uint32_t c = 0; c < 3; ++c)
        palette.us(0x00281101 + c, {8, 0, 16}).us(0x00281221 + c, {0, 2, 100, 200, 1, 4, 60000, 2, 1, 0, 0}, "OW");
    out.push_back(palette.bytes());
    // frames with groups of their own
    DicomFile position, measures, orientation, shared, frame;
    measures.text(0x00280030, "DS", "0.5\\0.5").text(0x00180050, "DS", "2");
    orientation.text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    position.text(0x00200032, "DS", "0\\0\\4");
    shared.item(0x00289110, measures).item(0x00209116, orientation);
    frame.item(0x00209113, position);
    auto enhanced = dicomSlice({.position = "", .rows = 8, .columns = 8, .values = ramp(64), .sopClass = "1.2.840.10008.5.1.4.1.1.2.1"});
    enhanced.text(0x00280008, "IS", "1").item(0x52009229, shared).item(0x52009230, frame);
    out.push_back(enhanced.bytes());
    // a structure set
    DicomFile contour, roiContour, roi;
    contour.text(0x30060042, "CS", "CLOSED_PLANAR").text(0x30060046, "IS", "4").text(0x30060050, "DS", "0\\0\\0\\3\\0\\0\\3\\3\\0\\0\\3\\0");
    roiContour.item(0x30060040, contour).text(0x30060084, "IS", "1");
    roi.text(0x30060022, "IS", "1").text(0x30060026, "LO", "a");
    DicomFile set;
    set.text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.481.3").text(0x00080018, "UI", "1.2.3.4.9").text(0x00080060, "CS", "RTSTRUCT").text(0x0020000E, "UI", "1.2.3.9");
    set.item(0x30060020, roi).item(0x30060039, roiContour);
    out.push_back(set.bytes());
    return out;
}

std::vector<std::string> segSeeds()
{
    std::vector<std::string> out;
    for (const char* type : {"BINARY", "FRACTIONAL", "LABELMAP"}) {
        const bool binary = std::string(type) == "BINARY";
        DicomFile segment, position, measures, orientation, identification, shared, frame;
        segment.us(0x00620004, {1}).text(0x00620005, "LO", "liver").item(0x0062000F, code("1", "organ")).item(0x00620003, code("2", "tissue"));
        measures.text(0x00280030, "DS", "0.5\\0.5").text(0x00180050, "DS", "2");
        orientation.text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
        position.text(0x00200032, "DS", "0\\0\\4");
        identification.us(0x0062000B, {1});
        shared.item(0x00289110, measures).item(0x00209116, orientation);
        frame.item(0x00209113, position).item(0x0062000A, identification);
        DicomFile f;
        f.text(0x00080016, "UI", std::string(type) == "LABELMAP" ? "1.2.840.10008.5.1.4.1.1.66.7" : "1.2.840.10008.5.1.4.1.1.66.4").text(0x00080018, "UI", "1.2.3.4.5").text(0x00080060, "CS", "SEG");
        f.text(0x0020000D, "UI", "1.2").text(0x0020000E, "UI", "1.3").us(0x00280002, {1}).text(0x00280004, "CS", "MONOCHROME2").text(0x00280008, "IS", "1").us(0x00280010, {8}).us(0x00280011, {8});
        const std::uint16_t bits = binary ? 1 : 8;
        f.us(0x00280100, {bits}).us(0x00280101, {bits}).us(0x00280102, {static_cast<std::uint16_t>(bits - 1)}).us(0x00280103, {0}).text(0x00620001, "CS", type).us(0x0062000E, {255});
        f.item(0x00620002, segment).item(0x52009229, shared).item(0x52009230, frame);
        f.pixels(std::vector<std::uint8_t>(binary ? 8 : 64, 0x5A));
        out.push_back(f.bytes());
    }
    return out;
}

std::vector<std::string> srSeeds()
{
    DicomFile name = code("121071", "Finding"), text, holder;
    text.text(0x0040A010, "CS", "CONTAINS").text(0x0040A040, "CS", "TEXT").item(0x0040A043, name).text(0x0040A160, "UT", "Small nodule in the left upper lobe. ");
    DicomFile unit = code("mm", "mm"), value, number;
    value.item(0x004008EA, unit).text(0x0040A30A, "DS", "7.5");
    number.text(0x0040A010, "CS", "CONTAINS").text(0x0040A040, "CS", "NUM").item(0x0040A043, code("121206", "Distance")).item(0x0040A300, value);
    std::vector<std::string> out;
    for (const DicomFile* content : {&text, &number}) {
        DicomFile f;
        f.text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.22").text(0x00080018, "UI", "1.2.3.4.6").text(0x00080060, "CS", "SR").text(0x0020000D, "UI", "1.2").text(0x0020000E, "UI", "1.4");
        f.text(0x0040A040, "CS", "CONTAINER").item(0x0040A043, code("18748-4", "Report")).text(0x0040A050, "CS", "SEPARATE").text(0x0040A491, "CS", "COMPLETE").text(0x0040A493, "CS", "UNVERIFIED");
        f.item(0x0040A730, *content);
        out.push_back(f.bytes());
    }
    return out;
}

std::string gzipped(const std::string& bytes)
{
    z_stream s{};
    if (deflateInit2(&s, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("no gzip");
    std::string out(bytes.size() + 1000, '\0');
    s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    s.avail_in = static_cast<uInt>(bytes.size());
    s.next_out = reinterpret_cast<Bytef*>(out.data());
    s.avail_out = static_cast<uInt>(out.size());
    deflate(&s, Z_FINISH);
    out.resize(s.total_out);
    deflateEnd(&s);
    return out;
}

std::vector<std::string> niftiSeeds()
{
    std::vector<std::string> out;
    for (const std::int16_t type : {std::int16_t{2}, std::int16_t{4}, std::int16_t{16}, std::int16_t{64}}) {
        const int bits = type == 2 ? 8 : type == 4 ? 16 : type == 16 ? 32 : 64;
        std::string b(352 + static_cast<std::size_t>(4 * 5 * 6 * bits / 8), '\x11');
        std::memset(b.data(), 0, 352);
        put<std::int32_t>(b, 0, 348);
        const std::int16_t dims[] = {3, 4, 5, 6, 1, 1, 1, 1};
        for (std::size_t n = 0; n < 8; ++n) {
            put<std::int16_t>(b, 40 + 2 * n, dims[n]);
            put<float>(b, 76 + 4 * n, 1.5f);
        }
        put<std::int16_t>(b, 70, type);
        put<std::int16_t>(b, 72, static_cast<std::int16_t>(bits));
        put<float>(b, 108, 352);
        put<float>(b, 112, 2);
        put<std::int16_t>(b, 252, 1);
        put<std::int16_t>(b, 254, 1);
        for (std::size_t n = 0; n < 3; ++n)
            put<float>(b, 280 + 20 * n, 2);
        std::memcpy(b.data() + 344, "n+1", 4);
        out.push_back(b);
        if (type == 4)
            out.push_back(gzipped(b));
    }
    return out;
}

std::vector<std::string> nrrdSeeds()
{
    const std::string place = "space: left-posterior-superior\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)\nkinds: domain domain domain\n";
    const std::string head = "NRRD0005\ntype: short\ndimension: 3\nsizes: 4 5 6\nendian: little\n" + place;
    const std::string voxels(240, '\x01');
    std::string text;
    for (int n = 0; n < 120; ++n)
        text += std::to_string(n % 5) + " ";
    const std::string segments = "Segment0_ID:=a\nSegment0_LabelValue:=257\nSegment0_Layer:=0\nSegment0_Name:=liver\nSegment0_Color:=1 0.5 0\n";
    return {head + "encoding: raw\n\n" + voxels, head + "encoding: gzip\n\n" + gzipped(voxels), head + "encoding: ascii\n\n" + text, head + "encoding: raw\n" + segments + "\n" + voxels,
            "NRRD0004\ntype: uchar\ndimension: 4\nsizes: 3 4 5 6\nspacings: nan 1 1 2\nkinds: RGB-color domain domain domain\nencoding: hex\n\n" + std::string(720, 'a')};
}

std::vector<std::string> metaSeeds()
{
    const std::string head = "ObjectType = Image\nNDims = 3\nDimSize = 4 5 6\nElementSpacing = 1 2 3\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementType = MET_SHORT\n";
    const std::string voxels(240, '\x01');
    std::string packed(1000, '\0');
    uLongf length = packed.size();
    compress(reinterpret_cast<Bytef*>(packed.data()), &length, reinterpret_cast<const Bytef*>(voxels.data()), voxels.size());
    packed.resize(length);
    return {head + "BinaryData = True\nElementDataFile = LOCAL\n" + voxels,
            head + hilum::format("BinaryData = True\nCompressedData = True\nCompressedDataSize = {}\nElementDataFile = LOCAL\n", packed.size()) + packed,
            head + "BinaryData = False\nElementNumberOfChannels = 2\nElementDataFile = LOCAL\n" + [] { std::string t; for (int n = 0; n < 240; ++n) t += "7 "; return t; }(),
            head + "HeaderSize = -1\nElementDataFile = slice%03d.raw 1 6 1\n"};
}

/// A TIFF file of one or two uncompressed pages.
std::string tiff(int pages)
{
    std::string b("II*\0\x08\0\0\0", 8);
    const auto u16 = [&](unsigned v) { b += static_cast<char>(v & 0xFF); b += static_cast<char>(v >> 8 & 0xFF); };
    const auto u32 = [&](std::size_t v) { u16(static_cast<unsigned>(v & 0xFFFF)); u16(static_cast<unsigned>(v >> 16)); };
    constexpr unsigned Entries = 9, Width = 6, Height = 5;
    for (int page = 0; page < pages; ++page) {
        const std::size_t ifd = b.size(), data = ifd + 2 + 12 * Entries + 4, next = data + 2 * Width * Height;
        u16(Entries);
        const auto entry = [&](unsigned tag, unsigned type, std::size_t value) { u16(tag); u16(type); u32(1); u32(value); };
        entry(256, 4, Width);
        entry(257, 4, Height);
        entry(258, 3, 16);
        entry(259, 3, 1);
        entry(262, 3, 1);
        entry(273, 4, data);
        entry(277, 3, 1);
        entry(278, 4, Height);
        entry(279, 4, 2 * Width * Height);
        u32(page + 1 < pages ? next : 0);
        b += std::string(2 * Width * Height, '\x21');
    }
    return b;
}

std::vector<std::string> pictureSeeds()
{
    std::vector<std::string> out{tiff(1), tiff(2)};
    std::vector<std::uint16_t> grey(8 * 6);
    for (std::size_t n = 0; n < grey.size(); ++n)
        grey[n] = static_cast<std::uint16_t>(n * 999);
    const std::vector<std::uint8_t> colour(8 * 6 * 3, 77);
    if (auto png = imaging::encodePng(8, 6, 1, 16, std::as_bytes(std::span(grey))))
        out.push_back(*png);
    if (auto png = imaging::encodePng(8, 6, 3, 8, std::as_bytes(std::span(colour))))
        out.push_back(*png);
    return out;
}

} // namespace

std::vector<std::string> seeds(const std::string& kind)
{
    if (kind == "dicom")
        return dicomSeeds();
    if (kind == "seg")
        return segSeeds();
    if (kind == "sr")
        return srSeeds();
    if (kind == "nifti")
        return niftiSeeds();
    if (kind == "nrrd")
        return nrrdSeeds();
    if (kind == "metaimage")
        return metaSeeds();
    return pictureSeeds();
}

} // namespace hilum::fuzz
