#include "core/learning/train/stop_wishes.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <unistd.h>

namespace hilum::learning {

namespace {

std::atomic<bool> wished = false;
std::atomic<int> toPipe = -1;

void tell(int pipe) { [[maybe_unused]] const auto written = ::write(pipe, "c", 1); }

void onSignal(int)
{
    const int saved = errno;
    wished = true; // before the pipe is looked at: who sets the pipe looks at this afterwards, so one of both sees the other
    if (const int pipe = toPipe.load(); pipe >= 0)
        tell(pipe);
    errno = saved;
}

} // namespace

void keepStopWishes()
{
    struct sigaction action {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
}

void passStopWishes(int pipe)
{
    keepStopWishes();
    toPipe = pipe;
    if (wished)
        tell(pipe);
}

void forgetStopWishes()
{
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    toPipe = -1;
    wished = false;
}

} // namespace hilum::learning
