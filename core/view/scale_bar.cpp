#include "core/view/scale_bar.h"

#include "core/base/format.h"

#include <cmath>
#include <stdexcept>

namespace hilum::view {

std::string_view name(LengthMeaning meaning)
{
    constexpr std::string_view Names[] = {"", "detector plane", "calibrated", "pixels", "pixel widths"};
    return Names[static_cast<std::size_t>(meaning)];
}

ScaleBar scaleBar(double pixelsPerMm, double longestPixels, LengthMeaning meaning)
{
    if (!(pixelsPerMm > 0) || !(longestPixels > 0))
        throw std::invalid_argument(hilum::format("scaleBar: {} pixels per mm, {} pixels", pixelsPerMm, longestPixels));
    const double longest = longestPixels / pixelsPerMm;
    const double decade = std::pow(10.0, std::floor(std::log10(longest) + 1e-9));
    double length = decade;
    for (const double factor : {2.0, 5.0})
        if (factor * decade <= longest * (1 + 1e-9))
            length = factor * decade;
    ScaleBar bar{length, length * pixelsPerMm, {}};
    if (meaning == LengthMeaning::Unknown || meaning == LengthMeaning::PixelWidths) {
        bar.text = hilum::format("{:g} px{}", length, meaning == LengthMeaning::Unknown ? "" : ", pixel widths");
        return bar;
    }
    bar.text = length >= 10 ? hilum::format("{:g} cm", length / 10) : hilum::format("{:g} mm", length);
    if (meaning != LengthMeaning::Patient)
        bar.text += hilum::format(", {}", name(meaning));
    return bar;
}

} // namespace hilum::view
