#pragma once

#include "core/base/geometry.h"
#include "core/base/jsonl.h"
#include "core/base/tensor_file.h"
#include "core/services/result_pictures.h"

#include <cstdint>
#include <vector>

/// Where the map of an answer to `attention` lies: `grid` of a result.json says it.
namespace hilum::app {

/// size, spacing_mm, origin_lps and direction (rows) of a volume's grid.
Json geometryJson(const Geometry& grid);

/// Values on the grid of an image: [height, width], or [slices, rows, columns] of a volume.
struct PlacedMap {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};
/// An attention map on the pixels or voxels of the image, placed by the `grid` of its result.json. BadData when that says no place.
Result<PlacedMap> attentionOnImage(const TensorFile& tensors, const Json& grid);
/// "attention.png" of a request and the answer to it, by the same `grid`.
Result<services::NamedPictures> attentionPictures(const TensorFile& request, const TensorFile& tensors, const Json& grid);

} // namespace hilum::app
