#include "app/worker/own_process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hilum::worker {

Result<OwnEnd> runOwnProcess(std::vector<std::string> arguments)
{
    arguments.insert(arguments.begin(), "hilum-worker");
    std::vector<char*> list;
    for (std::string& argument : arguments)
        list.push_back(argument.data());
    list.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return std::unexpected(systemError("start", "hilum-worker", errno));
    const pid_t parent = ::getpid(), child = ::fork();
    if (child == 0) { // other threads may hold locks: nothing but system calls up to execv
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        if (const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); score >= 0) {
            [[maybe_unused]] const ssize_t written = ::write(score, "1000", 4);
            ::close(score);
        }
        if (const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC); nowhere >= 0)
            ::dup2(nowhere, STDERR_FILENO);
        ::dup2(ends[1], STDOUT_FILENO);
        ::execv("/proc/self/exe", list.data());
        ::_exit(127);
    }
    const int failed = errno;
    ::close(ends[1]);
    if (child < 0) {
        ::close(ends[0]);
        return std::unexpected(systemError("start", "hilum-worker", failed));
    }
    OwnEnd end;
    char buffer[1 << 14];
    for (;;) {
        const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        end.output.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return std::unexpected(systemError("wait for", "hilum-worker", errno));
    if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    else
        end.exitCode = WEXITSTATUS(status);
    return end;
}

} // namespace hilum::worker
