#pragma once

#include "core/imaging/raw_grid.h"

#include <memory>
#include <span>

namespace hilum::imaging {

/// The bytes of a grid's numbers, whatever they are packed in. One thread at a time.
class ByteSource {
public:
    virtual ~ByteSource() = default;
    /// Fills `out` from `offset` on; truncated, with the numbers, when there are fewer bytes. Ascending offsets are fastest.
    virtual Status read(std::int64_t offset, std::span<std::byte> out) = 0;
};

Result<std::unique_ptr<ByteSource>> openBytes(const RawGrid& grid);

/// Bytes of one file that stay open from one time point to the next: a compressed one is inflated once then, not from its start for each of them.
using OpenBytes = std::unique_ptr<ByteSource>;

} // namespace hilum::imaging
