#include "plugins/methods/spcxr/gmml_network.h"

#include "core/learning/nn/init.h"
#include "core/learning/nn/volume_layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>

#include <cmath>

namespace hilum::learning {

GmmlNetwork::GmmlNetwork(const GmmlSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    TORCH_CHECK(!sizes.reconstructionBlocks.empty(), "no block is named for the reconstruction");
    const VisionTransformerSizes& b = sizes.backbone;
    m_backbone = register_module("backbone", std::make_shared<VisionTransformer>(b, rng.fork("backbone")));
    const auto head = register_module("head_recons", std::make_shared<torch::nn::Module>());
    for (const char* name : {"0", "2", "4"})
        m_mlp.push_back(registerNested(*head, "mlp", name, std::make_shared<Linear>(b.width, b.width, rng.fork("head").fork(name))));
    const auto transposed = head->register_module("convTrans", std::make_shared<torch::nn::Module>());
    const auto drawn = [&](at::IntArrayRef shape, const char* name) {
        at::Tensor t = at::empty(shape, at::kFloat);
        const double bound = 1 / std::sqrt(static_cast<double>(b.channels * b.patch * b.patch));
        fillUniform_(t, -bound, bound, rng.fork("convTrans").fork(name));
        return transposed->register_parameter(name, t);
    };
    m_weight = drawn({b.width, b.channels, b.patch, b.patch}, "weight");
    m_bias = drawn({b.channels}, "bias");
}

at::Tensor GmmlNetwork::features(const at::Tensor& image, std::vector<at::Tensor>* taps, const at::Tensor& branches) const
{
    const auto outputs = m_backbone->blockOutputs(image, m_sizes.reconstructionBlocks, taps, branches);
    at::Tensor sum = outputs.front();
    for (std::size_t i = 1; i < outputs.size(); ++i)
        sum = sum + outputs[i];
    return m_backbone->normalise(sum / static_cast<double>(outputs.size())).slice(1, 1);
}

at::Tensor GmmlNetwork::reconstruct(const at::Tensor& features) const
{
    const VisionTransformerSizes& b = m_sizes.backbone;
    at::Tensor x = features;
    for (const auto& layer : m_mlp)
        x = at::gelu(layer->forward(x));
    const std::int64_t batch = x.size(0), side = b.side(), p = b.patch;
    // kernel = stride: every token makes its own patch, one matrix product
    return at::matmul(x, m_weight.flatten(1)).reshape({batch, side, side, b.channels, p, p}).permute({0, 3, 1, 4, 2, 5}).reshape({batch, b.channels, b.imageSize, b.imageSize}) +
        m_bias.reshape({1, -1, 1, 1});
}

GmmlLosses gmmlLosses(const at::Tensor& reconstruction, const at::Tensor& image, const at::Tensor& mask)
{
    TORCH_CHECK(reconstruction.sizes() == image.sizes() && mask.sizes() == image.sizes(), "reconstruction ", reconstruction.sizes(), ", image ", image.sizes(), " and mask ", mask.sizes(),
        " differ in shape");
    const at::Tensor error = (reconstruction - image).abs();
    return {error.mean(), (error * mask).sum() / mask.sum().clamp_min(1)};
}

} // namespace hilum::learning
