#include "core/learning/downstream/linear_probe.h"

#include "core/learning/downstream/view_passes.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

namespace hilum::learning {

namespace {

/// Adds the vector of the next view; the last one of a case finishes its row. \param ofCase how many views stand for the case \param total cases
Status addVector(FeatureState& state, std::span<const double> vector, std::size_t ofCase, std::size_t total)
{
    FeatureTable& table = state.table;
    if ((table.columns != 0 && table.columns != vector.size()) || (!state.sum.empty() && state.sum.size() != vector.size()))
        return fail(ErrorCode::Mismatch, "the features so far have {} numbers an image, this network gives {}", table.columns != 0 ? table.columns : state.sum.size(), vector.size());
    if (state.sum.empty())
        state.sum.assign(vector.begin(), vector.end());
    else
        std::ranges::transform(state.sum, vector, state.sum.begin(), std::plus<>());
    if (++state.views < ofCase)
        return {};
    for (double& value : state.sum)
        value /= static_cast<double>(ofCase);
    if (!std::ranges::all_of(state.sum, [](double value) { return std::isfinite(value); }))
        return fail(ErrorCode::BadData, "the features of image {} of {} are not finite: the weights are broken", table.rows() + 1, total);
    table.columns = vector.size();
    table.values.insert(table.values.end(), state.sum.begin(), state.sum.end());
    state.sum.clear();
    state.views = 0;
    return {};
}

/// Every pass that is left.
Status encodePasses(FeatureState& state, FeatureSource& source, ViewPasses& passes, std::size_t total, const Placement& placement, const FeatureWatch& watch)
{
    for (bool any = false; state.table.rows() < total; any = true) {
        if (watch.progress)
            watch.progress(static_cast<std::int64_t>(state.table.rows()), static_cast<std::int64_t>(total));
        const auto pass = passes.next(watch.cancelled);
        if (!pass && pass.error().code == ErrorCode::Cancelled) {
            if (watch.keep && any)
                HILUM_TRY_STATUS(watch.keep(true, state));
            return fail(ErrorCode::Cancelled, "stopped after the features of {} of {} images", state.table.rows(), total);
        }
        if (!pass)
            return std::unexpected(pass.error());
        const at::Tensor vectors = encodeViews(source, pass->batch, placement).to(at::kCPU, at::kDouble).contiguous(); // [V, F]
        TORCH_CHECK(vectors.size(0) == static_cast<std::int64_t>(pass->ofCase.size()), "the features of ", pass->ofCase.size(), " views have shape ", vectors.sizes());
        const std::span all(vectors.const_data_ptr<double>(), static_cast<std::size_t>(vectors.numel()));
        const auto columns = static_cast<std::size_t>(vectors.size(1));
        for (std::size_t v = 0; v < pass->ofCase.size(); ++v)
            HILUM_TRY_STATUS(addVector(state, all.subspan(v * columns, columns), pass->ofCase[v], total));
        if (watch.keep && state.table.rows() < total)
            HILUM_TRY_STATUS(watch.keep(false, state));
    }
    return {};
}

} // namespace

Result<FeatureTable> extractFeatures(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, std::span<const std::size_t> cases, const Placement& placement,
                                     const FeatureWatch& watch, std::int64_t mostNumbers)
{
    HILUM_TRY(FeatureSource* const source, featureSource(method, methodId));
    FeatureState state = watch.from ? *watch.from : FeatureState{};
    if (const std::size_t begun = state.table.rows() + (state.views > 0 ? 1 : 0); begun > cases.size())
        return fail(ErrorCode::Mismatch, "the features so far are of {} images, there are {}", begun, cases.size());
    Placement exact = placement;
    exact.dtype = at::kFloat;
    const at::NoGradGuard noGradient;
    torch::nn::Module& network = method.trainable();
    const bool was = network.is_training();
    network.eval();
    ViewPasses passes(method, *source, cache, cases, mostNumbers, {.row = state.table.rows(), .view = state.views});
    const Status status = encodePasses(state, *source, passes, cases.size(), exact, watch);
    network.train(was);
    if (!status)
        return std::unexpected(status.error());
    return std::move(state.table);
}

} // namespace hilum::learning
