#include "core/learning/downstream/linear_probe.h"

#include "core/learning/data/loader.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace hilum::learning {

Result<FeatureTable> extractFeatures(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, std::span<const std::size_t> cases, const Placement& placement,
                                     const std::function<bool()>& cancelled, const std::function<void(std::int64_t, std::int64_t)>& progress)
{
    HILUM_TRY(FeatureSource* const source, featureSource(method, methodId));
    const at::NoGradGuard noGradient;
    torch::nn::Module& network = method.trainable();
    const bool was = network.is_training();
    network.eval();
    const auto views = method.viewMaker();
    FeatureTable out;
    Status status;
    for (std::size_t i = 0; i < cases.size() && status; ++i) {
        if (cancelled && cancelled()) {
            status = fail(ErrorCode::Cancelled, "stopped after the features of {} of {} images", i, cases.size());
            break;
        }
        if (progress)
            progress(static_cast<std::int64_t>(i), static_cast<std::int64_t>(cases.size()));
        const auto item = cache.read(cases[i]);
        if (!item) {
            status = std::unexpected(item.error());
            break;
        }
        const std::vector<TensorMap> parts = source->featureViews(*views, *item);
        at::Tensor features; // one by one: the parts of a large volume need not fit into memory together
        for (const TensorMap& part : parts) {
            const at::Tensor one = source->features(toDevice(stackViews({part}), placement.device)).to(at::kDouble).cpu().flatten();
            features = features.defined() ? features + one : one;
        }
        TORCH_CHECK(features.defined(), "method ", methodId, " gives no view of an image");
        features = (features / static_cast<double>(parts.size())).contiguous();
        if (!features.isfinite().all().item<bool>())
            status = fail(ErrorCode::BadData, "the features of image {} of {} are not finite: the weights are broken", i + 1, cases.size());
        out.columns = static_cast<std::size_t>(features.numel());
        out.values.insert(out.values.end(), features.const_data_ptr<double>(), features.const_data_ptr<double>() + features.numel());
    }
    network.train(was);
    if (!status)
        return std::unexpected(status.error());
    return out;
}

} // namespace hilum::learning
