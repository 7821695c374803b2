// What run folders are made and asked for: new runs, runs that go on, workers that begin. The rest of JobRunner::State is in job_runner_state.cpp.
#include "core/services/job_runner_state.h"

#include "core/base/guard.h"
#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/services/cache_places.h"

#include <algorithm>

namespace hilum::services {

namespace {

constexpr std::uintmax_t LeastFreeBytes = 64u << 20; // below this not even a small checkpoint fits

/// \param out  gets what is known of the launch besides the worker
Result<WorkerProcess> startWorker(const LaunchOrder& order, const Work& work, Launch& out)
{
    HILUM_TRY(const std::string text, readTextFile(order.run / "job.json"));
    HILUM_TRY(const Json file, parseJson(text));
    HILUM_TRY(const path cache, findCache(file.value("cache", Json::object())));
    std::vector<std::string> arguments{order.command, "--run", order.run.string(), "--cache", cache.string()};
    if (order.resume)
        arguments.push_back("--resume");
    std::error_code ignored; // an earlier attempt's, if any
    std::filesystem::remove(order.run / "worker.json", ignored);
    out.tail.read(); // what is there belongs to earlier attempts
    HILUM_TRY(const WorkerProcess worker, WorkerProcess::start(arguments, order.run, [&] { return order.cancelled.stop_requested() || work.cancelled(); }));
    // also while the folder does not answer any more
    const std::stop_callback stop(order.cancelled, [&] {
        out.askedToStop = true;
        worker.terminate();
    });
    // the worker writes it too, but only when it has read its job: who starts anew before that finds it by this one
    if (const auto written = writeFileAtomically(order.run / "worker.json", jsonLine(toJson(worker.identity())) + "\n"); !written)
        log::warning("services.jobs", "job {}: {}", order.id, written.error().sentence());
    return worker;
}

/// What job.json holds; asks the cache for its name.
Result<Json> jobFileOf(const JobRequest& request, const std::string& id)
{
    HILUM_TRY(const Json cache, cacheRecord(request.cache));
    Json options = request.options.is_null() ? Json::object() : request.options;
    // the worker may run elsewhere, and a job file is run again
    if (const auto start = options.find("start_from"); start != options.end() && start->is_string() && !start->get_ref<const std::string&>().empty())
        *start = std::filesystem::absolute(start->get<std::string>()).lexically_normal().string();
    Json job = {{"schema", protocol::JobSchema},
                {"id", id},
                {"created_utc", utcNow()},
                {"command", request.classifier ? "finetune" : "train"},
                {"method", request.method},
                {"preset", request.preset},
                {"options", options},
                {"cache", cache},
                {"device", request.device},
                {"threads", request.threads > 0 ? request.threads : JobRunner::standardThreads()}};
    if (const auto& c = request.classifier)
        job.update({{"model", std::filesystem::absolute(c->model).lexically_normal().string()}, {"mode", c->mode}, {"label_column", c->labels.value("column", "")}, {"fraction", c->fraction},
                    {"seed", c->seed}, {"compare_untrained", c->compareUntrained}});
    else
        job.update({{"dtype", request.dtype}, {"watch_case", request.watchCase.empty() ? Json() : Json(request.watchCase)}});
    return job;
}

Status writeFiles(const JobRequest& request, const Json& jobFile, const path& run)
{
    if (request.classifier)
        HILUM_TRY_STATUS(writeFileAtomically(run / "labels.json", jsonLine(request.classifier->labels) + "\n"));
    return writeFileAtomically(run / "job.json", jobFile.dump(2) + "\n");
}

} // namespace

Status JobRunner::writeJobFile(const JobRequest& request, const std::string& id, const path& run)
{
    HILUM_TRY(Json jobFile, jobFileOf(request, id));
    jobFile["threads"] = std::max<std::int64_t>(0, request.threads);
    return writeFiles(request, jobFile, run);
}

Result<JobStatus> makeRun(const JobRequest& request, const std::function<bool()>& stopped)
{
    const std::string id = randomId();
    path run = request.run;
    if (run.empty()) {
        HILUM_TRY(run, defaultRunFolder(request.classifier ? request.method + "-classifier" : request.method, id));
    }
    run = std::filesystem::absolute(run).lexically_normal();
    HILUM_TRY(const bool taken, isThere(run / "job.json"));
    if (taken)
        return fail(ErrorCode::Busy, "{} holds a run already: resume that one or choose another folder", run.string());
    HILUM_TRY(const auto space, freeSpace(run));
    if (space < LeastFreeBytes)
        return fail(ErrorCode::NoSpace, "{} are free where the run is to be kept ({}); a run needs {} at least", byteSize(space), run.string(), byteSize(LeastFreeBytes));
    HILUM_TRY(const Json jobFile, jobFileOf(request, id));
    // a share may have kept any of these waiting, and a run of which nobody hears must not be left there
    if (stopped())
        return fail(ErrorCode::Cancelled, "stopped before {} was made", run.string());
    HILUM_TRY_STATUS(makeFolder(run));
    if (stopped())
        return fail(ErrorCode::Cancelled, "stopped before there was a job in {}", run.string());
    HILUM_TRY_STATUS(writeFiles(request, jobFile, run));
    JobStatus status{.id = id, .run = run, .command = request.classifier ? "finetune" : "train", .method = request.method, .preset = request.preset, .title = request.title, .state = JobState::Queued, .createdUtc = utcNow()};
    if (const auto it = request.options.find("steps"); it != request.options.end() && it->is_number_integer())
        status.steps = *it;
    return status;
}

Result<Reopened> reopenRun(const ReopenOrder& order)
{
    std::error_code unreachable; // counts as gone
    if (!std::filesystem::exists(order.run / "job.json", unreachable))
        return fail(ErrorCode::NotFound, "the run folder of job {} is gone", order.id);
    std::filesystem::remove(order.run / "worker.json", unreachable);
    Reopened out{.checkpoint = latestCheckpoint(order.run), .tail = order.tail};
    out.tail.read();
    return out;
}

Launch launchWorker(const LaunchOrder& order, const Work& work)
{
    Launch out{.worker = std::unexpected(Error{}), .tail = order.tail};
    out.worker = guard("starting a worker", [&] { return startWorker(order, work, out); });
    if (!out.worker)
        out.lastCheckpoint = latestCheckpoint(order.run);
    return out;
}

/// A new job, behind all others.
std::string JobRunner::State::add(JobStatus made, Launching how)
{
    const std::string id = made.id;
    if (const Job* opened = find(id)) { // by its folder, as soon as that held a job
        if (isActive(opened->status.state) || opened->status.state == JobState::Queued)
            return id; // and resumed
        jobs.remove_if([&](const Job& job) { return &job == opened; });
    }
    changed(jobs.emplace_back(std::move(made)));
    launches = true;
    pump(how);
    return id;
}

/// The folder of an ended job that is to go on; it is asked next.
Result<ReopenOrder> JobRunner::State::askToResume(const std::string& id)
{
    Job* job = find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    JobStatus& s = job->status;
    if (isActive(s.state) || s.state == JobState::Queued)
        return fail(ErrorCode::Busy, "job {} is {} already", id, name(s.state));
    if (s.state == JobState::Done)
        return fail(ErrorCode::Usage, "job {} is finished: there is nothing to resume", id);
    if (s.starting)
        return fail(ErrorCode::Busy, "job {} is being resumed already: its run folder has not answered yet", id);
    ReopenOrder order{.id = id, .run = s.run, .tail = job->tail};
    s.starting = true;
    Q_EMIT runner->jobChanged(QString::fromStdString(id));
    return order;
}

/// \param run       the folder that was asked
/// \param reopened  its answer
Status JobRunner::State::resumed(const std::string& id, const path& run, Result<Reopened> reopened, Launching how)
{
    Job* job = find(id);
    if (!job || !job->status.starting || job->status.run != run)
        return fail(ErrorCode::Busy, "job {} was opened in another folder meanwhile: resume it there", id);
    JobStatus& s = job->status;
    s.starting = false;
    if (!reopened) {
        Q_EMIT runner->jobChanged(QString::fromStdString(id));
        return std::unexpected(reopened.error());
    }
    job->tail = std::move(reopened->tail);
    job->resume = reopened->checkpoint >= 0 || s.command == "finetune"; // else it starts anew
    s.lastCheckpoint = std::max(s.lastCheckpoint, reopened->checkpoint);
    s.state = JobState::Queued;
    s.message.clear();
    s.resumable = false;
    changed(*job);
    launches = true;
    pump(how);
    return {};
}

/// Lets the worker begin whose turn it is.
void JobRunner::State::pump(Launching how)
{
    const bool known = listKnown && std::ranges::none_of(coming, [](const auto& one) { return holdsQueue(one.second); });
    if (!launches || !known || std::ranges::any_of(jobs, [](const Job& job) { return isActive(job.status.state); }))
        return;
    const auto next = std::ranges::find(jobs, JobState::Queued, [](const Job& job) { return job.status.state; });
    if (next == jobs.end())
        return;
    JobStatus& s = next->status;
    s.state = JobState::Running;
    s.starting = true;
    s.phase = "starting";
    s.message.clear();
    s.silent = s.resumable = false;
    s.secondsLeft = -1;
    next->cancelled = std::stop_source();
    const std::string id = s.id;
    const LaunchOrder order{.id = id, .command = s.command, .run = s.run, .resume = next->resume, .tail = next->tail, .cancelled = next->cancelled.get_token()};
    changed(*next);
    if (how == Launching::Here) {
        launched(id, launchWorker(order, {}));
        return;
    }
    launcher.run<Launch>(
        *home, [order](const Work& work) -> Result<Launch> { return launchWorker(order, work); },
        [this, id, events = order.run / "events.jsonl"](Result<Launch> launch) {
            if (launch)
                launched(id, *std::move(launch));
            else if (launch.error().code != ErrorCode::Cancelled) // else the runner is going
                launched(id, Launch{.worker = std::unexpected(launch.error()), .tail = EventTail(events)});
        });
}

void JobRunner::State::launched(const std::string& id, Launch launch)
{
    Job* job = find(id); // it is active, and so in the list
    JobStatus& s = job->status;
    const bool begun = launch.worker.has_value();
    const bool cancelled = s.state == JobState::Cancelling;
    s.starting = false;
    if (begun) {
        job->process.emplace(*std::move(launch.worker));
        job->tail = std::move(launch.tail);
        job->lastWord.reset();
        job->killed = false;
        job->lastEvent = job->stopSince = Clock::now();
        s.pid = job->process->pid();
        if (cancelled && !launch.askedToStop)
            job->process->terminate();
        watch();
        log::info("services.jobs", "job {} started as process {}", s.id, s.pid);
    } else {
        s.phase.clear();
        s.lastCheckpoint = std::max(s.lastCheckpoint, launch.lastCheckpoint); // a share that does not let itself be read tells of none
        if (cancelled) {
            takeOut(s);
        } else {
            s.state = JobState::Failed;
            s.message = launch.worker.error().sentence();
            s.resumable = canResume(s);
        }
    }
    changed(*job);
    if (!begun)
        pump();
}

} // namespace hilum::services
