#pragma once

#include "core/learning/method.h"
#include "core/learning/train/options.h"

#include <functional>

namespace hilum::learning {

/// Whether AdamW decays a parameter: not biases and other 1-D tensors, class and mask tokens, positions and tables.
bool isDecayed(const std::string& name, const at::Tensor& parameter);

/// AdamW (Loshchilov & Hutter 2019, Algorithm 2) over the named parameters of a module, moments in float32 beside the parameters.
/// With AmsGrad::On the denominator is the largest mean of squares so far (Reddi, Kale, Kumar 2018, Algorithm 2; each mean bias-corrected as in the usual library).
/// One fused pass over parameter, gradient and both moments (ATen's kernel, CPU and CUDA). Parameters without requires_grad are left
/// out; those without gradient in a step keep value and moments.
class AdamW {
public:
    enum class AmsGrad { Off, On };
    AdamW(torch::nn::Module& module, double beta1, double beta2, double epsilon, AmsGrad amsgrad = AmsGrad::Off);

    /// Each parameter learns at `scale(name)` of the step's rate, its weight decay with it; before, all of them at 1. For layer-wise rates.
    void scaleRates(const std::function<double(const std::string& name)>& scale);

    /// Norm of the gradients (L2, all together), shortened to `clipNorm` when that is above 0. The norm before shortening.
    /// PerTensor shortens each gradient by itself (HD X-ray MAE's public code). NaN or infinite when a gradient is.
    double clipGradients(double clipNorm, ClipKind kind);

    /// One update. \param learningRate, weightDecay of this step
    void step(double learningRate, double weightDecay);
    void zeroGradients();

    std::int64_t parameterCount() const; ///< numbers that are optimised

    /// "mean.<name>", "square.<name>", the number of "updates.<name>", and "largest.<name>" with AMSGrad.
    TensorMap state() const;
    /// Mismatch when names or shapes differ; then nothing was changed.
    Status load(const TensorMap& state);

private:
    struct Slot {
        std::string name;
        at::Tensor parameter, mean, square, updates;
        at::Tensor largest; // of the squares so far; undefined without AMSGrad
        bool decayed = false;
        double rateScale = 1;
    };
    std::vector<Slot> m_slots;
    double m_beta1, m_beta2, m_epsilon;
    bool m_amsgrad;
};

} // namespace hilum::learning
