#pragma once

#include "core/learning/imports/checkpoint_file.h"
#include "core/learning/method.h"

namespace hilum::learning::imports {

/// A contiguous copy on the CPU; floating types become float32, whole numbers keep theirs.
at::Tensor toTensor(const StoredTensor& stored);

/// All tensors of a state dict, copied.
TensorMap toTensors(const StateDict& state);

} // namespace hilum::learning::imports
