#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hilum::view {

using Rgb = std::array<std::uint8_t, 3>;

/// Colours of numbers: the same in the window and in written pictures.
enum class ColourMap {
    Grey,      ///< black to white
    Attention, ///< perceptually uniform, dark to light ("inferno" of matplotlib's public-domain (CC0) data, sampled at 9 points)
    Diverging, ///< blue - grey - red around the middle (Moreland 2009, "Diverging color maps for scientific visualization")
};
std::string_view name(ColourMap map);

/// Colour of t in [0, 1]; values outside are clamped, NaN is mid-grey.
Rgb colour(ColourMap map, double t);

/// Colours of many values between low and high. \return values.size() colours; low == high gives the lowest colour.
std::vector<Rgb> colours(ColourMap map, std::span<const float> values, double low, double high);

} // namespace hilum::view
