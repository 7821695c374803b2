#include "plugins/methods/unimedi/unimedi_network.h"

#include "core/base/format.h"
#include "core/learning/full_precision.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/positions.h"
#include "core/learning/nn/volume_layers.h"
#include "plugins/methods/unimedi/alignment_losses.h"

#include <ATen/ATen.h>


namespace hilum::learning {

namespace {

constexpr double TokenDeviation = 0.02;

at::Tensor normal(at::IntArrayRef shape, const Rng& rng)
{
    at::Tensor out = at::empty(shape, at::kFloat);
    fillNormal_(out, TokenDeviation, rng);
    return out;
}

} // namespace

Json UnimediVisionSizes::architecture() const
{
    return {{"kind", "vit"}, {"image_size", imageSize}, {"channels", 1}, {"tokeniser_strides", {patch}}, {"width", width}, {"depth", depth}, {"heads", heads}, {"mlp_ratio", 4},
        {"class_token", true}, {"positions", "sine-cosine"}, {"volume_depth", volumeDepth}, {"volume_slab", slab}};
}

UnimediVision::UnimediVision(const UnimediVisionSizes& s, const Rng& rng) : m_sizes(s)
{
    m_classToken = register_parameter("cls_token", normal({1, 1, s.width}, rng.fork("cls_token")));
    m_maskToken = register_parameter("mask_token", normal({1, 1, s.width}, rng.fork("mask_token")));
    m_patchEmbed = register_module("patch_embed", std::make_shared<PatchEmbed>(1, std::vector<std::int64_t>{s.patch}, s.width, s.width, rng.fork("patch_embed")));
    const auto volumeEmbed = std::make_shared<torch::nn::Module>();
    at::Tensor weight = at::empty({s.width, 1, s.slab, s.patch, s.patch}, at::kFloat);
    fillXavier_(weight, s.slab * s.patch * s.patch, s.width, rng.fork("volume_embed"));
    m_volumeWeight = volumeEmbed->register_parameter("weight", weight);
    m_volumeBias = volumeEmbed->register_parameter("bias", at::zeros({s.width}, at::kFloat));
    register_module("volume_embed", volumeEmbed);
    for (std::int64_t i = 0; i < s.depth; ++i)
        m_blocks.push_back(registerNested(*this, "blocks", hilum::format("{}", i),
            std::make_shared<TransformerBlock>(s.width, s.heads, 4.0, rng.fork("blocks").fork(static_cast<std::uint64_t>(i)))));
    m_norm = register_module("norm", std::make_shared<LayerNorm>(s.width));

    m_planePositions = sineCosinePositions({s.side(), s.side()}, s.width).slice(1, 1).contiguous();
    std::vector<double> slabs, slices;
    for (std::int64_t i = 0; i < s.slabs(); ++i)
        slabs.push_back(static_cast<double>(i * s.slab) + static_cast<double>(s.slab - 1) / 2);
    for (std::int64_t i = 0; i < s.volumeDepth; ++i)
        slices.push_back(static_cast<double>(i));
    m_slabPositions = sineCosineDepth(slabs, s.width).unsqueeze(0);
    m_slicePositions = sineCosineDepth(slices, s.width);
}

UnimediVision::Sequence UnimediVision::ofImages(const at::Tensor& images) const
{
    return {m_patchEmbed->forward(images), m_planePositions.to(images.device())};
}

UnimediVision::Sequence UnimediVision::ofVolumes(const at::Tensor& volumes) const
{
    const auto& s = m_sizes;
    TORCH_CHECK(volumes.dim() == 5 && volumes.size(1) == 1 && volumes.size(2) == s.volumeDepth && volumes.size(3) == s.imageSize && volumes.size(4) == s.imageSize, "volumes of shape ",
        volumes.sizes(), " where [B, 1, ", s.volumeDepth, ", ", s.imageSize, ", ", s.imageSize, "] is expected");
    const at::Tensor pixels = volumes.reshape({volumes.size(0), s.slabs(), s.slab, s.side(), s.patch, s.side(), s.patch})
                                  .permute({0, 1, 3, 5, 2, 4, 6})
                                  .reshape({volumes.size(0), -1, s.slab * s.patch * s.patch}); // [B, D / t * n, t p p]
    const at::Tensor positions = (m_slabPositions.unsqueeze(2) + m_planePositions.unsqueeze(1)).reshape({1, -1, s.width}); // [1, D / t * n, W]
    return {at::linear(pixels, m_volumeWeight.flatten(1), m_volumeBias), positions.to(volumes.device())};
}

UnimediVision::Sequence UnimediVision::withSlices(const at::Tensor& volumes, const at::Tensor& chosen) const
{
    const auto& s = m_sizes;
    const std::int64_t batch = volumes.size(0), k = chosen.size(1);
    const Sequence whole = ofVolumes(volumes);
    const at::Tensor index = chosen.reshape({batch, 1, k, 1, 1}).expand({batch, 1, k, s.imageSize, s.imageSize});
    const at::Tensor slices = volumes.gather(2, index).reshape({batch * k, 1, s.imageSize, s.imageSize});
    const at::Tensor patches = m_patchEmbed->forward(slices).reshape({batch, -1, s.width}); // [B, k n, W]
    const at::Tensor depths = m_slicePositions.to(volumes.device()).index_select(0, chosen.reshape({-1})).reshape({batch, k, 1, s.width});
    const at::Tensor places = (depths + m_planePositions.to(volumes.device()).unsqueeze(1)).reshape({batch, -1, s.width});
    return {at::cat({whole.patches, patches}, 1), at::cat({whole.positions.expand({batch, -1, -1}), places}, 1)};
}

at::Tensor UnimediVision::hidden(const Sequence& sequence, const at::Tensor& mask) const
{
    return at::where(mask.unsqueeze(-1), m_maskToken.to(sequence.patches.scalar_type()), sequence.patches) + sequence.positions;
}

at::Tensor UnimediVision::blocks(const at::Tensor& tokens, std::vector<at::Tensor>* classRows, std::vector<at::Tensor>* taps) const
{
    at::Tensor x = at::cat({m_classToken.expand({tokens.size(0), -1, -1}), tokens}, 1);
    for (const auto& block : m_blocks) {
        at::Tensor tap;
        x = block->forward(x, classRows || taps ? &tap : nullptr);
        if (classRows)
            classRows->push_back(tap.select(2, 0).clone()); // one row: the matrix itself may go
        if (taps)
            taps->push_back(tap);
    }
    return x;
}

at::Tensor UnimediVision::encode(const at::Tensor& tokens, std::vector<at::Tensor>* classRows, std::vector<at::Tensor>* taps) const
{
    return m_norm->forward(blocks(tokens, classRows, taps));
}

DistillationHead::DistillationHead(std::int64_t width, std::int64_t hidden, std::int64_t bottleneck, std::int64_t prototypes, const Rng& rng)
{
    m_first = register_module("fc1", std::make_shared<Linear>(width, hidden, rng.fork("fc1")));
    m_second = register_module("fc2", std::make_shared<Linear>(hidden, hidden, rng.fork("fc2")));
    m_third = register_module("fc3", std::make_shared<Linear>(hidden, bottleneck, rng.fork("fc3")));
    m_prototypes = register_parameter("prototypes", normal({prototypes, bottleneck}, rng.fork("prototypes")));
}

at::Tensor DistillationHead::forward(const at::Tensor& x) const
{
    const at::Tensor features = m_third->forward(at::gelu(m_second->forward(at::gelu(m_first->forward(x)))));
    const FullPrecision precision;
    return at::matmul(unitRows(features.to(at::kFloat)), unitRows(m_prototypes).t());
}

AlignmentProjection::AlignmentProjection(std::int64_t width, std::int64_t hidden, std::int64_t out, const Rng& rng)
    : m_firstNorm(torch::nn::BatchNorm1dOptions(hidden)), m_secondNorm(torch::nn::BatchNorm1dOptions(out).affine(false))
{
    m_first = register_module("fc1", std::make_shared<Linear>(width, hidden, rng.fork("fc1")));
    register_module("norm1", m_firstNorm);
    m_second = register_module("fc2", std::make_shared<Linear>(hidden, out, rng.fork("fc2")));
    register_module("norm2", m_secondNorm);
}

at::Tensor AlignmentProjection::forward(const at::Tensor& x)
{
    TORCH_CHECK(x.dim() == 2, "features ", x.sizes(), " are no rows");
    return m_secondNorm->forward(m_second->forward(at::relu(m_firstNorm->forward(m_first->forward(x)))).to(at::kFloat));
}

UnimediNetwork::UnimediNetwork(const UnimediSizes& s, const Rng& rng)
{
    const auto student = register_module("student", std::make_shared<torch::nn::Module>()), teacher = register_module("teacher", std::make_shared<torch::nn::Module>());
    const auto makeHead = [&] { return std::make_shared<DistillationHead>(s.vision.width, s.headHidden, s.headBottleneck, s.headPrototypes, rng.fork("head")); };
    vision = student->register_module("vision", std::make_shared<UnimediVision>(s.vision, rng.fork("vision")));
    head = student->register_module("head", makeHead());
    teacherVision = teacher->register_module("vision", std::make_shared<UnimediVision>(s.vision, rng.fork("vision"))); // the same numbers: a copy
    teacherHead = teacher->register_module("head", makeHead());
    for (at::Tensor& parameter : teacher->parameters())
        parameter.requires_grad_(false);
    text = register_module("text", std::make_shared<Bert>(s.text, rng.fork("text")));
    const auto projection = [&](const char* name, std::int64_t width) {
        return register_module(name, std::make_shared<AlignmentProjection>(width, s.projectionHidden, s.projection, rng.fork(name)));
    };
    imageProjection = projection("image_projection", s.vision.width);
    textProjection = projection("text_projection", s.text.width);
    if (s.tokenAlignment) {
        patchProjection = projection("patch_projection", s.vision.width);
        wordProjection = projection("word_projection", s.text.width);
    }
    if (s.alignmentPrototypes > 0)
        prototypes = register_parameter("prototypes", normal({s.alignmentPrototypes, s.projection}, rng.fork("prototypes")));
    classCentre = register_buffer("class_centre", at::zeros({s.headPrototypes}, at::kFloat));
    patchCentre = register_buffer("patch_centre", at::zeros({s.headPrototypes}, at::kFloat));
    vocabulary = register_buffer("vocabulary", at::zeros({s.text.vocabulary, PieceBytes}, at::kByte));
    progress = register_buffer("progress", at::zeros({2}, at::kDouble));
}

void UnimediNetwork::updateTeacher(double momentum)
{
    const at::NoGradGuard noGradient;
    for (const auto& [from, to] : {std::pair<torch::nn::Module*, torch::nn::Module*>{vision.get(), teacherVision.get()}, {head.get(), teacherHead.get()}}) {
        const auto student = from->named_parameters();
        for (auto& item : to->named_parameters())
            item.value().mul_(momentum).add_(student[item.key()].detach(), 1 - momentum);
    }
}

} // namespace hilum::learning
