#pragma once

#include "core/services/job_runner.h"

#include <QWidget>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

class QLabel;
class QProgressBar;
class QPushButton;
class QVBoxLayout;
class QHBoxLayout;

namespace hilum::widgets {
class TaskCenter;
}

namespace hilum::jobs {

/// Below a form for a new job: what was said, how far the images are prepared, Start and Cancel.
/// Object names with the form's prefix: `<prefix>Said`, `<prefix>Start`, `<prefix>PrepareCancel`.
class JobFoot : public QWidget {
    Q_OBJECT
public:
    JobFoot(const QString& prefix, const QString& startTip, widgets::TaskCenter* tasks, QWidget* parent = nullptr);

    void say(const QString& sentence, const char* role); ///< empty hides it
    void sayStopped();                                   ///< what became of a start that was cancelled
    void begin(const QString& what);                     ///< Start is off, Cancel is there
    void follow(int task) { m_task = task; }             ///< whose progress is shown and whom Cancel stops
    /// The images are prepared: starts the job; ends when there is an answer, and then calls `done`. The disk may not answer: Cancel ends at once, and `done` is not called.
    void handOver(services::JobRunner* jobs, const services::JobRequest& request, std::function<void(const Result<std::string>& id)> done);
    void end();
    bool busy() const { return m_busy; }
    bool handsOver() const { return m_handedOver.has_value(); }
    QVBoxLayout* above() const { return m_above; }       ///< for lines of the form's own
    QHBoxLayout* left() const { return m_left; }         ///< for buttons of the form's own

Q_SIGNALS:
    void startAsked();
    void busyChanged();

private:
    void cancel();

    widgets::TaskCenter* m_tasks;
    int m_task = 0;
    bool m_busy = false;
    std::optional<std::stop_source> m_handedOver; // the job that is being started
    QVBoxLayout* m_above;
    QHBoxLayout* m_left;
    QLabel* m_said;
    QProgressBar* m_progress;
    QPushButton *m_start, *m_stop;
};

} // namespace hilum::jobs
