#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <span>
#include <string>

namespace hilum::learning::imports {

/// "[2, 3, 4]".
std::string shapeText(std::span<const std::int64_t> shape);

/// Whether a strided tensor lies inside a storage: at most 12 axes, sizes and strides not negative, the number of elements within that of the
/// storage (a shape of 2^62 elements on a small storage is refused, expanded axes too), no two indices on one element, the last element inside.
/// \param offset, storage in elements
/// \return BadData or TooLarge with the shape and the limit
Status checkLayout(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides, std::int64_t offset, std::int64_t storage);

} // namespace hilum::learning::imports
