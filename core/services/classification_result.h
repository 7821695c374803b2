#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <array>
#include <string>
#include <vector>

namespace hilum::services {

/// evaluation.json of a classifier's run. WrongVersion when it is of another kind.
Result<Json> readClassification(const path& evaluationFile);

/// The ROC curve of one network for one class, from (0, 0) to (1, 1).
struct RocOfClass {
    std::string name;                              ///< "pre-trained", "untrained"; with more than two classes the class is named too
    std::vector<std::array<double, 2>> points;     ///< 1 - specificity, sensitivity
};

/// A classifier's run for a person: the document, and curves from predictions.csv over the images of held-out patients.
struct ClassificationResult {
    Json evaluation;
    std::vector<RocOfClass> curves; ///< of two classes the positive one's, else one a class
};
/// NotFound, WrongVersion, BadData when the two files of RUN do not fit.
Result<ClassificationResult> readClassificationResult(const path& run);

/// What the intervals say of pre-training, in one sentence; empty when nothing was compared.
std::string gainSentence(const Json& evaluation);

} // namespace hilum::services
