#include "plugins/methods/mae/mae_method.h"

#include "core/base/options_json.h"
#include "core/learning/method_options.h"

namespace hilum::learning {

TokenMask MaeMethod::drawMask(std::int64_t batch, const at::Tensor& /*inside*/, const Rng& rng, const Json& overrides) const
{
    return uniformMask(maskNoise(batch, options().network.tokens(), rng), overrides.value("mask_ratio", m_maskRatio));
}

void registerMae(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "mae", .title = "MAE",
        .summary = "Hides most patches of an image uniformly at random and predicts their pixels from the rest.",
        .papers = {"He, Chen, Xie, Li, Dollar, Girshick: Masked Autoencoders Are Scalable Vision Learners. CVPR 2022, arXiv 2111.06377"},
        .input = "radiograph", .schema = optionsSchema<MaeOptions>(), .presets = {},
        .shows = {"input", "mask", "corrupted", "reconstruction", "error", "patch_loss"},
        .maps = {"rollout", "mean", "head", "gradient", "occlusion"}};
    const Json published = {{"channels", 3}, {"pixel_mean", {0.485, 0.456, 0.406}}, {"pixel_std", {0.229, 0.224, 0.225}}, {"decoder_width", 512}, {"decoder_depth", 8},
        {"decoder_heads", 16}, {"normalised_target", true}, {"mask_ratio", 0.75}, {"batch", 16}, {"lr", 1.5e-4}, {"steps", 20000}, {"warmup_steps", 1000}};
    const Json small = {{"tokeniser_width", 384}, {"width", 384}, {"depth", 12}, {"heads", 6}, {"decoder_width", 256}, {"decoder_depth", 4}, {"decoder_heads", 8}, {"steps", 6000},
        {"warmup_steps", 200}, {"lr", 5e-4}};
    Json base = published, large = published, huge = published;
    base.update({{"tokeniser_width", 768}, {"width", 768}, {"depth", 12}, {"heads", 12}});
    large.update({{"tokeniser_width", 1024}, {"width", 1024}, {"depth", 24}, {"heads", 16}});
    huge.update({{"tokeniser_strides", Json::array({14})}, {"tokeniser_width", 1280}, {"width", 1280}, {"depth", 32}, {"heads", 16}});
    entry.info.presets = {
        {"tiny", "Tiny", "Small network at 224 pixels, minutes on a CPU (our setting).", Json::object()},
        {"small", "ViT-S/16, 224 pixels", "Width 384, 12 blocks, decoder 256 x 4, 1 channel; hours on a CPU, minutes on a GPU (our setting).", small},
        {"vit-b16-224", "ViT-B/16, 224 pixels", "As published: 3 channels, 75 % hidden, decoder 512 x 8, per-patch normalised target; learning rate and length for one computer are our setting.", base},
        {"vit-l16-224", "ViT-L/16, 224 pixels", "The published large network; learning rate and length for one computer are our setting.", large},
        {"vit-h14-224", "ViT-H/14, 224 pixels", "The published huge network, patches of 14 pixels; learning rate and length for one computer are our setting.", huge},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<MaeMethod>(checkedOptions<MaeOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<MaeOptions>(json).image.pipeline("none"); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
