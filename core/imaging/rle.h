#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <span>

namespace hilum::imaging {

/// Unpacks one frame of DICOM RLE (PS3.5 annex G): byte planes of each sample, the highest byte first, packed as PackBits.
/// \param samples, bytesPerSample  so many segments are wanted: samples x bytesPerSample
/// \param out  interleaved samples, little-endian; its size gives the pixels
/// \return BadData, with the numbers, when segments are missing, lie outside of the stream, or end before every pixel has its byte
Status decodeRle(std::span<const std::byte> stream, int samples, int bytesPerSample, std::span<std::byte> out);

} // namespace hilum::imaging
