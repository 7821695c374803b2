#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <string>

namespace hilum::services {

/// What retrieval searches through: images of one kind with their reports, or both kinds together.
enum class RetrievalPool { Radiographs, Volumes, Both };

/// evaluation.json of the run that a model belongs to, without its single cases: of a run folder, of its model file or of one of its checkpoints. Not for the GUI thread.
/// NotFound when there is none, WrongVersion when it is of another kind.
Result<Json> evaluationOf(const path& model);

/// How often held-out images and reports found each other in one pool, a line a number:
/// "image to report, first: 17 % [8, 27], chance 2.1 %, before training 2 %". One sentence where the evaluation has none of this pool.
std::string hitRateText(const Json& evaluation, RetrievalPool pool);

/// One sentence when the evaluation is not of the weights that `model` (their metadata) tells; empty when it is.
std::string otherWeightsText(const Json& evaluation, const Json& model);

} // namespace hilum::services
