#include "core/imaging/tiff_file.h"

#include "core/base/numbers.h"
#include "core/imaging/memory_check.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

namespace hilum::imaging {

namespace {

extern "C" int keepFault(TIFF*, void* data, const char*, const char* format, va_list values)
{
    std::array<char, 300> text{};
    std::vsnprintf(text.data(), text.size(), format, values);
    if (auto& first = *static_cast<std::string*>(data); first.empty())
        first = text.data();
    return 1; // told: nothing more is printed
}

extern "C" int dropWarning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

constexpr std::uint32_t MostDirectories = 100'000;
constexpr std::uint64_t MostTimes = 2000;           // no compression of whole images gets further than Deflate's 1032 and LZW's 1365 : 1
constexpr std::uint64_t AlwaysAllowed = 64'000'000; // bytes

/// What makes a page; pages of one file that differ in it are no slices of one volume.
struct PageKind {
    std::uint32_t width = 0, height = 0;
    std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, photometric = PHOTOMETRIC_MINISBLACK, orientation = ORIENTATION_TOPLEFT;
    bool asRgb = false; // through libtiff's own conversion
    bool operator==(const PageKind&) const = default;
};

PageKind kindOf(TIFF* t)
{
    PageKind k;
    TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &k.width);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &k.height);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &k.bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &k.samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &k.format);
    TIFFGetFieldDefaulted(t, TIFFTAG_ORIENTATION, &k.orientation);
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &k.photometric))
        k.photometric = k.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (k.format == SAMPLEFORMAT_VOID)
        k.format = SAMPLEFORMAT_UINT;
    k.asRgb = k.photometric != PHOTOMETRIC_MINISBLACK && k.photometric != PHOTOMETRIC_MINISWHITE && k.photometric != PHOTOMETRIC_RGB;
    return k;
}

/// Bytes of one value once it is unpacked.
int bytesOf(const PageKind& k) { return k.asRgb || k.bits < 8 ? 1 : k.bits / 8; }
int samplesOf(const PageKind& k) { return k.asRgb ? 3 : k.samples; }

} // namespace

struct TiffFile::State {
    path file;
    std::string fault;
    std::unique_ptr<TIFF, void (*)(TIFF*)> tiff{nullptr, TIFFClose};
    PageKind kind;
    std::vector<std::uint32_t> pages; // numbers of the directories

    std::unexpected<Error> truncated(std::size_t page, std::uint32_t row) const
    {
        return refuse(ErrorCode::BadData, "truncated", "{}: page {} of the TIFF file cannot be read from row {} on: {}", file.string(), page + 1, row + 1,
                      fault.empty() ? "its data are incomplete" : fault);
    }
    Status readPage(std::size_t page, std::span<std::byte> out);
    Status readRgb(std::size_t page, std::span<std::byte> out);
    Status readPieces(std::size_t page, std::span<std::byte> out);
    void place(std::span<const std::byte> piece, std::size_t rowBytes, std::array<std::uint32_t, 4> box, int plane, std::span<std::byte> out) const;
};

TiffFile::TiffFile(std::unique_ptr<State> state) : m_state(std::move(state)) {}
TiffFile::TiffFile(TiffFile&&) noexcept = default;
TiffFile::~TiffFile() = default;
std::int64_t TiffFile::width() const { return m_state->kind.width; }
std::int64_t TiffFile::height() const { return m_state->kind.height; }
std::int64_t TiffFile::pages() const { return static_cast<std::int64_t>(m_state->pages.size()); }
int TiffFile::samples() const { return samplesOf(m_state->kind); }
int TiffFile::bytesPerSample() const { return bytesOf(m_state->kind); }
bool TiffFile::zeroIsWhite() const { return m_state->kind.photometric == PHOTOMETRIC_MINISWHITE; }

TiffFile::Sample TiffFile::sample() const
{
    if (m_state->kind.asRgb || m_state->kind.format == SAMPLEFORMAT_UINT)
        return Sample::Unsigned;
    return m_state->kind.format == SAMPLEFORMAT_INT ? Sample::Signed : Sample::Float;
}

Result<TiffFile> TiffFile::open(const path& file)
{
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    if (ec)
        return std::unexpected(systemError("open", file.string(), ec.value()));
    auto s = std::make_unique<State>();
    s->file = file;
    // a directory of 9 entries may claim a billion strips, for which the library reserves 16 bytes each: the limit follows the file's size
    constexpr tmsize_t Always = 64'000'000, EachByte = 32;
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxCumulatedMemAlloc(options.get(), Always + EachByte * static_cast<tmsize_t>(std::min<std::uintmax_t>(size, INT64_MAX / 64)));
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keepFault, &s->fault);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), dropWarning, nullptr);
    s->tiff.reset(TIFFOpenExt(file.c_str(), "rm", options.get())); // not mapped: a file that shrinks meanwhile is an error, no signal
    const auto damaged = [&](std::uint32_t directory) {
        return refuse(ErrorCode::BadData, "bad_header", "{}: directory {} of the TIFF file cannot be read: {}", file.string(), directory, s->fault.empty() ? "no reason given" : s->fault);
    };
    if (!s->tiff)
        return damaged(1);
    for (std::uint32_t n = 0; n == 0 || TIFFReadDirectory(s->tiff.get()); ++n) {
        if (!s->fault.empty())
            return damaged(n + 1);
        if (n >= MostDirectories)
            return refuse(ErrorCode::TooLarge, "too_large", "{}: the TIFF file holds more than {} pictures", file.string(), grouped(MostDirectories));
        std::uint32_t type = 0;
        if (TIFFGetField(s->tiff.get(), TIFFTAG_SUBFILETYPE, &type) && (type & FILETYPE_REDUCEDIMAGE))
            continue;
        const PageKind kind = kindOf(s->tiff.get());
        if (!s->pages.empty() && kind != s->kind)
            return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: page {} has {} x {} pixels of {} x {} bits, the first one {} x {} of {} x {}: no slices of one volume", file.string(),
                          n + 1, kind.width, kind.height, kind.samples, kind.bits, s->kind.width, s->kind.height, s->kind.samples, s->kind.bits);
        s->kind = kind;
        s->pages.push_back(n);
    }
    if (!s->fault.empty())
        return damaged(static_cast<std::uint32_t>(s->pages.size()) + 1);
    if (s->pages.empty())
        return refuse(ErrorCode::BadData, "bad_header", "{}: the TIFF file holds only reduced copies of a picture", file.string());
    const PageKind& k = s->kind;
    const bool whole = k.bits == 8 || k.bits == 16 || k.bits == 32 || (k.bits == 64 && k.format != SAMPLEFORMAT_UINT);
    const bool packed = (k.bits == 1 || k.bits == 2 || k.bits == 4) && k.samples == 1 && k.format == SAMPLEFORMAT_UINT;
    const bool real = k.format != SAMPLEFORMAT_IEEEFP || k.bits >= 32;
    if (k.width == 0 || k.height == 0)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the TIFF file claims {} x {} pixels", file.string(), k.width, k.height);
    if (!k.asRgb && (!(whole || packed) || !real || k.samples < 1 || k.samples > 4 || k.format > SAMPLEFORMAT_IEEEFP))
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: TIFF pixels of {} samples of {} bits in format {} are not supported", file.string(), k.samples, k.bits, k.format);
    if (!k.asRgb && (k.orientation < ORIENTATION_TOPLEFT || k.orientation > ORIENTATION_BOTLEFT))
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: the TIFF file stores columns as rows (orientation {}); save it with rows", file.string(), k.orientation);
    std::uint16_t compression = COMPRESSION_NONE;
    if (TIFFGetField(s->tiff.get(), TIFFTAG_COMPRESSION, &compression) && !TIFFIsCODECConfigured(compression))
        return refuse(ErrorCode::Unsupported, "unsupported_syntax", "{}: TIFF compression {} is not supported", file.string(), compression);
    // what the file cannot hold is refused before memory is taken for it
    const std::uint64_t claimed = saturatingProduct({k.width, k.height, s->pages.size(), static_cast<std::uint64_t>(k.samples), k.bits}) / 8;
    const std::uint64_t times = compression == COMPRESSION_NONE ? 1 : MostTimes;
    if (claimed / times > size && (compression == COMPRESSION_NONE || claimed > AlwaysAllowed))
        return refuse(ErrorCode::BadData, "truncated", "{}: {} pages of {} x {} pixels need {}, the TIFF file has {} bytes", file.string(), s->pages.size(), k.width, k.height,
                      byteSize(claimed), grouped(static_cast<std::int64_t>(size)));
    return TiffFile(std::move(s));
}

Status TiffFile::read(std::span<std::byte> out)
{
    State& s = *m_state;
    const std::size_t page = out.size() / s.pages.size();
    for (std::size_t n = 0; n < s.pages.size(); ++n)
        HILUM_TRY_STATUS(s.readPage(n, out.subspan(n * page, page)));
    return {};
}

Status TiffFile::State::readPage(std::size_t page, std::span<std::byte> out)
{
    fault.clear();
    if (!TIFFSetDirectory(tiff.get(), static_cast<tdir_t>(pages[page])))
        return truncated(page, 0);
    return kind.asRgb ? readRgb(page, out) : readPieces(page, out);
}

Status TiffFile::State::readRgb(std::size_t page, std::span<std::byte> out)
{
    std::array<char, 1024> why{};
    if (!TIFFRGBAImageOK(tiff.get(), why.data()))
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: page {} of the TIFF file cannot be shown: {}", file.string(), page + 1, why.data());
    std::vector<std::uint32_t> pixels(static_cast<std::size_t>(kind.width) * kind.height);
    if (!TIFFReadRGBAImageOriented(tiff.get(), kind.width, kind.height, pixels.data(), ORIENTATION_TOPLEFT, 1) || !fault.empty())
        return truncated(page, 0);
    for (std::size_t n = 0; n < pixels.size(); ++n) {
        out[3 * n] = static_cast<std::byte>(TIFFGetR(pixels[n]));
        out[3 * n + 1] = static_cast<std::byte>(TIFFGetG(pixels[n]));
        out[3 * n + 2] = static_cast<std::byte>(TIFFGetB(pixels[n]));
    }
    return {};
}

Status TiffFile::State::readPieces(std::size_t page, std::span<std::byte> out)
{
    TIFF* t = tiff.get();
    std::uint16_t planar = PLANARCONFIG_CONTIG;
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &planar);
    const bool separate = planar == PLANARCONFIG_SEPARATE && kind.samples > 1, tiled = TIFFIsTiled(t);
    std::uint32_t width = kind.width, height = 0; // of a piece
    if (tiled) {
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &height);
        height = std::min(height, kind.height);
    }
    if (width == 0 || height == 0)
        return truncated(page, 0);
    const std::uint64_t inRow = separate ? 1 : kind.samples, rowBytes = (std::uint64_t{width} * inRow * kind.bits + 7) / 8;
    const std::uint64_t pieceBytes = saturatingProduct({rowBytes, height});
    HILUM_TRY_STATUS(checkMemory(pieceBytes, hilum::format("a {} of {} x {} pixels", tiled ? "tile" : "strip", width, height), file));
    if (static_cast<std::uint64_t>(tiled ? TIFFTileSize64(t) : TIFFStripSize64(t)) != pieceBytes)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: the pieces of page {} are stored in a way that is not supported", file.string(), page + 1);
    std::vector<std::byte> piece(pieceBytes);
    for (int plane = 0; plane < (separate ? kind.samples : 1); ++plane)
        for (std::uint32_t top = 0; top < kind.height; top += std::min(height, kind.height - top))
            for (std::uint32_t left = 0; left < kind.width; left += std::min(width, kind.width - left)) {
                const std::uint32_t rows = std::min(height, kind.height - top), columns = std::min(width, kind.width - left);
                const auto wanted = static_cast<tmsize_t>(tiled ? pieceBytes : rowBytes * rows);
                const tmsize_t got = tiled ? TIFFReadTile(t, piece.data(), left, top, 0, static_cast<std::uint16_t>(plane))
                                           : TIFFReadEncodedStrip(t, TIFFComputeStrip(t, top, static_cast<std::uint16_t>(plane)), piece.data(), wanted);
                if (got < wanted || !fault.empty())
                    return truncated(page, top);
                place(piece, rowBytes, {left, top, columns, rows}, separate ? plane : -1, out);
            }
    return {};
}

/// Copies a decoded piece, left, top, columns and rows in `box`, to its place; `plane` is its sample, -1 when all are interleaved.
void TiffFile::State::place(std::span<const std::byte> piece, std::size_t rowBytes, std::array<std::uint32_t, 4> box, int plane, std::span<std::byte> out) const
{
    const auto [left, top, columns, rows] = box;
    const auto bytes = static_cast<std::size_t>(bytesOf(kind)), all = static_cast<std::size_t>(kind.samples);
    const std::size_t inPiece = plane < 0 ? all : 1, shift = plane < 0 ? 0 : static_cast<std::size_t>(plane);
    const bool fromRight = kind.orientation == ORIENTATION_TOPRIGHT || kind.orientation == ORIENTATION_BOTRIGHT;
    const bool fromBelow = kind.orientation == ORIENTATION_BOTRIGHT || kind.orientation == ORIENTATION_BOTLEFT;
    for (std::uint32_t r = 0; r < rows; ++r) {
        const std::byte* from = piece.data() + r * rowBytes;
        const std::uint32_t y = fromBelow ? kind.height - 1 - (top + r) : top + r;
        for (std::uint32_t c = 0; c < columns; ++c) {
            const std::uint32_t x = fromRight ? kind.width - 1 - (left + c) : left + c;
            std::byte* to = out.data() + ((static_cast<std::size_t>(y) * kind.width + x) * all + shift) * bytes;
            if (kind.bits < 8) {
                const unsigned perByte = 8u / kind.bits, at = c % perByte;
                *to = (from[c / perByte] >> static_cast<int>(8 - kind.bits * (at + 1))) & std::byte((1u << kind.bits) - 1);
            } else {
                std::memcpy(to, from + c * inPiece * bytes, inPiece * bytes);
            }
        }
    }
}

} // namespace hilum::imaging
