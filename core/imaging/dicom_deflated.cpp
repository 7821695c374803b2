#include "core/imaging/dicom_deflated.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/zip_archive.h"

#include <dcmtk/dcmdata/dcistrmb.h>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <span>

namespace hilum::imaging {

namespace {

constexpr std::uint64_t MostPixels = std::uint64_t{4} << 30; // 4 GiB: no element is longer

std::uint32_t little(std::span<const std::byte> b, std::size_t at, std::size_t width)
{
    std::uint32_t v = 0;
    for (std::size_t n = width; n-- > 0;)
        v = v << 8 | std::to_integer<std::uint32_t>(b[at + n]);
    return v;
}

/// An element with explicit VR, little-endian.
struct Head {
    std::uint32_t group = 0, element = 0, length = 0;
    std::size_t bytes = 0; ///< of tag, VR and length; 0 when the data end before
};

Head headAt(std::span<const std::byte> b, std::size_t at)
{
    if (b.size() < at + 8)
        return {};
    Head h{little(b, at, 2), little(b, at + 2, 2), little(b, at + 6, 2), 8};
    const std::array vr{static_cast<char>(b[at + 4]), static_cast<char>(b[at + 5])};
    static constexpr std::string_view Long[] = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UN", "UT", "UC", "UR", "SV", "UV"};
    if (std::ranges::find(Long, std::string_view(vr.data(), vr.size())) == std::end(Long))
        return h;
    if (b.size() < at + 12)
        return {};
    h.length = little(b, at + 8, 4);
    h.bytes = 12;
    return h;
}

/// Where the deflated data set begins: behind the preamble, where there is one, and group 0002.
std::uint64_t endOfMeta(std::ifstream& in)
{
    std::array<char, 132> preamble{};
    in.read(preamble.data(), preamble.size());
    std::uint64_t at = std::string_view(preamble.data() + 128, 4) == "DICM" ? 132 : 0;
    for (;;) {
        std::array<std::byte, 12> bytes{};
        in.clear();
        in.seekg(static_cast<std::streamoff>(at));
        in.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
        const Head h = headAt(std::span(bytes).first(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount()))), 0);
        if (h.bytes == 0 || h.group != 0x0002)
            return at;
        at += h.bytes + h.length;
    }
}

/// Inflates until the stream ends, is damaged (what came before counts) or `most` bytes are passed.
Result<std::vector<std::byte>> inflateFrom(std::ifstream& in, std::uint64_t at, std::uint64_t most)
{
    z_stream z{};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return fail(ErrorCode::OutOfMemory, "not enough memory to inflate");
    struct End {
        z_stream* z;
        ~End() { inflateEnd(z); }
    } const end{&z};
    in.clear();
    in.seekg(static_cast<std::streamoff>(at));
    std::vector<std::byte> out;
    std::vector<Bytef> input(1 << 16), part(1 << 18);
    for (int state = Z_OK; state == Z_OK;) { // without input and output left it is Z_BUF_ERROR
        if (z.avail_in == 0) {
            in.read(reinterpret_cast<char*>(input.data()), static_cast<std::streamsize>(input.size()));
            z.next_in = input.data();
            z.avail_in = static_cast<uInt>(std::max<std::streamsize>(0, in.gcount()));
        }
        z.next_out = part.data();
        z.avail_out = static_cast<uInt>(part.size());
        state = inflate(&z, Z_NO_FLUSH);
        const auto* made = reinterpret_cast<const std::byte*>(part.data());
        out.insert(out.end(), made, made + (part.size() - z.avail_out));
        if (out.size() > most)
            return out;
    }
    return out;
}

} // namespace

Result<std::vector<std::byte>> inflatePixels(const DicomHeader& h, std::uint64_t mostOther)
{
    const std::string name = h.file.string();
    std::ifstream in(realFile(h.file), std::ios::binary);
    if (!in)
        return std::unexpected(systemError("open", name, errno ? errno : EIO));
    const auto bits = saturatingProduct({static_cast<std::uint64_t>(h.rows), static_cast<std::uint64_t>(h.columns), static_cast<std::uint64_t>(h.samples),
                                         static_cast<std::uint64_t>(h.bitsAllocated), static_cast<std::uint64_t>(h.frameCount())});
    const std::uint64_t most = std::min(bits / 8, MostPixels) + mostOther;
    HILUM_TRY(std::vector<std::byte> all, inflateFrom(in, endOfMeta(in), most));
    if (all.size() > most)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the deflated data set grows beyond {} bytes, but the header's pixels take {}", name, grouped(static_cast<std::int64_t>(most)),
                      grouped(static_cast<std::int64_t>(bits / 8)));

    // DCMTK walks over the header and stops behind tag, VR and length of the first element of group 7FE0
    const MuteDicomLog mute;
    DcmInputBufferStream stream;
    stream.setBuffer(all.data(), static_cast<offile_off_t>(all.size()));
    stream.setEos();
    DcmDataset data;
    data.transferInit();
    (void)data.readUntilTag(stream, EXS_LittleEndianExplicit, EGL_noChange, DCM_MaxReadLength, DcmTagKey(0x7FE0, 0x0000)); // where it stopped tells what became of it
    const auto stopped = static_cast<std::size_t>(stream.tell());
    data.transferEnd();
    for (const std::size_t before : {std::size_t{12}, std::size_t{8}}) {
        if (stopped < before || headAt(all, stopped - before).group != 0x7FE0 || headAt(all, stopped - before).bytes != before)
            continue;
        for (std::size_t at = stopped - before;;) {
            const Head head = headAt(all, at);
            if (head.bytes == 0 || head.group != 0x7FE0)
                break;
            const std::size_t value = at + head.bytes;
            if (head.length == 0xFFFFFFFF)
                return refuse(ErrorCode::BadData, "bad_pixels", "{}: the pixel data of the deflated file have no length", name);
            if (head.element == 0x0010) {
                all.resize(std::min<std::size_t>(all.size(), value + head.length));
                all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(value));
                return all;
            }
            at = value + head.length;
        }
        break;
    }
    return refuse(ErrorCode::BadData, "no_pixels", "{} has no pixel data", name);
}

} // namespace hilum::imaging
