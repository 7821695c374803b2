#pragma once

#include "core/services/result_pictures.h"
#include "core/view/colour_map.h"

#include <string_view>

namespace hilum::services {

/// Fills a rectangle; what lies outside of the picture is left out.
void fillRect(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, const view::Rgb& colour);
/// Its edge, `thick` pixels inwards.
void drawRect(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, const view::Rgb& colour, std::int64_t thick = 1);
/// Digits, '.', '-' and blanks, 5 pixels high times `scale`; other letters are left blank. \return the width that was used
std::int64_t drawNumber(Picture& picture, std::int64_t x, std::int64_t y, std::string_view text, const view::Rgb& colour, std::int64_t scale = 2);
std::int64_t numberWidth(std::string_view text, std::int64_t scale = 2);
/// Copies `part` to (x, y).
void paste(Picture& picture, const Picture& part, std::int64_t x, std::int64_t y);
/// Pictures below each other, left aligned.
Picture stacked(std::span<const Picture> pictures, std::int64_t gap = 4);
/// The picture at another size, each pixel from the nearest one.
Picture resized(const Picture& picture, std::int64_t width, std::int64_t height);

} // namespace hilum::services
