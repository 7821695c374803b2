#include "core/learning/downstream/kept_features.h"

namespace hilum::learning {

path keptFeaturesFile(const path& run, std::string_view network) { return run / "results" / hilum::format("features-{}.safetensors", network); }

Status writeFeatures(const path& file, const FeatureState& state, const Json& asked)
{
    const auto rows = static_cast<std::int64_t>(state.table.rows()), columns = static_cast<std::int64_t>(state.table.columns);
    TensorFileWriter writer;
    if (rows > 0)
        writer.add<double>("features", {rows, columns}, state.table.values);
    if (!state.sum.empty())
        writer.add<double>("sum", {static_cast<std::int64_t>(state.sum.size())}, state.sum);
    writer.setMetadata("hilum", jsonLine({{"images", rows}, {"views", state.views}, {"asked", asked}}));
    return writer.write(file);
}

Result<FeatureState> readFeatures(const path& file, Json& asked)
{
    HILUM_TRY(const TensorFile tensors, TensorFile::open(file));
    HILUM_TRY(const Json json, tensors.metadataJson("hilum"));
    const auto damaged = [&](std::string_view what) { return fail(ErrorCode::BadData, "{} holds no features to go on from: {}", file.string(), what); };
    const auto isCount = [&](const char* key) { return json.contains(key) && json[key].is_number_unsigned(); };
    if (!json.is_object() || !isCount("images") || !isCount("views") || !json.contains("asked"))
        return damaged("it does not say how they were made");
    asked = json["asked"];
    FeatureState out;
    out.views = json["views"].get<std::size_t>();
    const auto& arrays = tensors.tensors();
    if (const auto it = arrays.find("features"); it != arrays.end()) {
        if (it->second.shape.size() != 2)
            return damaged("they are no table");
        HILUM_TRY(const auto values, it->second.as<double>());
        out.table.columns = static_cast<std::size_t>(it->second.shape[1]);
        out.table.values.assign(values.begin(), values.end());
    }
    if (const auto it = arrays.find("sum"); it != arrays.end()) {
        HILUM_TRY(const auto values, it->second.as<double>());
        out.sum.assign(values.begin(), values.end());
    }
    if (out.table.rows() != json["images"].get<std::size_t>() || out.sum.empty() != (out.views == 0))
        return damaged("what it says and what it holds differ");
    return out;
}

} // namespace hilum::learning
