#include "core/imaging/jpeg2000.h"

#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

namespace hilum::imaging {

namespace {

struct Source {
    std::span<const std::byte> bytes;
    std::size_t at = 0;
};

OPJ_SIZE_T readBytes(void* buffer, OPJ_SIZE_T count, void* user)
{
    auto& s = *static_cast<Source*>(user);
    if (s.at >= s.bytes.size())
        return static_cast<OPJ_SIZE_T>(-1);
    const std::size_t n = std::min<std::size_t>(count, s.bytes.size() - s.at);
    std::memcpy(buffer, s.bytes.data() + s.at, n);
    s.at += n;
    return n;
}

OPJ_OFF_T skipBytes(OPJ_OFF_T count, void* user)
{
    auto& s = *static_cast<Source*>(user);
    const auto left = static_cast<OPJ_OFF_T>(s.bytes.size() - s.at);
    const OPJ_OFF_T n = std::clamp<OPJ_OFF_T>(count, -static_cast<OPJ_OFF_T>(s.at), left);
    s.at = static_cast<std::size_t>(static_cast<OPJ_OFF_T>(s.at) + n);
    return n == count ? n : -1;
}

OPJ_BOOL seekBytes(OPJ_OFF_T position, void* user)
{
    auto& s = *static_cast<Source*>(user);
    if (position < 0 || static_cast<std::size_t>(position) > s.bytes.size())
        return OPJ_FALSE;
    s.at = static_cast<std::size_t>(position);
    return OPJ_TRUE;
}

void keepMessage(const char* message, void* user)
{
    auto& text = *static_cast<std::string*>(user);
    if (text.empty())
        text = message;
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
}

void dropMessage(const char*, void*) {}

} // namespace

Result<Jpeg2000Image> decodeJpeg2000(std::span<const std::byte> bytes, const CodestreamSize& expected)
{
    if (bytes.size() < 12)
        return refuse(ErrorCode::BadData, "truncated", "the JPEG 2000 stream has {} bytes", bytes.size());
    const bool boxed = std::to_integer<unsigned>(bytes[4]) == 'j' && std::to_integer<unsigned>(bytes[5]) == 'P';
    const auto other = [&](std::int64_t columns, std::int64_t rows, std::int64_t components) {
        return refuse(ErrorCode::BadData, "bad_pixels", "the JPEG 2000 stream holds {} x {} pixels of {} components, the header says {} x {} of {}", columns, rows, components,
                      expected.columns, expected.rows, expected.components);
    };
    // reading the header alone takes memory for each component of each tile
    if (const auto told = codestreamSize(bytes); told && told->components != expected.components)
        return other(told->columns, told->rows, told->components);
    Source source{bytes};
    std::string message;
    const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), opj_destroy_codec);
    const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_create(1 << 20, OPJ_TRUE), opj_stream_destroy);
    if (!codec || !stream)
        return fail(ErrorCode::OutOfMemory, "not enough memory for a JPEG 2000 decoder");
    opj_set_error_handler(codec.get(), keepMessage, &message);
    opj_set_warning_handler(codec.get(), dropMessage, nullptr);
    opj_set_info_handler(codec.get(), dropMessage, nullptr);
    opj_stream_set_user_data(stream.get(), &source, nullptr);
    opj_stream_set_user_data_length(stream.get(), bytes.size());
    opj_stream_set_read_function(stream.get(), readBytes);
    opj_stream_set_skip_function(stream.get(), skipBytes);
    opj_stream_set_seek_function(stream.get(), seekBytes);

    const auto failed = [&] {
        return refuse(ErrorCode::BadData, "bad_pixels", "the JPEG 2000 stream of {} bytes cannot be decoded: {}", bytes.size(), message.empty() ? "unknown fault" : message);
    };
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_image_t* raw = nullptr;
    if (!opj_setup_decoder(codec.get(), &parameters) || !opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE) || !opj_read_header(stream.get(), codec.get(), &raw))
        return failed();
    const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(raw, opj_image_destroy);
    // the pixels of a stream cost it something: a size that its bytes cannot carry is not decoded
    const std::uint64_t pixels = std::uint64_t{image->x1 - image->x0} * (image->y1 - image->y0);
    if (image->x1 <= image->x0 || image->y1 <= image->y0 || pixels / 1'000'000 > bytes.size())
        return refuse(ErrorCode::BadData, "bad_pixels", "the JPEG 2000 stream of {} bytes claims {} x {} pixels", bytes.size(), image->x1 - image->x0, image->y1 - image->y0);
    for (OPJ_UINT32 c = 0; c < image->numcomps; ++c)
        if (image->comps[c].w != expected.columns || image->comps[c].h != expected.rows || image->numcomps != static_cast<OPJ_UINT32>(expected.components))
            return other(image->comps[c].w, image->comps[c].h, image->numcomps);
    if (!opj_decode(codec.get(), stream.get(), image.get()) || !opj_end_decompress(codec.get(), stream.get()))
        return failed();

    Jpeg2000Image out;
    out.components = static_cast<int>(image->numcomps);
    if (out.components < 1 || !image->comps[0].data)
        return failed();
    out.width = image->comps[0].w;
    out.height = image->comps[0].h;
    out.bits = static_cast<int>(image->comps[0].prec);
    out.isSigned = image->comps[0].sgnd != 0;
    const auto count = static_cast<std::size_t>(out.width * out.height);
    out.values.resize(count * static_cast<std::size_t>(out.components));
    for (int c = 0; c < out.components; ++c) {
        const opj_image_comp_t& component = image->comps[c];
        if (component.w != image->comps[0].w || component.h != image->comps[0].h || !component.data)
            return refuse(ErrorCode::Unsupported, "unsupported_syntax", "the JPEG 2000 stream has components of different sizes");
        for (std::size_t n = 0; n < count; ++n)
            out.values[n * static_cast<std::size_t>(out.components) + static_cast<std::size_t>(c)] = component.data[n];
    }
    return out;
}

} // namespace hilum::imaging
