#include "core/learning/downstream/case_views.h"

#include <torch/types.h>

#include <algorithm>

namespace hilum::learning {

CaseViews::CaseViews(const PretrainingMethod& method, const FeatureSource& source, const ShardReader& cache) : m_source(source), m_maker(method.viewMaker()), m_cache(cache) {}

Result<std::vector<TensorMap>> CaseViews::of(std::size_t caseNumber) const
{
    HILUM_TRY(const TensorMap item, m_cache.read(caseNumber));
    std::vector<TensorMap> views = m_source.featureViews(*m_maker, item);
    TORCH_CHECK(!views.empty(), "the method gives no view of case ", m_cache.cases()[caseNumber].key);
    return views;
}

std::size_t passLength(std::span<const TensorMap> views, std::int64_t mostNumbers)
{
    std::int64_t numbers = 0;
    std::size_t length = 0;
    for (const TensorMap& view : views) {
        std::int64_t largest = 0;
        for (const auto& [name, tensor] : view)
            largest = std::max(largest, tensor.numel());
        if (length > 0 && numbers + largest > mostNumbers)
            break;
        numbers += largest;
        ++length;
    }
    return length;
}

at::Tensor encodeViews(FeatureSource& source, const TensorMap& batch, const Placement& placement)
{
    const TensorMap there = toDevice(batch, placement.device);
    const PrecisionScope precision(placement);
    return source.features(there).to(at::kFloat).flatten(1);
}

} // namespace hilum::learning
