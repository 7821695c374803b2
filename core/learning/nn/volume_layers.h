#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h> // modules own their parameters

#include <cstdint>
#include <memory>
#include <string>

namespace hilum::learning {

/// Modules named like a path: the child `name` of a parent that does nothing itself ("layers1" / "0"). Names of registered modules may not
/// hold a dot, published names do.
template <class M>
std::shared_ptr<M> registerNested(torch::nn::Module& parent, const std::string& nest, const std::string& name, std::shared_ptr<M> module)
{
    const auto children = parent.named_children();
    if (const auto* known = children.find(nest))
        return (*known)->register_module(name, std::move(module));
    return parent.register_module(nest, std::make_shared<torch::nn::Module>())->register_module(name, std::move(module));
}

/// A convolution of volumes as a child called `conv`: names end in `conv.weight` [out, in, k, k, k], and `conv.bias` where it has one.
/// Uniform initial values within 1 / sqrt(fan in), the default of the published codes' library. Padding keeps the size at stride 1.
class Convolution3d : public torch::nn::Module {
public:
    enum class Bias { None, Learned };
    Convolution3d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, Bias bias, const Rng& rng);
    at::Tensor forward(const at::Tensor& x) const; ///< [B, in, D, H, W]

private:
    std::int64_t m_stride, m_padding;
    bool m_narrow; ///< few channels: in bfloat16 on the CPU they are laid side by side for the convolution
    at::Tensor m_weight, m_bias;
};

/// Normalisation of each channel of each case over space, eps 1e-5, without parameters.
at::Tensor instanceNorm(const at::Tensor& x);

/// Residual block of UNETR (MONAI, UnetResBlock): conv1 - norm - leaky ReLU - conv2 - norm, plus the input (through the 1 x 1 x 1 conv3 and a
/// norm when the channels differ), leaky ReLU 0.01. No biases, no parameters in the norms.
class ResidualBlock3d : public torch::nn::Module {
public:
    ResidualBlock3d(std::int64_t in, std::int64_t out, const Rng& rng);
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Convolution3d> m_conv1, m_conv2, m_conv3; // m_conv3 only when in != out
};

/// The same as a child called `layer`, as UNETR's encoders hold it.
class LayeredBlock3d : public torch::nn::Module {
public:
    LayeredBlock3d(std::int64_t in, std::int64_t out, const Rng& rng);
    at::Tensor forward(const at::Tensor& x) const { return m_layer->forward(x); }

private:
    std::shared_ptr<ResidualBlock3d> m_layer;
};

/// Twice the size by a transposed convolution (k 2, s 2, no bias), joined with the skip (upsampled first), residual block.
class UpBlock3d : public torch::nn::Module {
public:
    UpBlock3d(std::int64_t in, std::int64_t out, const Rng& rng);
    /// \param x [B, in, D, H, W] \param skip [B, out, 2D, 2H, 2W] \return [B, out, 2D, 2H, 2W]
    at::Tensor forward(const at::Tensor& x, const at::Tensor& skip) const;

private:
    at::Tensor m_weight; // [in, out, 2, 2, 2]
    std::shared_ptr<ResidualBlock3d> m_block;
};

} // namespace hilum::learning
