#include "widgets/tasks/task_center.h"

namespace hilum::widgets {

TaskCenter::TaskCenter(services::TaskRunner* opening, services::TaskRunner* longWork, QObject* parent)
    : QObject(parent)
    , m_opening(opening)
    , m_long(longWork)
{
}

TaskCenter::Running* TaskCenter::find(int number)
{
    for (Running& running : m_running)
        if (running.entry.number == number)
            return &running;
    return nullptr;
}

int TaskCenter::begin(const QString& title)
{
    m_running.append(Running{.entry = {.number = ++m_last, .title = title}, .task = {}, .stop = {}, .gone = {}});
    Q_EMIT changed();
    return m_last;
}

void TaskCenter::attach(int number, services::Task task)
{
    if (Running* running = find(number))
        running->task = std::move(task);
}

void TaskCenter::progress(int number, std::int64_t done, std::int64_t total, const std::string& what)
{
    Running* running = find(number);
    if (!running)
        return;
    running->entry.done = done;
    running->entry.total = total;
    running->entry.what = QString::fromStdString(what);
    Q_EMIT changed();
}

int TaskCenter::follow(const QString& title, QObject* receiver, std::function<void()> stop)
{
    const int number = begin(title);
    if (Running* running = find(number)) {
        running->stop = std::move(stop);
        running->gone = connect(receiver, &QObject::destroyed, this, [this, number] { end(number); });
    }
    return number;
}

void TaskCenter::say(int number, const QString& what)
{
    Running* running = find(number);
    if (!running || running->entry.what == what)
        return;
    running->entry.what = what;
    Q_EMIT changed();
}

void TaskCenter::end(int number)
{
    if (const Running* running = find(number))
        disconnect(running->gone);
    if (m_running.removeIf([number](const Running& running) { return running.entry.number == number; }) > 0)
        Q_EMIT changed();
}

void TaskCenter::cancel(int number)
{
    Running* running = find(number);
    if (!running || running->entry.cancelling)
        return;
    running->entry.cancelling = true;
    running->task.cancel();
    const auto stop = running->stop;
    Q_EMIT changed();
    if (stop)
        stop(); // ends the line, where it is quick
}

void TaskCenter::cancelAll()
{
    for (const Entry& entry : running())
        cancel(entry.number);
}

QList<TaskCenter::Entry> TaskCenter::running() const
{
    QList<Entry> entries;
    for (const Running& running : m_running)
        entries.append(running.entry);
    return entries;
}

} // namespace hilum::widgets
