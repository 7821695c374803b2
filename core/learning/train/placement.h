#pragma once

#include "core/learning/method.h"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace hilum::learning {

/// Where and in which precision a model computes.
struct Placement {
    at::Device device{at::kCPU};
    at::ScalarType dtype = at::kFloat;   ///< kFloat, or kBFloat16: matrix products in bfloat16 by autocast, weights stay float32
    std::string attention = "fused";     ///< "fused" or "plain" (three products)
    std::string deviceName() const { return device.str(); }
    std::string dtypeName() const { return dtype == at::kBFloat16 ? "bfloat16" : "float32"; }
};

/// The tensors on the device of a placement; page-locked ones travel beside the computation.
TensorMap toDevice(const TensorMap& views, const at::Device& device);

/// Autocast to bfloat16 for its scope when the placement asks for it; otherwise nothing. Ends before the backward pass.
class PrecisionScope {
public:
    explicit PrecisionScope(const Placement& placement);
    ~PrecisionScope();
    PrecisionScope(const PrecisionScope&) = delete;
    PrecisionScope& operator=(const PrecisionScope&) = delete;

private:
    at::DeviceType m_device;
    bool m_active;
    bool m_before = false;
    at::ScalarType m_dtypeBefore = at::kBFloat16;
};

} // namespace hilum::learning
