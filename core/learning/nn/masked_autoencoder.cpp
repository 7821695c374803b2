#include "core/learning/nn/masked_autoencoder.h"

#include "core/learning/nn/init.h"
#include "core/learning/nn/positions.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace hilum::learning {

std::int64_t MaskedAutoencoderSizes::patch() const
{
    std::int64_t product = 1;
    for (const std::int64_t s : strides)
        product *= s;
    return product;
}

Json MaskedAutoencoderSizes::architecture() const
{
    return {{"kind", "vit"}, {"image_size", imageSize}, {"channels", channels}, {"tokeniser_strides", strides}, {"tokeniser_width", tokeniserWidth},
        {"width", width}, {"depth", depth}, {"heads", heads}, {"mlp_ratio", mlpRatio}, {"class_token", true}, {"positions", "sine-cosine"}};
}

MaskedAutoencoder::MaskedAutoencoder(const MaskedAutoencoderSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    TORCH_CHECK(sizes.imageSize % sizes.patch() == 0, "an image of ", sizes.imageSize, " pixels does not divide into patches of ", sizes.patch());
    const auto token = [&](const char* name, std::int64_t width) {
        at::Tensor t = at::empty({1, 1, width}, at::kFloat);
        fillNormal_(t, 0.02, rng.fork(name));
        return register_parameter(name, t);
    };
    m_classToken = token("cls_token", sizes.width);
    m_positions = register_buffer("pos_embed", sineCosinePositions(sizes.grid(), sizes.width));
    m_patchEmbed = register_module("patch_embed",
        std::make_shared<PatchEmbed>(sizes.channels, sizes.strides, sizes.tokeniserWidth, sizes.width, rng.fork("patch_embed")));
    m_blocks = register_module("blocks", std::make_shared<TransformerStack>(sizes.width, sizes.depth, sizes.heads, sizes.mlpRatio, rng.fork("blocks")));
    m_norm = register_module("norm", std::make_shared<LayerNorm>(sizes.width));

    m_decoderEmbed = register_module("decoder_embed", std::make_shared<Linear>(sizes.width, sizes.decoderWidth, rng.fork("decoder_embed")));
    m_maskToken = token("mask_token", sizes.decoderWidth);
    m_decoderPositions = register_buffer("decoder_pos_embed", sineCosinePositions(sizes.grid(), sizes.decoderWidth));
    m_decoderBlocks = register_module("decoder_blocks",
        std::make_shared<TransformerStack>(sizes.decoderWidth, sizes.decoderDepth, sizes.decoderHeads, sizes.mlpRatio, rng.fork("decoder_blocks")));
    m_decoderNorm = register_module("decoder_norm", std::make_shared<LayerNorm>(sizes.decoderWidth));
    m_decoderHead = register_module("decoder_pred",
        std::make_shared<Linear>(sizes.decoderWidth, sizes.patch() * sizes.patch() * sizes.channels, rng.fork("decoder_pred")));
}

/// Tokens with their positions, class token first. \param keep undefined: all tokens
at::Tensor MaskedAutoencoder::embed(const at::Tensor& image, const at::Tensor& keep) const
{
    const std::int64_t side = m_sizes.imageSize;
    TORCH_CHECK(image.dim() == 4 && image.size(1) == m_sizes.channels && image.size(2) == side && image.size(3) == side, "images of shape ",
        image.sizes(), " where [B, ", m_sizes.channels, ", ", side, ", ", side, "] is expected");
    const std::int64_t batch = image.size(0);
    at::Tensor positions = m_positions.slice(1, 1).expand({batch, -1, -1}); // [B, N, D]
    if (keep.defined())
        positions = takeTokens(positions, keep);
    const at::Tensor tokens = m_patchEmbed->forward(image, keep) + positions;                     // [B, K, D]
    const at::Tensor first = (m_classToken + m_positions.slice(1, 0, 1)).expand({batch, -1, -1}); // [B, 1, D]
    return at::cat({first, tokens}, 1);
}

at::Tensor MaskedAutoencoder::encode(const at::Tensor& image, const TokenMask& mask) const
{
    at::Tensor attend; // [B, 1, 1, 1 + K]
    if (mask.filler.defined())
        attend = at::cat({at::ones({image.size(0), 1}, mask.filler.options()), mask.filler.logical_not()}, 1).unsqueeze(1).unsqueeze(1);
    return m_norm->forward(m_blocks->forward(embed(image, mask.keep), nullptr, attend));
}

at::Tensor MaskedAutoencoder::encodeAll(const at::Tensor& image, std::vector<at::Tensor>* taps) const
{
    return m_blocks->forward(embed(image, {}), taps);
}

at::Tensor MaskedAutoencoder::decode(const at::Tensor& latent, const TokenMask& mask) const
{
    const std::int64_t batch = latent.size(0), tokens = mask.restore.size(1);
    TORCH_CHECK(latent.size(1) == 1 + mask.slots(), "latent of ", latent.size(1), " tokens where 1 + ", mask.slots(), " are visible");
    at::Tensor visible = m_decoderEmbed->forward(latent);                                  // [B, 1 + K, E]
    const at::Tensor maskToken = m_maskToken.to(visible.scalar_type());
    if (mask.filler.defined())
        visible = at::cat({visible.slice(1, 0, 1), at::where(mask.filler.unsqueeze(-1), maskToken, visible.slice(1, 1))}, 1);
    const at::Tensor fill = maskToken.expand({batch, tokens - mask.slots(), -1});
    const at::Tensor order = at::cat({at::zeros({batch, 1}, mask.restore.options()), mask.restore + 1}, 1); // class token first
    const at::Tensor all = takeTokens(at::cat({visible, fill}, 1), order) + m_decoderPositions; // [B, 1 + N, E]
    return m_decoderHead->forward(m_decoderNorm->forward(m_decoderBlocks->forward(all))).slice(1, 1);
}

TensorCount countTensors(const torch::nn::Module& module, bool encoderOnly)
{
    TensorCount count;
    const auto add = [&](const auto& items) {
        for (const auto& item : items) {
            if (encoderOnly && (item.key().starts_with("decoder_") || item.key() == "mask_token"))
                continue;
            ++count.tensors;
            count.elements += item.value().numel();
        }
    };
    add(module.named_parameters());
    add(module.named_buffers());
    return count;
}

} // namespace hilum::learning
