#include "app/hilum/test_pauses.h"

#include <QWidget>

#include <algorithm>

namespace hilum::app {

namespace {

constexpr int TickMilliseconds = 5;

} // namespace

PauseWatch::PauseWatch(QWidget* window) : m_window(window)
{
    m_timer.setTimerType(Qt::PreciseTimer);
    m_timer.setInterval(TickMilliseconds);
    QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] { tick(); });
}

void PauseWatch::begin()
{
    m_longest = m_ofStep = 0;
    m_steps.clear();
    m_since.start();
    m_timer.start();
    if (m_window) {
        m_window->setProperty("longestPauseMs", 0);
        m_window->setProperty("pauseP95Ms", 0);
    }
}

void PauseWatch::tick()
{
    const std::int64_t late = std::max<std::int64_t>(0, m_since.restart() - TickMilliseconds);
    m_ofStep = std::max(m_ofStep, late);
    if (late <= m_longest || !m_window)
        return;
    m_longest = late;
    m_window->setProperty("longestPauseMs", static_cast<qlonglong>(late));
}

void PauseWatch::endStep()
{
    if (!m_timer.isActive() || !m_window)
        return;
    m_steps.push_back(std::exchange(m_ofStep, 0));
    std::vector<std::int64_t> sorted = m_steps;
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) * 95 / 100);
    std::ranges::nth_element(sorted, at);
    m_window->setProperty("pauseP95Ms", static_cast<qlonglong>(*at));
}

} // namespace hilum::app
