#include "core/learning/train/placement.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

namespace hilum::learning {

TensorMap toDevice(const TensorMap& views, const at::Device& device)
{
    TensorMap out;
    for (const auto& [name, tensor] : views)
        out[name] = tensor.to(device, tensor.scalar_type(), /*non_blocking=*/!device.is_cpu());
    return out;
}

PrecisionScope::PrecisionScope(const Placement& placement) : m_device(placement.device.type()), m_active(placement.dtype == at::kBFloat16)
{
    if (!m_active)
        return;
    m_before = at::autocast::is_autocast_enabled(m_device);
    m_dtypeBefore = at::autocast::get_autocast_dtype(m_device);
    at::autocast::set_autocast_enabled(m_device, true);
    at::autocast::set_autocast_dtype(m_device, placement.dtype);
    at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope()
{
    if (!m_active)
        return;
    // the outermost scope drops the cached casts: the weights change before the next one
    if (at::autocast::decrement_nesting() == 0)
        at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(m_device, m_before);
    at::autocast::set_autocast_dtype(m_device, m_dtypeBefore);
}

} // namespace hilum::learning
