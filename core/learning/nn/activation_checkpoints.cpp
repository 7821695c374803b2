#include "core/learning/nn/activation_checkpoints.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace hilum::learning {

namespace {

thread_local bool inputsAlone = false;

using Part = std::function<at::Tensor(const at::Tensor&)>;

/// A part and the autocast that it ran under.
struct Kept : torch::CustomClassHolder {
    Part part;
    at::DeviceType device = at::kCPU;
    bool autocast = false;
    at::ScalarType dtype = at::kFloat;
};

/// Autocast as it was in the forward pass. Casts of weights that are remembered in between belong to another graph: the cache is emptied at the end.
class AutocastAgain {
public:
    explicit AutocastAgain(const Kept& kept)
        : m_device(kept.device), m_before(at::autocast::is_autocast_enabled(kept.device)), m_dtypeBefore(at::autocast::get_autocast_dtype(kept.device))
    {
        at::autocast::set_autocast_enabled(m_device, kept.autocast);
        at::autocast::set_autocast_dtype(m_device, kept.dtype);
        at::autocast::increment_nesting();
    }
    ~AutocastAgain()
    {
        if (at::autocast::decrement_nesting() == 0)
            at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(m_device, m_before);
        at::autocast::set_autocast_dtype(m_device, m_dtypeBefore);
    }
    AutocastAgain(const AutocastAgain&) = delete;
    AutocastAgain& operator=(const AutocastAgain&) = delete;

private:
    at::DeviceType m_device;
    bool m_before;
    at::ScalarType m_dtypeBefore;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
    /// \param anchor has a gradient, so that the result has one where x has none (images)
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& /*anchor*/, const c10::intrusive_ptr<Kept>& kept)
    {
        context->save_for_backward({x});
        context->saved_data["kept"] = c10::IValue::make_capsule(kept);
        context->saved_data["wanted"] = x.requires_grad();
        const at::Tensor y = kept->part(x);
        return y.is_same(x) ? y.clone() : y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients)
    {
        const auto kept = c10::static_intrusive_pointer_cast<Kept>(context->saved_data["kept"].toCapsule());
        const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(context->saved_data["wanted"].toBool());
        at::Tensor y;
        {
            const at::AutoGradMode record(true);
            // the parts inside are recorded as a whole: one recomputation is enough
            const ActivationCheckpoints whole(ActivationCheckpoints::Keep::Everything);
            const AutocastAgain autocast(*kept);
            y = kept->part(x);
        }
        if (y.requires_grad())
            torch::autograd::backward({y}, {gradients[0]});
        return {x.grad(), at::Tensor(), at::Tensor()};
    }
};

} // namespace

ActivationCheckpoints::ActivationCheckpoints(Keep keep) : m_before(std::exchange(inputsAlone, keep == Keep::InputsAlone)) {}
ActivationCheckpoints::~ActivationCheckpoints() { inputsAlone = m_before; }
ActivationCheckpoints::Keep ActivationCheckpoints::now() { return inputsAlone ? Keep::InputsAlone : Keep::Everything; }

at::Tensor checkpointed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> part)
{
    if (!inputsAlone || !at::GradMode::is_enabled())
        return part(x);
    const auto kept = c10::make_intrusive<Kept>();
    kept->part = std::move(part);
    kept->device = x.device().type();
    kept->autocast = at::autocast::is_autocast_enabled(kept->device);
    kept->dtype = at::autocast::get_autocast_dtype(kept->device);
    const at::Tensor anchor = at::empty({0}, x.options().dtype(at::kFloat)).requires_grad_(true);
    return Recomputed::apply(x, anchor, kept);
}

} // namespace hilum::learning
