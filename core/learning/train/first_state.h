#pragma once

#include "core/learning/data/case_dataset.h"
#include "core/learning/method.h"

namespace hilum::learning {

/// What a method besides PretrainingMethod is when its first state follows from more than options and seed: from the training cases (a vocabulary learnt from their
/// reports) or from files (imported weights). A model file holds all of it, so loading one needs neither.
class FirstState {
public:
    virtual ~FirstState() = default;
    /// At the start of a new run; a resumed one has it all in its checkpoint. Sees training cases alone.
    virtual Status begin(const ShardReader& cache, const std::vector<std::size_t>& trainingCases) = 0;
    /// For the untrained network of an evaluation: what a trained one of the same options began with, its weights left out.
    /// Unsupported when the run began with weights that the trained one no longer tells.
    virtual Status beginLike(PretrainingMethod& trained) = 0;
};

/// FirstState of a method where it has one.
inline Status beginFirstState(PretrainingMethod& method, const ShardReader& cache, const std::vector<std::size_t>& trainingCases)
{
    auto* first = dynamic_cast<FirstState*>(&method);
    return first ? first->begin(cache, trainingCases) : Status();
}

inline Status beginFirstStateLike(PretrainingMethod& method, PretrainingMethod& trained)
{
    auto* first = dynamic_cast<FirstState*>(&method);
    return first ? first->beginLike(trained) : Status();
}

} // namespace hilum::learning
