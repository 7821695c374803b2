#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

namespace hilum {

/// Where long work says how far it is. Called from the working thread; the receiver moves it to its own.
struct ProgressSink {
    /// done and total in items; total 0 when unknown. `what` is a short phrase for a person ("reading slices").
    std::function<void(std::int64_t done, std::int64_t total, std::string_view what)> report;

    void operator()(std::int64_t done, std::int64_t total, std::string_view what) const
    {
        if (report)
            report(done, total, what);
    }
};

/// What every long function takes: how to report and when to stop. Default: silent, never stops.
struct Work {
    ProgressSink progress;
    std::stop_token stop;
    bool cancelled() const { return stop.stop_requested(); }
};

/// Lets an event through at most once per interval, always the first.
class RateLimit {
public:
    explicit RateLimit(std::chrono::milliseconds interval) : m_interval(interval) {}
    bool due()
    {
        const auto now = std::chrono::steady_clock::now();
        if (m_last.time_since_epoch().count() != 0 && now - m_last < m_interval)
            return false;
        m_last = now;
        return true;
    }

private:
    std::chrono::milliseconds m_interval;
    std::chrono::steady_clock::time_point m_last{};
};

} // namespace hilum
