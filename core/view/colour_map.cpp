#include "core/view/colour_map.h"

#include <algorithm>
#include <cmath>

namespace hilum::view {

namespace {

// matplotlib's "inferno" at 0, 1/8, ..., 1
constexpr std::array<Rgb, 9> Inferno{{{0, 0, 4}, {31, 12, 72}, {85, 15, 109}, {136, 34, 106}, {186, 54, 85}, {227, 89, 51}, {249, 140, 10}, {249, 201, 50}, {252, 255, 164}}};
// Moreland's cool-warm at 0, 1/4, ..., 1
constexpr std::array<Rgb, 5> CoolWarm{{{59, 76, 192}, {141, 176, 254}, {221, 221, 221}, {244, 152, 122}, {180, 4, 38}}};

template <std::size_t N>
Rgb between(const std::array<Rgb, N>& points, double t)
{
    const double at = t * static_cast<double>(N - 1);
    const auto i = std::min(static_cast<std::size_t>(at), N - 2);
    const double f = at - static_cast<double>(i);
    Rgb out;
    for (std::size_t c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>(std::lround((1 - f) * points[i][c] + f * points[i + 1][c]));
    return out;
}

} // namespace

std::string_view name(ColourMap map)
{
    constexpr std::string_view Names[] = {"grey", "inferno", "cool-warm"};
    return Names[static_cast<std::size_t>(map)];
}

Rgb colour(ColourMap map, double t)
{
    if (std::isnan(t))
        return {128, 128, 128};
    t = std::clamp(t, 0.0, 1.0);
    switch (map) {
    case ColourMap::Attention: return between(Inferno, t);
    case ColourMap::Diverging: return between(CoolWarm, t);
    case ColourMap::Grey: break;
    }
    const auto g = static_cast<std::uint8_t>(std::lround(255 * t));
    return {g, g, g};
}

std::vector<Rgb> colours(ColourMap map, std::span<const float> values, double low, double high)
{
    std::vector<Rgb> out(values.size());
    const double scale = high > low ? 1 / (high - low) : 0;
    std::transform(values.begin(), values.end(), out.begin(), [&](float v) { return colour(map, (static_cast<double>(v) - low) * scale); });
    return out;
}

} // namespace hilum::view
