#pragma once

#include <QElapsedTimer>
#include <QPointer>
#include <QTimer>

#include <vector>

class QWidget;

namespace hilum::app {

/// How long the window's own thread did not get round to its events: a timer that should tick every few milliseconds, and by how much
/// it came late. What a person feels as a stall or a slow frame. Properties of the window:
/// `longestPauseMs` since begin(), and `pauseP95Ms`, the 95th percentile of the longest pause within each step of the script.
class PauseWatch {
public:
    explicit PauseWatch(QWidget* window);
    void begin();   ///< forgets what was measured and measures from now on
    void endStep(); ///< a step of the script is over

private:
    void tick();
    QPointer<QWidget> m_window;
    QTimer m_timer;
    QElapsedTimer m_since;
    std::int64_t m_longest = 0, m_ofStep = 0; // milliseconds
    std::vector<std::int64_t> m_steps;
};

} // namespace hilum::app
