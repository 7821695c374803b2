#include "core/imaging/jpeg_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <jpeglib.h>
// after jpeglib.h
#include <jerror.h>

namespace hilum::imaging {

namespace {

/// libjpeg's handlers: nothing is printed, and an error jumps back to the caller.
struct Handler {
    jpeg_error_mgr base{}; // first: libjpeg hands out its address
    std::jmp_buf back{};
    std::array<char, JMSG_LENGTH_MAX> text{};
    int code = 0;
};

[[noreturn]] void jumpBack(j_common_ptr codec)
{
    auto* handler = reinterpret_cast<Handler*>(codec->err);
    handler->code = codec->err->msg_code;
    codec->err->format_message(codec, handler->text.data());
    std::longjmp(handler->back, 1);
}

/// Warnings after which libjpeg goes on with made-up values; others (foreign bytes between markers, odd version numbers) harm nothing.
bool losesPixels(int code)
{
    return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC;
}

void onMessage(j_common_ptr codec, int level)
{
    if (level < 0 && losesPixels(codec->err->msg_code))
        jumpBack(codec);
}

struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// A decoder that is released whatever happens. Its calls run inside `guarded`, between whose setjmp and longjmp nothing with a destructor lives.
struct Decoder {
    jpeg_decompress_struct codec{};
    Handler handler;

    Decoder()
    {
        codec.err = jpeg_std_error(&handler.base);
        handler.base.error_exit = jumpBack;
        handler.base.emit_message = onMessage;
        handler.base.output_message = [](j_common_ptr) {};
    }
    ~Decoder() { jpeg_destroy_decompress(&codec); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
};

bool openHeader(Decoder& d, std::FILE* file)
{
    if (setjmp(d.handler.back)) // NOLINT(cert-err52-cpp): libjpeg is C and has no other way out
        return false;
    jpeg_create_decompress(&d.codec);
    jpeg_stdio_src(&d.codec, file);
    jpeg_save_markers(&d.codec, JPEG_APP0 + 1, 0xFFFF); // EXIF
    jpeg_read_header(&d.codec, TRUE);
    switch (d.codec.jpeg_color_space) {
    case JCS_GRAYSCALE: d.codec.out_color_space = JCS_GRAYSCALE; break;
    case JCS_YCCK:
    case JCS_CMYK: d.codec.out_color_space = JCS_CMYK; break;
    default: d.codec.out_color_space = JCS_RGB; break;
    }
    return true;
}

/// Decodes row after row; `row` holds one of them. The rows that were read are counted outside, so that the count outlives a jump.
bool readRows(Decoder& d, std::byte* row, std::int64_t& done, void (*keep)(void*, const std::byte*), void* to)
{
    if (setjmp(d.handler.back)) // NOLINT(cert-err52-cpp)
        return false;
    jpeg_start_decompress(&d.codec);
    while (d.codec.output_scanline < d.codec.output_height) {
        if (d.codec.data_precision <= 8) {
            auto* line = reinterpret_cast<JSAMPROW>(row);
            jpeg_read_scanlines(&d.codec, &line, 1);
        } else if (d.codec.data_precision <= 12) {
            auto* line = reinterpret_cast<J12SAMPROW>(row);
            jpeg12_read_scanlines(&d.codec, &line, 1);
        } else {
            auto* line = reinterpret_cast<J16SAMPROW>(row);
            jpeg16_read_scanlines(&d.codec, &line, 1);
        }
        keep(to, row);
        ++done;
    }
    jpeg_finish_decompress(&d.codec);
    return true;
}

/// Orientation (tag 0112) in the first directory of EXIF data, which is laid out as a TIFF file; 1 when it is not told.
int orientationIn(std::span<const unsigned char> tiff)
{
    if (tiff.size() < 8 || (tiff[0] != 'I' && tiff[0] != 'M'))
        return 1;
    const bool little = tiff[0] == 'I';
    const auto at = [&](std::size_t place, std::size_t width) {
        std::size_t v = 0;
        for (std::size_t n = 0; n < width; ++n)
            v = v << 8 | tiff[place + (little ? width - 1 - n : n)];
        return v;
    };
    const std::size_t directory = at(4, 4);
    if (directory > tiff.size() - 2)
        return 1;
    const std::size_t count = at(directory, 2);
    for (std::size_t n = 0; n < count && directory + 2 + 12 * (n + 1) <= tiff.size(); ++n) {
        const std::size_t entry = directory + 2 + 12 * n;
        if (at(entry, 2) == 0x0112 && at(entry + 2, 2) == 3) { // a 16-bit number
            const std::size_t told = at(entry + 8, 2);
            return told >= 1 && told <= 8 ? static_cast<int>(told) : 1;
        }
    }
    return 1;
}

int orientationOf(const jpeg_decompress_struct& codec)
{
    static constexpr std::array<unsigned char, 6> Exif{'E', 'x', 'i', 'f', 0, 0};
    for (const jpeg_marker_struct* m = codec.marker_list; m; m = m->next)
        if (const std::span<const unsigned char> data(m->data, m->data_length); m->marker == JPEG_APP0 + 1 && data.size() > Exif.size() && std::equal(Exif.begin(), Exif.end(), data.begin()))
            return orientationIn(data.subspan(Exif.size()));
    return 1;
}

/// The stored picture the right way up: from orientation 5 on its columns become rows.
void turn(const JpegInfo& info, std::span<const std::byte> stored, std::span<std::byte> out)
{
    const int o = info.orientation;
    const bool swapped = o >= 5, fromRight = o == 2 || o == 3 || o == 7 || o == 8, fromBelow = o == 3 || o == 4 || o == 6 || o == 7;
    const auto width = static_cast<std::size_t>(info.width), height = static_cast<std::size_t>(info.height);
    const std::size_t columns = swapped ? height : width, rows = swapped ? width : height, bytes = static_cast<std::size_t>(info.samples * info.bytesPerSample());
    for (std::size_t y = 0; y < height; ++y)
        for (std::size_t x = 0; x < width; ++x) {
            const std::size_t i = swapped ? y : x, j = swapped ? x : y;
            const std::size_t from = (fromBelow ? rows - 1 - j : j) * columns + (fromRight ? columns - 1 - i : i);
            std::copy_n(stored.begin() + static_cast<std::ptrdiff_t>(from * bytes), bytes, out.begin() + static_cast<std::ptrdiff_t>((y * width + x) * bytes));
        }
}

/// Where the rows go.
struct Target {
    const jpeg_decompress_struct* codec;
    std::byte* at;
    std::size_t pixels, samples, bytesEach;
};

/// CMYK to RGB: Adobe's programs store the amounts of ink inverted.
template <class T> void fromCmyk(const Target& t, const std::byte* row)
{
    const auto* in = reinterpret_cast<const T*>(row);
    auto* out = reinterpret_cast<T*>(t.at);
    const std::uint32_t most = (1u << t.codec->data_precision) - 1;
    for (std::size_t p = 0; p < t.pixels; ++p)
        for (std::size_t c = 0; c < 3; ++c) {
            const std::uint32_t ink = in[4 * p + c], black = in[4 * p + 3];
            out[3 * p + c] = static_cast<T>(t.codec->saw_Adobe_marker ? ink * black / most : (most - ink) * (most - black) / most);
        }
}

void keepRow(void* to, const std::byte* row)
{
    auto& t = *static_cast<Target*>(to);
    const std::size_t bytes = t.pixels * t.samples * t.bytesEach;
    if (t.codec->out_color_space != JCS_CMYK)
        std::copy_n(row, bytes, t.at);
    else if (t.bytesEach == 1)
        fromCmyk<std::uint8_t>(t, row);
    else
        fromCmyk<std::uint16_t>(t, row);
    t.at += bytes;
}

Result<File> openFile(const path& file)
{
    errno = 0;
    File f(std::fopen(file.c_str(), "rbe"));
    if (!f)
        return std::unexpected(systemError("open", file.string(), errno));
    return f;
}

std::string said(const Decoder& d) { return d.handler.text.data(); }

} // namespace

Result<JpegInfo> readJpegInfo(const path& file)
{
    HILUM_TRY(const File f, openFile(file));
    Decoder d;
    if (!openHeader(d, f.get()))
        return refuse(ErrorCode::BadData, "bad_header", "{}: the JPEG header cannot be read: {}", file.string(), said(d));
    const int parts = d.codec.num_components, bits = d.codec.data_precision;
    if ((parts != 1 && parts != 3 && parts != 4) || bits < 2 || bits > 16)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: JPEG pixels of {} components of {} bits are not supported", file.string(), parts, bits);
    const int orientation = orientationOf(d.codec);
    std::int64_t width = d.codec.image_width, height = d.codec.image_height;
    if (orientation >= 5)
        std::swap(width, height);
    return JpegInfo{.width = width, .height = height, .orientation = orientation, .samples = parts == 1 ? 1 : 3, .bits = bits};
}

Status readJpegPixels(const path& file, const JpegInfo& info, std::span<std::byte> out)
{
    HILUM_TRY(const File f, openFile(file));
    Decoder d;
    if (!openHeader(d, f.get()))
        return refuse(ErrorCode::BadData, "bad_header", "{}: the JPEG header cannot be read: {}", file.string(), said(d));
    const std::int64_t columns = info.orientation >= 5 ? info.height : info.width, rows = info.orientation >= 5 ? info.width : info.height;
    std::vector<std::byte> stored(info.orientation > 1 ? out.size() : 0);
    Target target{&d.codec, stored.empty() ? out.data() : stored.data(), static_cast<std::size_t>(columns), static_cast<std::size_t>(info.samples), static_cast<std::size_t>(info.bytesPerSample())};
    if (d.codec.image_width != columns || d.codec.image_height != rows || d.codec.data_precision != info.bits || out.size() != target.pixels * static_cast<std::size_t>(rows) * target.samples * target.bytesEach)
        return refuse(ErrorCode::BadData, "damaged", "{}: the file changed while it was read", file.string());
    std::vector<std::byte> row(target.pixels * 4 * target.bytesEach);
    std::int64_t done = 0;
    if (readRows(d, row.data(), done, keepRow, &target)) {
        if (!stored.empty())
            turn(info, stored, out);
        return {};
    }
    if (d.handler.code == JWRN_JPEG_EOF || d.handler.code == JWRN_HIT_MARKER)
        return refuse(ErrorCode::BadData, "truncated", "{}: the JPEG data end in or before row {} of {}: {}", file.string(), done + 1, rows, said(d));
    const bool damaged = d.handler.code == JWRN_HUFF_BAD_CODE || d.handler.code == JWRN_ARITH_BAD_CODE || d.handler.code == JWRN_MUST_RESYNC || done > 0;
    return refuse(damaged ? ErrorCode::BadData : ErrorCode::Unsupported, damaged ? "damaged" : "unsupported_pixels", "{}: the JPEG data cannot be decoded from row {} of {} on: {}", file.string(), done + 1, rows, said(d));
}

} // namespace hilum::imaging
