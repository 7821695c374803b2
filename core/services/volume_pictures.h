#pragma once

#include "core/services/result_pictures.h"
#include "core/view/method_answer.h"

#include <string>
#include <utility>
#include <vector>

namespace hilum::services {

/// Rows: the axial, coronal and sagittal slice through `at` (i, j, k of `input`); columns: original | disrupted | reconstruction | error, as far as the answer has them.
/// Pixels are square millimetres: voxels are repeated by their spacing. \param spacingMm of i, j, k
Picture volumeMontage(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm, const std::array<std::int64_t, 3>& at);

/// VoCo: the axial slice with the numbered base crops and the random ones over it (yellow, and blue); below it, per random crop, a pair of bars for each base: true
/// overlap light, predicted blue.
Picture cropPicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

/// Numbers as a table of coloured cells with two decimals; dark is `low`, light is `high`.
Picture matrixPicture(const view::Matrix& matrix, double low = 0, double high = 1);

/// DAE: one cell per channel; dark ones are zeroed.
Picture channelPicture(std::span<const std::uint8_t> mask);

/// UniMedI: the chosen slices with their number and, left of them, the scores of all slices from the top (H) down, the chosen ones marked.
Picture slicePicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

/// All pictures that an answer allows, by file name: "montage.png" always.
std::vector<std::pair<std::string, Picture>> volumePictures(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm);

} // namespace hilum::services
