#include "plugins/methods/hdxray-mae/hdxray_mae_method.h"

#include "core/base/options_json.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/method_options.h"

namespace hilum::learning {

HdxrayMaeMethod::HdxrayMaeMethod(const HdxrayMaeOptions& options, const Rng& initialisation) : MaskedImageMethod(options.image, initialisation), m_mask(options)
{
    if (options.freezeBiases)
        for (at::Tensor& parameter : trainable().parameters())
            if (parameter.dim() == 1)
                parameter.requires_grad_(false);
}

Json HdxrayMaeMethod::pipelineOf(const HdxrayMaeOptions& options)
{
    if (options.regionSource == RegionSource::MaskFile) {
        Json pipeline = options.image.pipeline("mask-file");
        pipeline["mask_column"] = options.regionColumn;
        return pipeline;
    }
    return options.image.pipeline(options.regionSource == RegionSource::AsReleased ? "rectangle" : "lung-contour");
}

TokenMask HdxrayMaeMethod::drawMask(std::int64_t batch, const at::Tensor& inside, const Rng& rng, const Json& overrides) const
{
    TORCH_CHECK(inside.defined(), "HD X-ray MAE needs a region for its mask");
    return regionMask(maskNoise(batch, inside.size(1), rng), inside, overrides.value("mask_ratio_inside", m_mask.maskRatioInside),
        overrides.value("mask_ratio_outside", m_mask.maskRatioOutside));
}

at::Tensor HdxrayMaeMethod::extraLoss(const at::Tensor& image, const Rng& rng, StepOutput& out)
{
    if (!m_mask.uniformPass)
        return {};
    const TokenMask mask = uniformMask(maskNoise(image.size(0), options().network.tokens(), rng), m_mask.maskRatioOutside).to(image.device());
    const at::Tensor loss = maskedMean(patchErrors(image, mask), mask.hidden);
    out.metrics["loss_uniform"] = loss.item<double>();
    return loss;
}

void registerHdxrayMae(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "hdxray-mae", .title = "HD X-ray MAE",
        .summary = "Hides more patches inside the chest than outside and predicts their pixels; made for high-definition radiographs.",
        .papers = {"Pre-training on High Definition X-ray Images: An Experimental Study. Visual Intelligence 2025, arXiv 2404.17926"},
        .input = "radiograph", .schema = optionsSchema<HdxrayMaeOptions>(), .presets = {},
        .shows = {"input", "mask", "corrupted", "reconstruction", "error", "patch_loss", "region"},
        .maps = {"rollout", "mean", "head", "gradient", "occlusion"}};
    entry.info.presets = {
        {"tiny", "Tiny, 256 pixels", "256 tokens of 16 pixels; about two minutes on two CPU cores (our setting).", Json::object()},
        {"small", "Small, 512 pixels", "256 tokens of 32 pixels, ViT-S; a few hours on a CPU, minutes on a GPU (our setting).",
            {{"image_size", 512}, {"tokeniser_strides", {8, 4, 1}}, {"tokeniser_width", 192}, {"width", 384}, {"depth", 8}, {"heads", 6}, {"decoder_width", 256},
                {"decoder_depth", 4}, {"decoder_heads", 8}, {"steps", 6000}, {"warmup_steps", 200}, {"lr", 5e-4}}},
        {"large-1280", "Large, 1280 pixels", "As published: 400 tokens of 64 pixels, ViT-L, decoder 512 x 8, cosine schedule applied; length for one computer is our setting.",
            {{"image_size", 1280}, {"tokeniser_strides", {16, 4, 1}}, {"tokeniser_width", 1024}, {"width", 1024}, {"depth", 24}, {"heads", 16}, {"decoder_width", 512},
                {"decoder_depth", 8}, {"decoder_heads", 16}, {"crop_scale_min", 0.2}, {"steps", 100000}, {"warmup_steps", 10000}, {"lr", 2.5e-4}, {"beta2", 0.999},
                {"weight_decay", 0.04}, {"weight_decay_end", 0.4}}},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> {
        return std::make_unique<HdxrayMaeMethod>(checkedOptions<HdxrayMaeOptions>(json), rng);
    };
    entry.pipelineFor = [](const Json& json) { return HdxrayMaeMethod::pipelineOf(checkedOptions<HdxrayMaeOptions>(json)); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
