#include "core/learning/model_file.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/network_room.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace hilum::learning {

namespace {

std::string shapeText(at::IntArrayRef shape)
{
    std::string text = "[";
    for (const std::int64_t n : shape)
        text += (text.size() > 1 ? ", " : "") + std::to_string(n);
    return text + "]";
}

/// Copies arrays (a map by name) into parameters and buffers; nothing is changed when one does not fit.
Status fill(torch::nn::Module& module, const auto& arrays, const std::string& prefix, const auto& shapeOf, const auto& tensorOf)
{
    std::vector<std::string> faults;
    TensorMap state = namedState(module);
    for (const auto& [name, tensor] : state) {
        const auto it = arrays.find(prefix + name);
        if (it == arrays.end())
            faults.push_back(name + " is missing");
        else if (const auto shape = shapeOf(it->second); shape != tensor.sizes().vec())
            faults.push_back(hilum::format("{} is {} where {} is expected", name, shapeText(shape), shapeText(tensor.sizes())));
    }
    for (auto it = arrays.lower_bound(prefix); it != arrays.end() && it->first.starts_with(prefix); ++it)
        if (!state.contains(it->first.substr(prefix.size())))
            faults.push_back(it->first + " is not part of the network");
    if (!faults.empty()) {
        Error error{.code = ErrorCode::Mismatch, .message = hilum::format("{} of {} weights do not fit the network", faults.size(), state.size())};
        if (faults.size() > 6) {
            const std::size_t more = faults.size() - 6;
            faults.resize(6);
            faults.push_back(hilum::format("and {} more", more));
        }
        error.details = std::move(faults);
        return std::unexpected(std::move(error));
    }
    const at::NoGradGuard noGradient;
    for (auto& [name, tensor] : state)
        tensor.copy_(tensorOf(arrays.at(prefix + name)));
    return {};
}

} // namespace

Result<ModelFile> openWeights(const path& where)
{
    path file = where;
    std::error_code ignored;
    if (std::filesystem::is_directory(where, ignored)) {
        file = where / "model.safetensors";
        if (!std::filesystem::exists(file, ignored)) {
            const auto latest = latestCheckpoint(where);
            if (!latest)
                return fail(ErrorCode::NotFound, "{} holds no model.safetensors and no checkpoint", where.string());
            file = *latest / "model.safetensors";
        }
    }
    HILUM_TRY(TensorFile opened, TensorFile::open(file));
    if (!opened.metadata().contains("hilum"))
        return fail(ErrorCode::BadData, "{} carries no metadata \"hilum\": it is not a model of this program (import-weights reads other layouts)", file.string());
    HILUM_TRY(Json metadata, opened.metadataJson("hilum"));
    const std::string schema = metadata.is_object() ? metadata.value("schema", "") : "";
    if (schema != protocol::ModelSchema)
        return fail(ErrorCode::WrongVersion, "{} has schema \"{}\", this program reads \"{}\"", file.string(), schema, protocol::ModelSchema);
    return ModelFile{std::move(opened), std::move(metadata)};
}

Result<ModelFile> openModel(const path& where)
{
    HILUM_TRY(ModelFile model, openWeights(where));
    const path& file = model.file.file();
    const Json& metadata = model.metadata;
    if (const std::string network = metadata.value("network", ""); !network.empty())
        return fail(ErrorCode::Mismatch, "{} holds the weights of a network alone (imported as {}): tasks that build on it take it, it is no model of a method", file.string(), network);
    if (!metadata.contains("method") || !metadata["method"].is_string() || !metadata.contains("options") || !metadata["options"].is_object())
        return fail(ErrorCode::BadData, "{}: its metadata name no method or no options", file.string());
    return model;
}

Status checkAxes(const PretrainingMethod& method, const Json& metadata)
{
    const auto axesOf = [](const Json& architecture) { return architecture.is_object() ? architecture.value("axes", Json()) : Json(); };
    const Json encoder = metadata.value("encoder", Json());
    const Json theirs = axesOf(encoder.is_object() ? encoder.value("architecture", Json()) : Json()), ours = axesOf(method.encoder().architecture);
    if (theirs == ours)
        return {};
    return fail(ErrorCode::Mismatch, "these weights learnt on volumes with the axes {} and their network now gets {}: train or import them again",
        theirs.is_null() ? "of an earlier version" : jsonLine(theirs), ours.is_null() ? "others" : jsonLine(ours));
}

Result<std::unique_ptr<PretrainingMethod>> loadMethod(const MethodRegistry& registry, const ModelFile& model)
{
    HILUM_TRY(const MethodEntry* const entry, registry.find(model.metadata["method"].get<std::string>()));
    const Json& options = model.metadata["options"];
    HILUM_TRY_STATUS(checkAgainstSchema(options, entry->info.schema));
    HILUM_TRY_STATUS(checkWeightsRoom("the network of " + model.file.file().string(), [&]() -> Result<MemoryNeed> { return memoryNeed(entry->make(options, Rng(0).fork("weights"))->trainable()); }));
    auto method = entry->make(options, Rng(0).fork("weights"));
    if (const Status fits = checkAxes(*method, model.metadata); !fits)
        return std::unexpected(withContext(fits.error(), model.file.file().string()));
    if (const Status loaded = loadState(method->trainable(), model.file); !loaded)
        return std::unexpected(withContext(loaded.error(), model.file.file().string()));
    return method;
}

TensorMap namedState(const torch::nn::Module& module)
{
    TensorMap out;
    for (const auto& entry : module.named_parameters())
        out[entry.key()] = entry.value().detach();
    for (const auto& entry : module.named_buffers())
        out[entry.key()] = entry.value().detach();
    return out;
}

Status loadState(torch::nn::Module& module, const TensorFile& file, const std::string& prefix)
{
    return fill(module, file.tensors(), prefix, [](const auto& array) { return std::vector<std::int64_t>(array.shape); }, [](const auto& array) { return copyToTensor(array); });
}

Status loadState(torch::nn::Module& module, const TensorMap& arrays)
{
    return fill(module, arrays, "", [](const at::Tensor& array) { return array.sizes().vec(); }, [](const at::Tensor& array) { return array; });
}

std::string weightsDigest(const TensorMap& state)
{
    Sha256 sha;
    for (const auto& [key, tensor] : state) {
        const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
        sha.update(hilum::format("{} {} {}\n", key, name(elementTypeOf(flat.scalar_type())), shapeText(flat.sizes())));
        sha.update(std::span(static_cast<const std::byte*>(flat.const_data_ptr()), static_cast<std::size_t>(flat.nbytes())));
    }
    return sha.finishHex();
}

Status writeModel(const path& file, const TensorMap& state, Json metadata)
{
    metadata["schema"] = protocol::ModelSchema;
    metadata["weights_sha256"] = weightsDigest(state);
    constexpr std::size_t LongestRecord = 32u << 20; // bytes: readers refuse headers over 100 MB
    std::map<std::string, std::string> strings{{"format", "pt"}};
    if (const auto record = metadata.find("record"); record != metadata.end()) {
        if (std::string line = jsonLine(*record); line.size() <= LongestRecord) {
            strings[RecordKey] = std::move(line);
            metadata.erase(record);
        } else {
            *record = "split.json";
        }
    }
    strings["hilum"] = jsonLine(metadata);
    return writeTensors(file, state, strings);
}

} // namespace hilum::learning
