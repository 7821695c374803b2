#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <string>

namespace hilum::app {

/// OUT/evaluation.json of `hilum finetune --task classify`. WrongVersion when it is of another kind.
Result<Json> readClassification(const path& evaluationFile);
/// The same as lines for a person.
std::string classificationText(const Json& evaluation);

} // namespace hilum::app
