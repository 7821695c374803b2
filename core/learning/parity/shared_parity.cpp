#include "core/base/format.h"
#include "core/learning/parity/parity.h"

#include "core/learning/losses/masked_error.h"
#include "core/learning/masking.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/nn/report_decoder.h"
#include "core/learning/nn/swin_unetr.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <stdexcept>

namespace hilum::learning {

namespace {

MaskedAutoencoderSizes maskedAutoencoderSizes(const ParityCase& c)
{
    MaskedAutoencoderSizes s;
    s.imageSize = c.integer("image_size");
    s.channels = c.integer("channels");
    s.width = c.integer("embed_dim");
    s.depth = c.integer("depth");
    s.heads = c.integer("heads");
    s.decoderWidth = c.integer("decoder_dim");
    s.decoderDepth = c.integer("decoder_depth");
    s.decoderHeads = c.integer("decoder_heads");
    const bool several = c.json.contains("tokeniser_strides");
    s.strides = several ? c.integers("tokeniser_strides") : std::vector<std::int64_t>{c.integer("patch_size")};
    s.tokeniserWidth = several ? c.integer("tokeniser_width") : s.width;
    s.mlpRatio = mlpRatioOf(c);
    return s;
}

/// Attention of the last block over the class token and the visible tokens. The network hands out matrices only with nothing hidden, so its
/// parts are run one by one here. \return [B, heads, 1 + K, 1 + K]
at::Tensor lastAttention(const MaskedAutoencoder& network, const at::Tensor& image, const TokenMask& mask)
{
    const auto children = network.named_children();
    const auto embed = std::dynamic_pointer_cast<PatchEmbed>(children["patch_embed"]);
    const auto blocks = std::dynamic_pointer_cast<TransformerStack>(children["blocks"]);
    TORCH_CHECK(embed && blocks, "the masked autoencoder has other parts than patch_embed and blocks");
    const at::Tensor positions = network.named_buffers()["pos_embed"], batch = positions.slice(1, 1).expand({image.size(0), -1, -1});
    const at::Tensor first = (network.named_parameters()["cls_token"] + positions.slice(1, 0, 1)).expand({image.size(0), -1, -1});
    std::vector<at::Tensor> taps;
    blocks->forward(at::cat({first, embed->forward(image, mask.keep) + takeTokens(batch, mask.keep)}, 1), &taps);
    return taps.back();
}

TensorMap maskedAutoencoderOutputs(const ParityCase& c, const MaskedAutoencoder& network, const TokenMask& mask)
{
    const at::Tensor& image = c.array("image");
    TensorMap out;
    out["mask"] = mask.hidden;
    out["ids_restore"] = mask.restore;
    out["latent"] = network.encode(image, mask);
    out["pred"] = network.decode(out["latent"], mask);
    const at::Tensor patches = patchify(image, network.sizes().patch());
    out["loss_per_patch"] = patchError(out["pred"], c.flag("norm_pix") ? normalisePatches(patches).values : patches);
    out["loss"] = maskedMean(out["loss_per_patch"], mask.hidden).reshape({1});
    if (c.arrays.contains("attention_last_block"))
        out["attention_last_block"] = lastAttention(network, image, mask);
    return out;
}

TensorMap runMae(const ParityCase& c)
{
    MaskedAutoencoder network(maskedAutoencoderSizes(c), Rng(0));
    setEpsilon(c, network);
    c.fill(network, "mae");
    return maskedAutoencoderOutputs(c, network, uniformMask(c.array("noise"), c.number("mask_ratio"), NoneVisible::Allowed));
}

TensorMap runHdxrayMae(const ParityCase& c)
{
    if (const std::string region = c.word("region"); region != "as-released")
        throw std::invalid_argument(hilum::format("region \"{}\" is not that of the published code, \"as-released\"", region));
    MaskedAutoencoder network(maskedAutoencoderSizes(c), Rng(0));
    setEpsilon(c, network);
    c.fill(network, "hdxray-mae");
    // each region's noise in ascending order of its tokens
    const at::Tensor inside = publishedRectangle(network.sizes().grid());
    const at::Tensor &inner = c.array("noise_inner"), &outer = c.array("noise_outer");
    at::Tensor noise = at::zeros({inner.size(0), inside.size(0)}, inner.options());
    noise.index_copy_(1, inside.nonzero().squeeze(1), inner);
    noise.index_copy_(1, inside.logical_not().nonzero().squeeze(1), outer);
    const TokenMask mask =
        regionMask(noise, inside.unsqueeze(0).expand({inner.size(0), -1}), c.number("mask_ratio_inner"), c.number("mask_ratio_outer"), NoneVisible::Allowed);
    return maskedAutoencoderOutputs(c, network, mask);
}

TensorMap runSwinUnetr(const ParityCase& c)
{
    const SwinSizes sizes = swinSizesIn(c); // first, as it names what is not built
    SwinUnetr network(sizes, c.integer("out_channels"), Rng(0));
    c.fill(network, "swinunetr");
    const bool normalised = !c.json.contains("normalise_hidden") || c.flag("normalise_hidden");
    const auto maps = network.forward(c.array("image"), normalised ? HiddenStates::Normalised : HiddenStates::Raw);
    TensorMap out;
    for (std::size_t i = 0; i < maps.hidden.size(); ++i)
        out[hilum::format("hidden_{}", i)] = maps.hidden[i];
    out["logits"] = network.decode(maps);
    return out;
}

TensorMap runR2gen(const ParityCase& c)
{
    if (c.json.contains("pad_bos_eos_index") && c.integer("pad_bos_eos_index") != 0)
        throw std::invalid_argument("begin, end and padding are token 0 in this network");
    ReportDecoder network({.width = c.integer("d_model"), .hidden = c.integer("d_ff"), .features = c.integer("d_vf"), .layers = c.integer("layers"), .heads = c.integer("heads"),
                              .slots = c.integer("memory_slots"), .memoryHeads = c.integer("memory_heads"), .vocabulary = c.integer("vocabulary")},
        Rng(0));
    c.fill(network, "r2gen");
    const at::Tensor& tokens = c.array("tokens");
    return {{"log_probabilities", network.decode(network.encode(c.array("patch_features")), tokens.slice(1, 0, tokens.size(1) - 1))}};
}

} // namespace

double mlpRatioOf(const ParityCase& c)
{
    c.need("qkv_bias", true);
    return c.json.contains("mlp_ratio") ? c.number("mlp_ratio") : 4;
}

void setEpsilon(const ParityCase& c, torch::nn::Module& network)
{
    if (!c.json.contains("layer_norm_eps"))
        return;
    for (const auto& module : network.modules(/*include_self=*/false))
        if (auto* norm = dynamic_cast<LayerNorm*>(module.get()))
            norm->epsilon = c.number("layer_norm_eps");
}

SwinSizes swinSizesIn(const ParityCase& c)
{
    c.need("mlp_ratio", 4);
    c.need("qkv_bias", true);
    c.need("layer_norm_eps", 1e-5);
    const auto given = [&](const char* key) { return c.json.contains(key); };
    for (const char* key : {"in_channels", "feature_size"})
        if (given(key))
            (void)c.integer(key); // says key and value where it is another type
    for (const char* key : {"depths", "heads"})
        if (given(key))
            (void)c.integers(key);
    return swinSizesOf(c.json);
}

void registerSharedParity(ParityRegistry& registry)
{
    registry.add({"mae", {"image", "noise"}, runMae});
    registry.add({"hdxray-mae", {"image", "noise_inner", "noise_outer"}, runHdxrayMae});
    registry.add({"swinunetr", {"image"}, runSwinUnetr});
    registry.add({"r2gen", {"patch_features", "tokens"}, runR2gen});
}

} // namespace hilum::learning
