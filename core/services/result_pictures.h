#pragma once

#include "core/base/tensor_file.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::services {

/// A picture in memory: width x height x 3 bytes, row-major.
struct Picture {
    std::int64_t width = 0, height = 0;
    std::vector<std::uint8_t> rgb;
    Picture() = default;
    Picture(std::int64_t w, std::int64_t h) : width(w), height(h), rgb(static_cast<std::size_t>(w * h * 3)) {}
    void set(std::int64_t x, std::int64_t y, std::array<std::uint8_t, 3> c)
    {
        const auto at = static_cast<std::size_t>((y * width + x) * 3);
        rgb[at] = c[0], rgb[at + 1] = c[1], rgb[at + 2] = c[2];
    }
};
Result<std::string> encodePng(const Picture& picture);
/// Pictures of equal height side by side, with a gap.
Picture sideBySide(std::span<const Picture> pictures, std::int64_t gap = 4);

/// One array of an answer as [height, width] numbers (channel 0 of [C, H, W], or [H, W]), whatever its element type.
struct Plane {
    std::int64_t width = 0, height = 0;
    std::vector<float> values;
};
Result<Plane> planeOf(const TensorFile& file, const std::string& name);

/// Grey values 0..1; hidden patches under a 50 % dark veil where `mask` (token grid, 1 = hidden) is given.
Picture greyPicture(const Plane& plane, const Plane* mask = nullptr);
/// Signed error around 0 in the diverging map; \param limit the value at both ends, 0 takes the largest absolute value.
Picture errorPicture(const Plane& error, double limit = 0);
/// Grey values with groups of overwritten pixels (`groups`, 1 = overwritten): outlined, with a pattern by what fills them: dots for "noise", level lines for "zeros",
/// rising lines for "place", falling ones for anything else.
Picture groupPicture(const Plane& plane, const Plane& groups, std::string_view filledWith);
/// Grey image under a map on its own grid, blended where the map is high; lowest and highest value of the map span the colours.
Picture overlayPicture(const Plane& grey, const Plane& map);

/// *Original | Disrupted | Reconstruction | Error* of an answer to `reconstruct`; the reconstruction has the visible patches pasted back.
Result<Picture> reconstructionPicture(const TensorFile& answer);
/// The image of an answer to `attention` with its map over it. `image` is the request's U16 image.
Result<Picture> attentionPicture(const TensorFile& request, const TensorFile& answer);

} // namespace hilum::services
