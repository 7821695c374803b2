#pragma once

#include <QWidget>

class QLabel;
class QProgressBar;
class QToolButton;

namespace hilum::widgets {

class TaskCenter;

/// The running tasks in the status bar: the newest one's words and progress, a cancel button, a menu when there are several.
class TaskStrip : public QWidget {
    Q_OBJECT
public:
    explicit TaskStrip(TaskCenter* tasks, QWidget* parent = nullptr);

private:
    void refresh();
    TaskCenter* m_tasks;
    QLabel* m_text;
    QProgressBar* m_bar;
    QToolButton* m_cancel;
};

} // namespace hilum::widgets
