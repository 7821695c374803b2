#pragma once

#include "core/base/paths.h"

#include <utility>

namespace hilum::services {

/// Keeps two programs from writing one folder at the same time. Ends with its holder, however that ends.
class FolderLock {
public:
    static constexpr char FileName[] = ".lock";
    static Result<FolderLock> take(const path& folder); ///< Busy when another has it
    FolderLock(FolderLock&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)), m_file(std::move(other.m_file)) {}
    FolderLock& operator=(FolderLock&&) = delete;
    ~FolderLock();

private:
    FolderLock(int fd, path file) : m_fd(fd), m_file(std::move(file)) {}
    int m_fd;
    path m_file;
};

} // namespace hilum::services
