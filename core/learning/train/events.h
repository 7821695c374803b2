#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace hilum::learning {

/// Events of a run: one JSON object a line into RUN/events.jsonl, which is the record, and onto standard output, whose reader may be
/// gone. Thread-safe.
class EventStream {
public:
    enum class Echo { StandardOutput, None };
    /// Opens RUN/events.jsonl to append; a last line that a killed worker cut off is closed first.
    static Result<std::unique_ptr<EventStream>> open(const path& run, Echo echo);
    /// For a process whose events nobody keeps.
    static Result<std::unique_ptr<EventStream>> nowhere();
    ~EventStream();
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;

    /// Adds `kind` and `time` and writes. A full disk is told once on standard error and does not stop a training that still runs.
    void emit(std::string_view kind, Json fields);
    Status lastWrite() const; ///< NoSpace and the like from the last emit

private:
    EventStream(int file, path name, Echo echo);
    int m_file;
    path m_name;
    Echo m_echo;
    mutable std::mutex m_mutex;
    Status m_last; // guarded by m_mutex
};

/// Where a run is, for the heartbeat.
struct RunProgress {
    std::string phase = "loading";
    std::int64_t step = 0, steps = 0;
    double epoch = 0;
    double secondsLeft = -1; ///< below 0: not known yet
    double imagesPerSecond = 0;
    std::int64_t done = 0, total = 0; ///< of a phase that counts something else than steps; total 0: it counts nothing
    Json json() const;
};

/// A thread that says `progress` at least every second, even while one step takes minutes, and that listens for the wish to stop:
/// SIGTERM, SIGINT, or {"kind": "cancel"} on standard input. It answers a wish with `phase: saving` at once.
class RunMonitor {
public:
    enum class Listen { SignalsAndInput, Nothing };
    RunMonitor(EventStream& events, Listen listen);
    ~RunMonitor();
    RunMonitor(const RunMonitor&) = delete;
    RunMonitor& operator=(const RunMonitor&) = delete;

    /// New phase: told at once. While a wish to stop is pending the phase stays `saving`.
    void enter(const std::string& phase);
    /// Numbers of the next heartbeat.
    void update(std::int64_t step, std::int64_t steps, double epoch, double secondsLeft, double imagesPerSecond);
    /// How far the phase is that was entered last, where it counts something else than steps: images of an evaluation. The next phase begins without.
    void within(std::int64_t done, std::int64_t total);
    bool cancelRequested() const { return m_cancelled.load(); }
    void requestCancel(); ///< as if a signal had come
    /// Says the result of the run as its last event: no heartbeat follows it.
    void finish(Json result);

private:
    void work();
    void say();
    void stop();
    void readInput();

    EventStream& m_events;
    std::atomic<bool> m_cancelled = false;
    std::mutex m_mutex;
    RunProgress m_progress; // guarded by m_mutex
    JsonLineReader m_lines;
    int m_pipe[2] = {-1, -1};
    int m_input = -1;
    bool m_signals = false;
    std::atomic<bool> m_stopping = false;
    std::thread m_thread;
};

/// RUN/worker.json: who works here, so that a restarted hilum finds the process again: {"pid", "started_ticks" (field 22 of
/// /proc/self/stat), "boot_id", "host"}.
Status writeWorkerFile(const path& run);

/// The run folder belongs to one worker at a time (advisory lock that ends with the process). Busy when another one has it.
class RunLock {
public:
    static Result<RunLock> take(const path& run);
    RunLock(RunLock&& other) noexcept : m_file(std::exchange(other.m_file, -1)) {}
    RunLock& operator=(RunLock&&) = delete;
    ~RunLock();

private:
    explicit RunLock(int file) : m_file(file) {}
    int m_file;
};

} // namespace hilum::learning
