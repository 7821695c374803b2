#include "app/worker/process_settings.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace hilum::worker {

void sleepWhileWaiting(char** argv)
{
    if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT") || setenv("OMP_WAIT_POLICY", "passive", 0) != 0)
        return;
    // about a millisecond: the gap between two operations is shorter, and being woken for each costs a fifth of a step
    setenv("GOMP_SPINCOUNT", "20000", 0);
    execv("/proc/self/exe", argv);
}

void giveWay()
{
    constexpr std::string_view Niceness = "10";
    [[maybe_unused]] const int niceness = ::nice(10);
    if (::getsid(0) != ::getpid())
        return;
    const int group = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC); // not there: the kernel does not group
    if (group < 0)
        return;
    // the kernel takes one such change of all users in a tenth of a second
    for (int attempt = 0; attempt < 5 && ::write(group, Niceness.data(), Niceness.size()) < 0 && (errno == EAGAIN || errno == EINTR); ++attempt)
        ::usleep(110'000);
    ::close(group);
}

} // namespace hilum::worker
