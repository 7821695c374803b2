#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hilum::imaging {

struct CodestreamSize {
    std::int64_t columns = 0, rows = 0;
    int components = 0;
    int bits = 0; ///< of a sample; of the first component
};

/// What the header of a JPEG, JPEG-LS or JPEG 2000 codestream (or of the one in a JP2 file) says, without decoding: looked at before memory is taken for it, or for
/// what a DICOM header claims. Nothing when no frame header is found.
std::optional<CodestreamSize> codestreamSize(std::span<const std::byte> stream);

} // namespace hilum::imaging
