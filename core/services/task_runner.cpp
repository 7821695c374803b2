#include "core/services/task_runner.h"

namespace hilum::services {

Relay::Relay(QObject* receiver) : m_target(std::make_shared<Target>())
{
    m_target->receiver = receiver;
    // ~QObject emits destroyed() before it throws away posted events: what was queued until then is dropped there, later posts here
    QObject::connect(
        receiver, &QObject::destroyed, receiver,
        [target = m_target] {
            const std::lock_guard lock(target->mutex);
            target->receiver = nullptr;
        },
        Qt::DirectConnection);
}

void Relay::post(std::function<void()> f) const
{
    const std::lock_guard lock(m_target->mutex);
    if (m_target->receiver)
        QMetaObject::invokeMethod(m_target->receiver, std::move(f), Qt::QueuedConnection);
}

TaskRunner::TaskRunner(QObject* parent, int threads) : QObject(parent), m_threads(threads) {}

TaskRunner::~TaskRunner()
{
    stopAll();
    m_threads.end(m_limit.value_or(QDeadlineTimer::Forever));
}

void TaskRunner::setLongestEnd(std::optional<std::chrono::milliseconds> longest)
{
    m_longestEnd = longest;
}

void TaskRunner::stopAll()
{
    if (m_longestEnd && !m_limit)
        m_limit.emplace(*m_longestEnd);
    for (const auto& running : m_running)
        if (const auto stop = running.lock())
            stop->request_stop();
}

std::shared_ptr<std::stop_source> TaskRunner::track()
{
    std::erase_if(m_running, [](const auto& running) { return running.expired(); });
    auto stop = std::make_shared<std::stop_source>();
    m_running.push_back(stop);
    return stop;
}

Work TaskRunner::makeWork(const Relay& relay, std::stop_token stop, Progress progress)
{
    Work work;
    work.stop = std::move(stop);
    if (progress)
        work.progress.report = [relay, progress = std::move(progress), limit = std::make_shared<RateLimit>(std::chrono::milliseconds(50)),
                                mutex = std::make_shared<std::mutex>()](std::int64_t done, std::int64_t total, std::string_view what) {
            {
                const std::lock_guard lock(*mutex); // work may report from threads of its own
                if (!limit->due() && done != total)
                    return;
            }
            relay.post([progress, done, total, text = std::string(what)] { progress(done, total, text); });
        };
    return work;
}

} // namespace hilum::services
