#pragma once

#include "core/base/jsonl.h"
#include "core/learning/device.h"

#include <cstdint>
#include <string>
#include <vector>

namespace hilum::learning {

enum class CheckState { Ok, Slow, Broken };

/// One line of the table: what was looked at, how it is, and what to do about it.
struct CheckLine {
    std::string name;   ///< "matrix products, float32"
    CheckState state = CheckState::Ok;
    std::string text;   ///< with the numbers behind it
    std::string advice; ///< empty when it is ok
    Json numbers = Json::object();
};
Json toJson(const CheckLine& line); ///< {"name", "state": ok | slow | broken, "text", "advice", "numbers"}

/// What is known of the GPU's driver.
struct DriverFacts {
    std::string kernelModule;  ///< first line of /proc/driver/nvidia/version; empty where no driver is loaded
    bool libtorchHasCuda = false;
    std::int64_t gpus = 0;     ///< that CUDA gives
};
DriverFacts driverFacts();
CheckLine driverLine(const DriverFacts& facts);

/// Device, driver, products, type and attention path with a fresh measurement.
std::vector<CheckLine> checkSpeed(at::Device device);

/// Gradients of the masked error and of a transformer block (both paths of attention) against central differences, in double on the
/// CPU; the hand-written passes of nn/fused_ops.h against LibTorch's plain operations; and on another device the same step in float32 against the CPU's.
std::vector<CheckLine> checkGradients(at::Device device);

} // namespace hilum::learning
