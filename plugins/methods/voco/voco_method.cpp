#include "plugins/methods/voco/voco_method.h"

#include "core/base/jsonl.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/method_options.h"
#include "plugins/methods/voco/voco_losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include <algorithm>

namespace hilum::learning {

namespace {

/// 1 where an embedding or feature is kept, in the order of the embeddings: all crops, then all bases. Drawn on the CPU, so that it is the same on every device.
at::Tensor drawKeep(std::int64_t volumes, std::int64_t crops, std::int64_t bases, std::int64_t columns, double dropout, const Rng& rng)
{
    at::Tensor keep = at::empty({volumes * (crops + bases), columns}, at::kFloat);
    auto* values = keep.mutable_data_ptr<float>();
    for (std::int64_t v = 0; v < volumes; ++v) {
        Rng stream = rng.sample(v).fork("dropout");
        for (const auto& [first, count] : {std::pair{v * crops, crops}, {volumes * crops + v * bases, bases}})
            for (std::int64_t i = first * columns; i < (first + count) * columns; ++i)
                values[i] = stream.chance(dropout) ? 0.0f : 1.0f;
    }
    return keep;
}

std::vector<VoxelCentre> centresOf(const Json& request, const VoCoImageOptions& o)
{
    const Json given = request.value("crop_centres", Json());
    std::vector<VoxelCentre> out;
    if (given.is_null()) {
        Rng rng = Rng(request.value("seed", std::uint64_t{0})).fork("reconstruct");
        const auto count = request.value("crops", o.crops);
        for (std::int64_t n = 0; n < count; ++n)
            out.push_back(o.grid.drawCentre(rng));
        return out;
    }
    const auto whole = [](const Json& number) { return number.is_number_integer(); };
    if (!given.is_array() || given.empty() || given.size() > 64)
        throw OptionsFault("crop_centres is no list of 1 to 64 centres [i, j]");
    for (const Json& one : given) {
        if (!one.is_array() || one.size() < 2 || one.size() > 3 || !std::all_of(one.begin(), one.end(), whole))
            throw OptionsFault(hilum::format("crop centre {} is not [i, j] of whole numbers", jsonLine(one)));
        VoxelCentre centre{one[0].get<std::int64_t>(), one[1].get<std::int64_t>(), o.grid.size()[2] / 2};
        if (one.size() == 3) {
            if (o.grid.overlap == OverlapKind::Area && one[2].get<std::int64_t>() != centre[2])
                throw OptionsFault(hilum::format("crop centre {}: with overlap by area k is {}", jsonLine(one), centre[2]));
            centre[2] = one[2].get<std::int64_t>();
        }
        out.push_back(centre);
    }
    return out;
}

} // namespace

std::vector<std::string> VoCoImageOptions::faults() const
{
    std::vector<std::string> out;
    const auto multiple = [&](const char* what, std::int64_t value) {
        if (value % 32 != 0)
            out.push_back(hilum::format("{} = {} is no multiple of 32, which the network halves five times", what, value));
    };
    multiple(networkSide > 0 ? "network_size" : "crop_size", inputSide());
    multiple(networkDepth > 0 ? "network_depth" : "crop_depth", inputDepth());
    if (inputSide() == 32 && inputDepth() == 32)
        out.push_back("crops of 32 x 32 x 32 voxels leave one place at the bottleneck, which its norm sets to 0: crop_size or crop_depth = 64 is the least");
    if (grid.side % 2 != 0 || grid.depth % 2 != 0)
        out.push_back(hilum::format("crop_size = {} and crop_depth = {} have to be even", grid.side, grid.depth));
    if (grid.gridDepth > 1 && grid.overlap == OverlapKind::Area)
        out.push_back(hilum::format("grid_depth = {} needs overlap = volume: an area does not tell the slabs apart", grid.gridDepth));
    if (featureSize % 3 != 0)
        out.push_back(hilum::format("feature_size = {} is no multiple of 3, the heads of the first stage", featureSize));
    return out;
}

Json VoCoImageOptions::pipeline() const
{
    const VoxelCentre whole = grid.size();
    const bool chest = region == BodyRegion::Chest;
    Json spacingMm;
    if (spacing == SpacingRule::ByRegion)
        spacingMm = chest ? Json{1.25, 1.25, 5.0} : Json{1.5, 1.5, 1.5};
    return {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", spacingMm}, {"grey", "window"}, {"window", chest ? Json{-1000, 500} : Json{-175, 250}},
        {"foreground", foreground < 0 ? Json() : Json(foreground)}, {"fit", resized() ? "resize" : "pad"}, {"size", {whole[2], whole[1], whole[0]}}};
}

VoCoMethod::VoCoMethod(const VoCoOptions& options, const Rng& initialisation) : m_options(options)
{
    const VoCoSizes sizes{options.image.swin(), options.image.projectorWidth};
    if (options.version == VoCoVersion::V1)
        m_network = std::make_shared<VoCoV1Network>(sizes, initialisation);
    else
        m_network = std::make_shared<VoCoV2Network>(sizes, initialisation);
}

EncoderExport VoCoMethod::encoder() const
{
    Json architecture = m_options.image.swin().architecture();
    architecture["axes"] = "right, anterior, superior"; // of the tensors that the network gets: those of the published weights
    return {architecture, m_options.version == VoCoVersion::V1 ? "student.backbone." : "backbone."};
}

StepOutput VoCoMethod::step(const TensorMap& batch, Rng rng)
{
    const at::Tensor &crops = arrayOf(batch, "crops"), &bases = arrayOf(batch, "bases"), &labels = arrayOf(batch, "labels");
    const bool training = m_network->is_training();
    const double dropout = training ? m_options.dropout : 0;
    VoCoNetwork::StepInput in{.crops = crops.flatten(0, 1), .bases = bases.flatten(0, 1), .labels = labels, .keep = {}, .dropout = dropout, .momentum = training ? m_options.momentum : 1};
    const std::int64_t rows = in.crops.size(0) + in.bases.size(0), columns = m_options.dropoutKind == EmbeddingDropout::Whole ? 1 : 24 * m_options.image.featureSize;
    in.keep = (dropout > 0 ? drawKeep(labels.size(0), labels.size(1), labels.size(2), columns, dropout, rng) : at::ones({rows, 1}, at::kFloat)).to(crops.device());
    const auto out = m_network->step(in);
    StepOutput result;
    result.loss = out.loss;
    result.weight = static_cast<double>(labels.size(0));
    result.metrics["loss_intra"] = out.intra.item<double>();
    if (out.inter.defined())
        result.metrics["loss_inter"] = out.inter.item<double>();
    result.metrics["loss_regularisation"] = out.regularisation.item<double>();
    result.metrics["loss_position"] = out.position.item<double>();
    result.metrics["loss_negative"] = out.negative.item<double>();
    result.metrics["overlap_error"] = (out.predicted - labels).abs().mean().item<double>();
    result.metrics["retrieval"] = retrieval(labels.flatten(0, 1), out.predicted.flatten(0, 1));
    return result;
}

std::vector<std::map<std::string, double>> VoCoMethod::caseNumbers(const TensorMap& batch, std::span<const Rng> /*streams*/)
{
    const at::Tensor &crops = arrayOf(batch, "crops"), &bases = arrayOf(batch, "bases"), &labels = arrayOf(batch, "labels");
    std::vector<std::map<std::string, double>> out;
    for (std::int64_t v = 0; v < labels.size(0); ++v) {
        const at::Tensor predicted = m_network->project(crops[v], bases[v]).predicted.to(at::kFloat);
        const ConstantGuess constant = constantGuess(labels[v]);
        out.push_back({{"overlap_error", (predicted - labels[v]).abs().mean().item<double>()}, {"overlap_error_mean_label", constant.meanLabelError},
            {"overlap_error_best_constant", constant.bestError}, {"position_loss", positionLoss(labels[v], predicted).item<double>()},
            {"position_loss_best_constant", constant.bestPosition}, {"retrieval", retrieval(labels[v], predicted)}, {"retrieval_best_constant", constant.bestRetrieval}});
    }
    return out;
}

at::Tensor VoCoMethod::features(const TensorMap& batch)
{
    const at::Tensor& bases = arrayOf(batch, "bases"); // [B, k, 1, W, H, D]
    const SwinEncoder& swin = m_network->backbone().swin();
    const at::Tensor states = pooledStates(swin.stages(swin.embed(bases.flatten(0, 1)), HiddenStates::Normalised));
    return states.unflatten(0, {bases.size(0), bases.size(1)}).mean(1);
}

std::vector<TensorMap> VoCoMethod::featureViews(const ViewMaker& /*views*/, const TensorMap& item) const { return VoCoViews(m_options.image).coveringViews(item); }

FeaturePieces VoCoMethod::featurePieces(const TensorMap& item, const Json& /*request*/) const
{
    const VoCoImageOptions& o = m_options.image;
    const at::Tensor& image = arrayOf(item, "image");
    const VoxelCentre from = VoCoViews(o).middle(image), whole = o.grid.size();
    const std::int64_t across = std::max<std::int64_t>(1, SwinPatch * o.grid.side / o.inputSide()), along = std::max<std::int64_t>(1, SwinPatch * o.grid.depth / o.inputDepth());
    return {.image = cropVoxels(image, from, whole), .box = {from[0], from[1], from[2], from[0] + whole[0], from[1] + whole[1], from[2] + whole[2]}, .pieces = o.grid.bases(),
        .token = {across, across, along}};
}

TensorMap VoCoMethod::pieceView(const at::Tensor& image, const ImageBox& piece) const
{
    return {{"bases", VoCoViews(m_options.image).cut(image, {0, 0, 0}, piece).unsqueeze(0)}}; // one base crop: [1, 1, W, H, D]
}

PretrainingMethod::Shown VoCoMethod::reconstruct(const TensorMap& item, const Json& request)
{
    const at::NoGradGuard noGradient;
    const VoCoImageOptions& o = m_options.image;
    const VoCoViews views(o);
    const at::Tensor& image = arrayOf(item, "image");
    const VoxelCentre origin = views.middle(image), whole = o.grid.size();
    std::vector<VoxelBox> crops;
    for (const VoxelCentre& centre : centresOf(request, o))
        crops.push_back(o.grid.crop(centre));
    const std::vector<VoxelBox> bases = o.grid.bases();
    const auto cutAll = [&](const std::vector<VoxelBox>& boxes) {
        std::vector<at::Tensor> parts;
        for (const VoxelBox& box : boxes)
            parts.push_back(views.cut(image, origin, box));
        return at::stack(parts).to(device());
    };
    const auto projections = m_network->project(cutAll(crops), cutAll(bases));
    const at::Tensor labels = o.grid.labels(crops).to(at::kFloat), predicted = projections.predicted.to(at::kFloat).cpu().contiguous();
    const at::Tensor student = projections.studentBases.to(at::kFloat), unit = student / student.norm(2, {-1}, true).clamp_min(1e-8);

    Shown out;
    out.arrays["input"] = cropVoxels(image, origin, whole);
    out.arrays["base_boxes"] = boxTensor(bases);
    out.arrays["crop_boxes"] = boxTensor(crops);
    out.arrays["overlap"] = labels;
    out.arrays["overlap_predicted"] = predicted;
    out.arrays["base_similarity"] = at::matmul(unit, unit.t()).cpu().contiguous();
    const double position = positionLoss(labels, predicted).item<double>();
    const double negative = negativeLoss(labels, predicted, m_options.version == VoCoVersion::V1 ? NegativeTerm::Square : NegativeTerm::Logarithm).item<double>();
    out.numbers = {{"loss", position + negative}, {"loss_position", position}, {"loss_negative", negative}, {"loss_regularisation", baseRegularisation(student).item<double>()},
        {"overlap_error", (labels - predicted).abs().mean().item<double>()}, {"retrieval", retrieval(labels, predicted)}, {"crops", crops.size()}, {"bases", bases.size()},
        {"grid", {o.grid.grid, o.grid.grid, o.grid.gridDepth}}, {"centres_given", request.contains("crop_centres")}};
    if (!out.arrays["input"].sizes().equals(image.sizes()))
        out.numbers["crop_box"] = {origin[0], origin[1], origin[2], origin[0] + whole[0], origin[1] + whole[1], origin[2] + whole[2]};
    return out;
}

void registerVoco(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "voco", .title = "VoCo",
        .summary = "Learns from where a crop lies in a CT volume: its embedding has to tell how much it overlaps each crop of a fixed grid.",
        .papers = {"Wu, Zhuang, Chen: VoCo: A Simple-yet-Effective Volume Contrastive Learning Framework for 3D Medical Image Analysis. CVPR 2024, arXiv 2402.17300",
            "VoCo v2: Large-Scale 3D Medical Image Pre-training with Geometric Context Priors. arXiv 2410.09890"},
        .input = "volume", .schema = optionsSchema<VoCoOptions>(), .presets = {},
        .shows = {"input", "base_boxes", "crop_boxes", "overlap", "overlap_predicted", "base_similarity"},
        .maps = {"occlusion"}};
    const Json small = {{"feature_size", 24}, {"projector_width", 512}, {"steps", 5000}, {"warmup_steps", 250}, {"lr", 3e-4}, {"checkpoint_every", 500}};
    const auto published = [](std::int64_t features) {
        return Json{{"feature_size", features}, {"projector_width", 1024}, {"crop_depth", 64}, {"crops", 2}, {"spacing", "by-region"}, {"working_volume", "by-region"}, {"lr", 1e-4},
            {"warmup_steps", 5000}, {"steps", 250000}, {"checkpoint_every", 1000}, {"preview_every", 10000}, {"activation_checkpointing", true}};
    };
    const Json v1 = {{"version", "v1"}, {"grid", 4}, {"crop_size", 96}, {"crop_depth", 96}, {"network_size", 64}, {"network_depth", 64}, {"crops", 2}, {"body_region", "abdomen"},
        {"foreground", 0.3}, {"feature_dropout", 0}, {"shift_probability", 0.1}, {"feature_size", 48}, {"projector_width", 2048}, {"lr", 1e-4}, {"warmup_steps", 5000}, {"steps", 250000},
        {"checkpoint_every", 1000}, {"preview_every", 10000}, {"activation_checkpointing", true}};
    entry.info.presets = {
        {"tiny", "Tiny, 32 x 32 x 64", "Nine base crops of a 96 x 96 x 64 volume, 12 features; minutes on a CPU (our setting).", {{"crop_size", 32}, {"crop_depth", 64}, {"crops", 2}}},
        {"small", "Small, 64 x 64 x 32", "Nine base crops of a 192 x 192 x 32 volume, 24 features; hours on a CPU, minutes on a GPU (our setting).", small},
        {"voco-b", "VoCo-B, 64 x 64 x 64", "The published base network (48 features) and input; body_region chooses window, spacing, and whether the image is resized (head and neck) or a part of it is taken. Length for one computer is our setting (published: 2 million steps).",
            published(48)},
        {"voco-l", "VoCo-L, 64 x 64 x 64", "The published large network (96 features); otherwise as voco-b.", published(96)},
        {"voco-h", "VoCo-H, 64 x 64 x 64", "The published huge network (192 features); otherwise as voco-b.", published(192)},
        {"v1", "VoCo v1, 96 x 96 x 96", "As the first publication's code: sixteen base crops of a 384 x 384 x 96 volume, resized to 64 x 64 x 64; a whole second network is the teacher.", v1},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<VoCoMethod>(checkedOptions<VoCoOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<VoCoOptions>(json).image.pipeline(); };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
