#include "plugins/methods/dae/dae_method.h"

#include "core/base/format.h"
#include "core/base/options_json.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/shard_reader.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/method_options.h"
#include "core/learning/nn/init.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace hilum::learning {

namespace {

constexpr std::int64_t SimilarityCrops = 4; ///< of each volume in `cmcl_similarity`

/// [.., k, j, i] of the cache to [.., i, j, k] of the network, and back: published weights learnt on arrays whose axes run right, anterior, superior.
at::Tensor axesSwapped(const at::Tensor& volume) { return volume.transpose(-1, -3).contiguous(); }

std::array<std::int64_t, 3> sizeOf(const DaeOptions& o) { return {o.cropSize[0], o.cropSize[1], o.cropSize[2]}; }

/// The published loss numbers the modalities of a batch from 0 on, in the order of their numbers.
at::Tensor numberedInBatch(const at::Tensor& classes) { return std::get<1>(at::_unique(classes, /*sorted=*/true, /*return_inverse=*/true)); }

at::Tensor pooled(const at::Tensor& bottleneck) { return bottleneck.mean(at::IntArrayRef{2, 3, 4}); }

double meanError(const at::Tensor& guess, const at::Tensor& clean) { return (guess - clean).abs().mean().item<double>(); }

/// Where the crop that is shown begins: around "crop_centre" of a request, else in the middle.
std::array<std::int64_t, 3> askedCrop(const at::Tensor& volume, const Json& request, const std::array<std::int64_t, 3>& size)
{
    std::array<std::int64_t, 3> centre{volume.size(3) / 2, volume.size(2) / 2, volume.size(1) / 2};
    if (const auto asked = request.find("crop_centre"); asked != request.end() && asked->is_array() && asked->size() == 3)
        centre = asked->get<std::array<std::int64_t, 3>>();
    return cropStart(volume, centre, size);
}

/// Mean over a cube of `side` voxels around each voxel (odd; the part inside the volume).
at::Tensor boxFilter(const at::Tensor& volume, std::int64_t side)
{
    at::Tensor out = volume;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        std::array<std::int64_t, 3> kernel{1, 1, 1}, padding{0, 0, 0};
        kernel[axis] = side;
        padding[axis] = side / 2;
        out = at::avg_pool3d(out, kernel, /*stride=*/{1, 1, 1}, padding, /*ceil_mode=*/false, /*count_include_pad=*/false);
    }
    return out;
}

/// L1 of the best of several box filters of the disturbed crop, chosen by looking at the clean one: as good as smoothing can be.
double bestSmoothing(const at::Tensor& disturbed, const at::Tensor& clean)
{
    double best = meanError(disturbed, clean);
    for (const std::int64_t side : {3, 5, 9, 13, 21})
        best = std::min(best, meanError(boxFilter(disturbed, side), clean));
    return best;
}

} // namespace

SwinSizes DaeOptions::swin() const
{
    SwinSizes sizes{.featureSize = featureSize, .depths = depths, .heads = heads, .merging = merging};
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
        out.push_back(hilum::format("crop_size has {} numbers; 3 are needed", cropSize.size()));
    for (const std::int64_t side : cropSize)
        if (side % 32 != 0 || side % decimation != 0)
            out.push_back(hilum::format("crop_size holds {}, which is no multiple of 32 and of decimation = {}", side, decimation));
    if (cropSize.size() == 3 && std::ranges::all_of(cropSize, [](std::int64_t side) { return side == 32; }))
        out.push_back("crop_size = 32, 32, 32 leaves one voxel at the bottleneck, which its normalisation wipes out; one side must be 64 at least");
    if (window.size() != 2 || window[0] >= window[1])
        out.push_back("ct_window needs two numbers, the lower one first");
    for (const auto& [key, values] : {std::pair{"depths", &depths}, std::pair{"heads", &heads}})
        if (values->size() != 4)
            out.push_back(hilum::format("{} has {} numbers; 4 are needed", key, values->size()));
    for (std::size_t stage = 0; stage < std::min<std::size_t>(heads.size(), 4); ++stage)
        if ((featureSize << stage) % heads[stage] != 0)
            out.push_back(hilum::format("stage {} has {} channels, no multiple of its {} heads", stage + 1, featureSize << stage, heads[stage]));
    if (contrastive == ContrastiveTerm::Supcon && train.batch < 3)
        out.push_back(hilum::format("batch = {} never holds two volumes of one modality and one of another, which cmcl = supcon needs; use 3 at least, or cmcl = none", train.batch));
    return out;
}

struct DaeMethod::Views : ViewMaker {
    std::array<std::int64_t, 3> size;
    explicit Views(const DaeOptions& o) : size(sizeOf(o)) {}

    TensorMap view(const TensorMap& item, const at::Tensor& volume, const std::array<std::int64_t, 3>& first) const
    {
        const auto modality = item.find("modality_class"); // absent where the cache does not tell it
        return {{"image", axesSwapped(cropVoxels(volume, first, size))}, {"modality", modality == item.end() ? at::full({1}, OtherModality, at::kLong) : modality->second}};
    }

    TensorMap makeViews(const TensorMap& item, Rng rng) const override
    {
        const at::Tensor& volume = arrayOf(item, "image");
        std::array<std::int64_t, 3> centre{};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const std::int64_t length = volume.size(3 - static_cast<std::int64_t>(axis)), room = std::max<std::int64_t>(length - size[axis], 0);
            centre[axis] = size[axis] / 2 + rng.integer(0, room + 1);
        }
        return view(item, volume, cropStart(volume, centre, size));
    }

    TensorMap makePlainView(const TensorMap& item) const override
    {
        const at::Tensor& volume = arrayOf(item, "image");
        return view(item, volume, cropStart(volume, {volume.size(3) / 2, volume.size(2) / 2, volume.size(1) / 2}, size));
    }
};

struct DaeMethod::Disrupted {
    at::Tensor noisy, corrupted; ///< [B, 1, W, H, D]; noisy: before the decimation
    at::Tensor channels;         ///< [C], 1 = chosen; undefined when none are
    at::Tensor channelNoise;     ///< [B, C, ...] factor of the chosen channels; undefined: they are zeroed
};

DaeMethod::DaeMethod(const DaeOptions& options, const Rng& initialisation) : m_options(options), m_network(std::make_shared<SwinUnetr>(options.swin(), 1, initialisation)) {}

std::unique_ptr<ViewMaker> DaeMethod::viewMaker() const { return std::make_unique<Views>(m_options); }

EncoderExport DaeMethod::encoder() const
{
    Json architecture = m_network->sizes().architecture();
    architecture.update({{"out_channels", 1}, {"hidden_states", m_options.hidden == HiddenKind::Normalised ? "normalised" : "raw"},
        {"axes", "right, anterior, superior"}}); // of the tensors that the network gets: those of the published weights
    return {std::move(architecture), ""};
}

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

at::Tensor DaeMethod::features(const TensorMap& batch)
{
    const SwinEncoder& swin = m_network->swin(); // alone: the convolution blocks beside it cost more than it does
    return pooledStates(swin.stages(swin.embed(arrayOf(batch, "image")), m_options.hidden == HiddenKind::Normalised ? HiddenStates::Normalised : HiddenStates::Raw));
}

std::vector<TensorMap> DaeMethod::featureViews(const ViewMaker& /*views*/, const TensorMap& item) const
{
    const Views views(m_options);
    const at::Tensor& volume = arrayOf(item, "image");
    std::vector<TensorMap> out;
    for (const auto& first : coveringTiles(volume, views.size, MostTiles))
        out.push_back(views.view(item, volume, first));
    return out;
}

FeaturePieces DaeMethod::featurePieces(const TensorMap& item, const Json& request) const
{
    const at::Tensor& volume = arrayOf(item, "image");
    TORCH_CHECK(volume.dim() == 4, "volume of shape ", volume.sizes(), " where [1, D, H, W] is expected");
    const std::array<std::int64_t, 3> size = sizeOf(m_options), from = askedCrop(volume, request, size);
    return {.image = cropVoxels(volume, from, size), .box = {from[0], from[1], from[2], from[0] + size[0], from[1] + size[1], from[2] + size[2]},
        .pieces = {{0, 0, 0, size[0], size[1], size[2]}}, .token = {SwinPatch, SwinPatch, SwinPatch}};
}

TensorMap DaeMethod::pieceView(const at::Tensor& image, const ImageBox& /*piece*/) const { return {{"image", axesSwapped(image)}}; }

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
    if (disrupted.channels.defined())
        out.metrics["channels_hidden"] = disrupted.channels.sum().item<double>();
    if (m_options.contrastive != ContrastiveTerm::None) {
        const at::Tensor classes = arrayOf(batch, "modality").reshape({-1});
        const at::Tensor term = m_options.contrastive == ContrastiveTerm::AsCoded
            ? contrastiveAsCoded(maps.rawDeepest.to(at::kFloat), numberedInBatch(classes), m_options.temperature) // never normalised, whatever the decoder gets
            : supervisedContrastive(pooled(maps.hidden[4].to(at::kFloat)), classes, m_options.temperature, OtherModality);
        out.loss = out.loss + m_options.contrastiveWeight * term;
        out.metrics["loss_cmcl"] = term.item<double>();
    }
    return out;
}

std::vector<std::map<std::string, double>> DaeMethod::caseNumbers(const TensorMap& batch, std::span<const Rng> streams)
{
    const at::Tensor& image = arrayOf(batch, "image");
    TORCH_CHECK(image.size(0) == 1 && streams.size() == 1, "caseNumbers got ", image.size(0), " crops; one is expected");
    const Disrupted disrupted = disrupt(image, m_options, streams.front().fork("disruption"));
    std::map<std::string, double> row{{"l1_restored", meanError(m_network->decode(forward(disrupted)).to(at::kFloat), image)},
        {"l1_disrupted_itself", meanError(disrupted.corrupted, image)}, {"l1_best_smoothing", bestSmoothing(disrupted.corrupted, image)},
        {"l1_best_constant", meanError(image.median().expand_as(image), image)}};
    const std::string modality(modalityWord(arrayOf(batch, "modality").item<std::int64_t>()));
    for (const auto& [name, value] : std::map(row))
        row[name + "_" + modality] = value;
    return {row};
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
        throw OptionsFault(status.error().sentence());
    if (const auto faults = o.faults(); !faults.empty())
        throw OptionsFault(faults.front());
    const auto device = m_network->parameters().front().device();
    const std::array<std::int64_t, 3> size = sizeOf(o);
    const at::Tensor volume = voxelsOf(arrayOf(item, "image"));
    const auto first = askedCrop(volume, request, size);
    const at::Tensor image = axesSwapped(cropVolume(volume, first, size)).unsqueeze(0).to(device);
    const Rng rng = Rng(request.value("seed", std::uint64_t{0})).fork("reconstruct");
    const Disrupted disrupted = disrupt(image, o, rng);
    const auto maps = forward(disrupted);
    const at::Tensor reconstruction = m_network->decode(maps).to(at::kFloat);
    const double loss = meanError(reconstruction, image);
    // the same draws, one disturbance by itself
    const auto alone = [&](Disruption kind) {
        if (kind == o.disruption)
            return loss;
        DaeOptions one = o;
        one.disruption = kind;
        return meanError(m_network->decode(forward(disrupt(image, one, rng))).to(at::kFloat), image);
    };

    Shown out;
    const auto picture = [](const at::Tensor& x) { return axesSwapped(x[0]).to(at::kFloat).cpu(); }; // axes as in the case
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
            crops.push_back(axesSwapped(cropVolume(from, cropStart(from, where, size), size)));
        }
    };
    draw(volume, rng.fork("similarity"));
    std::int64_t others = 0;
    for (; item.contains(hilum::format("other_{}", others)); ++others)
        draw(voxelsOf(item.at(hilum::format("other_{}", others))), rng.fork("similarity").fork(static_cast<std::uint64_t>(others) + 1));
    const at::Tensor features = pooled(forward({.noisy = {}, .corrupted = at::stack(crops).to(device), .channels = {}, .channelNoise = {}}).hidden[4].to(at::kFloat));
    const at::Tensor unit = features / features.norm(2, {1}, true).clamp_min(1e-8);
    out.arrays["cmcl_similarity"] = unit.matmul(unit.t()).cpu().contiguous();

    const std::int64_t hidden = channels.sum().item<std::int64_t>();
    std::vector<std::int64_t> box{first[0], first[1], first[2], first[0] + size[0], first[1] + size[1], first[2] + size[2]};
    out.numbers = {{"loss", loss}, {"loss_noise", alone(Disruption::Denoise)}, {"loss_decimation", alone(Disruption::Superres)},
        {"loss_channels", alone(o.disruption == Disruption::SldNoise ? Disruption::SldNoise : Disruption::Sld)}, {"l1_disrupted_itself", meanError(disrupted.corrupted, image)},
        {"l1_best_smoothing", bestSmoothing(disrupted.corrupted, image)}, {"l1_best_constant", meanError(image.median().expand_as(image), image)}, {"channels", o.featureSize},
        {"channels_hidden", hidden}, {"hidden_fraction", static_cast<double>(hidden) / static_cast<double>(o.featureSize)}, {"crop_box", box},
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
        .shows = {"input", "noisy", "decimated", "corrupted", "channel_mask", "reconstruction", "error", "cmcl_similarity"},
        .maps = {"occlusion"}};
    const Json published = {{"crop_size", {96, 96, 96}}, {"iso_spacing", 0}, {"feature_size", 48}, {"lr", 1e-4}, {"warmup_steps", 4000}, {"steps", 300000}, {"checkpoint_every", 1000},
        {"preview_every", 500}};
    Json small = published;
    small.update({{"crop_size", {96, 96, 64}}, {"iso_spacing", 2}, {"feature_size", 24}, {"lr", 4e-4}, {"warmup_steps", 200}, {"steps", 6000}});
    entry.info.presets = {
        {"tiny", "Tiny, 64 x 64 x 32", "12 features, voxels of 4 mm; minutes on a CPU (our setting).", Json::object()},
        {"small", "Small, 96 x 96 x 64", "24 features, voxels of 2 mm; hours on a GPU (our setting).", small},
        {"swinunetr-48", "SwinUNETR 48, 96 cubed", "Network, crop, disruptions and optimiser as published, hidden states normalised and the supervised term instead of the coded one; batch 4 and length for one computer are our setting.",
            published},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<DaeMethod>(checkedOptions<DaeOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<DaeOptions>(json).pipeline(); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
