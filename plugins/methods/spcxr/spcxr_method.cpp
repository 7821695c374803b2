#include "plugins/methods/spcxr/spcxr_method.h"

#include "core/base/options_json.h"
#include "core/learning/data/case_image.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/masking.h"
#include "core/learning/method_options.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

namespace hilum::learning {

namespace {

at::Tensor normalised(const at::Tensor& grey, const SpcxrImageOptions& o)
{
    return normalisedChannels(grey, o.channels, o.mean, o.deviation);
}

/// Pixels [.., S, S] of a token map [.., g, g].
at::Tensor spread(const at::Tensor& tokens, std::int64_t patch) { return tokens.repeat_interleave(patch, -2).repeat_interleave(patch, -1); }

std::vector<std::int64_t> gridOf(const SpcxrImageOptions& o) { return {o.imageSize / o.patch, o.imageSize / o.patch}; }

const char* fillWord(GroupFill fill)
{
    switch (fill) {
    case GroupFill::Noise: return "noise";
    case GroupFill::Zeros: return "zeros";
    case GroupFill::Place: return "place";
    }
    return "";
}

} // namespace

std::vector<std::string> SpcxrImageOptions::faults() const
{
    std::vector<std::string> out;
    if (imageSize % patch != 0)
        out.push_back(hilum::format("image_size = {} does not divide into patches of {} pixels", imageSize, patch));
    else if (imageSize < 2 * patch)
        out.push_back(hilum::format("image_size = {} is one patch of {} pixels; 2 a side are the least, some to corrupt and some to see", imageSize, patch));
    if (width % 4 != 0 || width % heads != 0)
        out.push_back(hilum::format("width = {} is not a multiple of 4 and of heads = {}", width, heads));
    if (reconstructionBlocks.empty())
        out.push_back("reconstruction_blocks is empty");
    for (const std::int64_t block : reconstructionBlocks)
        if (block > depth)
            out.push_back(hilum::format("reconstruction_blocks names block {}; there are {}", block, depth));
    for (const auto& [key, values] : {std::pair{"pixel_mean", &mean}, std::pair{"pixel_std", &deviation}})
        if (values->size() != 1 && static_cast<std::int64_t>(values->size()) != channels)
            out.push_back(hilum::format("{} has {} numbers; 1 or channels = {} are needed", key, values->size(), channels));
    return out;
}

Json SpcxrImageOptions::pipeline() const
{
    const auto plain = [](const std::vector<double>& v) { return v.size() == 1 ? Json(v[0]) : Json(v); };
    return {{"kind", "radiograph"}, {"size", {imageSize, imageSize}}, {"channels", 1}, {"resize", resize == ResizeKind::Stretch ? "stretch" : "pad"}, {"grey", "voi"}, {"region", "none"},
        {"mean", plain(mean)}, {"std", plain(deviation)}};
}

struct SpcxrMethod::Views : ViewMaker {
    SpcxrImageOptions options;
    explicit Views(SpcxrImageOptions o) : options(std::move(o)) {}

    TensorMap makeViews(const TensorMap& item, Rng rng) const override
    {
        const std::int64_t size = options.imageSize;
        at::Tensor grey = greyOf(arrayOf(item, "image"), size);
        if (options.cropScaleMin < 1 || options.flipProbability > 0) {
            CropBox box{0, 0, size, size, false};
            if (options.cropScaleMin < 1)
                box = drawCrop(size, size, options.cropScaleMin, 1, options.flipProbability, rng);
            else
                box.flip = rng.chance(options.flipProbability);
            grey = cropImage(grey, box, size, options.interpolation);
        }
        return {{"image", normalised(grey, options)}};
    }

    TensorMap makePlainView(const TensorMap& item) const override { return {{"image", normalised(greyOf(arrayOf(item, "image"), options.imageSize), options)}}; }
};

SpcxrMethod::SpcxrMethod(const SpcxrOptions& options, const Rng& initialisation)
    : m_options(options), m_network(std::make_shared<GmmlNetwork>(options.image.sizes(), initialisation))
{
}

std::unique_ptr<ViewMaker> SpcxrMethod::viewMaker() const { return std::make_unique<Views>(m_options.image); }

std::vector<std::int64_t> SpcxrMethod::tokenGrid() const { return gridOf(m_options.image); }

StepOutput SpcxrMethod::step(const TensorMap& batch, Rng rng)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const CorruptedBatch corrupted = corruptGroups(image, m_options.groups, rng.fork("groups"));
    at::Tensor branches; // stochastic depth: in training alone
    if (m_options.dropPath > 0 && m_network->is_training())
        branches = dropPathFactors(m_options.image.depth, image.size(0), m_options.dropPath, rng.fork("drop path")).to(image.device());
    const at::Tensor reconstruction = m_network->reconstruct(m_network->features(corrupted.images, nullptr, branches)).to(at::kFloat);
    const GmmlLosses losses = gmmlLosses(reconstruction, image, corrupted.mask.unsqueeze(1).expand_as(image));
    StepOutput out;
    out.loss = m_options.maskedLoss ? losses.corrupted : losses.all;
    out.weight = m_options.maskedLoss ? corrupted.mask.sum().item<double>() : static_cast<double>(image.size(0));
    out.metrics["loss_corrupted"] = losses.corrupted.item<double>();
    out.metrics["loss_all"] = losses.all.item<double>();
    out.metrics["corrupted_fraction"] = corrupted.mask.mean().item<double>();
    out.metrics["alien_fraction"] = static_cast<double>(std::ranges::count_if(corrupted.donors, [](std::int64_t d) { return d >= 0; })) / static_cast<double>(corrupted.donors.size());
    return out;
}

PretrainingMethod::MaskedTarget SpcxrMethod::maskedTarget(const TensorMap& batch, Rng rng)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const std::int64_t side = m_options.image.imageSize, patch = m_options.image.patch;
    GroupOptions onTokens = m_options.groups;
    onTokens.align = patch;
    const double share = (std::min(0.5, onTokens.maxCorrupted) + onTokens.maxCorrupted) / 2; // the middle of what training draws
    if (reachableShare(side, onTokens) < share) // training's grid or rectangles are finer than the patches: rectangles of up to two patches reach every token
        onTokens.largestBlock = std::max(onTokens.largestBlock, 2.5 * static_cast<double>(patch) / static_cast<double>(side));
    at::Tensor masks = at::zeros({image.size(0), tokenGrid()[0], tokenGrid()[1]}, at::kFloat);
    for (std::int64_t b = 0; b < image.size(0); ++b) {
        Rng stream = rng.fork(static_cast<std::uint64_t>(b));
        for (const GroupBox& box : drawGroups(side, share * static_cast<double>(side * side), onTokens, stream))
            masks[b].slice(0, box[0] / patch, (box[0] + box[2]) / patch).slice(1, box[1] / patch, (box[1] + box[3]) / patch).fill_(1);
    }
    return {masks.flatten(1).to(image.device()), patchify(image, patch)};
}

at::Tensor SpcxrMethod::predictMasked(const TensorMap& batch, const at::Tensor& mask)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const std::int64_t patch = m_options.image.patch;
    const at::Tensor hidden = spread(mask.reshape({-1, tokenGrid()[0], tokenGrid()[1]}), patch);
    std::vector<at::Tensor> corrupted;
    for (std::int64_t b = 0; b < image.size(0); ++b) // the same noise for every case: what is compared differs in nothing else
        corrupted.push_back(corruptGiven(image[b], hidden[b], GroupFill::Noise, {}, Rng(0).fork("evaluation")));
    return patchify(m_network->reconstruct(m_network->features(at::stack(corrupted))).to(at::kFloat), patch);
}

at::Tensor SpcxrMethod::features(const TensorMap& batch)
{
    const at::Tensor tokens = m_network->backbone().forward(arrayOf(batch, "image"));
    return at::cat({tokens.select(1, 0), tokens.slice(1, 1).mean(1)}, 1).to(at::kFloat);
}

FeaturePieces SpcxrMethod::featurePieces(const TensorMap& item, const Json& /*request*/) const
{
    const SpcxrImageOptions& o = m_options.image;
    const ImageBox whole{0, 0, 0, o.imageSize, o.imageSize, 1};
    return {.image = greyOf(arrayOf(item, "image"), o.imageSize), .box = whole, .pieces = {whole}, .token = {o.patch, o.patch, 1}};
}

TensorMap SpcxrMethod::pieceView(const at::Tensor& image, const ImageBox& /*piece*/) const { return {{"image", normalised(image, m_options.image)}}; }

at::Tensor SpcxrMethod::imageOf(const TensorMap& item, const char* name) const
{
    return normalised(greyOf(arrayOf(item, name), m_options.image.imageSize), m_options.image).to(m_network->parameters().front().device());
}

PretrainingMethod::Shown SpcxrMethod::reconstruct(const TensorMap& item, const Json& request)
{
    const at::NoGradGuard noGradient;
    const SpcxrImageOptions& o = m_options.image;
    const std::int64_t side = o.imageSize, grid = side / o.patch;
    const at::Tensor image = imageOf(item, "image");
    const at::Tensor donor = item.contains("donor") ? imageOf(item, "donor") : at::Tensor();
    const Rng rng = Rng(request.value("seed", std::uint64_t{0})).fork("reconstruct");

    GroupOptions groups = m_options.groups;
    groups.maxCorrupted = request.value("max_corrupted", groups.maxCorrupted);
    groups.maxReplaced = request.value("max_replaced", groups.maxReplaced);
    groups.align = request.value("align", groups.align);
    groups.largestBlock = request.value("largest_group", groups.largestBlock);
    for (const GroupFill fill : {GroupFill::Noise, GroupFill::Zeros, GroupFill::Place})
        if (request.value("fill", "") == fillWord(fill))
            groups.fill = fill;
    at::Tensor mask, corrupted; // [S, S], [C, S, S]
    if (const auto given = item.find("mask"); given != item.end()) {
        const at::Tensor m = given->second.to(at::kCPU).ne(0);
        TORCH_CHECK(m.numel() == grid * grid || m.numel() == side * side, "the given mask has ", m.numel(), " values; ", grid, " x ", grid, " tokens or ", side, " x ", side,
            " pixels are expected");
        mask = (m.numel() == grid * grid ? spread(m.reshape({grid, grid}), o.patch) : m.reshape({side, side})).to(at::kFloat).to(image.device());
        if (groups.fill == GroupFill::Place)
            groups.fill = GroupFill::Noise; // other places need rectangles
        corrupted = corruptGiven(image, mask, groups.fill, donor, rng);
    } else if (donor.defined()) {
        Rng stream = rng;
        mask = at::zeros({side, side}, at::kFloat);
        const double share = replacedShare(groups, stream);
        for (const GroupBox& box : drawGroups(side, share * static_cast<double>(side * side), groups, stream))
            mask.slice(0, box[0], box[0] + box[2]).slice(1, box[1], box[1] + box[3]).fill_(1);
        mask = mask.to(image.device());
        corrupted = corruptGiven(image, mask, groups.fill, donor, rng);
    } else {
        groups.alienProbability = 0; // there is no other image here
        const CorruptedBatch drawn = corruptGroups(image.unsqueeze(0), groups, rng);
        mask = drawn.mask[0];
        corrupted = drawn.images[0];
    }
    const at::Tensor reconstruction = m_network->reconstruct(m_network->features(corrupted.unsqueeze(0))).to(at::kFloat)[0];
    const GmmlLosses losses = gmmlLosses(reconstruction, image, mask.unsqueeze(0).expand_as(image));

    const bool grey = item.at("image").size(0) == 1;
    const auto picture = [&](const at::Tensor& x) {
        const at::Tensor values = x.cpu() * channelNumbers(o.deviation) + channelNumbers(o.mean);
        return (grey ? values.mean(0, true) : values).contiguous();
    };
    const at::Tensor pixels = mask.cpu();
    Shown out;
    out.arrays["input"] = picture(image);
    out.arrays["corrupted"] = picture(corrupted);
    out.arrays["reconstruction"] = picture(reconstruction);
    out.arrays["error"] = (out.arrays["reconstruction"] - out.arrays["input"]) * pixels.unsqueeze(0);
    out.arrays["groups"] = pixels.to(at::kByte).contiguous();
    const at::Tensor tokens = pixels.slice(0, 0, {}, o.patch).slice(1, 0, {}, o.patch);
    const bool onTokens = spread(tokens, o.patch).equal(pixels);
    out.arrays["mask"] = (onTokens ? tokens : pixels).to(at::kByte).contiguous();
    if (onTokens)
        out.arrays["patch_loss"] = (reconstruction - image).abs().mean(0).cpu().reshape({grid, o.patch, grid, o.patch}).mean(at::IntArrayRef{1, 3}).contiguous();
    if (donor.defined())
        out.arrays["donor"] = picture(donor);
    const double share = pixels.mean().item<double>();
    out.numbers = {{"loss", (m_options.maskedLoss ? losses.corrupted : losses.all).item<double>()}, {"loss_corrupted", losses.corrupted.item<double>()},
        {"loss_all", losses.all.item<double>()}, {"hidden_fraction", share}, {"corrupted_pixels", static_cast<std::int64_t>(pixels.sum().item<double>())},
        {"filled_with", donor.defined() ? "other image" : fillWord(groups.fill)},
        {"mask_given", item.contains("mask")}};
    return out;
}

std::vector<at::Tensor> SpcxrMethod::attentionLayers(const TensorMap& item)
{
    const at::NoGradGuard noGradient;
    std::vector<at::Tensor> layers;
    m_network->features(imageOf(item, "image").unsqueeze(0), &layers);
    for (at::Tensor& layer : layers)
        layer = layer[0].to(at::kFloat).cpu().contiguous();
    return layers;
}

std::vector<at::Tensor> SpcxrMethod::attentionGradients(const TensorMap& item, std::int64_t query)
{
    const at::AutoGradMode withGradient(true);
    std::vector<at::Tensor> layers;
    const std::int64_t last = m_options.image.depth;
    const at::Tensor tokens = m_network->backbone().blockOutputs(imageOf(item, "image").unsqueeze(0), std::span(&last, 1), &layers).front();
    TORCH_CHECK(query >= 0 && query < tokens.size(1), "query token ", query, " is outside [0, ", tokens.size(1) - 1, "]");
    auto gradients = torch::autograd::grad({tokens[0][query].square().sum() * 0.5}, layers);
    for (at::Tensor& gradient : gradients)
        gradient = gradient[0].to(at::kFloat).cpu().contiguous();
    return gradients;
}

void registerSpcxr(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "spcxr", .title = "SPCXR",
        .summary = "Overwrites large groups of pixels with noise or with another image, shows all tokens to the network and has the clean image restored.",
        .papers = {"SPCXR, first as SS-CXR: self-supervised pre-training on chest X-rays. ICIP 2024, arXiv 2211.12944", "GMML, group masked model learning: its base, as the public code Sara-Ahmed/GMML has it"},
        .input = "radiograph", .schema = optionsSchema<SpcxrOptions>(), .presets = {},
        .shows = {"input", "groups", "mask", "donor", "corrupted", "reconstruction", "error", "patch_loss"},
        .maps = {"rollout", "mean", "head", "gradient", "occlusion"}};
    const Json common = {{"image_size", 224}, {"patch", 16}, {"align", 16}, {"depth", 12}, {"reconstruction_blocks", {6, 8, 10, 12}}, {"warmup_steps", 500}, {"steps", 20000}};
    Json small = common, published = common;
    small.update({{"width", 192}, {"heads", 3}, {"batch", 32}, {"lr", 5e-4}, {"steps", 6000}, {"warmup_steps", 200}});
    published.update({{"width", 384}, {"heads", 6}, {"drop_path", 0.1}, {"batch", 64}, {"lr", 5e-4 * 64 / 256}});
    entry.info.presets = {
        {"tiny", "Tiny, 64 pixels", "64 tokens of 8 pixels; minutes on a CPU (our setting).", Json::object()},
        {"small", "ViT-Ti/16, 224 pixels", "The smallest network of GMML, 1 channel; hours on a CPU, minutes on a GPU (length is our setting).", small},
        {"vit-s16-224", "ViT-S/16, 224 pixels",
            "The network of SPCXR: width 384, 12 blocks, 6 heads. Optimiser, decay, drop path and schedule of GMML; 1 channel, groups on the patch grid, batch and length are our setting.", published},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<SpcxrMethod>(checkedOptions<SpcxrOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<SpcxrOptions>(json).image.pipeline(); };
    entry.tokenGridFor = [](const Json& json) { return gridOf(checkedOptions<SpcxrOptions>(json).image); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
