#include "core/services/work_threads.h"

#include "core/base/format.h"
#include "core/base/log.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hilum::services {

namespace {

struct Left {
    std::mutex mutex;
    std::vector<std::unique_ptr<QThreadPool>> pools; // guarded by mutex
};

Left& left()
{
    static Left* l = new Left; // outlives every thread in it
    return *l;
}

} // namespace

WorkThreads::WorkThreads(int most) : m_begun(std::make_shared<Begun>()), m_pool(std::make_unique<QThreadPool>())
{
    m_pool->setMaxThreadCount(most);
}

WorkThreads::~WorkThreads()
{
    end(QDeadlineTimer::Forever);
}

void WorkThreads::start(std::function<void()> work, std::source_location from)
{
    m_pool->start([begun = m_begun, work = std::move(work), from] {
        std::unique_lock lock(begun->mutex);
        const auto place = begun->works.insert(begun->works.end(), from);
        lock.unlock();
        work();
        lock.lock();
        begun->works.erase(place);
    });
}

void WorkThreads::end(QDeadlineTimer limit)
{
    if (!m_pool)
        return;
    // in milliseconds, -1 for ever: before Qt 6.8 it takes nothing else
    if (m_pool->waitForDone(static_cast<int>(limit.remainingTime()))) {
        m_pool.reset();
        return;
    }
    std::string places;
    {
        const std::lock_guard lock(m_begun->mutex);
        for (const std::source_location& from : m_begun->works)
            places += hilum::format("{}{}:{}", places.empty() ? "" : ", ", std::filesystem::path(from.file_name()).filename().string(), from.line());
    }
    if (places.empty() && m_pool->waitForDone(100)) { // it ended just now
        m_pool.reset();
        return;
    }
    log::warning("services.tasks", "left behind, because it did not end in time (a disk or a share that does not answer?): what was begun at {}", places);
    const std::lock_guard lock(left().mutex);
    left().pools.push_back(std::move(m_pool));
}

bool WorkThreads::haveLeftAnyBehind()
{
    const std::lock_guard lock(left().mutex);
    return !left().pools.empty();
}

} // namespace hilum::services
