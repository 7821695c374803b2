#include "core/learning/nn/volume_layers.h"

#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>

#include <cmath>

namespace hilum::learning {

namespace {

constexpr double Slope = 0.01;

at::Tensor uniform(at::IntArrayRef shape, std::int64_t fanIn, const Rng& rng)
{
    at::Tensor values = at::empty(shape, at::kFloat);
    const double bound = 1 / std::sqrt(static_cast<double>(fanIn));
    fillUniform_(values, -bound, bound, rng);
    return values;
}

/// The layout in which the CPU convolves x fastest: where channels come in no sixteens, the backward pass is up to eleven times slower with channels first.
at::Tensor laidOut(const at::Tensor& x, std::int64_t outputs)
{
    const bool last = x.device().is_cpu() && (x.size(1) % 16 != 0 || outputs % 16 != 0);
    return last ? x.contiguous(at::MemoryFormat::ChannelsLast3d) : x;
}

} // namespace

Convolution3d::Convolution3d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, Bias bias, const Rng& rng)
    : m_stride(stride), m_padding((kernel - 1) / 2)
{
    const auto conv = register_module("conv", std::make_shared<torch::nn::Module>());
    const std::int64_t fanIn = in * kernel * kernel * kernel;
    m_weight = conv->register_parameter("weight", uniform({out, in, kernel, kernel, kernel}, fanIn, rng.fork("weight")));
    if (bias == Bias::Learned)
        m_bias = conv->register_parameter("bias", uniform({out}, fanIn, rng.fork("bias")));
}

at::Tensor Convolution3d::forward(const at::Tensor& x) const { return at::conv3d(laidOut(x, m_weight.size(0)), m_weight, m_bias, m_stride, m_padding); }

at::Tensor activated(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual)
{
    if (canFuseInstanceNorm(x))
        return fusedInstanceNorm(x, weight, bias, residual);
    const at::Tensor normalised = at::instance_norm(x, weight, bias, {}, {}, /*use_input_stats=*/true, /*momentum=*/0.1, /*eps=*/1e-5, /*cudnn_enabled=*/true);
    return at::leaky_relu(residual.defined() ? normalised + residual : normalised, Slope);
}

at::Tensor instanceNorm(const at::Tensor& x)
{
    return at::instance_norm(x, {}, {}, {}, {}, /*use_input_stats=*/true, /*momentum=*/0.1, /*eps=*/1e-5, /*cudnn_enabled=*/true);
}

ResidualBlock3d::ResidualBlock3d(std::int64_t in, std::int64_t out, const Rng& rng)
{
    const auto convolution = [&](const char* name, std::int64_t from, std::int64_t kernel) {
        return register_module(name, std::make_shared<Convolution3d>(from, out, kernel, 1, Convolution3d::Bias::None, rng.fork(name)));
    };
    m_conv1 = convolution("conv1", in, 3);
    m_conv2 = convolution("conv2", out, 3);
    if (in != out)
        m_conv3 = convolution("conv3", in, 1);
}

at::Tensor ResidualBlock3d::forward(const at::Tensor& x) const
{
    const at::Tensor inner = activated(m_conv1->forward(x));
    const at::Tensor shortcut = m_conv3 ? instanceNorm(m_conv3->forward(x)) : x;
    return activated(m_conv2->forward(inner), {}, {}, shortcut);
}

LayeredBlock3d::LayeredBlock3d(std::int64_t in, std::int64_t out, const Rng& rng)
{
    m_layer = register_module("layer", std::make_shared<ResidualBlock3d>(in, out, rng));
}

UpBlock3d::UpBlock3d(std::int64_t in, std::int64_t out, const Rng& rng)
{
    const auto transposed = registerNested(*this, "transp_conv", "conv", std::make_shared<torch::nn::Module>());
    m_weight = transposed->register_parameter("weight", uniform({in, out, 2, 2, 2}, out * 8, rng.fork("transp_conv")));
    m_block = register_module("conv_block", std::make_shared<ResidualBlock3d>(2 * out, out, rng.fork("conv_block")));
}

at::Tensor UpBlock3d::forward(const at::Tensor& x, const at::Tensor& skip) const
{
    // channels last: the CPU's transposed convolution is up to five times faster with them, whatever their number
    const at::Tensor up = at::conv_transpose3d(x.device().is_cpu() ? x.contiguous(at::MemoryFormat::ChannelsLast3d) : x, m_weight, {}, /*stride=*/2);
    return m_block->forward(at::cat({up, skip}, 1));
}

} // namespace hilum::learning
