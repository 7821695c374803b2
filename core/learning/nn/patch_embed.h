#pragma once

#include "core/base/random.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h> // modules own their parameters

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace hilum::learning {

/// Image to patch vectors: [B, C, H, W] -> [B, N, p * p * C], patches row by row, inside a patch (row, column, channel), the channel
/// fastest (MAE public code). H and W are multiples of p.
at::Tensor patchify(const at::Tensor& image, std::int64_t patch);
/// The inverse, bit-exact. \param grid tokens as {rows, columns}
at::Tensor unpatchify(const at::Tensor& patches, std::int64_t patch, std::int64_t channels, std::array<std::int64_t, 2> grid);

/// Image to tokens by convolutions whose kernel is their stride: one (ViT, `proj`), or several with ReLU between (HD X-ray MAE:
/// `conv1` k16 s16, `conv2` k4 s4, `proj` 1 x 1). Because kernels do not overlap, a token depends on its own patch alone: only the
/// tokens that are asked for are computed, as matrix products. Parameters keep the shapes of the convolutions.
class PatchEmbed : public torch::nn::Module {
public:
    /// \param strides of the convolutions, first to last; their product is the patch's side
    /// \param hiddenWidth channels between the convolutions; \param width of the tokens
    PatchEmbed(std::int64_t channels, std::vector<std::int64_t> strides, std::int64_t hiddenWidth, std::int64_t width, const Rng& rng);
    /// \param image [B, C, H, W] \param keep [B, K] int64 token indices, or undefined for all tokens \return [B, K, width]
    at::Tensor forward(const at::Tensor& image, const at::Tensor& keep = {}) const;
    std::int64_t patch() const { return m_patch; }

private:
    struct Convolution : torch::nn::Module {
        Convolution(std::int64_t in, std::int64_t out, std::int64_t stride, const Rng& rng);
        std::int64_t stride;
        at::Tensor weight, bias; // [out, in, stride, stride], [out]
    };
    std::int64_t m_patch = 1;
    std::vector<std::shared_ptr<Convolution>> m_convolutions;
};

/// Rows of x[b] by index: [B, M, D], [B, K] -> [B, K, D]. No index may occur twice within a case: the backward is a plain copy.
/// \throws c10::Error when the batch sizes differ.
at::Tensor takeTokens(const at::Tensor& x, const at::Tensor& index);

} // namespace hilum::learning
