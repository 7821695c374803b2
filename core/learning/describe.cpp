#include "core/learning/describe.h"

#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/base/provenance.h"
#include "core/learning/downstream/tuning_options.h"
#include "core/learning/nn/masked_autoencoder.h"

#include <stdexcept>

namespace hilum::learning {

namespace {

const MethodInfo::Preset* findPreset(const MethodInfo& info, const std::string& id)
{
    if (id.empty())
        return info.presets.empty() ? nullptr : &info.presets.front();
    for (const MethodInfo::Preset& preset : info.presets)
        if (preset.id == id)
            return &preset;
    return nullptr;
}

Json headOf(const MethodInfo& info)
{
    return {{"id", info.id}, {"title", info.title}, {"summary", info.summary}, {"papers", info.papers}, {"input", info.input}, {"shows", info.shows}, {"maps", info.maps}, {"schema", info.schema}};
}

} // namespace

Result<Json> completeOptions(const MethodEntry& entry, const std::string& preset, const Json& values)
{
    const MethodInfo::Preset* chosen = findPreset(entry.info, preset);
    if (!chosen && !preset.empty()) {
        std::string known;
        for (const MethodInfo::Preset& p : entry.info.presets)
            known += (known.empty() ? "" : ", ") + p.id;
        return fail(ErrorCode::NotFound, "method {} has no preset \"{}\"; it has {}", entry.info.id, preset, known.empty() ? "none" : known);
    }
    HILUM_TRY_STATUS(checkAgainstSchema(values, entry.info.schema));
    Json options = Json::object();
    for (const Json& f : entry.info.schema)
        options[f.at("key").get<std::string>()] = f.at("default");
    if (chosen)
        options.update(chosen->options);
    options.update(values);
    // values that are fine one by one may not fit together: the method says so when it makes its pipeline
    if (entry.pipelineFor) {
        try {
            entry.pipelineFor(options);
        } catch (const std::invalid_argument& e) {
            return fail(ErrorCode::Options, "{}", e.what());
        }
    }
    return options;
}

std::vector<std::int64_t> tokenGridOf(const MethodEntry& entry, const Json& options)
{
    if (entry.tokenGridFor)
        return entry.tokenGridFor(options);
    if (!options.contains("tokeniser_strides"))
        return {};
    MaskedAutoencoderSizes sizes;
    sizes.imageSize = options.at("image_size").get<std::int64_t>();
    sizes.strides = options.at("tokeniser_strides").get<std::vector<std::int64_t>>();
    const auto [rows, columns] = sizes.grid();
    return {rows, columns};
}

Json describeAll(const MethodRegistry& registry)
{
    Json methods = Json::array();
    for (const MethodEntry& entry : registry.entries()) {
        Json one = headOf(entry.info);
        one["presets"] = Json::array();
        for (const MethodInfo::Preset& preset : entry.info.presets) {
            Json row = {{"id", preset.id}, {"title", preset.title}, {"summary", preset.summary}, {"options", preset.options}};
            const auto complete = completeOptions(entry, preset.id, Json::object());
            // a preset that its own schema refuses is a fault of the method: thrown, not hidden
            if (!complete)
                throw std::invalid_argument(entry.info.id + " preset " + preset.id + ": " + complete.error().sentence());
            row["complete_options"] = *complete;
            row["pipeline"] = entry.pipelineFor ? entry.pipelineFor(*complete) : Json();
            row["token_grid"] = tokenGridOf(entry, *complete);
            one["presets"].push_back(std::move(row));
        }
        methods.push_back(std::move(one));
    }
    return {{"schema", protocol::DescribeSchema}, {"worker", programVersion("hilum-worker")}, {"methods", std::move(methods)}, {"fine_tuning", {{"schema", optionsSchema<TuningOptions>()}}}};
}

Result<Json> describeOne(const MethodRegistry& registry, const std::string& method, const std::string& preset, const Json& values)
{
    HILUM_TRY(const MethodEntry* const entry, registry.find(method));
    HILUM_TRY(const Json options, completeOptions(*entry, preset, values));
    Json out = headOf(entry->info);
    out["document"] = protocol::DescribeSchema;
    const MethodInfo::Preset* chosen = findPreset(entry->info, preset);
    out["preset"] = chosen ? Json(chosen->id) : Json();
    out["options"] = options;
    out["pipeline"] = entry->pipelineFor ? entry->pipelineFor(options) : Json();
    out["token_grid"] = tokenGridOf(*entry, options);
    return out;
}

} // namespace hilum::learning
