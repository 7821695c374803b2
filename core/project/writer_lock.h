#pragma once

#include "core/base/paths.h"

namespace hilum::project {

/// The right to write a library: one process at a time. A lock file that names its holder, with an advisory lock on it; the
/// lock of a holder that is gone is taken over.
class WriterLock {
public:
    /// Busy with the holder's process number and host when another has it.
    static Result<WriterLock> take(const path& file);
    WriterLock(WriterLock&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)), m_file(std::move(other.m_file)) {}
    WriterLock& operator=(WriterLock&&) = delete;
    ~WriterLock();

private:
    WriterLock(int fd, path file) : m_fd(fd), m_file(std::move(file)) {}
    int m_fd;
    path m_file;
};

} // namespace hilum::project
