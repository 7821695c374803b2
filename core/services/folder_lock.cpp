#include "core/services/folder_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hilum::services {

Result<FolderLock> FolderLock::take(const path& folder)
{
    const path file = folder / FileName;
    constexpr int Rounds = 10; // some shares number a file anew each time
    for (int round = 1;; ++round) {
        const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return std::unexpected(systemError("write", file.string(), errno));
        // where a share has no locks, the folder is taken as free: shards are written atomically and are the same whoever makes them
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            ::close(fd);
            return fail(ErrorCode::Busy, "another program is writing {}", folder.string());
        }
        // who had it may have removed the file between the two calls: then a third one can lock a new one
        struct stat mine {}, there {};
        const bool gone = ::stat(file.c_str(), &there) != 0 && errno == ENOENT;
        const bool another = !gone && ::fstat(fd, &mine) == 0 && there.st_ino != 0 && (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev);
        if ((!gone && !another) || round == Rounds)
            return FolderLock(fd, file);
        ::close(fd);
    }
}

FolderLock::~FolderLock()
{
    if (m_fd < 0)
        return;
    ::unlink(m_file.c_str());
    ::close(m_fd);
}

} // namespace hilum::services
