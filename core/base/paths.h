#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace hilum {

using std::filesystem::path;

/// The user's folders (XDG on Linux), made when missing with mode 0700. HILUM_HOME puts all three below one folder.
Result<path> dataFolder();   ///< library and run folders
Result<path> cacheFolder();  ///< prepared caches, measurements; may be deleted at any time
Result<path> configFolder(); ///< settings and the key of keyed hashes

/// The user's secret key for keyed hashes (32 random bytes in hex), made at first use with mode 0600.
Result<std::string> userKey();

/// A new empty folder that is removed with everything in it at the end of its scope.
class TemporaryFolder {
public:
    static Result<TemporaryFolder> make(std::string_view prefix = "hilum");
    TemporaryFolder(TemporaryFolder&& other) noexcept : m_path(std::exchange(other.m_path, {})) {}
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder();
    const path& where() const { return m_path; }

private:
    explicit TemporaryFolder(path p) : m_path(std::move(p)) {}
    path m_path;
};

/// Writes a whole file or nothing: temporary file beside it, fsync, rename, fsync of the folder. A file that is replaced keeps its mode; a link stays, and what it
/// leads to is replaced.
Status writeFileAtomically(const path& file, std::string_view content);
/// The same with a writer for large content; what it returns as an error removes the temporary file.
Status writeFileAtomically(const path& file, const std::function<Status(int fileDescriptor)>& writer);
/// write(2) until all is written; ErrorCode::NoSpace when the disk is full.
Status writeAll(int fileDescriptor, std::span<const std::byte> bytes, const path& nameForErrors);

Result<std::string> readTextFile(const path& file, std::uintmax_t limitBytes = 64u << 20);
/// With the folders above it, each that is made with mode 0700.
Status makeFolder(const path& folder);
/// Is there something, links followed? AccessDenied, Io and the like, with the path, where the system does not tell.
Result<bool> isThere(const path& place);
/// Is there a folder? As isThere.
Result<bool> isFolder(const path& place);
/// Free bytes on the disk that holds `folder`, or its nearest existing parent.
Result<std::uintmax_t> freeSpace(const path& folder);

} // namespace hilum
