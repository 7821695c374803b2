#pragma once

#include "core/services/task_runner.h"

#include <QList>
#include <QObject>
#include <QPointer>
#include <QString>

#include <source_location>

namespace hilum::widgets {

/// Work with a line in the status bar: what, how far, Cancel. On two TaskRunners, or in another process, so that what takes hours holds up nobody who wants to see a study. GUI thread only.
class TaskCenter : public QObject {
    Q_OBJECT
public:
    struct Entry {
        int number = 0;
        QString title;          ///< "Importing 3 folders"
        QString what;           ///< last phrase of the work
        std::int64_t done = 0, total = 0; ///< total 0: unknown
        bool cancelling = false;
    };

    enum class Lane {
        Long,    ///< imports, preparing images: minutes to hours
        Opening, ///< somebody sits before an empty view
    };

    /// \param opening, longWork  for the lanes of these names; not the same one
    TaskCenter(services::TaskRunner* opening, services::TaskRunner* longWork, QObject* parent = nullptr);

    /// Runs `work` off the GUI thread; `done` is called on it while `receiver` lives (Cancelled when stopped).
    /// \return a number for cancel()
    template <class T>
    int run(const QString& title, QObject* receiver, std::function<Result<T>(const Work&)> work, std::function<void(Result<T>)> done, Lane lane = Lane::Long,
            std::source_location from = std::source_location::current());

    /// A line for work that another process does; it goes with end(), or with `receiver`. \param stop  called once by cancel()
    int follow(const QString& title, QObject* receiver, std::function<void()> stop);
    void say(int number, const QString& what); ///< of a line of follow(): how far it is, in words
    void end(int number);

    void cancel(int number);
    void cancelAll();
    QList<Entry> running() const;

Q_SIGNALS:
    void changed(); ///< an entry came, went or moved

private:
    struct Running {
        Entry entry;
        services::Task task;
        std::function<void()> stop; ///< of work that another process does
        QMetaObject::Connection gone;
    };
    Running* find(int number);
    int begin(const QString& title);
    void attach(int number, services::Task task);
    void progress(int number, std::int64_t done, std::int64_t total, const std::string& what);

    services::TaskRunner *m_opening, *m_long;
    QList<Running> m_running;
    int m_last = 0;
};

template <class T>
int TaskCenter::run(const QString& title, QObject* receiver, std::function<Result<T>(const Work&)> work, std::function<void(Result<T>)> done, Lane lane, std::source_location from)
{
    const int number = begin(title);
    // the centre is the receiver, so that the entry goes away even when the person's panel does first
    attach(number, (lane == Lane::Opening ? m_opening : m_long)->run<T>(
        this, std::move(work),
        [this, number, receiver = QPointer<QObject>(receiver), done = std::move(done)](Result<T> result) {
            end(number);
            if (receiver)
                done(std::move(result));
        },
        [this, number](std::int64_t at, std::int64_t total, const std::string& what) { progress(number, at, total, what); }, from));
    return number;
}

} // namespace hilum::widgets
