#pragma once

#include "core/base/paths.h"
#include "core/learning/downstream/linear_probe.h"

/// The features that a linear probe keeps until their network is finished, so that a run that is stopped need not make them again.
namespace hilum::learning {

/// Where a run keeps them. \param network "trained" or "untrained"
path keptFeaturesFile(const path& run, std::string_view network);

/// `features` [cases, F] and `sum` [F], double, where there are any; metadata: how far they are and what they were `asked` for.
Status writeFeatures(const path& file, const FeatureState& state, const Json& asked);
/// BadData when the file contradicts itself. \param asked set to what they were made for
Result<FeatureState> readFeatures(const path& file, Json& asked);

} // namespace hilum::learning
