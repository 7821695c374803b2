#include "core/learning/train/ema.h"

#include "core/learning/model_file.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace hilum::learning {

MovingAverage::MovingAverage(const torch::nn::Module& module)
{
    for (const auto& [name, tensor] : namedState(module))
        m_values[name] = tensor.clone();
}

void MovingAverage::update(const torch::nn::Module& module, double decay)
{
    const at::NoGradGuard noGradient;
    for (const auto& entry : module.named_parameters())
        m_values.at(entry.key()).mul_(decay).add_(entry.value().detach(), 1 - decay);
    for (const auto& entry : module.named_buffers())
        m_values.at(entry.key()).copy_(entry.value());
}

Status MovingAverage::load(const TensorMap& values)
{
    for (const auto& [name, tensor] : m_values)
        if (const auto it = values.find(name); it == values.end() || it->second.sizes() != tensor.sizes())
            return fail(ErrorCode::Mismatch, "the averaged weights lack {} or have it in another shape", name);
    const at::NoGradGuard noGradient;
    for (auto& [name, tensor] : m_values)
        tensor.copy_(values.at(name));
    return {};
}

void MovingAverage::swapWith(torch::nn::Module& module)
{
    const at::NoGradGuard noGradient;
    for (auto& [name, tensor] : namedState(module)) {
        at::Tensor& mine = m_values.at(name);
        const at::Tensor theirs = tensor.clone();
        tensor.copy_(mine);
        mine.copy_(theirs);
    }
}

} // namespace hilum::learning
