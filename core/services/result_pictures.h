#pragma once

#include "core/base/tensor_file.h"
#include "core/imaging/model_input.h"
#include "core/view/lab_arrays.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
/// SHA-256 over width, height (little-endian int64) and the bytes: what records keep of a picture, however its file is compressed.
std::string pixelDigest(const Picture& picture);
/// Pictures by the name that records know them by.
using NamedPictures = std::vector<std::pair<std::string, Picture>>;
/// {name: pixelDigest} of each.
Json pixelDigests(const NamedPictures& pictures);

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
/// Grey image under a map on its own grid, blended where the map is high. \param low, high ends of the colours; equal: the map's lowest and highest value
Picture overlayPicture(const Plane& grey, const Plane& map, double low = 0, double high = 0);

/// *Original | Disrupted | Reconstruction | Error* of an answer to `reconstruct`; the reconstruction has the visible patches pasted back.
Result<Picture> reconstructionPicture(const TensorFile& answer);
/// All pictures that the answer to `reconstruct` allows for a radiograph, by file name: "input.png" always; "attention.png" and "similarity.png" where there are such arrays.
/// \param filledWith as groupPicture
Result<NamedPictures> radiographPictures(const TensorFile& answer, std::string_view filledWith);
/// "original", "disrupted", "reconstruction", "error" of what the Lab shows, on the model's grid, without its captions and crosshair.
NamedPictures reconstructionViews(const view::Reconstruction& shown, std::string_view filledWith);
/// The image of an answer to `attention` with its map over it. `image` is the request's U16 image. \param seen width and height of the part in its middle that the encoder gets and the
/// map lies over; {0, 0}: all of it
Result<Picture> attentionPicture(const TensorFile& request, const TensorFile& answer, std::array<std::int64_t, 2> seen = {0, 0});
/// The same for an image and a map that are there already.
Picture attentionPicture(const imaging::ModelInput& image, const view::AttentionMap& map, std::array<std::int64_t, 2> seen = {0, 0});

/// A map of the token grid on the image's own pixels: each has the value of the token that it lies in, 0 where the model sees nothing.
Plane onImageGrid(const Plane& tokens, const imaging::ModelInput& placed, std::int64_t width, std::int64_t height);

} // namespace hilum::services
