#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace hilum::learning::imports {

/// One file of an archive, as it lies there.
struct ZipEntry {
    std::span<const std::byte> bytes;
    std::uint32_t crc = 0; ///< CRC-32 that the archive claims
};

/// The files of a zip archive by name, read from its central directory (zip64 too).
///
/// Only entries that are stored without compression are accepted: that is what torch.save writes, and nothing can then unpack to more than
/// the archive holds. BadData for anything that contradicts itself: truncated, overlapping entries, a name twice, local and central headers
/// that differ; Unsupported for encryption; TooLarge with the sizes for compressed entries (zip bombs) and too many entries.
/// \param file the whole archive; must outlive the entries
Result<std::map<std::string, ZipEntry>> readZipIndex(std::span<const std::byte> file);

/// CRC-32 as zip uses it (polynomial 0xEDB88320).
std::uint32_t crc32(std::span<const std::byte> bytes);

} // namespace hilum::learning::imports
