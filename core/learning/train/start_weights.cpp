#include "core/learning/train/start_weights.h"

#include "core/learning/imports/layouts.h"
#include "core/learning/model_file.h"
#include "core/learning/tensor_io.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace hilum::learning {

namespace {

/// Axes of the volumes that an encoder learnt on. A network that was imported before they were recorded has those of its layout.
Json axesOf(const Json& metadata, const Json& architecture)
{
    if (architecture.is_object() && architecture.contains("axes"))
        return architecture["axes"];
    if (const Json network = metadata.value("network", Json()); network.is_string())
        if (const auto layout = imports::findLayout(network.get<std::string>()); layout && imports::isSwin((*layout)->network))
            return imports::PublishedAxes;
    return Json();
}

/// What two encoders must share although their weights have the same shapes either way.
Status checkArchitectures(const Json& metadata, const Json& theirs, const Json& ours, const path& file)
{
    std::vector<std::string> faults;
    for (const char* key : {"kind", "heads", "window", "merging", "patch_embedding"})
        if (theirs.is_object() && ours.is_object() && theirs.contains(key) && ours.contains(key) && theirs[key] != ours[key])
            faults.push_back(hilum::format("{} is {} there and {} here", key, jsonLine(theirs[key]), jsonLine(ours[key])));
    if (const Json axes = axesOf(metadata, theirs), own = axesOf(Json::object(), ours); axes != own)
        faults.push_back(hilum::format("axes is {} there and {} here", axes.is_null() ? "not told" : jsonLine(axes), own.is_null() ? "not told" : jsonLine(own)));
    if (faults.empty())
        return {};
    Error error{.code = ErrorCode::Mismatch, .message = hilum::format("start_from: the encoder of {} is another one", file.string())};
    error.details = std::move(faults);
    return std::unexpected(std::move(error));
}

} // namespace

Result<Json> startFrom(PretrainingMethod& method, const std::string& id, const path& file, double minCoverage)
{
    const auto opened = openWeights(file);
    if (!opened)
        return std::unexpected(withContext(opened.error(), "start_from (published weights become a model file with `hilum import-weights`)"));
    const Json& metadata = opened->metadata;
    const Json theirs = metadata.value("encoder", Json::object());
    const EncoderExport ours = method.encoder();
    HILUM_TRY_STATUS(checkArchitectures(metadata, theirs.value("architecture", Json()), ours.architecture, file));
    const bool whole = metadata.value("method", Json()) == id;
    const std::string from = whole ? "" : theirs.value("prefix", ""), to = whole ? "" : ours.prefix;
    const auto& arrays = opened->file.tensors();
    TensorMap state = namedState(method.trainable());
    std::vector<std::pair<at::Tensor, TensorView>> pairs;
    std::vector<std::string> missing;
    for (auto& [name, tensor] : state) {
        if (!name.starts_with(to))
            continue;
        const auto it = arrays.find(from + name.substr(to.size()));
        if (it == arrays.end())
            missing.push_back(name + " is not there");
        else if (it->second.shape != tensor.sizes().vec())
            missing.push_back(hilum::format("{} has another shape", name));
        else
            pairs.emplace_back(tensor, it->second);
    }
    const std::size_t all = pairs.size() + missing.size();
    const double coverage = all > 0 ? static_cast<double>(pairs.size()) / static_cast<double>(all) : 0;
    if (coverage < minCoverage) {
        Error error{.code = ErrorCode::Mismatch,
                    .message = hilum::format("start_from: {} fills {} of {} tensors of the {} ({:.1f} %); {:.0f} % are the least", file.string(), pairs.size(), all, whole ? "network" : "encoder",
                                             100 * coverage, 100 * minCoverage),
                    .reason = "coverage"};
        missing.resize(std::min<std::size_t>(missing.size(), 6));
        error.details = std::move(missing);
        return std::unexpected(std::move(error));
    }
    const torch::NoGradGuard noGradient;
    for (auto& [tensor, view] : pairs)
        tensor.copy_(copyToTensor(view));
    return Json{{"file", file.filename().string()}, {"weights_sha256", metadata.value("weights_sha256", Json())}, {"part", whole ? "network" : "encoder"}, {"filled", pairs.size()},
        {"of", all}, {"coverage", coverage}, {"missing", missing}, {"licence", metadata.value("licence", Json())}, {"origin", metadata.value("origin", Json())},
        {"source", metadata.value("method", metadata.value("network", Json()))}};
}

Status checkStart(const MethodEntry& entry, const Json& options)
{
    const std::string file = options.value("start_from", "");
    if (file.empty())
        return {};
    HILUM_TRY_STATUS(startFrom(*entry.make(options, Rng(0).fork("weights")), entry.info.id, std::filesystem::absolute(file).lexically_normal()));
    return {};
}

std::string startSentence(const Json& record)
{
    const Json licence = record.value("licence", Json());
    return hilum::format("the run begins with {} of {} tensors of the {} from {} ({}); licence of these weights: {}", record.at("filled").get<std::int64_t>(), record.at("of").get<std::int64_t>(),
        record.at("part").get<std::string>(), record.at("file").get<std::string>(), record.at("source").is_string() ? record["source"].get<std::string>() : "unknown source",
        licence.is_string() ? licence.get<std::string>() : "not told");
}

} // namespace hilum::learning
