#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/project/library.h"

#include <QObject>
#include <QString>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace hilum::services {

enum class JobState { Queued, Running, Cancelling, Cancelled, Done, Failed, Lost };
std::string_view name(JobState state);

/// What a classifier is made of: with it a job is a fine-tuning (or a linear probe), without it a pre-training.
struct ClassifierRequest {
    path model;                ///< run folder or model file whose encoder is used
    std::string mode = "linear"; ///< "linear": features as they are; "full": the encoder learns too
    Json labels;               ///< hilum.labels/1: classes, and the class of each case by its key
    double fraction = 1;       ///< share of the training patients whose labels are used
    std::uint64_t seed = 0;
    bool compareUntrained = false;
};

/// A job as the window shows it. The run folder holds the rest.
struct JobStatus {
    std::string id;
    path run;
    std::string command = "train"; ///< or "finetune"
    std::string method, preset, title;
    JobState state = JobState::Queued;
    std::int64_t pid = 0;
    std::int64_t step = 0, steps = 0;
    double imagesPerSecond = 0, secondsLeft = -1, loss = 0;
    std::string phase;      ///< "training", ...
    std::int64_t phaseDone = 0, phaseTotal = 0; ///< of a phase that counts something else than steps; total 0: it counts nothing
    std::string device, dtype;
    std::string message;    ///< "Stopped at step 20, checkpoint saved"; or the error's sentence
    ErrorCode lostBecause = ErrorCode::WorkerLost; ///< of a lost job
    std::int64_t lastCheckpoint = -1;
    bool hasModel = false;  ///< a model.safetensors is there besides checkpoints: not of a linear probe
    bool resumable = false;
    bool silent = false;    ///< no sign of life for 60 s
    bool starting = false;  ///< its run folder has not answered yet: an ended job shall go on, or the worker of a running or cancelling one begins. Only a running one can be cancelled then
    std::string createdUtc;
};

struct JobRequest {
    std::string method, preset, title;
    Json options;           ///< complete and checked; of a classifier what full has to set
    std::optional<ClassifierRequest> classifier;
    path cache;
    std::string device = "auto", dtype = "auto";
    std::int64_t threads = 0; ///< 0: standardThreads()
    std::string watchCase;  ///< key of a case, or empty
    path run;               ///< empty: in the user's data folder
};

/// How long a worker is waited for.
struct Patience {
    std::chrono::milliseconds silent{60000};  ///< without an event until it counts as silent
    std::chrono::milliseconds stop{30000};    ///< from the request to stop, or its last sign of saving, to SIGKILL
    std::chrono::milliseconds leave{10000};   ///< from its last word to SIGKILL
    std::chrono::milliseconds look{200};      ///< between looks at processes and files
    // of the runner's own end; none: as long as it takes
    std::optional<std::chrono::milliseconds> end{};    ///< until who reads a run folder that does not answer is left behind (WorkThreads)
    std::optional<std::chrono::milliseconds> record{}; ///< the same of who writes to the library
};

/// When the jobs that the library knows are read from their run folders.
enum class Loading {
    Now,          ///< in the constructor: afterwards the list is complete
    InBackground, ///< the window does not wait for run folders on a share: jobs come one by one, each with jobChanged
};

/// Starts, watches, cancels and resumes workers; at most one trains at a time, the others wait. Workers are separate sessions that
/// outlive this process: they are found again through run/worker.json and their events.jsonl is tailed.
/// To be used on its own thread. A run folder may lie on a share that hangs: what waits for one says so, and is not for the window's thread.
class JobRunner : public QObject {
    Q_OBJECT
public:
    /// Loads the library's list and finds running workers again; launches nothing. Library may be null (command line). With Loading::Now it waits for run folders.
    explicit JobRunner(project::Library* library, Loading loading = Loading::Now, QObject* parent = nullptr);
    ~JobRunner() override; ///< waits for run folders and the library as long as the patience says

    bool isComplete() const;                               ///< all jobs that the library knows are in the list
    /// From now on waiting jobs begin when their turn comes; so do they after start() and resume(). None does while one is still read that may be at work, or come first.
    /// A worker begins on another thread: its job is Running at once, and `starting` until its run folder has answered. One that cannot begin has Failed, and the next one's turn comes.
    void runQueue();
    /// Makes the run folder, writes job.json and starts or queues the job; its id. Waits for the run folder, also for that of a worker that begins now.
    Result<std::string> start(const JobRequest& request);
    /// The same without waiting, new jobs in the order in which their folders are made; `done` receives the job's id on the thread of `receiver`, while that lives. The job is in the list then.
    /// \param stop  a run that is not made yet is not made (Cancelled); one that was just made comes into the list and does not begin
    void start(const JobRequest& request, QObject* receiver, std::function<void(Result<std::string>)> done, std::stop_token stop = {});
    /// An ended job goes on from its last checkpoint, or begins anew without one, when its turn comes. Waits as start() does. What is refused leaves the job as it was.
    Status resume(const std::string& id);
    /// The same without waiting; the job is `starting` until its run folder has answered. `done` is called through the event loop while `receiver` lives.
    void resume(const std::string& id, QObject* receiver, std::function<void(Status)> done);
    /// Polite, then SIGKILL after 30 s without a last word; not while its run folder does not answer: what it said is not known. A running job that is `starting` ends as
    /// soon as its run folder answers: without a worker, or with one that is asked to stop. Waits for nothing.
    Status cancel(const std::string& id);
    /// Takes a run folder made elsewhere into the list, and into the library's where there is one. One that is known stays as it is.
    /// NotFound when the folder holds no job.json. Waits for the folder.
    Status adopt(const path& run);
    /// The same off the GUI thread, one after another; `done` receives the job's id on the thread of `receiver`, while that lives.
    void adopt(const path& run, QObject* receiver, std::function<void(Result<std::string>)> done);
    std::vector<JobStatus> jobs() const;
    std::optional<JobStatus> job(const std::string& id) const;
    /// Forgets an ended job; its run folder stays. It leaves the list at once, and comes back if the database refuses. Busy when the job is queued, at work or `starting`.
    /// Does not wait for the database: `done` is called through the event loop while `receiver` lives.
    void forget(const std::string& id, QObject* receiver, std::function<void(Status)> done);
    /// All events so far of a job (read from its events.jsonl), tolerant of garbage lines. Waits for its run folder.
    Result<std::vector<Json>> events(const std::string& id) const;
    /// Where in its events.jsonl a job begins that is told from now on (eventArrived), in bytes: with the whole lines before it, all its events, each once.
    /// None of a job that does not wait and is not at work: nothing of it is told.
    std::optional<std::uintmax_t> toldBytes(const std::string& id) const;
    static std::int64_t standardThreads(); ///< cores - 1, at least 1: the window keeps a core
    /// job.json (and labels.json) alone: what is started elsewhere. Threads that are not asked for stay 0: the processes share the cores of their machine.
    static Status writeJobFile(const JobRequest& request, const std::string& id, const path& run);
    void setPatience(const Patience& patience);

Q_SIGNALS:
    void jobChanged(const QString& id);
    void listComplete(); ///< once, when loading in the background has ended
    void eventArrived(const QString& id, const hilum::Json& event);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace hilum::services
