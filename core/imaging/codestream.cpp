#include "core/imaging/codestream.h"

namespace hilum::imaging {

namespace {

std::uint32_t big(std::span<const std::byte> b, std::size_t at, std::size_t width)
{
    std::uint32_t v = 0;
    for (std::size_t n = 0; n < width; ++n)
        v = v << 8 | std::to_integer<std::uint32_t>(b[at + n]);
    return v;
}

/// Marker segments up to the frame header: SOF0 to SOF15, or SOF55 of JPEG-LS.
std::optional<CodestreamSize> jpegSize(std::span<const std::byte> b)
{
    for (std::size_t at = 2; at + 9 < b.size();) {
        const std::uint32_t marker = big(b, at + 1, 1);
        if (b[at] != std::byte{0xFF} || marker == 0xFF) { // foreign bytes between segments, which decoders skip; a fill byte
            ++at;
            continue;
        }
        if (marker <= 1 || (marker >= 0xD0 && marker <= 0xD8)) { // without a length
            at += 2;
            continue;
        }
        const bool frame = (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) || marker == 0xF7;
        if (frame)
            return CodestreamSize{big(b, at + 7, 2), big(b, at + 5, 2), static_cast<int>(big(b, at + 9, 1)), static_cast<int>(big(b, at + 4, 1))};
        if (marker == 0xDA || marker == 0xD9)
            return {};
        const std::uint32_t length = big(b, at + 2, 2);
        if (length < 2)
            return {};
        at += 2 + length;
    }
    return {};
}

/// The SIZ segment behind the start of the codestream.
std::optional<CodestreamSize> jpeg2000Size(std::span<const std::byte> b)
{
    if (b.size() < 43)
        return {};
    const std::int64_t x = big(b, 8, 4), y = big(b, 12, 4), x0 = big(b, 16, 4), y0 = big(b, 20, 4);
    return CodestreamSize{x - x0, y - y0, static_cast<int>(big(b, 40, 2)), static_cast<int>(big(b, 42, 1) & 0x7F) + 1};
}

/// The codestream of a JP2 file: the content of its first box jp2c.
std::span<const std::byte> codestreamOfBoxes(std::span<const std::byte> b)
{
    while (b.size() >= 16) {
        const std::uint64_t length = big(b, 0, 4);
        const bool wide = length == 1; // eight bytes of length follow the name
        const std::uint64_t whole = wide ? std::uint64_t{big(b, 8, 4)} << 32 | big(b, 12, 4) : length == 0 ? b.size() : length;
        const std::size_t head = wide ? 16 : 8;
        if (big(b, 4, 4) == 0x6A703263)
            return b.subspan(head);
        if (whole < head || whole > b.size())
            return {};
        b = b.subspan(static_cast<std::size_t>(whole));
    }
    return {};
}

} // namespace

std::optional<CodestreamSize> codestreamSize(std::span<const std::byte> b)
{
    if (b.size() > 4 && b[0] == std::byte{0xFF} && b[1] == std::byte{0xD8})
        return jpegSize(b);
    if (b.size() > 4 && b[0] == std::byte{0xFF} && b[1] == std::byte{0x4F})
        return jpeg2000Size(b);
    if (b.size() > 8 && big(b, 4, 4) == 0x6A502020)
        return jpeg2000Size(codestreamOfBoxes(b));
    return {};
}

} // namespace hilum::imaging
