#include "core/learning/nn/vision_transformer.h"

#include "core/base/format.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/positions.h"
#include "core/learning/nn/volume_layers.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>


namespace hilum::learning {

Json VisionTransformerSizes::architecture() const
{
    return {{"kind", "vit"}, {"image_size", imageSize}, {"channels", channels}, {"tokeniser_strides", {patch}}, {"width", width}, {"depth", depth}, {"heads", heads},
        {"mlp_ratio", mlpRatio}, {"class_token", true}, {"positions", "learned"}};
}

VisionTransformer::VisionTransformer(const VisionTransformerSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    TORCH_CHECK(sizes.patch > 0 && sizes.imageSize % sizes.patch == 0, "an image of ", sizes.imageSize, " pixels does not divide into patches of ", sizes.patch);
    at::Tensor token = at::empty({1, 1, sizes.width}, at::kFloat);
    fillNormal_(token, 0.02, rng.fork("cls_token"));
    m_classToken = register_parameter("cls_token", token);
    at::Tensor positions; // learned: the table is where they begin, if the width has one
    if (sizes.width % 4 == 0) {
        positions = sineCosinePositions({sizes.side(), sizes.side()}, sizes.width);
    } else {
        positions = at::empty({1, 1 + sizes.side() * sizes.side(), sizes.width}, at::kFloat);
        fillNormal_(positions, 0.02, rng.fork("pos_embed"));
    }
    m_positions = register_parameter("pos_embed", positions);
    m_patchEmbed = register_module("patch_embed",
        std::make_shared<PatchEmbed>(sizes.channels, std::vector<std::int64_t>{sizes.patch}, sizes.width, sizes.width, rng.fork("patch_embed")));
    for (std::int64_t i = 0; i < sizes.depth; ++i)
        m_blocks.push_back(registerNested(*this, "blocks", hilum::format("{}", i),
            std::make_shared<TransformerBlock>(sizes.width, sizes.heads, sizes.mlpRatio, rng.fork("blocks").fork(static_cast<std::uint64_t>(i)))));
    m_norm = register_module("norm", std::make_shared<LayerNorm>(sizes.width));
}

std::vector<at::Tensor> VisionTransformer::blockOutputs(const at::Tensor& image, std::span<const std::int64_t> blocks, std::vector<at::Tensor>* taps,
    const at::Tensor& branches) const
{
    const std::int64_t side = m_sizes.imageSize;
    TORCH_CHECK(image.dim() == 4 && image.size(1) == m_sizes.channels && image.size(2) == side && image.size(3) == side, "images of shape ", image.sizes(), " where [B, ",
        m_sizes.channels, ", ", side, ", ", side, "] is expected");
    for (const std::int64_t block : blocks)
        TORCH_CHECK(block >= 1 && block <= m_sizes.depth, "block ", block, " is outside [1, ", m_sizes.depth, "]");
    at::Tensor x = at::cat({m_classToken.expand({image.size(0), -1, -1}), m_patchEmbed->forward(image)}, 1) + m_positions;
    std::vector<at::Tensor> outputs;
    for (std::size_t i = 0; i < m_blocks.size(); ++i) {
        at::Tensor tap;
        x = m_blocks[i]->forward(x, taps ? &tap : nullptr, {}, branches.defined() ? branches[static_cast<std::int64_t>(i)] : at::Tensor());
        if (taps)
            taps->push_back(tap);
        outputs.push_back(x);
    }
    std::vector<at::Tensor> out;
    for (const std::int64_t block : blocks)
        out.push_back(outputs[static_cast<std::size_t>(block - 1)]);
    return out;
}

at::Tensor VisionTransformer::forward(const at::Tensor& image, std::vector<at::Tensor>* taps) const
{
    const std::int64_t last = m_sizes.depth;
    return m_norm->forward(blockOutputs(image, std::span(&last, 1), taps).front());
}

} // namespace hilum::learning
