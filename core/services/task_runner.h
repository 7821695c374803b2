#pragma once

#include "core/base/guard.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/services/work_threads.h"

#include <QObject>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stop_token>
#include <vector>

namespace hilum::services {

/// A running task as its starter sees it. Dropping it does not stop the task.
class Task {
public:
    void cancel() { if (m_stop) m_stop->request_stop(); }
    bool valid() const { return m_stop != nullptr; }

private:
    friend class TaskRunner;
    std::shared_ptr<std::stop_source> m_stop;
};

/// Where results go: the receiver, or nowhere once it is gone. Safe from any thread.
class Relay {
public:
    /// Must be called on the receiver's thread.
    explicit Relay(QObject* receiver);
    /// Queues `f` on the receiver's thread; drops it when the receiver is gone.
    void post(std::function<void()> f) const;

private:
    struct Target {
        std::mutex mutex;
        QObject* receiver = nullptr; // guarded by mutex
    };
    std::shared_ptr<Target> m_target;
};

/// Long work off the GUI thread: the result comes back through the event loop of `receiver`'s thread, or is dropped when the
/// receiver is gone. Exceptions become errors. Cancelled work calls `done` with ErrorCode::Cancelled.
class TaskRunner : public QObject {
public:
    explicit TaskRunner(QObject* parent = nullptr, int threads = 2);
    ~TaskRunner() override; ///< asks all to stop and waits

    void stopAll(); ///< asks all to stop, waits for none
    /// How long after stopAll(), or after the beginning of the destructor, a task that does not answer is left behind (WorkThreads). None: it is waited for.
    void setLongestEnd(std::optional<std::chrono::milliseconds> longest);

    using Progress = std::function<void(std::int64_t done, std::int64_t total, const std::string& what)>;

    /// Call it on the thread of this object, which is also the receiver's. Progress comes at most every 50 ms, and at its end.
    /// \param from  who asks: the log names a task that is left behind by it
    template <class T>
    Task run(QObject* receiver, std::function<Result<T>(const Work&)> work, std::function<void(Result<T>)> done, Progress progress = {},
             std::source_location from = std::source_location::current())
    {
        return run<T>(Relay(receiver), std::move(work), std::move(done), std::move(progress), from);
    }
    /// The same for who asks often: a relay for all of it.
    template <class T>
    Task run(const Relay& relay, std::function<Result<T>(const Work&)> work, std::function<void(Result<T>)> done, Progress progress = {},
             std::source_location from = std::source_location::current())
    {
        const auto stop = track();
        m_threads.start([relay, stop, work = std::move(work), done = std::move(done), progress = std::move(progress)] {
            Result<T> result = fail(ErrorCode::Cancelled, "stopped before it began");
            if (!stop->stop_requested())
                result = guard("background work", [&] { return work(makeWork(relay, stop->get_token(), progress)); });
            if (stop->stop_requested())
                result = fail(ErrorCode::Cancelled, "stopped on request");
            relay.post([done, result = std::move(result)]() mutable { done(std::move(result)); });
        }, from);
        Task task;
        task.m_stop = stop;
        return task;
    }

private:
    std::shared_ptr<std::stop_source> track();
    static Work makeWork(const Relay& relay, std::stop_token stop, Progress progress);

    WorkThreads m_threads;
    std::vector<std::weak_ptr<std::stop_source>> m_running; // this object's thread only
    std::optional<std::chrono::milliseconds> m_longestEnd;
    std::optional<QDeadlineTimer> m_limit; // since all were asked to stop
};

} // namespace hilum::services
