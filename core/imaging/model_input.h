#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/imaging/chest_region.h"
#include "core/imaging/volume.h"

#include <array>
#include <cstdint>
#include <vector>

namespace hilum::imaging {

/// An image as a model sees it, after the model's input pipeline (resources/docs/dev/cache_format.md), and the way back.
struct ModelInput {
    std::int64_t width = 0, height = 0;     ///< of the model's grid
    std::vector<std::uint16_t> image;       ///< 0..65535 for 0..1, row-major
    std::vector<std::uint8_t> region;       ///< same grid, 1 inside; empty when the pipeline has none
    double regionConfidence = 0;
    std::string regionMethod;
    /// Model pixel (x, y) lies at image pixel (offset + scale * x); pixel centres at whole numbers, both axes.
    std::array<double, 2> scale{1, 1}, offset{0, 0};
    std::array<double, 2> toImage(double x, double y) const { return {offset[0] + scale[0] * x, offset[1] + scale[1] * y}; }
    std::array<double, 2> fromImage(double x, double y) const { return {(x - offset[0]) / scale[0], (y - offset[1]) / scale[1]}; }
    std::string chain;                      ///< grey value chain, for the badge
};

/// A radiograph pipeline, checked.
struct RadiographPipeline {
    std::int64_t width = 0, height = 0;
    enum class Resize { Stretch, Pad } resize = Resize::Stretch;
    enum class Region { LungContour, MaskFile, Polygon, Rectangle, None } region = Region::None;
};
/// Options with every fault at once: kind, size, channels, resize, grey and region as in cache_format.md.
Result<RadiographPipeline> radiographPipeline(const Json& pipeline);

/// Applies a radiograph pipeline to one slice. With `stretch` the image fills the model's grid; with `pad` one scale serves both axes,
/// the image lies in the middle and 0 around it. Regions are taken from the nearest pixel. Area averaging when shrinking, bilinear when enlarging.
/// \param givenRegion replaces the computed region (mask file or polygon), on the image's own grid.
Result<ModelInput> modelInput(const Volume& image, const Json& pipeline, std::int64_t slice = 0, const ChestRegion* givenRegion = nullptr);

/// The same for grey values that are there already.
Result<ModelInput> modelInput(const GreyImage& grey, const Json& pipeline, const ChestRegion* givenRegion = nullptr);

/// Writes the request file of the serving protocol: `image` U16 [1,H,W], `region` U8 [H,W] when there is one, and `mask` U8 [rows, columns]
/// of the token grid `maskGrid` when given (1 = hidden).
Status writeRequest(const ModelInput& input, const path& file, const std::vector<std::uint8_t>* mask = nullptr, std::array<std::int64_t, 2> maskGrid = {0, 0});

} // namespace hilum::imaging
