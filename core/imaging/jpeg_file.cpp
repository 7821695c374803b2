#include "core/imaging/jpeg_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <memory>
#include <string>
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
    return JpegInfo{.width = d.codec.image_width, .height = d.codec.image_height, .samples = parts == 1 ? 1 : 3, .bits = bits};
}

Status readJpegPixels(const path& file, const JpegInfo& info, std::span<std::byte> out)
{
    HILUM_TRY(const File f, openFile(file));
    Decoder d;
    if (!openHeader(d, f.get()))
        return refuse(ErrorCode::BadData, "bad_header", "{}: the JPEG header cannot be read: {}", file.string(), said(d));
    Target target{&d.codec, out.data(), static_cast<std::size_t>(info.width), static_cast<std::size_t>(info.samples), static_cast<std::size_t>(info.bytesPerSample())};
    if (d.codec.image_width != info.width || d.codec.image_height != info.height || d.codec.data_precision != info.bits || out.size() != target.pixels * static_cast<std::size_t>(info.height) * target.samples * target.bytesEach)
        return refuse(ErrorCode::BadData, "damaged", "{}: the file changed while it was read", file.string());
    std::vector<std::byte> row(target.pixels * 4 * target.bytesEach);
    std::int64_t done = 0;
    if (readRows(d, row.data(), done, keepRow, &target))
        return {};
    if (d.handler.code == JWRN_JPEG_EOF || d.handler.code == JWRN_HIT_MARKER)
        return refuse(ErrorCode::BadData, "truncated", "{}: the JPEG data end in or before row {} of {}: {}", file.string(), done + 1, info.height, said(d));
    const bool damaged = d.handler.code == JWRN_HUFF_BAD_CODE || d.handler.code == JWRN_ARITH_BAD_CODE || d.handler.code == JWRN_MUST_RESYNC || done > 0;
    return refuse(damaged ? ErrorCode::BadData : ErrorCode::Unsupported, damaged ? "damaged" : "unsupported_pixels", "{}: the JPEG data cannot be decoded from row {} of {} on: {}", file.string(), done + 1, info.height, said(d));
}

} // namespace hilum::imaging
