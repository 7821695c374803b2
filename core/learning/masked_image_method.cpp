#include "core/learning/masked_image_method.h"

#include "core/base/format.h"
#include "core/learning/data/case_image.h"
#include "core/learning/losses/masked_error.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <format>

namespace hilum::learning {

namespace {

at::Tensor normalised(const at::Tensor& grey, const MaskedImageOptions& o)
{
    return normalisedChannels(grey, o.network.channels, o.mean, o.deviation);
}

double valueOf(const at::Tensor& scalar) { return scalar.item<double>(); }

} // namespace

std::vector<std::string> MaskedImageOptions::faults() const
{
    std::vector<std::string> out;
    const auto fault = [&]<class... A>(std::format_string<A...> text, A&&... a) { out.push_back(hilum::format(text, std::forward<A>(a)...)); };
    constexpr std::size_t MostStrides = 8;
    constexpr std::int64_t LargestPatch = 4096; // of the option `image_size`
    std::int64_t patch = 1;
    for (const std::int64_t stride : network.strides)
        patch = stride < 1 || patch > LargestPatch ? LargestPatch + 1 : patch * std::min(stride, LargestPatch + 1); // stops growing before it overflows
    if (network.strides.empty())
        fault("tokeniser_strides is empty");
    else if (network.strides.size() > MostStrides)
        fault("tokeniser_strides has {} numbers; {} are the most", network.strides.size(), MostStrides);
    else if (patch > LargestPatch)
        fault("tokeniser_strides = {} make a patch outside [1, {}] pixels", jsonLine(network.strides), LargestPatch);
    else if (network.imageSize % network.patch() != 0)
        fault("image_size = {} does not divide into patches of {} pixels (the product of tokeniser_strides)", network.imageSize, network.patch());
    if (network.width % 4 != 0 || network.width % network.heads != 0)
        fault("width = {} is not a multiple of 4 and of heads = {}", network.width, network.heads);
    if (network.decoderWidth % 4 != 0 || network.decoderWidth % network.decoderHeads != 0)
        fault("decoder_width = {} is not a multiple of 4 and of decoder_heads = {}", network.decoderWidth, network.decoderHeads);
    for (const auto& [key, values] : {std::pair{"pixel_mean", &mean}, std::pair{"pixel_std", &deviation}})
        if (values->size() != 1 && static_cast<std::int64_t>(values->size()) != network.channels)
            fault("{} has {} numbers; 1 or channels = {} are needed", key, values->size(), network.channels);
    return out;
}

Json MaskedImageOptions::pipeline(const std::string& region) const
{
    const auto plain = [](const std::vector<double>& v) { return v.size() == 1 ? Json(v[0]) : Json(v); };
    return {{"kind", "radiograph"}, {"size", {network.imageSize, network.imageSize}}, {"channels", 1}, {"resize", resize == ResizeKind::Stretch ? "stretch" : "pad"},
        {"grey", "voi"}, {"region", region}, {"mean", plain(mean)}, {"std", plain(deviation)}};
}

struct MaskedImageMethod::Views : ViewMaker {
    MaskedImageOptions options;
    Region region;

    Views(MaskedImageOptions o, Region r) : options(std::move(o)), region(r) {}

    TensorMap make(const TensorMap& item, const CropBox* box) const
    {
        const std::int64_t size = options.network.imageSize;
        at::Tensor grey = greyOf(arrayOf(item, "image"), size);
        if (box)
            grey = cropImage(grey, *box, size, options.interpolation);
        TensorMap views{{"image", normalised(grey, options)}};
        if (region == Region::FromItem) {
            at::Tensor labels = arrayOf(item, "region");
            if (box)
                labels = cropLabels(labels, *box, size);
            views["inside"] = regionTokens(labels.unsqueeze(0), options.network.grid()).squeeze(0);
        } else if (region == Region::Rectangle) {
            views["inside"] = publishedRectangle(options.network.grid());
        }
        return views;
    }

    TensorMap makeViews(const TensorMap& item, Rng rng) const override
    {
        const std::int64_t size = options.network.imageSize;
        if (options.cropScaleMin >= 1 && options.flipProbability <= 0)
            return make(item, nullptr);
        CropBox box{0, 0, size, size, false};
        if (options.cropScaleMin < 1)
            box = drawCrop(size, size, options.cropScaleMin, 1, options.flipProbability, rng);
        else
            box.flip = rng.chance(options.flipProbability);
        return make(item, &box);
    }

    TensorMap makePlainView(const TensorMap& item) const override { return make(item, nullptr); }
};

MaskedImageMethod::MaskedImageMethod(MaskedImageOptions options, const Rng& initialisation)
    : m_options(std::move(options)), m_network(std::make_shared<MaskedAutoencoder>(m_options.network, initialisation))
{
}

std::unique_ptr<ViewMaker> MaskedImageMethod::viewMaker() const { return std::make_unique<Views>(m_options, region()); }

at::Tensor MaskedImageMethod::patchErrors(const at::Tensor& image, const TokenMask& mask)
{
    const at::Tensor prediction = m_network->decode(m_network->encode(image, mask), mask).to(at::kFloat);
    const at::Tensor patches = patchify(image, m_options.network.patch());
    return patchError(prediction, m_options.normalisedTarget ? normalisePatches(patches).values : patches);
}

StepOutput MaskedImageMethod::step(const TensorMap& batch, Rng rng)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const auto inside = batch.find("inside");
    const TokenMask drawn = drawMask(image.size(0), inside == batch.end() ? at::Tensor() : inside->second, rng.fork("mask"), Json::object());
    const TokenMask mask = drawn.to(image.device());
    const at::Tensor errors = patchErrors(image, mask);
    StepOutput out;
    out.loss = maskedMean(errors, mask.hidden);
    out.weight = valueOf(drawn.hidden.sum());
    out.metrics["hidden_fraction"] = valueOf(drawn.hidden.mean());
    if (inside != batch.end()) {
        const at::NoGradGuard noGradient;
        const at::Tensor in = inside->second.to(mask.hidden.scalar_type());
        out.metrics["loss_inside"] = valueOf(maskedMean(errors.detach(), mask.hidden * in));
        out.metrics["loss_outside"] = valueOf(maskedMean(errors.detach(), mask.hidden * (1 - in)));
    }
    if (const at::Tensor extra = extraLoss(image, rng.fork("extra"), out); extra.defined())
        out.loss = out.loss + extra;
    return out;
}

PretrainingMethod::MaskedTarget MaskedImageMethod::maskedTarget(const TensorMap& batch, Rng rng)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const auto inside = batch.find("inside");
    const TokenMask mask = drawMask(image.size(0), inside == batch.end() ? at::Tensor() : inside->second, rng, Json::object());
    const at::Tensor patches = patchify(image, m_options.network.patch());
    return {mask.hidden.to(image.device()), m_options.normalisedTarget ? normalisePatches(patches).values : patches};
}

at::Tensor MaskedImageMethod::predictMasked(const TensorMap& batch, const at::Tensor& mask)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const TokenMask given = givenMask(mask).to(image.device());
    return m_network->decode(m_network->encode(image, given), given).to(at::kFloat);
}

at::Tensor MaskedImageMethod::features(const TensorMap& batch)
{
    return m_network->encodeAll(arrayOf(batch, "image")).slice(1, 1).mean(1).to(at::kFloat);
}

FeaturePieces MaskedImageMethod::featurePieces(const TensorMap& item, const Json& /*request*/) const
{
    const std::int64_t size = m_options.network.imageSize, patch = m_options.network.patch();
    const ImageBox whole{0, 0, 0, size, size, 1};
    return {.image = greyOf(arrayOf(item, "image"), size), .box = whole, .pieces = {whole}, .token = {patch, patch, 1}};
}

TensorMap MaskedImageMethod::pieceView(const at::Tensor& image, const ImageBox& /*piece*/) const { return {{"image", normalised(image, m_options)}}; }

at::Tensor MaskedImageMethod::imageOf(const TensorMap& item) const
{
    return normalised(greyOf(arrayOf(item, "image"), m_options.network.imageSize), m_options).unsqueeze(0).to(m_network->parameters().front().device());
}

at::Tensor MaskedImageMethod::insideOf(const TensorMap& item, const Json& request) const
{
    Region from = region();
    if (from == Region::None)
        return {};
    if (const auto it = request.find("region_source"); it != request.end())
        from = *it == "as-released" ? Region::Rectangle : Region::FromItem;
    if (from == Region::Rectangle)
        return publishedRectangle(m_options.network.grid()).unsqueeze(0);
    TORCH_CHECK(item.contains("region"), "the image comes without a chest region; send one, or set region_source to \"as-released\"");
    return regionTokens(item.at("region").unsqueeze(0), m_options.network.grid());
}

PretrainingMethod::Shown MaskedImageMethod::reconstruct(const TensorMap& item, const Json& request)
{
    const at::NoGradGuard noGradient;
    const MaskedAutoencoderSizes& n = m_options.network;
    const auto grid = n.grid();
    const at::Tensor image = imageOf(item), inside = insideOf(item, request);
    TokenMask mask;
    if (const auto given = item.find("mask"); given != item.end()) {
        const at::Tensor& m = given->second;
        const bool onTokens = m.numel() == n.tokens();
        TORCH_CHECK(onTokens || m.numel() == n.imageSize * n.imageSize, "the given mask has ", m.numel(), " values; ", grid[0], " x ", grid[1], " tokens or ", n.imageSize,
            " x ", n.imageSize, " pixels are expected");
        mask = givenMask(onTokens ? m.reshape({1, -1}) : regionTokens(m.reshape({1, n.imageSize, n.imageSize}), grid));
    } else {
        mask = drawMask(1, inside, Rng(request.value("seed", std::uint64_t{0})).fork("reconstruct"), request);
    }
    mask = mask.to(image.device());

    const at::Tensor patches = patchify(image, n.patch());
    const at::Tensor prediction = m_network->decode(m_network->encode(image, mask), mask).to(at::kFloat);
    at::Tensor target = patches, pixels = prediction;
    if (m_options.normalisedTarget) {
        const NormalisedPatches scaled = normalisePatches(patches);
        target = scaled.values;
        pixels = prediction * scaled.scale + scaled.mean;
    }
    const at::Tensor errors = patchError(prediction, target).cpu(); // [1, N]
    const at::Tensor hidden = mask.hidden.cpu();

    // back to grey values of [0, 1]; one grey channel in, one out
    const bool grey = item.at("image").size(0) == 1;
    const auto picture = [&](const at::Tensor& p) {
        const at::Tensor x = unpatchify(p, n.patch(), n.channels, grid)[0].cpu() * channelNumbers(m_options.deviation) + channelNumbers(m_options.mean);
        return (grey ? x.mean(0, true) : x).contiguous();
    };
    const at::Tensor hide = mask.hidden.unsqueeze(-1).to(at::kBool);
    Shown out;
    out.arrays["input"] = picture(patches);
    out.arrays["corrupted"] = picture(at::where(hide, at::zeros({}, patches.options()), patches)); // 0 is the pipeline's mean grey
    out.arrays["reconstruction"] = picture(pixels);
    out.arrays["error"] = picture(at::where(hide, pixels, patches)) - out.arrays["input"];
    out.arrays["mask"] = hidden.to(at::kByte).reshape({grid[0], grid[1]});
    out.arrays["patch_loss"] = errors.reshape({grid[0], grid[1]}).contiguous();
    const auto tokens = static_cast<double>(n.tokens());
    out.numbers = {{"loss", valueOf(maskedMean(errors, hidden))}, {"hidden_tokens", n.tokens() - mask.slots()}, {"visible_tokens", mask.slots()},
        {"hidden_fraction", 1 - static_cast<double>(mask.slots()) / tokens}, {"normalised_target", m_options.normalisedTarget},
        {"mask_given", item.contains("mask")}};
    if (inside.defined()) {
        const at::Tensor in = inside.to(at::kFloat);
        const auto part = [&](const char* name, const at::Tensor& where) {
            const double all = valueOf(where.sum()), hiddenHere = valueOf((where * hidden).sum());
            out.numbers[hilum::format("tokens_{}", name)] = static_cast<std::int64_t>(all);
            out.numbers[hilum::format("hidden_{}_tokens", name)] = static_cast<std::int64_t>(hiddenHere);
            out.numbers[hilum::format("hidden_{}", name)] = all > 0 ? Json(hiddenHere / all) : Json(nullptr);
            out.numbers[hilum::format("loss_{}", name)] = hiddenHere > 0 ? Json(valueOf(maskedMean(errors, hidden * where))) : Json(nullptr);
        };
        part("inside", in);
        part("outside", 1 - in);
        out.arrays["region"] = inside.to(at::kByte).reshape({grid[0], grid[1]});
    }
    return out;
}

std::vector<at::Tensor> MaskedImageMethod::attentionLayers(const TensorMap& item)
{
    const at::NoGradGuard noGradient;
    std::vector<at::Tensor> layers;
    m_network->encodeAll(imageOf(item), &layers);
    for (at::Tensor& layer : layers)
        layer = layer[0].to(at::kFloat).cpu().contiguous();
    return layers;
}

std::vector<at::Tensor> MaskedImageMethod::attentionGradients(const TensorMap& item, std::int64_t query)
{
    const at::AutoGradMode withGradient(true);
    std::vector<at::Tensor> layers;
    const at::Tensor tokens = m_network->encodeAll(imageOf(item), &layers);
    TORCH_CHECK(query >= 0 && query < tokens.size(1), "query token ", query, " is outside [0, ", tokens.size(1) - 1, "]");
    const at::Tensor score = tokens[0][query].square().sum() * 0.5;
    auto gradients = torch::autograd::grad({score}, layers);
    for (at::Tensor& gradient : gradients)
        gradient = gradient[0].to(at::kFloat).cpu().contiguous();
    return gradients;
}

} // namespace hilum::learning
