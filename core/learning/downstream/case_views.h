#pragma once

#include "core/learning/data/shard_reader.h"
#include "core/learning/features.h"
#include "core/learning/train/placement.h"

#include <memory>
#include <span>
#include <vector>

/// The views that stand for cases, and how many of them go through an encoder together.
namespace hilum::learning {

/// Numbers of the views of one pass, where nothing else is asked for.
inline constexpr std::int64_t MostNumbersAPass = 1 << 22;

/// Views of the cases of a cache, as FeatureSource::featureViews has them. Thread-safe. Method and cache must outlive it.
class CaseViews {
public:
    CaseViews(const PretrainingMethod& method, const FeatureSource& source, const ShardReader& cache);

    /// All views of one case, on the CPU. BadData as ShardReader::read. Throws c10::Error when the method gives none.
    Result<std::vector<TensorMap>> of(std::size_t caseNumber) const;

private:
    const FeatureSource& m_source;
    std::unique_ptr<ViewMaker> m_maker;
    const ShardReader& m_cache;
};

/// How many of the first views make one pass: as many as hold `mostNumbers` numbers together, each counted by its largest array, and one at least: the tiles of sixteen
/// large volumes do not fit into memory together. It depends on no view after those, so that a pass is the same wherever the work is taken up again.
std::size_t passLength(std::span<const TensorMap> views, std::int64_t mostNumbers);

/// Features of the views of one pass, in the placement's precision. \param batch stacked to [V, ...], on any device \return [V, F] float, on the placement's device
at::Tensor encodeViews(FeatureSource& source, const TensorMap& batch, const Placement& placement);

} // namespace hilum::learning
