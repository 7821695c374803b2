#include "plugins/methods/dae/dae_method.h"

#include "core/base/options_json.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/method_options.h"
#include "core/learning/nn/init.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <format>

namespace hilum::learning {

namespace {

constexpr std::int64_t SimilarityCrops = 4; ///< of each volume in `cmcl_similarity`

std::array<std::int64_t, 3> sizeOf(const DaeOptions& o) { return {o.cropSize[0], o.cropSize[1], o.cropSize[2]}; }

/// [B] int64, whatever the views' shape.
at::Tensor classesOf(const TensorMap& batch)
{
    const auto it = batch.find("modality");
    return it == batch.end() ? at::zeros({arrayOf(batch, "image").size(0)}, at::kLong) : it->second.reshape({-1});
}

/// The published loss numbers the modalities of a batch from 0 on.
at::Tensor numberedInBatch(const at::Tensor& classes)
{
    const at::Tensor cpu = classes.to(at::kCPU).contiguous();
    std::vector<std::int64_t> present(cpu.const_data_ptr<std::int64_t>(), cpu.const_data_ptr<std::int64_t>() + cpu.numel());
    std::vector<std::int64_t> sorted = present;
    std::ranges::sort(sorted);
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (std::int64_t& one : present)
        one = std::ranges::lower_bound(sorted, one) - sorted.begin();
    return at::tensor(present, at::kLong).to(classes.device());
}

at::Tensor pooled(const at::Tensor& bottleneck) { return bottleneck.mean(at::IntArrayRef{2, 3, 4}); }

/// Means of blocks of `factor` voxels a side, grown back trilinearly: what a person would try against noise and lost resolution.
at::Tensor blockMeans(const at::Tensor& volume, std::int64_t factor)
{
    const auto f = std::max<std::int64_t>(factor, 1);
    return resizeVolumes(at::avg_pool3d(volume, {f, f, f}), {volume.size(4), volume.size(3), volume.size(2)});
}

} // namespace

SwinSizes DaeOptions::swin() const
{
    SwinSizes sizes{.featureSize = featureSize, .depths = depths, .heads = heads, .merging = MergeMode::Legacy};
    sizes.embedding = embedding == EmbeddingKind::ConvBlock ? VolumeEmbedding::ConvBlock : VolumeEmbedding::Convolution;
    return sizes;
}

Json DaeOptions::pipeline() const
{
    return {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", spacingMm > 0 ? Json{spacingMm, spacingMm, spacingMm} : Json()}, {"grey", "by-modality"}, {"window", window},
        {"foreground", nullptr}, {"fit", "pad"}, {"size", {cropSize[2], cropSize[1], cropSize[0]}}};
}

std::vector<std::string> DaeOptions::faults() const
{
    std::vector<std::string> out;
    if (cropSize.size() != 3)
        out.push_back(std::format("crop_size has {} numbers; 3 are needed", cropSize.size()));
    for (const std::int64_t side : cropSize)
        if (side % 32 != 0 || side % decimation != 0)
            out.push_back(std::format("crop_size holds {}, which is no multiple of 32 and of decimation = {}", side, decimation));
    if (cropSize.size() == 3 && std::ranges::all_of(cropSize, [](std::int64_t side) { return side == 32; }))
        out.push_back("crop_size = 32, 32, 32 leaves one voxel at the bottleneck, which its normalisation wipes out; one side must be 64 at least");
    if (window.size() != 2 || window[0] >= window[1])
        out.push_back("ct_window needs two numbers, the lower one first");
    for (const auto& [key, values] : {std::pair{"depths", &depths}, std::pair{"heads", &heads}})
        if (values->size() != 4)
            out.push_back(std::format("{} has {} numbers; 4 are needed", key, values->size()));
    for (std::size_t stage = 0; stage < std::min<std::size_t>(heads.size(), 4); ++stage)
        if ((featureSize << stage) % heads[stage] != 0)
            out.push_back(std::format("stage {} has {} channels, no multiple of its {} heads", stage + 1, featureSize << stage, heads[stage]));
    return out;
}

struct DaeMethod::Views : ViewMaker {
    std::array<std::int64_t, 3> size;
    explicit Views(const DaeOptions& o) : size(sizeOf(o)) {}

    TensorMap view(const TensorMap& item, const at::Tensor& volume, const std::array<std::int64_t, 3>& centre) const
    {
        TORCH_CHECK(volume.dim() == 4, "volume of shape ", volume.sizes(), " where [1, D, H, W] is expected");
        const auto modality = item.find("modality_class");
        return {{"image", cropVoxels(volume, cropStart(volume, centre, size), size)}, {"modality", modality == item.end() ? at::zeros({1}, at::kLong) : modality->second}};
    }

    TensorMap makeViews(const TensorMap& item, Rng rng) const override
    {
        const at::Tensor& volume = arrayOf(item, "image");
        std::array<std::int64_t, 3> centre{};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const std::int64_t length = volume.size(3 - static_cast<std::int64_t>(axis)), room = std::max<std::int64_t>(length - size[axis], 0);
            centre[axis] = size[axis] / 2 + rng.integer(0, room + 1);
        }
        return view(item, volume, centre);
    }

    TensorMap makePlainView(const TensorMap& item) const override
    {
        const at::Tensor& volume = arrayOf(item, "image");
        return view(item, volume, {volume.size(3) / 2, volume.size(2) / 2, volume.size(1) / 2});
    }
};

struct DaeMethod::Disrupted {
    at::Tensor noisy, corrupted; ///< [B, 1, D, H, W]; noisy: before the decimation
    at::Tensor channels;         ///< [C], 1 = chosen; undefined when none are
    at::Tensor channelNoise;     ///< [B, C, ...] factor of the chosen channels; undefined: they are zeroed
};

DaeMethod::DaeMethod(const DaeOptions& options, const Rng& initialisation) : m_options(options), m_network(std::make_shared<SwinUnetr>(options.swin(), 1, initialisation)) {}

std::unique_ptr<ViewMaker> DaeMethod::viewMaker() const { return std::make_unique<Views>(m_options); }

EncoderExport DaeMethod::encoder() const { return {m_network->sizes().architecture(), ""}; }

DaeMethod::Disrupted DaeMethod::disrupt(const at::Tensor& image, const DaeOptions& o, const Rng& rng) const
{
    using enum Disruption;
    Disrupted out;
    out.noisy = image;
    if (o.disruption == All || o.disruption == Denoise) {
        std::vector<at::Tensor> noisy;
        const at::Tensor clean = image.to(at::kCPU);
        for (std::int64_t b = 0; b < image.size(0); ++b)
            noisy.push_back(addNoise(clean[b], o.noiseVariance, rng.sample(b).fork("noise")));
        out.noisy = at::stack(noisy).to(image.device());
    }
    out.corrupted = o.disruption == All || o.disruption == Superres ? decimate(out.noisy, o.decimation) : out.noisy;
    if (o.disruption == All || o.disruption == Sld || o.disruption == SldNoise)
        out.channels = drawChannelMask(o.featureSize, o.channelRatio, rng.fork("channels")).to(image.device()); // one draw for the whole batch, as published
    if (o.disruption == SldNoise) {
        std::vector<at::Tensor> factors;
        for (std::int64_t b = 0; b < image.size(0); ++b) {
            at::Tensor one = at::empty({o.featureSize, image.size(2) / 2, image.size(3) / 2, image.size(4) / 2}, at::kFloat);
            fillNormal_(one, std::sqrt(o.noiseVariance), rng.sample(b).fork("channel-noise"));
            factors.push_back(one);
        }
        out.channelNoise = at::stack(factors).to(image.device());
    }
    return out;
}

SwinUnetrEncoder::Maps DaeMethod::forward(const Disrupted& d) const
{
    at::Tensor embedded = m_network->swin().embed(d.corrupted);
    if (d.channels.defined()) {
        const at::Tensor kept = hideChannels(embedded, d.channels);
        embedded = d.channelNoise.defined() ? kept + hideChannels(embedded, 1 - d.channels) * d.channelNoise : kept;
    }
    return m_network->forward(d.corrupted, embedded, m_options.hidden == HiddenKind::Normalised ? HiddenStates::Normalised : HiddenStates::Raw);
}

StepOutput DaeMethod::step(const TensorMap& batch, Rng rng)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const Disrupted disrupted = disrupt(image, m_options, rng.fork("disruption"));
    const auto maps = forward(disrupted);
    const at::Tensor reconstruction = m_network->decode(maps).to(at::kFloat);
    StepOutput out;
    out.loss = (reconstruction - image).abs().mean();
    out.weight = static_cast<double>(image.size(0));
    out.metrics["loss_reconstruction"] = out.loss.item<double>();
    if (m_options.contrastive != ContrastiveTerm::None) {
        const at::Tensor classes = classesOf(batch).to(image.device()), bottleneck = maps.hidden[4].to(at::kFloat);
        const at::Tensor term = m_options.contrastive == ContrastiveTerm::AsCoded ? contrastiveAsCoded(bottleneck, numberedInBatch(classes), m_options.temperature)
                                                                                 : supervisedContrastive(pooled(bottleneck), classes, m_options.temperature);
        out.loss = out.loss + m_options.contrastiveWeight * term;
        out.metrics["loss_cmcl"] = term.item<double>();
    }
    return out;
}

std::vector<std::map<std::string, double>> DaeMethod::caseNumbers(const TensorMap& batch, std::span<const Rng> streams)
{
    const at::Tensor& image = arrayOf(batch, "image");
    const Disrupted disrupted = disrupt(image, m_options, streams.front().fork("disruption"));
    const auto error = [&](const at::Tensor& guess) { return (guess - image).abs().mean().item<double>(); };
    return {{{"l1_restored", error(m_network->decode(forward(disrupted)).to(at::kFloat))}, {"l1_disrupted_itself", error(disrupted.corrupted)},
        {"l1_block_means", error(blockMeans(disrupted.noisy, m_options.decimation))}, {"l1_mean_of_the_crop", error(image.mean().expand_as(image))}}};
}

PretrainingMethod::Shown DaeMethod::reconstruct(const TensorMap& item, const Json& request)
{
    const at::NoGradGuard noGradient;
    DaeOptions o = m_options;
    Json overrides = Json::object();
    for (const char* key : {"disruption", "noise_variance", "decimation", "channel_ratio"})
        if (request.contains(key))
            overrides[key] = request[key];
    if (const Status status = fromJson(overrides, o); !status)
        throw std::invalid_argument(status.error().sentence());
    if (const auto faults = o.faults(); !faults.empty())
        throw std::invalid_argument(faults.front());
    const auto device = m_network->parameters().front().device();
    const std::array<std::int64_t, 3> size = sizeOf(o);
    const at::Tensor volume = voxelsOf(arrayOf(item, "image"));
    std::array<std::int64_t, 3> centre{volume.size(3) / 2, volume.size(2) / 2, volume.size(1) / 2};
    if (const auto asked = request.find("crop_centre"); asked != request.end() && asked->is_array() && asked->size() == 3)
        centre = asked->get<std::array<std::int64_t, 3>>();
    const auto first = cropStart(volume, centre, size);
    const at::Tensor image = cropVolume(volume, first, size).unsqueeze(0).to(device);
    const Rng rng = Rng(request.value("seed", std::uint64_t{0})).fork("reconstruct");
    const Disrupted disrupted = disrupt(image, o, rng);
    const auto maps = forward(disrupted);
    const at::Tensor reconstruction = m_network->decode(maps).to(at::kFloat);

    Shown out;
    const auto picture = [](const at::Tensor& x) { return x[0].to(at::kFloat).cpu().contiguous(); };
    out.arrays["input"] = picture(image);
    out.arrays["noisy"] = picture(disrupted.noisy);
    out.arrays["corrupted"] = picture(disrupted.corrupted);
    out.arrays["decimated"] = o.disruption == Disruption::All || o.disruption == Disruption::Superres ? picture(disrupted.corrupted) : picture(image);
    out.arrays["reconstruction"] = picture(reconstruction);
    out.arrays["error"] = picture(reconstruction - image);
    const at::Tensor channels = disrupted.channels.defined() ? disrupted.channels.cpu() : at::zeros({o.featureSize});
    out.arrays["channel_mask"] = channels.to(at::kByte).contiguous();

    // the bottleneck of undisturbed crops, of this volume first
    std::vector<at::Tensor> crops;
    const auto draw = [&](const at::Tensor& from, Rng stream) {
        for (std::int64_t n = 0; n < SimilarityCrops; ++n) {
            std::array<std::int64_t, 3> where{};
            for (std::size_t axis = 0; axis < 3; ++axis)
                where[axis] = stream.integer(0, from.size(3 - static_cast<std::int64_t>(axis)));
            crops.push_back(cropVolume(from, cropStart(from, where, size), size));
        }
    };
    draw(volume, rng.fork("similarity"));
    std::int64_t others = 0;
    for (; item.contains(std::format("other_{}", others)); ++others)
        draw(voxelsOf(item.at(std::format("other_{}", others))), rng.fork("similarity").fork(static_cast<std::uint64_t>(others) + 1));
    const at::Tensor features = pooled(forward({.noisy = {}, .corrupted = at::stack(crops).to(device), .channels = {}, .channelNoise = {}}).hidden[4].to(at::kFloat));
    const at::Tensor unit = features / features.norm(2, {1}, true).clamp_min(1e-8);
    out.arrays["cmcl_similarity"] = unit.matmul(unit.t()).cpu().contiguous();

    const std::int64_t hidden = channels.sum().item<std::int64_t>();
    std::vector<std::int64_t> box{first[0], first[1], first[2], first[0] + size[0], first[1] + size[1], first[2] + size[2]};
    out.numbers = {{"loss", (reconstruction - image).abs().mean().item<double>()}, {"l1_disrupted_itself", (disrupted.corrupted - image).abs().mean().item<double>()},
        {"channels", o.featureSize}, {"channels_hidden", hidden}, {"hidden_fraction", static_cast<double>(hidden) / static_cast<double>(o.featureSize)}, {"crop_box", box},
        {"noise_variance", o.noiseVariance}, {"decimation", o.decimation}, {"similarity_crops_per_volume", SimilarityCrops}, {"similarity_volumes", others + 1}, {"mask_given", false}};
    return out;
}

void registerDae(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "dae", .title = "Disruptive autoencoders",
        .summary = "Adds noise to a CT or MR crop, takes its resolution away, hides channels of its embedding, and has the clean crop restored.",
        .papers = {"Disruptive Autoencoders: Leveraging Low-level features for 3D Medical Image Pre-training. MIDL 2024, arXiv 2307.16896"}, .input = "volume",
        .schema = optionsSchema<DaeOptions>(), .presets = {},
        .shows = {"input", "noisy", "decimated", "corrupted", "channel_mask", "reconstruction", "error", "cmcl_similarity"}};
    const Json published = {{"crop_size", {96, 96, 96}}, {"iso_spacing", 0}, {"feature_size", 48}, {"lr", 1e-4}, {"warmup_steps", 4000}, {"steps", 300000}, {"batch", 2}, {"checkpoint_every", 1000},
        {"preview_every", 500}};
    Json small = published;
    small.update({{"crop_size", {96, 96, 64}}, {"iso_spacing", 2}, {"feature_size", 24}, {"lr", 4e-4}, {"warmup_steps", 200}, {"steps", 6000}});
    entry.info.presets = {
        {"tiny", "Tiny, 64 x 64 x 32", "12 features, voxels of 4 mm; minutes on a CPU (our setting).", Json::object()},
        {"small", "Small, 96 x 96 x 64", "24 features, voxels of 2 mm; hours on a GPU (our setting).", small},
        {"swinunetr-48", "SwinUNETR 48, 96 cubed", "Network, crop, disruptions and optimiser as published, hidden states normalised and the supervised term instead of the coded one; length for one computer is our setting.",
            published},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<DaeMethod>(checkedOptions<DaeOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<DaeOptions>(json).pipeline(); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
