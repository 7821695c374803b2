#include "core/imaging/png_write.h"

#include <png.h>

#include <bit>
#include <csetjmp>
#include <memory>
#include <vector>

namespace hilum::imaging {

namespace {

struct Sink {
    std::string bytes;
    std::string error;
};

void append(png_structp png, png_bytep data, png_size_t length)
{
    static_cast<Sink*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), length);
}

void onError(png_structp png, png_const_charp text)
{
    static_cast<Sink*>(png_get_error_ptr(png))->error = text;
    std::longjmp(png_jmpbuf(png), 1);
}

void onWarning(png_structp, png_const_charp) {}

/// Everything between setjmp and longjmp: holds no object with a destructor.
bool encode(png_structp png, png_infop info, png_uint_32 width, png_uint_32 height, int bits, int colour, png_bytepp rows)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_IHDR(png, info, width, height, bits, colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3);
    png_write_info(png, info);
    if (bits == 16 && std::endian::native == std::endian::little)
        png_set_swap(png);
    png_write_image(png, rows);
    png_write_end(png, nullptr);
    return true;
}

} // namespace

Result<std::string> encodePng(std::int64_t width, std::int64_t height, int channels, int bits, std::span<const std::byte> pixels)
{
    constexpr std::int64_t Limit = 1'000'000;
    if (width < 1 || height < 1 || width > Limit || height > Limit || (bits != 8 && bits != 16) || (channels != 1 && channels != 3 && channels != 4))
        return fail(ErrorCode::BadData, "a PNG of {} x {} pixels with {} channels of {} bits cannot be written", width, height, channels, bits);
    const std::size_t rowBytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels) * static_cast<std::size_t>(bits / 8);
    if (pixels.size() != rowBytes * static_cast<std::size_t>(height))
        return fail(ErrorCode::BadData, "a PNG of {} x {} pixels needs {} bytes, {} were given", width, height, rowBytes * static_cast<std::size_t>(height), pixels.size());
    Sink sink;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, onError, onWarning);
    png_infop info = png ? png_create_info_struct(png) : nullptr;
    if (!info) {
        png_destroy_write_struct(&png, nullptr);
        return fail(ErrorCode::OutOfMemory, "not enough memory to write a PNG");
    }
    png_set_write_fn(png, &sink, append, nullptr);
    std::vector<png_bytep> rows(static_cast<std::size_t>(height));
    for (std::size_t y = 0; y < rows.size(); ++y)
        rows[y] = reinterpret_cast<png_bytep>(const_cast<std::byte*>(pixels.data() + y * rowBytes)); // libpng's type; it does not write there
    const int colour = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGBA;
    const bool done = encode(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), bits, colour, rows.data());
    png_destroy_write_struct(&png, &info);
    if (!done)
        return fail(ErrorCode::Io, "the PNG could not be encoded: {}", sink.error);
    return std::move(sink.bytes);
}

} // namespace hilum::imaging
