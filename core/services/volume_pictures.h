#pragma once

#include "core/base/geometry.h"
#include "core/services/result_pictures.h"
#include "core/view/method_answer.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hilum::services {

/// Rows: the axial, coronal and sagittal slice through `at` (i, j, k of `input`); columns: original | disrupted | reconstruction | error, as far as the answer has them.
/// Pixels are square millimetres: voxels are repeated by their spacing. \param spacingMm of i, j, k
Picture volumeMontage(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm, const std::array<std::int64_t, 3>& at);

/// VoCo: the numbered base crops (yellow) and the random ones (blue) over an axial slice of `input`, at any scale. \param onSlice only those that reach that slice
void drawCrops(Picture& slice, const view::VolumeAnswer& answer, std::optional<std::int64_t> onSlice = std::nullopt);
/// VoCo: for one random crop a pair of bars for each base: true overlap light, predicted blue.
Picture overlapBars(const view::VolumeAnswer& answer, std::int64_t crop);
/// VoCo: the axial slice with the numbered base crops and the random ones over it (yellow, and blue); below it, per random crop, a pair of bars for each base: true
/// overlap light, predicted blue.
Picture cropPicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

/// Numbers as a table of coloured cells with two decimals; dark is `low`, light is `high`.
Picture matrixPicture(const view::Matrix& matrix, double low = 0, double high = 1);

/// DAE: one cell per channel; dark ones are zeroed.
Picture channelPicture(std::span<const std::uint8_t> mask);

/// UniMedI: the chosen slices with their number and, left of them, the scores of all slices from the top (H) down, the chosen ones marked.
Picture slicePicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

/// Attention of the tokens of a volume: rows are the axial, coronal and sagittal slice through the middle of the token with the largest value; columns: the image, and the map over it.
/// The colours reach from 0 to that value in all rows. \param image values that are shown black and white as view::greyRange
Picture heatPicture(const view::Block& image, const view::Block& tokens, const std::array<double, 3>& spacingMm);
/// The same for the request and the answer to `attention` (`image`, `attention_map`). \param box the part of the image that the map lies over; nullopt: all of it
Result<Picture> heatPicture(const TensorFile& request, const TensorFile& answer, const std::array<double, 3>& spacingMm, const std::optional<view::Box>& box = std::nullopt);

/// A map of the token grid of a volume model on another grid in the patient: each voxel has the value of the token that it lies in, 0 where the model sees nothing.
/// Voxels up to half a voxel beyond the model's grid, by rounding, count as seen.
/// \param model grid of what the model gets \param part of it that the tokens divide evenly, where the model looks at a part; nullopt: all of it
view::Block onImageGrid(const view::Block& tokens, const Geometry& model, const Geometry& image, const std::optional<view::Box>& part = std::nullopt);
/// `attention_map` [slabs, rows, columns] of an answer. Mismatch when it has other dimensions.
Result<view::Block> tokensOf(const TensorFile& answer, const std::string& name);

/// All pictures that an answer allows, by file name: "montage.png" always.
std::vector<std::pair<std::string, Picture>> volumePictures(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

} // namespace hilum::services
