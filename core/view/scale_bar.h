#pragma once

#include <string>
#include <string_view>

namespace hilum::view {

/// What a length on the image means; the scale bar and every measure say it.
/// PixelWidths: millimetres are unknown, but the file tells how high a pixel is against its width.
enum class LengthMeaning { Patient, DetectorPlane, Calibrated, Unknown, PixelWidths };
std::string_view name(LengthMeaning meaning); ///< "", "detector plane", "calibrated", "pixels", "pixel widths"

struct ScaleBar {
    double length = 0; ///< mm, or (widths of) image pixels when the meaning is Unknown or PixelWidths
    double pixels = 0; ///< on the screen
    std::string text;  ///< "5 cm", "20 mm", "50 px"; with its meaning: "5 cm, detector plane"
};

/// The longest bar of 1, 2 or 5 times a power of ten that is at most `longestPixels` long.
/// \param pixelsPerMm  screen pixels per mm (per image pixel when the meaning is Unknown), above 0
ScaleBar scaleBar(double pixelsPerMm, double longestPixels, LengthMeaning meaning = LengthMeaning::Patient);

} // namespace hilum::view
