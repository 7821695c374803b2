// What run folders tell: of the jobs that the library knows, and of runs that were made elsewhere. The rest of JobRunner::State is in job_runner_state.cpp.
#include "core/services/job_runner_state.h"

#include "core/base/guard.h"
#include "core/base/job_protocol.h"
#include "core/base/log.h"

#include <utility>

namespace hilum::services {

namespace {

constexpr std::uintmax_t ReplayBytes = 256u << 10; // of events, enough to know where a run stands

/// Fills the status of a job from the record of its run.
void readRecord(Job& job)
{
    job.tail.startNearEnd(ReplayBytes);
    for (const Json& event : job.tail.read())
        if (auto word = applyEvent(job.status, event))
            job.lastWord = std::move(word);
        else if (event.value("kind", "") == protocol::Hello)
            job.lastWord.reset(); // a resumed run has spoken its earlier last word already
    job.status.lastCheckpoint = std::max(job.status.lastCheckpoint, latestCheckpoint(job.status.run));
    job.status.phase.clear();
    job.status.secondsLeft = -1;
}

/// The same of a job that is said to be at work, and what became of it. One that works on keeps its process.
void readRunning(Job& job)
{
    JobStatus& s = job.status;
    job.unrecorded = true;
    const auto identity = WorkerProcess::identityIn(s.run);
    if (identity)
        job.process.emplace(WorkerProcess::adopt(*identity, s.run));
    // first the process, then its words: so none of its last ones is missed
    const bool ended = !job.process || job.process->hasEnded();
    readRecord(job);
    if (!identity && identity.error().code == ErrorCode::NotFound && s.state == JobState::Cancelling) {
        takeOut(s); // before there was a worker
        return;
    }
    if (ended) {
        conclude(job);
        return;
    }
    s.pid = job.process->pid();
    if (s.state != JobState::Cancelling)
        s.state = JobState::Running;
    job.stopSince = job.lastEvent = job.wordSince = Clock::now();
}

void readFolder(Job& job)
{
    JobStatus& s = job.status;
    std::error_code unreachable; // counts as gone
    if (!std::filesystem::exists(s.run / "job.json", unreachable)) {
        if (s.state != JobState::Done)
            s.state = JobState::Lost;
        s.message = "Its run folder is gone";
        return;
    }
    s.command = commandOf(s.run);
    const bool queued = s.state == JobState::Queued;
    // a worker's that began when nobody waited for it any more
    const bool begun = queued && std::filesystem::exists(s.run / "worker.json", unreachable);
    if (isActive(s.state) || begun) {
        readRunning(job);
        return;
    }
    readRecord(job);
    s.resumable = !queued && canResume(s);
    job.resume = queued && (s.lastCheckpoint >= 0 || s.command == "finetune");
}

} // namespace

Job readJob(const project::Library::JobRow& row, std::size_t order)
{
    Job job(JobStatus{.id = row.id, .run = row.run, .method = row.method, .preset = row.preset, .title = row.title, .state = jobStateFrom(row.state), .step = row.step, .steps = row.steps,
                      .message = row.message, .createdUtc = row.createdUtc});
    job.order = order;
    if (const Status read = guard("reading a run folder", [&] { readFolder(job); }); !read) {
        job.status.state = JobState::Lost;
        job.status.message = read.error().sentence();
        job.process.reset();
        job.unrecorded = false;
    }
    return job;
}

Result<FoundRun> readRun(const path& given, const std::map<std::string, Place>& known)
{
    path run = std::filesystem::absolute(given).lexically_normal();
    if (!run.has_filename())
        run = run.parent_path(); // "RUN/"
    std::error_code unreachable; // counts as not there
    if (!std::filesystem::exists(run / "job.json", unreachable))
        return fail(ErrorCode::NotFound, "{} is no run folder: it holds no job.json", run.string());
    HILUM_TRY(const std::string text, readTextFile(run / "job.json"));
    HILUM_TRY(const Json file, parseJson(text));
    if (!file.is_object() || file.value("schema", Json()) != protocol::JobSchema)
        return fail(ErrorCode::WrongVersion, "{} is no job file that this program knows ({} is expected)", (run / "job.json").string(), protocol::JobSchema);
    const auto word = [&](const char* key) { return file.contains(key) && file[key].is_string() ? file[key].get<std::string>() : std::string(); };
    const std::string id = word("id");
    if (id.empty())
        return fail(ErrorCode::BadData, "{} names no job", (run / "job.json").string());
    FoundRun found{.job = Job(JobStatus{.id = id, .run = run, .command = word("command") == "finetune" ? "finetune" : "train", .method = word("method"),
                                        .preset = word("preset"), .title = word("title"), .state = JobState::Running, .createdUtc = word("created_utc")})};
    readRunning(found.job);
    if (const auto at = known.find(id); at != known.end()) {
        const path& before = at->second.run;
        found.known = before == run || std::filesystem::equivalent(before, run, unreachable);
        if (!found.known && at->second.waits && !found.job.process)
            std::filesystem::remove(run / "worker.json", unreachable);
    }
    return found;
}

void JobRunner::State::loadNow()
{
    const auto rows = library->jobs();
    if (!rows) {
        log::error("services.jobs", "the list of jobs cannot be read: {}", hilum::name(rows.error().code));
        return;
    }
    for (std::size_t i = 0; i < rows->size(); ++i)
        admit(readJob((*rows)[i], i));
}

void JobRunner::State::loadInBackground()
{
    listKnown = false;
    // no run is opened before: without its row nobody knows whether it waits, or its title
    adoptions.run<std::vector<Row>>(
        runner, [db = library](const Work&) { return db->jobs(); },
        [this](const Result<std::vector<Row>>& rows) {
            listKnown = true;
            if (rows)
                readComing(*rows);
            else
                log::error("services.jobs", "the list of jobs cannot be read: {}", hilum::name(rows.error().code));
            settle();
        });
}

void JobRunner::State::readComing(const std::vector<Row>& rows)
{
    for (const bool awaited : {true, false}) // first those that the queue waits for
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Row& row = rows[i];
            if (holdsQueue(row) != awaited)
                continue;
            if (Job* opened = find(row.id)) { // by its folder, meanwhile: all but its title is in there
                opened->status.title = row.title;
                changed(*opened);
                continue;
            }
            coming.emplace(row.id, row);
            readers.run<Job>(
                runner, [row, i](const Work&) -> Result<Job> { return readJob(row, i); },
                [this, id = row.id](Result<Job> job) {
                    if (job) // else the runner is going
                        arrived(id, *std::move(job));
                });
        }
}

void JobRunner::State::arrived(const std::string& id, Job job)
{
    if (coming.erase(id) == 0)
        return; // opened by another folder meanwhile
    admit(std::move(job));
    settle();
}

void JobRunner::State::admit(Job job)
{
    Job& kept = place(std::move(job));
    if (kept.process) {
        if (kept.status.state == JobState::Cancelling)
            kept.process->terminate(); // the program that was to ask it may have ended before it knew its number
        watch();
    }
    if (std::exchange(kept.unrecorded, false))
        changed(kept);
    else
        Q_EMIT runner->jobChanged(QString::fromStdString(kept.status.id));
}

/// Known jobs keep the library's order, whichever is read first.
Job& JobRunner::State::place(Job job)
{
    const auto next = std::ranges::find_if(jobs, [&](const Job& other) { return other.order > job.order; });
    return *jobs.insert(next, std::move(job));
}

/// After a job that came, or that need not come any more.
void JobRunner::State::settle()
{
    const bool complete = isComplete();
    pump();
    if (complete)
        Q_EMIT runner->listComplete();
}

std::map<std::string, Place> JobRunner::State::places() const
{
    std::map<std::string, Place> out;
    for (const Job& job : jobs)
        out.emplace(job.status.id, Place{.run = job.status.run, .waits = job.status.state == JobState::Queued});
    for (const auto& [id, row] : coming)
        out.emplace(id, Place{.run = row.run, .waits = jobStateFrom(row.state) == JobState::Queued});
    return out;
}

void JobRunner::State::take(FoundRun found)
{
    JobStatus& s = found.job.status;
    bool waits = false; // for its turn: not in the run folder, and neither is the title
    if (const Job* known = find(s.id)) {
        if (found.known || isActive(known->status.state) || known->status.run == s.run)
            return;
        s.title = known->status.title;
        waits = known->status.state == JobState::Queued;
        jobs.remove_if([&](const Job& job) { return &job == known; }); // moved
    }
    const auto row = coming.find(s.id);
    const bool awaited = row != coming.end();
    if (awaited) {
        s.title = row->second.title;
        waits = jobStateFrom(row->second.state) == JobState::Queued;
        coming.erase(row);
    }
    if (waits && !found.job.process) {
        s.state = JobState::Queued;
        s.message.clear();
        s.resumable = false;
        found.job.resume = s.lastCheckpoint >= 0 || s.command == "finetune";
    }
    admit(std::move(found.job));
    if (awaited)
        settle();
}

} // namespace hilum::services
