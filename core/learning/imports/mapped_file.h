#pragma once

#include "core/base/paths.h"
#include "core/base/result.h"

#include <cstddef>
#include <span>

namespace hilum::learning::imports {

/// A file mapped read-only for as long as the object lives.
class MappedFile {
public:
    static Result<MappedFile> open(const path& file);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();
    std::span<const std::byte> bytes() const { return m_bytes; }

private:
    explicit MappedFile(std::span<const std::byte> bytes) : m_bytes(bytes) {}
    std::span<const std::byte> m_bytes;
};

} // namespace hilum::learning::imports
