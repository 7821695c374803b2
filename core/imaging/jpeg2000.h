#pragma once

#include "core/base/result.h"

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
Result<Jpeg2000Image> decodeJpeg2000(std::span<const std::byte> stream);

} // namespace hilum::imaging
