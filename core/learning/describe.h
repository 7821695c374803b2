#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// Complete options: the schema's defaults, then the preset's values, then `values`. An empty preset means the method's first.
/// NotFound for an unknown preset (lists the known ones); Options with every fault of `values` at once, or
/// with those that the method finds in their combination.
Result<Json> completeOptions(const MethodEntry& entry, const std::string& preset, const Json& values);

/// `hilum.methods/1`: every method with schema, presets, and per preset the complete options and the input pipeline they make.
Json describeAll(const MethodRegistry& registry);

/// One method with the complete options and the input pipeline of a preset and values.
Result<Json> describeOne(const MethodRegistry& registry, const std::string& method, const std::string& preset, const Json& values);

} // namespace hilum::learning
