#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::view {

/// A display window: width first, then centre (level), in the unit of the values.
struct WindowLevel {
    double width = 1, centre = 0;
    enum class Shape { Linear, LinearExact, Sigmoid } shape = Shape::Linear; ///< DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3
    bool operator==(const WindowLevel&) const = default;
};

/// A VOI LUT (PS3.3 C.11.2.1.1): value -> table[value - first] / (2^bits - 1), ends repeated.
struct ValueLut {
    std::int64_t first = 0;
    int bits = 8;
    std::vector<std::uint16_t> table;
};

/// From modality value to grey: VOI LUT or window, then inversion. Modality LUT comes before, nothing comes after.
struct Transfer {
    WindowLevel window;                  ///< with a LUT: over its output in per cent, width 100 centre 50 leaves it as it is
    std::shared_ptr<const ValueLut> lut; ///< null: window alone
    bool inverted = false;               ///< MONOCHROME1, or inverted by the person, but not both
    std::string source;                  ///< "file", "VOI LUT", "percentiles 1 to 99", "lung", "by hand": for the fidelity badge
    bool operator==(const Transfer&) const = default;
};

/// Grey value of a modality value, 0 black to 1 white.
double grey(const Transfer& transfer, double value);

/// Grey values in 0..255 of first, first + 1, ... (`count` of them): what a drag recomputes.
std::vector<std::uint8_t> greyTable(const Transfer& transfer, std::int64_t first, std::int64_t count);

/// "W 400 L 40"; with a LUT "VOI LUT W 100 % L 50 %". Whole numbers without decimals, others with three figures.
std::string windowText(const Transfer& transfer);

enum class PresetKind { Auto, FromFile, Fixed, User };
/// A preset on a number key. Values in HU.
struct WindowPreset {
    int key = 0;
    std::string_view name;
    PresetKind kind = PresetKind::Fixed;
    double width = 0, centre = 0;
};
std::span<const WindowPreset> windowPresets(); ///< ten, in order of their keys 0 to 9

/// What a preset needs to know about the image.
struct PresetContext {
    std::string modality;     ///< "CT", "MR", "DX", ...; empty outside DICOM
    bool hounsfield = false;  ///< the values are HU
    bool fileHasWindow = false;
    bool userHasWindow = false;
};
/// Empty when the preset can be used, else one sentence for the tool tip of the greyed entry.
std::string whyUnavailable(const WindowPreset& preset, const PresetContext& context);

/// A window from the values themselves.
struct SampleWindow {
    WindowLevel window{1, 0, WindowLevel::Shape::LinearExact};
    bool byExtremes = false; ///< from the lowest to the highest value: nearly all are one value, which has both quantiles
};
/// Window between two quantiles of `sample` (taken apart by it), or its extremes where the quantiles are one value: a few voxels that are not the background are what there is
/// to see. A flat sample gives width 1 around its value; what is not finite does not count.
SampleWindow sampleWindow(std::span<float> sample, double low = 0.01, double high = 0.99);
/// The window alone.
WindowLevel windowBetweenQuantiles(std::span<float> sample, double low = 0.01, double high = 0.99);

/// The drag rule: to the right widens, up makes brighter (lowers the centre). One pixel is a 1/512 of the range of the image's
/// values or, in a narrow window, 1/256 of its width. The width never gets below `finest` (1 for whole numbers).
WindowLevel dragged(const WindowLevel& from, double dxPixels, double dyPixels, double valueRange, double finest = 1);

} // namespace hilum::view
