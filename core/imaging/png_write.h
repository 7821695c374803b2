#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hilum::imaging {

/// Encodes pixels as PNG bytes.
/// \param channels 1 (grey), 3 (RGB) or 4 (RGBA). \param bits 8 or 16 a channel; 16-bit values are in the machine's byte order.
/// \param pixels   row-major, channels interleaved; its size must be width x height x channels x bits / 8, else BadData.
Result<std::string> encodePng(std::int64_t width, std::int64_t height, int channels, int bits, std::span<const std::byte> pixels);

} // namespace hilum::imaging
