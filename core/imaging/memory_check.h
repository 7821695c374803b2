#pragma once

#include "core/base/paths.h"

#include <cstdint>
#include <string_view>

namespace hilum::imaging {

/// Bytes that this process may still take: free memory of the system, or less where a control group limits it.
std::uint64_t availableMemory();

/// TooLarge, with both numbers, when `bytes` (of `what`, in `file`) are more than availableMemory().
Status checkMemory(std::uint64_t bytes, std::string_view what, const path& file);

/// The same for a whole volume: the refusal offers a region or a decimated volume, with the step that would fit.
Status checkVolumeMemory(std::uint64_t bytes, std::string_view what, const path& file);

/// The product of grid sizes and bytes for each voxel, saturating instead of overflowing.
std::uint64_t saturatingProduct(std::initializer_list<std::uint64_t> factors);

} // namespace hilum::imaging
