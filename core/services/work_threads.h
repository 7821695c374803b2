#pragma once

#include <QDeadlineTimer>
#include <QThreadPool>

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <source_location>

namespace hilum::services {

/// Threads for work that may hang in the kernel: nothing stops it while a disk or a share does not answer. Who ends them says how long
/// he waits. What has not ended then is left behind, with its threads and a line in the log: it goes on when it can, so it must own what it touches, or
/// that must stay.
class WorkThreads {
public:
    explicit WorkThreads(int most);
    ~WorkThreads(); ///< as end(), without a limit
    WorkThreads(const WorkThreads&) = delete;
    WorkThreads& operator=(const WorkThreads&) = delete;

    /// \param from  who asks: the log names the work by it
    void start(std::function<void()> work, std::source_location from = std::source_location::current());
    /// Waits for all that was started. Nothing can be started afterwards.
    void end(QDeadlineTimer limit);
    /// Whether this program has left work behind. Then it must end without destroying what that may touch (std::_Exit).
    static bool haveLeftAnyBehind();

private:
    struct Begun {
        std::mutex mutex;
        std::list<std::source_location> works; // guarded by mutex
    };
    std::shared_ptr<Begun> m_begun; // also of the threads
    std::unique_ptr<QThreadPool> m_pool; // none after end()
};

} // namespace hilum::services
