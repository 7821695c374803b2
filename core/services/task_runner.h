#pragma once

#include "core/base/progress.h"
#include "core/base/result.h"

#include <QObject>
#include <QPointer>
#include <QThreadPool>

#include <functional>
#include <memory>
#include <stop_token>

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

/// Long work off the GUI thread: the result comes back through the event loop of `receiver`'s thread, or is dropped when the
/// receiver is gone. Exceptions become errors. Cancelled work calls `done` with ErrorCode::Cancelled.
class TaskRunner : public QObject {
public:
    explicit TaskRunner(QObject* parent = nullptr, int threads = 2);
    ~TaskRunner() override; ///< asks all to stop and waits

    using Progress = std::function<void(std::int64_t done, std::int64_t total, const std::string& what)>;

    template <class T>
    Task run(QObject* receiver, std::function<Result<T>(const Work&)> work, std::function<void(Result<T>)> done, Progress progress = {});

private:
    void start(std::shared_ptr<std::stop_source> stop, std::function<void()> job);
    static void post(QObject* receiver, std::function<void()> f); ///< queued on the receiver's thread
    std::shared_ptr<std::stop_source> track();

    QThreadPool m_pool;
    std::vector<std::weak_ptr<std::stop_source>> m_running; // GUI thread only
};

} // namespace hilum::services
