#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace hilum::learning {

/// Whether parts of a network keep what happens inside them for the gradient, on this thread and for this scope (Chen et al. 2016, "Training deep nets with
/// sublinear memory cost"). The parts are the blocks of transformers and Swin encoders and the convolution blocks of SwinUNETR's encoder;
/// VoCo passes its crops through the whole encoder one by one.
class ActivationCheckpoints {
public:
    enum class Keep { Everything, InputsAlone };
    explicit ActivationCheckpoints(Keep keep);
    ~ActivationCheckpoints();
    ActivationCheckpoints(const ActivationCheckpoints&) = delete;
    ActivationCheckpoints& operator=(const ActivationCheckpoints&) = delete;

    static Keep now(); ///< on this thread

private:
    bool m_before;
};

/// part(x). Within ActivationCheckpoints(InputsAlone), and where a gradient is recorded at all, only x is kept and `part` runs again in the backward pass, under the
/// same autocast: the same numbers bit by bit for a `part` that is a function of x and of parameters. The modules that `part` refers to outlive the backward pass;
/// whatever else it needs has no gradient.
at::Tensor checkpointed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> part);

} // namespace hilum::learning
