#pragma once

#include "core/services/job_runner.h"
#include "core/services/run_folder.h"
#include "core/services/task_runner.h"
#include "core/services/worker_process.h"

#include <QTimer>

#include <algorithm>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <stop_token>

namespace hilum::services {

using Clock = std::chrono::steady_clock;

inline bool isActive(JobState state) { return state == JobState::Running || state == JobState::Cancelling; }
JobState jobStateFrom(std::string_view name);
/// Whether the queue waits until a job of the library's list is read: it may be at work, or come first.
inline bool holdsQueue(const project::Library::JobRow& row)
{
    const JobState recorded = jobStateFrom(row.state);
    return isActive(recorded) || recorded == JobState::Queued;
}
/// Whether an ended job can go on. A classifier keeps what it finished, with or without a checkpoint.
inline bool canResume(const JobStatus& s) { return s.state != JobState::Done && (s.lastCheckpoint >= 0 || s.command == "finetune"); }

struct Job {
    JobStatus status;
    EventTail tail;
    std::optional<WorkerProcess> process;
    std::optional<LastWord> lastWord;
    Clock::time_point lastEvent, stopSince, wordSince, recorded;
    std::stop_source cancelled; // of the launch under way
    bool resume = false;     // when its turn comes
    bool killed = false;     // by us
    bool looking = false;    // a look is under way
    bool unrecorded = false; // what became of it was found out just now: the library does not know yet
    std::size_t order = std::numeric_limits<std::size_t>::max(); // in the library's list; what was not there comes last

    explicit Job(JobStatus s) : status(std::move(s)), tail(status.run / "events.jsonl") {}
};

/// What a look at a worker found: whether it has ended, and what it has said since the last one.
struct Look {
    WorkerProcess process;
    EventTail tail;
    std::vector<Json> events = {};
    bool ended = false;
    std::int64_t lastCheckpoint = -1; // of one that has ended
};

/// A run folder that was made elsewhere, as a job.
struct FoundRun {
    Job job;
    bool known = false; // its folder is that of the known job with its id, by whatever path
};

/// Where a job of the list lies, and whether it waits for its turn.
struct Place {
    path run;
    bool waits = false;
};

/// A run that shall go on.
struct ReopenOrder {
    std::string id;
    path run;
    EventTail tail;
};

struct Reopened {
    std::int64_t checkpoint = -1; // that it goes on from
    EventTail tail;               // behind all that its record holds
};

/// A worker that shall begin.
struct LaunchOrder {
    std::string id, command;
    path run;
    bool resume;
    EventTail tail;
    std::stop_token cancelled;
};

/// What came of it: a worker, or why there is none.
struct Launch {
    Result<WorkerProcess> worker;
    EventTail tail;                   // behind what earlier attempts said
    bool askedToStop = false;         // the worker was, because its job was cancelled meanwhile
    std::int64_t lastCheckpoint = -1; // when there is no worker
};

// These read and write run folders, on any thread.
/// A job of the library's list. One whose run folder cannot be read is lost, with a sentence.
Job readJob(const project::Library::JobRow& row, std::size_t order);
/// The worker.json of a job that waits on is removed: it would tell the next program that its worker has begun.
/// \param known  the list, by id
Result<FoundRun> readRun(const path& given, const std::map<std::string, Place>& known);
/// \param last  what the look before this one left
Look lookAt(Look last, const path& run);
/// The folder of a new run, with its job file. Cancelled, and without that file, when it was stopped before it was written.
Result<JobStatus> makeRun(const JobRequest& request, const std::function<bool()>& stopped);
/// From now on a worker.json in its folder is that of a worker to come.
Result<Reopened> reopenRun(const ReopenOrder& order);
Launch launchWorker(const LaunchOrder& order, const Work& work);

/// Says what became of a job whose process has ended and whose last checkpoint is known.
void conclude(Job& job);
/// Cancels a job that has no process; its last checkpoint is known.
void takeOut(JobStatus& status);

/// Where the worker of a job begins whose turn it is.
enum class Launching {
    Here,     ///< its run folder is waited for
    InThread,
};

/// What the runner knows and does between the calls of its users. GUI thread only.
struct JobRunner::State {
    using Row = project::Library::JobRow;
    using Answer = std::function<void(const Status&)>;

    JobRunner* runner;
    project::Library* library;
    std::list<Job> jobs; // oldest first; addresses stay
    std::list<Job> leaving; // until the database has forgotten them
    bool listKnown = true; // else the library is still asked for it
    std::map<std::string, Row> coming; // of the list, by id: still read
    bool launches = false; // who only looks at the list starts nothing
    Patience patience;
    QTimer timer;
    std::optional<Relay> home; // where looks and the database answer
    WorkThreads writer{1}; // the database may be busy with an import: the window does not wait for it
    TaskRunner readers{nullptr, 4};   // several: a share that does not answer holds up the jobs on it
    TaskRunner adoptions{nullptr, 1}; // in the order in which they are asked for, behind the library's list
    TaskRunner looks{nullptr, 16};    // one at a time for each worker: a share that does not answer holds up the jobs on it
    TaskRunner newRuns{nullptr, 4};   // several: a share that does not answer holds up the runs on it
    TaskRunner resumes{nullptr, 4};   // one at a time for each job
    TaskRunner launcher{nullptr, 1};  // one at a time anyhow

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
    bool isComplete() const { return listKnown && coming.empty(); }
    void record(Job& job);
    std::string add(JobStatus made, Launching how);
    Result<ReopenOrder> askToResume(const std::string& id);
    Status resumed(const std::string& id, const path& run, Result<Reopened> reopened, Launching how);
    void pump(Launching how = Launching::InThread);
    void launched(const std::string& id, Launch launch);
    void loadNow();
    void loadInBackground();
    void readComing(const std::vector<Row>& rows);
    void arrived(const std::string& id, Job job);
    void admit(Job job);
    Job& place(Job job);
    void settle();
    std::map<std::string, Place> places() const;
    void take(FoundRun found);
    void forget(Job& job, const Answer& answer);
    void forgotten(const std::string& id, const Status& removed, const Answer& answer);
    void watch();
    void lookAtAll();
    void look(Job& job);
    void seen(const std::string& id, Result<Look> found);
    void tell(Job& job, const std::vector<Json>& events);
    void noteSilence(Job& job);
    void finish(Job& job);
};

} // namespace hilum::services
