#pragma once

#include "core/base/result.h"
#include "core/imaging/codestream.h"

#include <cstdint>
#include <span>
#include <vector>

namespace hilum::imaging {

/// A decoded JPEG 2000 picture: components interleaved, after the codestream's own component transform.
struct Jpeg2000Image {
    std::int64_t width = 0, height = 0;
    int components = 0, bits = 0;
    bool isSigned = false;
    std::vector<std::int32_t> values;
};

/// Decodes a JPEG 2000 codestream or JP2 file held in memory; strict: an incomplete stream is an error.
/// \param expected  columns, rows and components that the picture has to have (its `bits` are not looked at); another picture is "bad_pixels" before any memory is
///                  taken for its pixels
Result<Jpeg2000Image> decodeJpeg2000(std::span<const std::byte> stream, const CodestreamSize& expected);

} // namespace hilum::imaging
