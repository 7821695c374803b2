#include "core/project/writer_lock.h"

#include "core/base/log.h"
#include "core/base/process_identity.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace hilum::project {

namespace {

Result<ProcessIdentity> holderOf(const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file, 65536));
    HILUM_TRY(const Json json, parseJson(text));
    return processFromJson(json);
}

std::unexpected<Error> busy(const path& file, const Result<ProcessIdentity>& holder, bool mayBeStale)
{
    std::string who = holder ? hilum::format("process {} on {}", holder->pid, holder->host) : std::string("another program");
    std::string what = hilum::format("{} is using the library in {}", who, file.parent_path().string());
    if (mayBeStale)
        what += hilum::format("; if it no longer runs, remove {}", file.string());
    return std::unexpected(Error{.code = ErrorCode::Busy, .message = std::move(what), .reason = "library_in_use"});
}

} // namespace

Result<WriterLock> WriterLock::take(const path& file)
{
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return std::unexpected(systemError("write", file.string(), errno));
    const auto holder = holderOf(file);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        // some network shares have no locks: there the file's own words must do
        const bool noLocks = error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS;
        const Alive alive = holder ? isAlive(*holder) : Alive::No;
        if (!noLocks || alive != Alive::No) {
            ::close(fd);
            return busy(file, holder, noLocks && alive == Alive::Unknown);
        }
    }
    if (holder && *holder != thisProcess())
        log::info("project.lock", "taking over the library from process {}, which is gone", holder->pid);
    const std::string mine = jsonLine(toJson(thisProcess())) + "\n";
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, mine.data(), mine.size(), 0) != static_cast<ssize_t>(mine.size())) {
        const int error = errno;
        ::close(fd);
        return std::unexpected(systemError("write", file.string(), error));
    }
    return WriterLock(fd, file);
}

WriterLock::~WriterLock()
{
    if (m_fd < 0)
        return;
    // emptied, not removed: another process may have it open already and would lock a file without a name
    if (::ftruncate(m_fd, 0) != 0)
        log::warning("project.lock", "cannot empty the lock file: error {}", errno);
    ::close(m_fd);
}

} // namespace hilum::project
