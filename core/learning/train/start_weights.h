#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// Fills a method's network from a model file, before training.
///
/// A model of the same method fills everything by name; any other model, or an imported network, the encoder alone: names under the file's encoder prefix meet those
/// under the method's. Sizes that shapes do not show (heads, window, order of patch merging) have to agree where both tell them; axes always: an imported network that
/// does not tell them has those of its layout's publication.
/// \param id of the method \param minCoverage share of the tensors of that part that the file must fill
/// \return {"file" (name without folder), "weights_sha256", "part": "network" | "encoder", "filled", "of", "coverage", "missing": [names], "licence", "origin", "source"}
/// Mismatch, with nothing changed, when less is filled or the encoders differ; errors of openWeights.
Result<Json> startFrom(PretrainingMethod& method, const std::string& id, const path& file, double minCoverage = 0.95);

/// Whether a training with these complete options could begin with the file that their `start_from` names: what startFrom says, of a network that is let go again. Nothing to say without one.
Status checkStart(const MethodEntry& entry, const Json& options);

/// The record as a sentence: what was filled from which file, and under which licence.
std::string startSentence(const Json& record);

} // namespace hilum::learning
