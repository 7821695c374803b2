#include "core/learning/nn/volume_layers.h"

#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

namespace hilum::learning {

namespace {

constexpr double Slope = 0.01;

constexpr auto ChannelsLast = at::MemoryFormat::ChannelsLast3d;

/// Up to so many channels oneDNN's bfloat16 convolutions are laid side by side: 12 to 12 channels take 79 ms both ways on one thread against 297, and its gradient
/// can be far worse otherwise; at 48 what is gained (a tenth) goes to the copies. float32 keeps the usual order and with it the rounding of the published codes.
constexpr std::int64_t MostNarrow = 32;

/// The same numbers with the channels of a voxel side by side; the gradient comes back in the usual order, which the operations before keep to:
/// LibTorch's elementwise loops take twenty times as long over two orders at once.
struct SideBySide : torch::autograd::Function<SideBySide> {
    static at::Tensor forward(torch::autograd::AutogradContext* /*context*/, const at::Tensor& x) { return x.contiguous(ChannelsLast); }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* /*context*/, torch::autograd::variable_list gradients) { return {gradients[0].contiguous()}; }
};

/// oneDNN's bfloat16 gradient of a padded kernel of 3 x 3 x 3 leaves memory as it found it when the first axis has two places, with 16 channels or more (LibTorch
/// 2.14.1, AVX512-BF16, shown by tst_volume_layers): gradients are then whatever lay there, infinite at worst. These layers are the deepest and smallest: they take float32.
constexpr std::int64_t WrongDepth = 2;

/// Autocast is off on the CPU while this lives.
class InFloat32 {
public:
    InFloat32() : m_before(at::autocast::is_autocast_enabled(at::kCPU)) { at::autocast::set_autocast_enabled(at::kCPU, false); }
    ~InFloat32() { at::autocast::set_autocast_enabled(at::kCPU, m_before); }
    InFloat32(const InFloat32&) = delete;
    InFloat32& operator=(const InFloat32&) = delete;

private:
    bool m_before;
};

} // namespace

Convolution3d::Convolution3d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, Bias bias, const Rng& rng)
    : m_stride(stride), m_padding((kernel - 1) / 2), m_narrow(std::max(in, out) <= MostNarrow)
{
    const auto conv = register_module("conv", std::make_shared<torch::nn::Module>());
    const std::int64_t fanIn = in * kernel * kernel * kernel;
    m_weight = conv->register_parameter("weight", uniformWeights({out, in, kernel, kernel, kernel}, fanIn, rng.fork("weight")));
    if (bias == Bias::Learned)
        m_bias = conv->register_parameter("bias", uniformWeights({out}, fanIn, rng.fork("bias")));
}

at::Tensor Convolution3d::forward(const at::Tensor& x) const
{
    if (m_padding > 0 && x.size(2) == WrongDepth && x.is_cpu() && productType(x) == at::kBFloat16) {
        const InFloat32 wide;
        return at::conv3d(x.to(at::kFloat), m_weight.to(at::kFloat), m_bias.defined() ? m_bias.to(at::kFloat) : m_bias, m_stride, m_padding).to(at::kBFloat16);
    }
    if (m_stride == 1 && canFuseConvolution(x, m_weight))
        return fusedConvolution(x, m_weight, m_bias);
    if (!m_narrow || !x.is_cpu() || productType(x) != at::kBFloat16)
        return at::conv3d(x, m_weight, m_bias, m_stride, m_padding);
    return at::conv3d(SideBySide::apply(x), m_weight.contiguous(ChannelsLast), m_bias, m_stride, m_padding);
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
    const at::Tensor inner = at::leaky_relu(instanceNorm(m_conv1->forward(x)), Slope);
    const at::Tensor shortcut = m_conv3 ? instanceNorm(m_conv3->forward(x)) : x;
    return at::leaky_relu(instanceNorm(m_conv2->forward(inner)) + shortcut, Slope);
}

LayeredBlock3d::LayeredBlock3d(std::int64_t in, std::int64_t out, const Rng& rng)
{
    m_layer = register_module("layer", std::make_shared<ResidualBlock3d>(in, out, rng));
}

UpBlock3d::UpBlock3d(std::int64_t in, std::int64_t out, const Rng& rng)
{
    const auto transposed = registerNested(*this, "transp_conv", "conv", std::make_shared<torch::nn::Module>());
    m_weight = transposed->register_parameter("weight", uniformWeights({in, out, 2, 2, 2}, out * 8, rng.fork("transp_conv")));
    m_block = register_module("conv_block", std::make_shared<ResidualBlock3d>(2 * out, out, rng.fork("conv_block")));
}

at::Tensor UpBlock3d::forward(const at::Tensor& x, const at::Tensor& skip) const
{
    const at::Tensor up = at::conv_transpose3d(x, m_weight, {}, /*stride=*/2);
    return m_block->forward(at::cat({up, skip}, 1));
}

} // namespace hilum::learning
