#pragma once

#include "core/learning/method.h"
#include "core/learning/train/memory_need.h"

#include <functional>
#include <string>

namespace hilum::learning {

/// TooLarge (reason "memory") when the weights alone of the network that `makeAndCount` makes are more than this computer's memory, with both numbers. To be asked before the network
/// is made in earnest: here it is made without values (nn/without_values.h) and let go again.
/// \param what  begins the sentence: "the network of model.safetensors"
Status checkWeightsRoom(const std::string& what, const std::function<Result<MemoryNeed>()>& makeAndCount);

/// The same for a network that is to be trained; its sentence is that of checkMemory.
Status checkTrainingRoom(const MethodEntry& entry, const Json& options);

} // namespace hilum::learning
