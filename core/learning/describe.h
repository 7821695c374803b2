#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// Complete options: the schema's defaults, then the preset's values, then `values`. An empty preset means the method's first.
/// NotFound for an unknown preset (lists the known ones); Options with every fault of `values` at once, or
/// with those that the method finds in their combination.
Result<Json> completeOptions(const MethodEntry& entry, const std::string& preset, const Json& values);

/// Rows and columns of the encoder's tokens over a radiograph, from complete options: tokenGrid() of the method that they build, and `token_grid` of its models.
/// Empty for an encoder without such a grid.
std::vector<std::int64_t> tokenGridOf(const MethodEntry& entry, const Json& options);

/// `hilum.methods/1`: every method with schema, presets, and per preset the complete options, the input pipeline and the token grid that they make.
Json describeAll(const MethodRegistry& registry);

/// One method with the complete options of a preset and values, and the input pipeline and the token grid that they make.
Result<Json> describeOne(const MethodRegistry& registry, const std::string& method, const std::string& preset, const Json& values);

} // namespace hilum::learning
