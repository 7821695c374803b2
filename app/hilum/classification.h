#pragma once

#include "core/base/jsonl.h"

#include <string>

namespace hilum::app {

/// OUT/evaluation.json of `hilum finetune --task classify` as lines for a person.
std::string classificationText(const Json& evaluation);

} // namespace hilum::app
