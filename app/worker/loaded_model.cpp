#include "app/worker/loaded_model.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/base/provenance.h"
#include "core/learning/describe.h"
#include "core/learning/model_file.h"
#include "core/learning/occlusion.h"
#include "core/learning/rollout.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/network_room.h"

#include <ATen/Parallel.h>
#include <ATen/ops/stack.h>

#include <algorithm>

namespace hilum::worker {

using namespace hilum::learning;

namespace {

constexpr std::int64_t FullPrecisionBytes = 256 << 20; // matrices above this are kept in 16 bits

template <class T>
Result<T> fieldOf(const Json& fields, const char* key)
{
    const auto it = fields.find(key);
    if (it == fields.end() || it->is_null())
        return fail(ErrorCode::Protocol, "the request has no field {}", key);
    if constexpr (std::is_same_v<T, std::string>) {
        if (!it->is_string())
            return fail(ErrorCode::Protocol, "{} = {} is no text", key, it->dump());
    } else if (!it->is_number_integer() || it->template get<double>() < 0) {
        return fail(ErrorCode::Protocol, "{} = {} is no whole number from 0", key, it->dump());
    }
    return it->template get<T>();
}

/// An absent or null field has the value `otherwise`.
template <class T>
Result<T> fieldOr(const Json& fields, const char* key, T otherwise)
{
    const auto it = fields.find(key);
    return it == fields.end() || it->is_null() ? Result<T>(std::move(otherwise)) : fieldOf<T>(fields, key);
}

/// The method options that a request overrides, checked.
Result<Json> overridesIn(const Json& fields, const Json& schema)
{
    Json values = Json::object();
    for (const Json& field : schema)
        if (const auto it = fields.find(field.at("key").get<std::string>()); it != fields.end() && field.at("key") != "seed")
            values[it.key()] = *it;
    HILUM_TRY_STATUS(checkAgainstSchema(values, schema));
    return values;
}

/// What a request says beside method options: where crops lie, what kind of picture it is, and texts to compare with. Checked.
Result<Json> wishesIn(const Json& fields)
{
    Json out = Json::object();
    const auto whole = [](const Json& list, std::size_t count) {
        return list.is_array() && list.size() == count && std::ranges::all_of(list, [](const Json& n) { return n.is_number_integer(); });
    };
    for (const auto& [key, value] : fields.items()) {
        if (value.is_null())
            continue;
        bool good = true;
        if (key == "crop_centre")
            good = whole(value, 3);
        else if (key == "crop_centres")
            good = value.is_array() && std::ranges::all_of(value, [&](const Json& one) { return whole(one, 2) || whole(one, 3); });
        else if (key == "modality_class" || key == "report")
            good = value.is_string();
        else if (key == "texts")
            good = value.is_array() && std::ranges::all_of(value, [](const Json& one) { return one.is_string(); });
        else
            continue;
        if (!good)
            return fail(ErrorCode::Protocol, "{} = {} is not what the request's field holds (crop_centre: three whole numbers; crop_centres: a list of pairs; texts: a list of texts; "
                        "modality_class and report: a text)", key, value.dump());
        out[key] = value;
    }
    return out;
}

bool windowed(const Json& architecture)
{
    return architecture.value("kind", "").find("swin") != std::string::npos;
}

std::string listed(const std::vector<std::string>& names)
{
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ", ") + name;
    return out;
}

Json imageDigest(const TensorMap& item)
{
    const at::Tensor image = item.at("image").contiguous();
    const auto bytes = std::span(static_cast<const std::byte*>(image.const_data_ptr()), image.nbytes());
    return {{"kind", "image"}, {"digest", sha256Hex(bytes)}, {"shape", image.sizes().vec()}};
}

} // namespace

Result<TensorMap> readRequest(const path& file)
{
    HILUM_TRY(const TensorFile tensors, TensorFile::open(file));
    TensorMap item = readTensors(tensors);
    if (!item.contains("image"))
        return fail(ErrorCode::Mismatch, "{}: a request holds no array image", file.string());
    return item;
}

Result<LoadedModel> LoadedModel::load(const MethodRegistry& registry, const Json& fields, const ComputeChoice& compute)
{
    HILUM_TRY(const std::string where, fieldOr<std::string>(fields, "model", ""));
    HILUM_TRY(const std::string methodId, fieldOr<std::string>(fields, "method", ""));
    if (where.empty() == methodId.empty())
        return fail(ErrorCode::Usage, "name a model file or folder, or a method for untrained weights, and not both");
    LoadedModel out;
    if (!where.empty()) {
        HILUM_TRY(const ModelFile file, openModel(where));
        HILUM_TRY(out.m_method, loadMethod(registry, file));
        out.m_metadata = file.metadata;
        out.m_metadata["untrained"] = false;
    } else {
        HILUM_TRY(const MethodEntry* entry, registry.find(methodId));
        HILUM_TRY(const std::string asked, fieldOr<std::string>(fields, "preset", ""));
        HILUM_TRY(const auto seed, fieldOr<std::uint64_t>(fields, "seed", 0));
        const auto given = fields.find("options");
        HILUM_TRY(const Json options, completeOptions(*entry, asked, given == fields.end() || given->is_null() ? Json::object() : *given));
        HILUM_TRY_STATUS(checkWeightsRoom("the network of method " + methodId, [&]() -> Result<MemoryNeed> { return memoryNeed(entry->make(options, Rng(seed))->trainable()); }));
        out.m_method = entry->make(options, Rng(seed).fork("initialisation"));
        const std::string preset = asked.empty() && !entry->info.presets.empty() ? entry->info.presets.front().id : asked;
        out.m_metadata = {{"schema", protocol::ModelSchema}, {"method", methodId}, {"preset", preset}, {"options", options}, {"pipeline", out.m_method->inputPipeline()},
            {"step", 0}, {"licence", nullptr}, {"weights_sha256", nullptr}, {"untrained", true}, {"seed", seed}};
    }
    HILUM_TRY(const MethodEntry* entry, registry.find(out.m_metadata.value("method", "")));
    out.m_schema = entry->info.schema;
    out.m_shows = entry->info.shows;
    out.m_maps = entry->info.maps;
    out.m_method->trainable().eval();
    out.m_method->trainable().to(compute.device);
    out.m_metadata["pipeline"] = out.m_method->inputPipeline();
    out.m_metadata["token_grid"] = out.m_method->tokenGrid();
    out.m_metadata["class_token"] = out.m_method->hasClassToken();
    const Json architecture = out.m_method->encoder().architecture;
    out.m_metadata["encoder"] = architecture;
    const auto countOf = [&](const char* key) { return architecture.contains(key) && architecture[key].is_number() ? architecture[key] : Json(0); };
    out.m_metadata["layers"] = countOf("depth");
    out.m_metadata["heads"] = countOf("heads"); // Swin encoders have a list: one number a stage
    out.m_metadata["title"] = entry->info.title;
    out.m_metadata["shows"] = entry->info.shows;
    out.m_metadata["maps"] = entry->info.maps;
    out.m_device = {{"name", compute.device.str()}, {"processor", processorName()}, {"dtype", "float32"}, {"threads", at::get_num_threads()}, {"libtorch", libtorchVersion()}};
    return out;
}

Json LoadedModel::provenance(const std::string& kind, std::uint64_t seed, const Json& request, const Json& input) const
{
    Provenance record;
    record.kind = kind;
    record.method = {{"id", m_metadata.value("method", "")}, {"preset", m_metadata.value("preset", Json())}, {"options", m_metadata.value("options", Json::object())},
        {"request", request}};
    record.model = {{"weights_sha256", m_metadata.value("weights_sha256", Json())}, {"step", m_metadata.value("step", Json())},
        {"licence", m_metadata.value("licence", Json())}, {"untrained", m_metadata.at("untrained")}};
    if (m_metadata.at("untrained"))
        record.model["seed"] = m_metadata.value("seed", Json());
    record.inputs = Json::array({input});
    record.preprocessing = m_metadata.at("pipeline");
    record.seed = seed;
    record.device = m_device;
    return toJson(record);
}

Result<Json> LoadedModel::reconstruct(const Json& fields)
{
    HILUM_TRY(const std::string request, fieldOf<std::string>(fields, "request"));
    HILUM_TRY(const std::string outFile, fieldOf<std::string>(fields, "out"));
    HILUM_TRY(const auto seed, fieldOr<std::uint64_t>(fields, "seed", 0));
    HILUM_TRY(Json overrides, overridesIn(fields, m_schema));
    HILUM_TRY(const TensorMap item, readRequest(request));
    if (m_shows.empty())
        return fail(ErrorCode::Unsupported, "method {} has nothing to show of one image", m_metadata.value("method", ""));
    if (item.contains("mask") && std::ranges::find(m_shows, "mask") == m_shows.end())
        return fail(ErrorCode::Usage, "{} hides no places of the image, so a mask says nothing to it; it shows {}", m_metadata.value("title", ""), listed(m_shows));
    HILUM_TRY(const Json wishes, wishesIn(fields));
    overrides.update(wishes);
    overrides["seed"] = seed;
    PretrainingMethod::Shown shown = m_method->reconstruct(item, overrides);
    const Json record = provenance("reconstruction", seed, overrides, imageDigest(item));
    HILUM_TRY_STATUS(writeTensors(outFile, shown.arrays, {{"provenance", jsonLine(record)}, {"numbers", jsonLine(shown.numbers)}}));
    return Json{{"out", outFile}, {"numbers", std::move(shown.numbers)}, {"provenance", record}};
}

Result<Json> LoadedModel::prepareAttention(const Json& fields, std::int64_t wholeUpTo)
{
    HILUM_TRY(const std::string request, fieldOf<std::string>(fields, "request"));
    Prepared prepared;
    HILUM_TRY(prepared.item, readRequest(request));
    m_prepared.reset(); // its memory is needed
    prepared.layers = m_method->attentionLayers(prepared.item);
    if (prepared.layers.empty())
        return fail(ErrorCode::Unsupported, "{} has no attention of the whole image to show: {}; {}", m_metadata.value("title", ""),
                    windowed(m_metadata.value("encoder", Json::object())) ? "its encoder attends within shifted windows, and no rollout through these is accepted" : "its encoder gives none",
                    m_maps.empty() ? "`reconstruct` shows " + listed(m_shows) : "the kind of map that there is: " + listed(m_maps));
    std::int64_t bytes = 0;
    for (const at::Tensor& layer : prepared.layers) {
        prepared.means.push_back(layer.mean(0, /*keepdim=*/true));
        bytes += static_cast<std::int64_t>(layer.nbytes());
    }
    prepared.whole = bytes <= wholeUpTo;
    if (!prepared.whole && bytes > FullPrecisionBytes) {
        bytes /= 2;
        for (at::Tensor& layer : prepared.layers)
            layer = layer.to(at::kHalf);
    }
    prepared.input = imageDigest(prepared.item);
    const at::Tensor& first = prepared.layers.front();
    const Json answer = {{"layers", prepared.layers.size()}, {"heads", first.size(0)}, {"tokens", first.size(1)}, {"grid", m_method->tokenGrid()}, {"bytes", bytes}};
    m_prepared = std::move(prepared);
    return answer;
}

Result<Json> LoadedModel::occlusion(const Json& fields, const Watch& watch)
{
    const std::string title = m_metadata.value("title", "");
    if (std::ranges::find(m_maps, protocol::Occlusion) == m_maps.end())
        return fail(ErrorCode::Unsupported, "{} has no occlusion map; {}", title, m_maps.empty() ? "`reconstruct` shows " + listed(m_shows) : "the kinds of maps that there are: " + listed(m_maps));
    for (const char* key : {"layer", "head", "query"})
        if (fields.contains(key) && !fields[key].is_null())
            return fail(ErrorCode::Usage, "{} = {} says nothing to occlusion, which looks at the features alone", key, fields[key].dump());
    HILUM_TRY(const std::string requestFile, fieldOf<std::string>(fields, "request"));
    HILUM_TRY(const std::string outFile, fieldOf<std::string>(fields, "out"));
    HILUM_TRY(const auto block, fieldOr<std::int64_t>(fields, "block", 0));
    HILUM_TRY(const Json wishes, wishesIn(fields));
    HILUM_TRY(const TensorMap item, readRequest(requestFile));
    HILUM_TRY(FeatureSource* const source, featureSource(*m_method, m_metadata.value("method", "")));
    HILUM_TRY(const OcclusionMap map, occlusionMap(*source, source->featurePieces(item, wishes), {.block = block, .cancelled = watch.cancelled, .progress = watch.progress},
                                                   m_method->trainable().parameters().front().device()));
    const bool volume = item.at("image").dim() == 4;
    const std::size_t axes = volume ? 3 : 2;
    Json numbers = {{"minimum", map.values.min().item<double>()}, {"maximum", map.values.max().item<double>()}, {"mean", map.values.mean().item<double>()}, {"fill", map.fill},
        {"block", std::vector(map.side.begin(), map.side.begin() + static_cast<std::ptrdiff_t>(axes))}};
    if (volume)
        numbers["crop_box"] = map.box;
    Json request = {{"kind_of", protocol::Occlusion}, {"block", block}};
    if (wishes.contains("crop_centre"))
        request["crop_centre"] = wishes["crop_centre"];
    const Json record = provenance("attention", 0, request, imageDigest(item));
    TensorFileWriter writer;
    std::vector<at::Tensor> keep; // what the writer looks at
    addTensor(writer, "attention_map", map.values, keep);
    writer.setMetadata("provenance", jsonLine(record));
    writer.setMetadata("numbers", jsonLine(numbers));
    HILUM_TRY_STATUS(writer.write(outFile));
    return Json{{"out", outFile}, {"numbers", std::move(numbers)}, {"kind_of", protocol::Occlusion}, {"grid", map.values.sizes().vec()}, {"provenance", record}};
}

Result<Json> LoadedModel::attention(const Json& fields, const Watch& watch)
{
    HILUM_TRY(const std::string kind, fieldOr<std::string>(fields, "kind_of", "rollout"));
    if (kind == protocol::Occlusion)
        return occlusion(fields, watch);
    if (!m_prepared)
        return fail(ErrorCode::Usage, "no image is prepared for attention; send prepare_attention first");
    HILUM_TRY(const std::string outFile, fieldOf<std::string>(fields, "out"));
    const Prepared& p = *m_prepared;
    const auto layers = static_cast<std::int64_t>(p.layers.size());
    const std::int64_t heads = p.layers.front().size(0), tokens = p.layers.front().size(1), classTokens = m_method->hasClassToken() ? 1 : 0;
    HILUM_TRY(const auto layer, fieldOr<std::int64_t>(fields, "layer", layers - 1));
    HILUM_TRY(const auto head, fieldOr<std::int64_t>(fields, "head", 0));
    std::int64_t query = 0; // the class token
    if (fields.contains("query") && !fields.at("query").is_null()) {
        HILUM_TRY(query, fieldOf<std::int64_t>(fields, "query"));
        query += classTokens;
    } else if (classTokens == 0) {
        return fail(ErrorCode::Usage, "this model has no class token; name a query token");
    }
    for (const auto& [what, value, count] : {std::tuple{"layer", layer, layers}, {"head", head, heads}, {"query", query - classTokens, tokens - classTokens}})
        if (value >= count)
            return fail(ErrorCode::Usage, "{} = {} is outside [0, {}]", what, value, count - 1);

    at::Tensor row; // [T]
    if (kind == "rollout")
        row = rolloutRow(p.means, query);
    else if (kind == "mean")
        row = meanRow(p.means, layer, query);
    else if (kind == "head")
        row = headRow(p.layers, layer, head, query);
    else if (kind == "gradient") {
        std::vector<at::Tensor> full;
        for (const at::Tensor& l : p.layers)
            full.push_back(l.to(at::kFloat));
        row = gradientRow(full, m_method->attentionGradients(p.item, query), query);
    } else
        return fail(ErrorCode::Usage, "kind_of = {} is none of rollout, mean, head, gradient, occlusion", kind);
    row = row.to(at::kFloat);
    if (kind == "mean" || kind == "head")
        row = row / row.sum(); // 16-bit storage rounds; exact softmax rows already sum to 1

    const at::Tensor map = row.slice(0, classTokens).reshape(m_method->tokenGrid()).contiguous();
    TensorFileWriter writer;
    std::vector<at::Tensor> keep; // what the writer looks at
    if (p.whole) {
        addStacked(writer, "attention", p.layers, keep); // [layers, heads, T, T]
    } else {
        std::vector<at::Tensor> rows;
        for (const at::Tensor& l : p.layers)
            rows.push_back(l.select(1, query).to(at::kFloat).unsqueeze(1)); // [heads, 1, T]
        addTensor(writer, "attention", at::stack(rows), keep);
    }
    addTensor(writer, "attention_map", map, keep);
    const Json numbers = {{"sum", map.sum().item<double>()}, {"minimum", map.min().item<double>()}, {"maximum", map.max().item<double>()},
        {"class_token", classTokens ? Json(row[0].item<double>()) : Json(nullptr)}, {"query", fields.value("query", Json())}};
    Json request = {{"kind_of", kind}, {"query", fields.value("query", Json())}};
    if (kind == "mean" || kind == "head")
        request["layer"] = layer;
    if (kind == "head")
        request["head"] = head;
    const Json record = provenance("attention", 0, request, p.input);
    writer.setMetadata("provenance", jsonLine(record));
    HILUM_TRY_STATUS(writer.write(outFile));
    return Json{{"out", outFile}, {"numbers", numbers}, {"kind_of", kind}, {"layers", layers}, {"heads", heads}, {"attention_rows", p.whole ? "all" : "query"}, {"query_token", query},
        {"provenance", record}};
}

} // namespace hilum::worker
