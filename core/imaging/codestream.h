#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hilum::imaging {

struct CodestreamSize {
    std::int64_t columns = 0, rows = 0;
    int components = 0;
};

/// What the header of a JPEG, JPEG-LS or JPEG 2000 codestream says, without decoding: looked at before memory is taken for what a DICOM header claims.
/// Nothing when no frame header is found.
std::optional<CodestreamSize> codestreamSize(std::span<const std::byte> stream);

} // namespace hilum::imaging
