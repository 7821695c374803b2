#include "core/learning/imports/import_weights.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/options_json.h"
#include "core/base/provenance.h"
#include "core/learning/describe.h"
#include "core/learning/imports/adapt.h"
#include "core/learning/imports/architecture.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/bert.h"
#include "core/learning/nn/report_decoder.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/nn/vision_transformer.h"
#include "core/learning/train/network_room.h"

#include <algorithm>

namespace hilum::learning::imports {

namespace {

/// A method's model, or a network alone.
struct Target {
    std::unique_ptr<PretrainingMethod> method;
    std::shared_ptr<torch::nn::Module> network;
    Json options = Json::object();
    torch::nn::Module& module() { return method ? method->trainable() : *network; }
};

/// "key=value" over what the shapes told. Values are JSON; a word needs no quotes.
Status applySettings(const std::vector<std::string>& settings, Json& architecture, std::span<const std::string_view> further)
{
    std::vector<std::string> faults;
    for (const std::string& setting : settings) {
        const auto at = setting.find('=');
        const std::string key = setting.substr(0, at);
        if (at == std::string::npos) {
            faults.push_back(hilum::format("\"{}\" is not of the form key=value", setting));
        } else if (!architecture.contains(key) && std::ranges::find(further, key) == further.end()) {
            std::string known;
            for (const auto& item : architecture.items())
                known += (known.empty() ? "" : ", ") + item.key();
            for (const std::string_view word : further)
                known += ", " + std::string(word);
            faults.push_back(hilum::format("{} is no size of this network; there are {}", key, known));
        } else {
            const auto value = parseJson(setting.substr(at + 1));
            architecture[key] = value ? *value : Json(setting.substr(at + 1));
        }
    }
    if (faults.empty())
        return {};
    return std::unexpected(Error{.code = ErrorCode::Options, .message = hilum::format("{} settings do not fit", faults.size()), .details = std::move(faults)});
}

Status needHeads(const Json& architecture, std::initializer_list<const char*> keys)
{
    for (const char* key : keys)
        if (!architecture.contains(key))
            return fail(ErrorCode::Options, "the checkpoint does not tell {0}: add --set {0}=...", key);
    return {};
}

Result<Target> makeMethod(const MethodRegistry& registry, const Layout& layout, const RenamedState& names, const Json& architecture, const std::vector<std::string>& settings)
{
    HILUM_TRY(const MethodEntry* const entry, registry.find(layout.method));
    HILUM_TRY(Json options, completeOptions(*entry, std::string(layout.preset), Json::object()));
    for (const auto& [key, value] : architecture.items())
        if (options.contains(key))
            options[key] = value;
    // weights of three channels come from natural images, normalised with these numbers (methods of MAE and GMML)
    if (architecture.value("channels", std::int64_t{1}) == 3 && options.contains("pixel_mean")) {
        options["pixel_mean"] = {0.485, 0.456, 0.406};
        options["pixel_std"] = {0.229, 0.224, 0.225};
    }
    HILUM_TRY(const Json given, settingsToJson(settings, entry->info.schema));
    options.update(given);
    for (const char* key : {"heads", "decoder_heads", "reconstruction_blocks"})
        if (options.contains(key) && !architecture.contains(key) && !given.contains(key))
            return fail(ErrorCode::Options, "the checkpoint does not tell {0}: add --set {0}=...", key);
    // MAE's decoders were published for both targets, and the wrong one makes wrong pictures without complaint
    if (layout.id == "mae" && names.tensors.contains("decoder_pred.weight") && !given.contains("normalised_target"))
        return fail(ErrorCode::Options, "the file holds a decoder and does not tell what it predicts: add --set normalised_target=true (mae_pretrain_vit_*_full.pth: patches without their mean and "
                                        "deviation) or false (mae_visualize_vit_*.pth: pixels)");
    HILUM_TRY_STATUS(checkAgainstSchema(options, entry->info.schema));
    Target target;
    target.method = entry->make(options, Rng(0).fork("weights"));
    target.options = std::move(options);
    return target;
}

/// \param architecture gets the settings and the merging order
Result<Target> makeNetwork(const Layout& layout, Json& architecture, const std::vector<std::string>& settings)
{
    constexpr std::string_view further[] = {"heads", "memory_heads", "merging"};
    HILUM_TRY_STATUS(applySettings(settings, architecture, further));
    const Rng rng = Rng(0).fork("weights");
    Target target;
    if (isSwin(layout.network)) {
        if (!architecture.contains("merging"))
            return fail(ErrorCode::Options, "the file does not tell the order of patch merging, and a wrong one gives wrong features without complaint: add --set merging=legacy (MONAI 0.9 to 1.4), "
                                            "monai15 (MONAI 1.5 and later) or mergingv2");
        const SwinSizes sizes = swinSizesOf(architecture);
        if (layout.network == NetworkKind::SwinUnetr) {
            target.network = std::make_shared<SwinUnetr>(sizes, architecture.at("out_channels").get<std::int64_t>(), rng);
        } else if (layout.network == NetworkKind::SwinUnetrEncoder) {
            target.network = std::make_shared<SwinUnetrEncoder>(sizes, rng);
        } else {
            target.network = std::make_shared<torch::nn::Module>();
            target.network->register_module("swinViT", std::make_shared<SwinEncoder>(sizes, rng));
        }
    } else if (layout.network == NetworkKind::VisionTransformer) {
        HILUM_TRY_STATUS(needHeads(architecture, {"heads"}));
        VisionTransformerSizes s;
        s.imageSize = architecture.at("image_size");
        s.patch = architecture.at("tokeniser_strides").at(0);
        s.channels = architecture.at("channels");
        s.width = architecture.at("width");
        s.depth = architecture.at("depth");
        s.heads = architecture.at("heads");
        target.network = std::make_shared<VisionTransformer>(s, rng);
    } else if (layout.network == NetworkKind::Bert) {
        HILUM_TRY_STATUS(needHeads(architecture, {"heads"}));
        target.network = std::make_shared<Bert>(BertSizes{.vocabulary = architecture.at("vocabulary"), .positions = architecture.at("positions"), .segments = architecture.at("segments"),
                                                    .width = architecture.at("width"), .depth = architecture.at("depth"), .heads = architecture.at("heads"), .hidden = architecture.at("hidden"),
                                                    .pooler = architecture.at("pooler")},
            rng);
    } else {
        HILUM_TRY_STATUS(needHeads(architecture, {"heads", "memory_heads"}));
        target.network = std::make_shared<ReportDecoder>(ReportDecoderSizes{.width = architecture.at("d_model"), .hidden = architecture.at("d_ff"), .features = architecture.at("d_vf"),
                                                             .layers = architecture.at("layers"), .heads = architecture.at("heads"), .slots = architecture.at("memory_slots"),
                                                             .memoryHeads = architecture.at("memory_heads"), .vocabulary = architecture.at("vocabulary")},
            rng);
    }
    return target;
}

Json metadataOf(const Layout& layout, Target& target, const Json& architecture, const Json& report)
{
    Json metadata = {{"origin", "imported"}, {"licence", layout.licence}, {"import", report}, {"step", 0}, {"made_by", programVersion("hilum-worker")}};
    if (target.method) {
        const EncoderExport encoder = target.method->encoder();
        metadata.update({{"method", layout.method}, {"preset", ""}, {"options", target.options}, {"pipeline", target.method->inputPipeline()},
            {"encoder", {{"architecture", encoder.architecture}, {"prefix", encoder.prefix}}}, {"token_grid", target.method->tokenGrid()}, {"class_token", target.method->hasClassToken()}});
    } else {
        metadata.update({{"network", layout.id}, {"encoder", {{"architecture", architecture}, {"prefix", ""}}}});
    }
    if (architecture.contains("merging"))
        metadata["merging"] = architecture["merging"];
    return metadata;
}

} // namespace

Result<Json> importWeights(const MethodRegistry& registry, const ImportRequest& request)
{
    HILUM_TRY(const Layout* const layout, findLayout(request.layout));
    HILUM_TRY(const CheckpointFile file, CheckpointFile::open(request.file));
    HILUM_TRY(const StateDict state, file.stateDict(layout->wrappers));
    const RenamedState names = renamed(*layout, state);
    auto told = inferArchitecture(layout->network, names);
    if (!told)
        return std::unexpected(withContext(std::move(told).error(), hilum::format("reading {} as {}", request.file.string(), layout->id)));
    Json architecture = *std::move(told);
    if (layout->id == "hf-bert" && architecture.at("segments") == 0)
        return fail(ErrorCode::Mismatch, "reading {} as {}: embeddings.token_type_embeddings.weight is missing", request.file.string(), layout->id);
    if (layout->id == "hdxray-mae-conv1") // the published recipe resizes to the grid of 224 pixels
        architecture["image_size"] = 14 * architecture.at("tokeniser_strides").at(0).get<std::int64_t>();
    if (!layout->merging.empty())
        architecture["merging"] = layout->merging;
    if (isSwin(layout->network))
        architecture["axes"] = PublishedAxes;
    if (layout->id == "dae")
        architecture["hidden_states"] = "raw"; // its decoder learnt on hidden states that were not normalised
    const auto make = [&](Json& sizes) { return layout->method.empty() ? makeNetwork(*layout, sizes, request.settings) : makeMethod(registry, *layout, names, sizes, request.settings); };
    // sizes that a few shapes tell, and names alone, can be of any network
    HILUM_TRY_STATUS(checkWeightsRoom(hilum::format("the network that {} describes", request.file.string()), [&, sizes = architecture]() mutable -> Result<MemoryNeed> {
        HILUM_TRY(Target tried, make(sizes));
        return memoryNeed(tried.module());
    }));
    HILUM_TRY(Target target, make(architecture));

    const Adapted adapted = adaptShapes(target.module(), names, layout->id == "hdxray-mae-conv1" ? Resize::Bilinear : Resize::Bicubic);
    const ImportReport report = fillFrom(target.module(), names, layout, &adapted.tensors);
    const ImportReport::Count whole = report.whole(), encoder = report.encoder();
    HILUM_TRY(const std::string digest, sha256File(request.file));
    Json out = {{"layout", layout->id}, {"title", layout->title}, {"licence", layout->licence}, {"format", name(file.format())}, {"wrapper", state.wrapper}, {"source_sha256", digest},
        {"architecture", architecture}, {"coverage", whole.share()}, {"encoder_coverage", encoder.share()}, {"loaded", report.loaded}, {"missing", report.missing},
        {"mismatched", report.mismatched}, {"unexpected", report.unexpected}, {"dropped", report.dropped}, {"fresh", report.fresh}, {"adapted", adapted.notes}, {"opaque", file.opaque()}, {"others", state.others}};
    if (architecture.contains("merging"))
        out["merging"] = architecture["merging"];
    if (std::min(whole.share(), encoder.share()) < request.minCoverage)
        return std::unexpected(Error{.code = ErrorCode::Mismatch,
            .message = hilum::format("{} fills {} of {} tensors of {} ({:.1f} %), of its encoder {} of {} ({:.1f} %); {:.0f} % of both are the least", request.file.string(), whole.loaded,
                whole.wanted, layout->id, 100 * whole.share(), encoder.loaded, encoder.wanted, 100 * encoder.share(), 100 * request.minCoverage),
            .reason = "coverage",
            .details = firstFaults(report)});
    HILUM_TRY_STATUS(writeModel(request.out, namedState(target.module()), metadataOf(*layout, target, architecture, out)));
    return out;
}

} // namespace hilum::learning::imports
