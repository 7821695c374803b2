#pragma once

#include "tests/learning/toy_method.h"

#include "core/base/paths.h"
#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/labelled_cases.h"
#include "core/learning/features.h"
#include "core/learning/model_file.h"

#include "tests/support/compare.h"

/// Toy methods with features, and labelled pictures for them.
namespace hilum::tests {

/// The toy method with features: mean and deviation of the picture's four quarters, and what its first layer makes of the picture.
class ToyWithFeatures : public ToyMethod, public FeatureSource {
public:
    using ToyMethod::ToyMethod;
    at::Tensor features(const TensorMap& batch) override
    {
        const at::Tensor image = batch.at("image"); // [B, 1, S, S]
        const std::int64_t half = image.size(-1) / 2;
        std::vector<at::Tensor> parts;
        for (const std::int64_t r : {std::int64_t{0}, half})
            for (const std::int64_t c : {std::int64_t{0}, half}) {
                const at::Tensor part = image.slice(2, r, r + half).slice(3, c, c + half).flatten(1);
                parts.push_back(part.mean(1));
                parts.push_back(part.std(1));
            }
        const auto weights = ToyMethod::trainable().named_parameters();
        return at::cat({at::stack(parts, 1), at::tanh(at::linear(image.flatten(1), weights["blocks.0.weight"], weights["blocks.0.bias"]))}, 1);
    }
    std::string pooling() const override { return "mean and deviation of the quarters, first layer"; }
};

/// The same with two views an image: as it is, and its mirror image.
class FlippedToo : public ToyWithFeatures {
public:
    using ToyWithFeatures::ToyWithFeatures;
    std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const override
    {
        std::vector<TensorMap> out{views.makePlainView(item), views.makePlainView(item)};
        out.back()["image"] = out.back().at("image").flip(-1);
        return out;
    }
};

inline const std::string& toyId()
{
    static const MethodRegistry plain = toyRegistry();
    static const std::string id = plain.entries().front().info.id;
    return id;
}

/// The toy method alone, made as `Method`.
template <class Method = ToyWithFeatures> MethodRegistry featureRegistry()
{
    const MethodRegistry plain = toyRegistry();
    MethodEntry entry = plain.entries().front();
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> {
        ToyOptions o;
        if (const Status status = fromJson(json, o); !status)
            throw std::runtime_error(status.error().sentence());
        return std::make_unique<Method>(o, rng);
    };
    MethodRegistry out;
    out.add(std::move(entry));
    return out;
}

/// FOLDER/model.safetensors with first weights, FOLDER/cache of 30 patients with two pictures each, and FOLDER/labels.json: whether a picture's left half is brighter than its right.
inline void makeLabelledToys(const path& folder)
{
    const Json index = makeCache(folder / "cache", {.patients = 30, .imagesPerPatient = 2, .size = 16});
    const Json options = toJson(ToyOptions{});
    const auto method = featureRegistry().entries().front().make(options, Rng(3).fork("weights"));
    HILUM_VERIFY_OK(writeModel(folder / "model.safetensors", namedState(method->trainable()),
        {{"method", toyId()}, {"preset", ""}, {"options", options}, {"pipeline", index.at("pipeline")}, {"cache_digest", "another"}, {"step", 0}}));
    const auto reader = ShardReader::open(folder / "cache");
    HILUM_VERIFY_OK(reader);
    Json labels = Json::object();
    for (std::size_t n = 0; n < reader->cases().size(); ++n) {
        const at::Tensor image = reader->read(n)->at("image").to(at::kFloat);
        labels[reader->cases()[n].key] = image.slice(2, 0, 8).mean().item<double>() > image.slice(2, 8).mean().item<double>() ? 1 : 0;
    }
    HILUM_VERIFY_OK(writeFileAtomically(folder / "labels.json", Json{{"schema", LabelsSchema}, {"column", "side"}, {"classes", {"right", "left"}}, {"labels", labels}}.dump()));
}

} // namespace hilum::tests
