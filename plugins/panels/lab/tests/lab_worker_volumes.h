#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"
#include "core/base/tensor_file.h"

#include <cstdint>
#include <vector>

/// What lab_worker answers by the methods that take volumes: numbers that can be computed by hand.
namespace hilum::tests {

/// A request's image as grey values 0..1; a radiograph has one slice.
struct Voxels {
    std::int64_t width = 0, height = 0, depth = 0;
    std::vector<float> values;
    std::vector<std::int64_t> shape() const { return {1, depth, height, width}; }
};
Result<Voxels> voxels(const TensorFile& file);

/// The crop that an answer of DAE is of: half of each side, around the centre that is asked for.
Json cropBox(const Voxels& image, const Json& request);

/// What of a volume a model gets.
enum class Part { Whole, LowerHalf };

/// VoCo: 3 x 3 base crops of a third of the volume, predicted overlap 0.1 everywhere; in a volume of more than 32 slices the random crop has half the depth, in the middle.
Result<Json> crops(const Json& request, Part part);

/// DAE: every second channel is zeroed, the reconstruction is too bright by 0.25; with noise, decimation or hidden channels alone the loss is 0.05, 0.15 or 0.2.
Result<Json> disruption(const Json& request);

/// UniMedI: slice k has weight k, the last two are chosen; half of the attention lies in the first patch and half in the last of 2 x 2 x 2; text n, of the request's
/// file and then of its fields, has the cosine n / 10, the report -0.5.
Result<Json> slices(const Json& request);

} // namespace hilum::tests
