#include "core/learning/train/optimizer.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <map>

namespace hilum::learning {

bool isDecayed(const std::string& name, const at::Tensor& parameter)
{
    if (parameter.dim() <= 1)
        return false;
    for (const char* word : {"token", "position", "pos_embed", "table"})
        if (name.find(word) != std::string::npos)
            return false;
    return true;
}

AdamW::AdamW(torch::nn::Module& module, double beta1, double beta2, double epsilon, AmsGrad amsgrad)
    : m_beta1(beta1), m_beta2(beta2), m_epsilon(epsilon), m_amsgrad(amsgrad == AmsGrad::On)
{
    for (const auto& entry : module.named_parameters()) {
        const at::Tensor& p = entry.value();
        if (!p.requires_grad())
            continue;
        // the fused kernel walks the memory of the four tensors side by side: same strides
        Slot slot{entry.key(), p, at::zeros_like(p.detach()), at::zeros_like(p.detach()), at::zeros({}, p.options().dtype(at::kFloat).requires_grad(false)),
                  m_amsgrad ? at::zeros_like(p.detach()) : at::Tensor(), isDecayed(entry.key(), p)};
        m_slots.push_back(std::move(slot));
    }
    TORCH_CHECK(!m_slots.empty(), "AdamW: nothing to optimise");
}

std::int64_t AdamW::parameterCount() const
{
    std::int64_t n = 0;
    for (const Slot& s : m_slots)
        n += s.parameter.numel();
    return n;
}

double AdamW::clipGradients(double clipNorm, ClipKind kind)
{
    const at::NoGradGuard noGradient;
    std::vector<at::Tensor> gradients;
    for (const Slot& s : m_slots)
        if (s.parameter.grad().defined())
            gradients.push_back(s.parameter.grad());
    if (gradients.empty())
        return 0;
    const std::vector<at::Tensor> norms = at::_foreach_norm(gradients, 2);
    const at::Tensor each = at::stack(norms).to(at::kCPU, at::kDouble);
    const double total = each.norm().item<double>();
    if (clipNorm <= 0 || !std::isfinite(total))
        return total;
    if (kind == ClipKind::Global) {
        if (total > clipNorm)
            at::_foreach_mul_(gradients, clipNorm / total);
        return total;
    }
    const auto* norm = each.const_data_ptr<double>();
    for (std::size_t i = 0; i < gradients.size(); ++i)
        if (norm[i] > clipNorm)
            gradients[i].mul_(clipNorm / norm[i]);
    return total;
}

void AdamW::scaleRates(const std::function<double(const std::string&)>& scale)
{
    for (Slot& s : m_slots)
        s.rateScale = scale(s.name);
}

void AdamW::step(double learningRate, double weightDecay)
{
    const at::NoGradGuard noGradient;
    struct Group { // parameters of one pass: equal rate and decay
        std::vector<at::Tensor> parameters, gradients, means, squares, largest, updates;
    };
    std::map<std::pair<bool, double>, Group> groups;
    for (const Slot& s : m_slots)
        if (s.parameter.grad().defined()) {
            Group& g = groups[{s.decayed, s.rateScale}];
            g.parameters.push_back(s.parameter);
            g.gradients.push_back(s.parameter.grad());
            g.means.push_back(s.mean);
            g.squares.push_back(s.square);
            g.updates.push_back(s.updates);
            if (m_amsgrad)
                g.largest.push_back(s.largest);
        }
    for (auto& [kind, g] : groups) {
        const auto& [decayed, scale] = kind;
        at::_foreach_add_(g.updates, 1);
        at::_fused_adamw_(g.parameters, g.gradients, g.means, g.squares, g.largest, g.updates, learningRate * scale, m_beta1, m_beta2, decayed ? weightDecay : 0.0, m_epsilon, m_amsgrad, false);
    }
}

void AdamW::zeroGradients()
{
    for (Slot& s : m_slots)
        s.parameter.mutable_grad().reset();
}

TensorMap AdamW::state() const
{
    TensorMap out;
    for (const Slot& s : m_slots) {
        out["mean." + s.name] = s.mean;
        out["square." + s.name] = s.square;
        // parameters that had no gradient in some steps have their own count
        out["updates." + s.name] = s.updates;
        if (m_amsgrad)
            out["largest." + s.name] = s.largest;
    }
    return out;
}

Status AdamW::load(const TensorMap& state)
{
    std::vector<std::string> faults;
    const auto fits = [&](const std::string& key, const at::Tensor& like) {
        const auto it = state.find(key);
        if (it == state.end() || it->second.sizes() != like.sizes())
            faults.push_back(key);
    };
    for (const Slot& s : m_slots) {
        fits("mean." + s.name, s.mean);
        fits("square." + s.name, s.square);
        fits("updates." + s.name, s.updates);
        if (m_amsgrad)
            fits("largest." + s.name, s.largest);
    }
    if (!faults.empty()) {
        Error error{.code = ErrorCode::Mismatch, .message = hilum::format("the optimiser's state is of another network: {} of its arrays are missing or of another shape", faults.size())};
        faults.resize(std::min<std::size_t>(faults.size(), 6));
        error.details = std::move(faults);
        return std::unexpected(std::move(error));
    }
    const at::NoGradGuard noGradient;
    for (Slot& s : m_slots) {
        s.mean.copy_(state.at("mean." + s.name));
        s.square.copy_(state.at("square." + s.name));
        s.updates.copy_(state.at("updates." + s.name));
        if (m_amsgrad)
            s.largest.copy_(state.at("largest." + s.name));
    }
    return {};
}

} // namespace hilum::learning
