#pragma once

#include "core/base/process_identity.h"
#include "core/services/worker_program.h"

#include <functional>

namespace hilum::services {

/// A training worker: a session of its own that outlives this program, so that it must be watched rather than owned.
class WorkerProcess {
public:
    /// Starts the worker (which lowers its own priority); no file or signal setting of this program is handed to it. Standard error is appended to RUN/worker.log;
    /// standard output goes nowhere, because RUN/events.jsonl is the record.
    /// \param stopped  asked when the log has opened, which takes as long as a share does not answer: then nothing is started (Cancelled)
    static Result<WorkerProcess> start(const std::vector<std::string>& arguments, const path& run, const std::function<bool()>& stopped);
    /// One that an earlier program started.
    static WorkerProcess adopt(ProcessIdentity identity, const path& run);
    /// Who works in a run folder according to its worker.json.
    static Result<ProcessIdentity> identityIn(const path& run);
    /// Whether that process is at work in the run folder: by itself where this machine can see it, else (another host, a container that was started anew) by the lock that a worker holds on RUN/.lock.
    static bool isAtWork(const ProcessIdentity& identity, const path& run);

    /// Looks whether it has ended; never waits for it. Asks its run folder what it said, and a worker's end is told once: of the copies of one, only one may look.
    bool hasEnded();
    ProcessEnd end() const; ///< after hasEnded()
    void reap() const;      ///< after hasEnded(), which may be asked in another thread: until then nobody else gets the number that terminate() and kill() use
    std::int64_t pid() const { return m_identity.pid; }
    const ProcessIdentity& identity() const { return m_identity; }
    // neither asks the run folder: it may be on a share that does not answer
    void terminate() const; ///< polite: SIGTERM
    void kill() const;      ///< SIGKILL, to all of its session

private:
    ProcessIdentity m_identity;
    path m_run;
    bool m_child = false; // of this very process: its exit status can be seen
    bool m_ended = false;
    ProcessEnd m_end;
    std::int64_t m_killsBefore = -1;
};

} // namespace hilum::services
