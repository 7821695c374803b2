#include "app/hilum/commands/command.h"
#include "core/base/numbers.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>
#include <unistd.h>

namespace hilum::commands {

namespace {

std::atomic<bool> interrupted = false;

void onSignal(int)
{
    interrupted = true;
}

} // namespace

Work consoleWork()
{
    static std::stop_source stop;
    static std::jthread watcher([](std::stop_token end) {
        while (!end.stop_requested()) {
            if (interrupted)
                stop.request_stop();
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    });
    std::signal(SIGINT, onSignal);
    std::signal(SIGTERM, onSignal);
    const bool terminal = ::isatty(2) != 0;
    auto limit = std::make_shared<RateLimit>(std::chrono::milliseconds(terminal ? 100 : 5000));
    Work work;
    work.stop = stop.get_token();
    work.progress.report = [limit, terminal](std::int64_t done, std::int64_t total, std::string_view what) {
        if (!limit->due() && !(terminal && total > 0 && done == total)) // the line is taken away at the end
            return;
        const std::string count = total > 0 ? hilum::format("{} of {}", grouped(done), grouped(total)) : grouped(done);
        std::fputs((terminal ? hilum::format("\r\x1b[K{}: {}", what, count) : hilum::format("{}: {}\n", what, count)).c_str(), stderr);
        if (terminal && done == total)
            std::fputs("\r\x1b[K", stderr);
    };
    return work;
}

void print(const std::string& text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (text.empty() || text.back() != '\n')
        std::fputc('\n', stdout);
    std::fflush(stdout);
}

} // namespace hilum::commands
