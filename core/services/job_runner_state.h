#pragma once

#include "core/services/job_runner.h"
#include "core/services/run_folder.h"
#include "core/services/worker_process.h"

#include <QFileSystemWatcher>
#include <QThreadPool>
#include <QTimer>

#include <list>

namespace hilum::services {

using Clock = std::chrono::steady_clock;

inline bool isActive(JobState state) { return state == JobState::Running || state == JobState::Cancelling; }
JobState jobStateFrom(std::string_view name);
/// Whether an ended job can go on. A classifier keeps what it finished, with or without a checkpoint.
inline bool canResume(const JobStatus& s) { return s.state != JobState::Done && (s.lastCheckpoint >= 0 || s.command == "finetune"); }

struct Job {
    JobStatus status;
    EventTail tail;
    std::optional<WorkerProcess> process;
    std::optional<LastWord> lastWord;
    Clock::time_point lastEvent, stopSince, wordSince, recorded;
    bool resume = false;     // when its turn comes
    bool killed = false;     // by us

    explicit Job(JobStatus s) : status(std::move(s)), tail(status.run / "events.jsonl") {}
};

/// What the runner knows and does between the calls of its users. GUI thread only.
struct JobRunner::State {
    JobRunner* runner;
    project::Library* library;
    std::list<Job> jobs; // oldest first; addresses stay
    bool launches = false; // who only looks at the list starts nothing
    Patience patience;
    QTimer timer;
    QFileSystemWatcher watcher;
    QThreadPool writer; // the database may be busy with an import: the window does not wait for it

    Job* find(const std::string& id)
    {
        const auto it = std::ranges::find(jobs, id, [](const Job& job) { return job.status.id; });
        return it == jobs.end() ? nullptr : &*it;
    }
    void changed(Job& job)
    {
        record(job);
        Q_EMIT runner->jobChanged(QString::fromStdString(job.status.id));
    }
    void record(Job& job);
    Status launch(Job& job);
    void load(Job& job);
    void takeOver(Job& job);
    void readEvents(Job& job);
    void look(Job& job);
    void lookAtAll();
    void finish(Job& job);
    void pump();
    void watch(const Job& job);
};

} // namespace hilum::services
