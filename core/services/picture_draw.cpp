#include "core/services/picture_draw.h"

#include <algorithm>

namespace hilum::services {

namespace {

// rows of three pixels from the top, most significant bit first
constexpr std::uint16_t Digits[] = {0b111101101101111, 0b010110010010111, 0b111001111100111, 0b111001111001111, 0b101101111001001,
                                    0b111100111001111, 0b111100111101111, 0b111001001001001, 0b111101111101111, 0b111101111001111};
constexpr std::uint16_t Dot = 0b000000000000010, Minus = 0b000000111000000;

} // namespace

void fillRect(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, const view::Rgb& colour)
{
    for (std::int64_t row = std::max<std::int64_t>(0, y); row < std::min(picture.height, y + height); ++row)
        for (std::int64_t column = std::max<std::int64_t>(0, x); column < std::min(picture.width, x + width); ++column)
            picture.set(column, row, colour);
}

void drawRect(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, const view::Rgb& colour, std::int64_t thick)
{
    fillRect(picture, x, y, width, thick, colour);
    fillRect(picture, x, y + height - thick, width, thick, colour);
    fillRect(picture, x, y, thick, height, colour);
    fillRect(picture, x + width - thick, y, thick, height, colour);
}

std::int64_t numberWidth(std::string_view text, std::int64_t scale)
{
    return static_cast<std::int64_t>(text.size()) * 4 * scale;
}

std::int64_t drawNumber(Picture& picture, std::int64_t x, std::int64_t y, std::string_view text, const view::Rgb& colour, std::int64_t scale)
{
    std::int64_t left = x;
    for (const char c : text) {
        const std::uint16_t bits = c >= '0' && c <= '9' ? Digits[c - '0'] : c == '.' ? Dot : c == '-' ? Minus : std::uint16_t{0};
        for (int row = 0; row < 5; ++row)
            for (int column = 0; column < 3; ++column)
                if (bits >> (14 - row * 3 - column) & 1)
                    fillRect(picture, left + column * scale, y + row * scale, scale, scale, colour);
        left += 4 * scale;
    }
    return left - x;
}

void paste(Picture& picture, const Picture& part, std::int64_t x, std::int64_t y)
{
    for (std::int64_t row = 0; row < part.height && y + row < picture.height; ++row)
        std::copy_n(part.rgb.begin() + row * part.width * 3, std::min(part.width, picture.width - x) * 3, picture.rgb.begin() + ((y + row) * picture.width + x) * 3);
}

Picture stacked(std::span<const Picture> pictures, std::int64_t gap)
{
    std::int64_t width = 0, height = 0;
    for (const Picture& p : pictures) {
        width = std::max(width, p.width);
        height += p.height + (height > 0 ? gap : 0);
    }
    Picture out(width, height);
    std::int64_t top = 0;
    for (const Picture& p : pictures) {
        paste(out, p, 0, top);
        top += p.height + gap;
    }
    return out;
}

Picture resized(const Picture& picture, std::int64_t width, std::int64_t height)
{
    Picture out(width, height);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            const auto from = static_cast<std::size_t>((y * picture.height / height * picture.width + x * picture.width / width) * 3);
            out.set(x, y, {picture.rgb[from], picture.rgb[from + 1], picture.rgb[from + 2]});
        }
    return out;
}

} // namespace hilum::services
