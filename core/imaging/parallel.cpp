#include "core/imaging/parallel.h"

#include "core/base/guard.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace hilum::imaging {

Status parallelFor(std::int64_t count, const std::function<Status(std::int64_t)>& task, const Work& work, std::string_view what)
{
    std::atomic<std::int64_t> next{0}, done{0};
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::optional<Error> failure;    // guarded by mutex
    std::int64_t failedAt = count;   // guarded by mutex
    const auto caller = std::this_thread::get_id();
    const auto loop = [&] {
        for (;;) {
            if (stop || work.cancelled())
                return;
            const std::int64_t n = next++;
            if (n >= count)
                return;
            if (auto status = guard("working on several threads", [&] { return task(n); }); !status) {
                const std::lock_guard lock(mutex);
                stop = true;
                if (n < failedAt) {
                    failedAt = n;
                    failure = std::move(status).error();
                }
                return;
            }
            const std::int64_t ready = ++done;
            // progress comes from one thread only: receivers need not be thread-safe
            if (std::this_thread::get_id() == caller && !what.empty())
                work.progress(ready, count, what);
        }
    };
    const auto cores = static_cast<std::int64_t>(std::clamp(std::thread::hardware_concurrency(), 1u, 32u));
    {
        std::vector<std::jthread> others;
        for (std::int64_t n = 1; n < std::min(cores, count); ++n)
            others.emplace_back(loop);
        loop();
    }
    if (failure)
        return std::unexpected(std::move(*failure));
    if (work.cancelled())
        return fail(ErrorCode::Cancelled, "stopped");
    if (!what.empty())
        work.progress(count, count, what);
    return {};
}

} // namespace hilum::imaging
