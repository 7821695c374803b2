#include "core/services/job_runner.h"

#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/base/provenance.h"
#include "core/services/cache_places.h"
#include "core/services/job_runner_state.h"

#include <thread>

namespace hilum::services {

namespace {

constexpr std::uintmax_t LeastFreeBytes = 64u << 20; // below this not even a small checkpoint fits

} // namespace

JobRunner::JobRunner(project::Library* library, QObject* parent) : QObject(parent), m_state(std::make_unique<State>())
{
    m_state->runner = this;
    m_state->library = library;
    m_state->writer.setMaxThreadCount(1);
    connect(&m_state->timer, &QTimer::timeout, this, [this] { m_state->lookAtAll(); });
    connect(&m_state->watcher, &QFileSystemWatcher::fileChanged, this, [this] { m_state->lookAtAll(); });
    connect(&m_state->watcher, &QFileSystemWatcher::directoryChanged, this, [this](const QString& folder) {
        // the worker has made its events file: watch that from now on
        if (const QString file = folder + "/events.jsonl"; std::filesystem::exists(file.toStdString()) && m_state->watcher.addPath(file))
            m_state->watcher.removePath(folder);
        m_state->lookAtAll();
    });
    if (!library)
        return;
    const auto rows = library->jobs();
    if (!rows) {
        log::error("services.jobs", "the list of jobs cannot be read: {}", hilum::name(rows.error().code));
        return;
    }
    for (const auto& row : *rows) {
        JobStatus status{.id = row.id, .run = row.run, .command = commandOf(row.run), .method = row.method, .preset = row.preset, .title = row.title, .state = jobStateFrom(row.state),
                         .step = row.step, .steps = row.steps, .message = row.message, .createdUtc = row.createdUtc};
        Job& job = m_state->jobs.emplace_back(std::move(status));
        if (!std::filesystem::exists(job.status.run / "job.json")) {
            if (job.status.state != JobState::Done)
                job.status.state = JobState::Lost;
            job.status.message = "Its run folder is gone";
            continue;
        }
        m_state->load(job);
        if (isActive(job.status.state))
            m_state->takeOver(job);
        else
            job.status.resumable = job.status.state != JobState::Queued && canResume(job.status);
        job.resume = job.status.state == JobState::Queued && (job.status.lastCheckpoint >= 0 || job.status.command == "finetune");
    }
}

JobRunner::~JobRunner()
{
    m_state->timer.stop();
    m_state->writer.waitForDone();
}

void JobRunner::runQueue()
{
    m_state->launches = true;
    m_state->pump();
}

void JobRunner::setPatience(const Patience& patience)
{
    m_state->patience = patience;
    if (m_state->timer.isActive())
        m_state->timer.start(patience.look);
}

std::int64_t JobRunner::standardThreads()
{
    return std::max<std::int64_t>(1, std::int64_t{std::thread::hardware_concurrency()} - 1);
}

Status JobRunner::writeJobFile(const JobRequest& request, const std::string& id, const path& run)
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
                {"threads", request.threads > 0 ? request.threads : standardThreads()}};
    if (const auto& c = request.classifier) {
        job.update({{"model", std::filesystem::absolute(c->model).lexically_normal().string()}, {"mode", c->mode}, {"label_column", c->labels.value("column", "")}, {"fraction", c->fraction},
                    {"seed", c->seed}, {"compare_untrained", c->compareUntrained}});
        HILUM_TRY_STATUS(writeFileAtomically(run / "labels.json", jsonLine(c->labels) + "\n"));
    } else {
        job.update({{"dtype", request.dtype}, {"watch_case", request.watchCase.empty() ? Json() : Json(request.watchCase)}});
    }
    return writeFileAtomically(run / "job.json", job.dump(2) + "\n");
}

Result<std::string> JobRunner::start(const JobRequest& request)
{
    const std::string id = randomId();
    path run = request.run;
    if (run.empty()) {
        HILUM_TRY(run, defaultRunFolder(request.classifier ? request.method + "-classifier" : request.method, id));
    }
    run = std::filesystem::absolute(run).lexically_normal();
    if (std::filesystem::exists(run / "job.json"))
        return fail(ErrorCode::Busy, "{} holds a run already: resume that one or choose another folder", run.string());
    HILUM_TRY(const auto space, freeSpace(run));
    if (space < LeastFreeBytes)
        return fail(ErrorCode::NoSpace, "{} bytes are free where the run is to be kept; a checkpoint needs more than {}", space, LeastFreeBytes);
    HILUM_TRY_STATUS(makeFolder(run));
    HILUM_TRY_STATUS(writeJobFile(request, id, run));
    JobStatus status{.id = id, .run = run, .command = request.classifier ? "finetune" : "train", .method = request.method, .preset = request.preset, .title = request.title, .state = JobState::Queued, .createdUtc = utcNow()};
    if (const auto it = request.options.find("steps"); it != request.options.end() && it->is_number_integer())
        status.steps = *it;
    Job& job = m_state->jobs.emplace_back(std::move(status));
    m_state->changed(job);
    runQueue();
    return id;
}

Status JobRunner::resume(const std::string& id)
{
    Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    if (isActive(job->status.state) || job->status.state == JobState::Queued)
        return fail(ErrorCode::Busy, "job {} is {} already", id, name(job->status.state));
    if (job->status.state == JobState::Done)
        return fail(ErrorCode::Usage, "job {} is finished: there is nothing to resume", id);
    if (!std::filesystem::exists(job->status.run / "job.json"))
        return fail(ErrorCode::NotFound, "the run folder of job {} is gone", id);
    job->resume = latestCheckpoint(job->status.run) >= 0 || job->status.command == "finetune"; // else it starts anew
    job->status.state = JobState::Queued;
    job->status.message.clear();
    job->status.resumable = false;
    m_state->changed(*job);
    runQueue();
    return {};
}

Status JobRunner::cancel(const std::string& id)
{
    Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    JobStatus& s = job->status;
    if (s.state == JobState::Queued) {
        s.lastCheckpoint = std::max(s.lastCheckpoint, latestCheckpoint(s.run));
        s.state = JobState::Cancelled;
        s.message = s.lastCheckpoint >= 0 ? std::format("Taken out of the queue; the last checkpoint is of step {}", s.lastCheckpoint) : "Taken out of the queue before it began";
        s.resumable = canResume(s);
    } else if (s.state == JobState::Running && isAlive(job->process->identity()) == Alive::Unknown) {
        return fail(ErrorCode::Unsupported, "job {} is at work on {}: it can be cancelled there only", id, job->process->identity().host);
    } else if (s.state == JobState::Running) {
        s.state = JobState::Cancelling;
        s.message = "Stopping";
        job->stopSince = Clock::now();
        job->process->terminate();
    } else if (s.state != JobState::Cancelling) {
        return fail(ErrorCode::Usage, "job {} is {}: there is nothing to cancel", id, name(s.state));
    }
    m_state->changed(*job);
    return {};
}

Status JobRunner::adopt(const path& given)
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
    if (word("id").empty())
        return fail(ErrorCode::BadData, "{} names no job", (run / "job.json").string());
    if (Job* known = m_state->find(word("id"))) {
        if (known->process || known->status.run == run || std::filesystem::equivalent(known->status.run, run, unreachable))
            return {};
        m_state->jobs.remove_if([&](const Job& job) { return &job == known; }); // moved
    }
    Job& job = m_state->jobs.emplace_back(JobStatus{.id = word("id"), .run = run, .command = word("command") == "finetune" ? "finetune" : "train", .method = word("method"), .preset = word("preset"), .title = word("title"),
                                                    .state = JobState::Running, .createdUtc = word("created_utc")});
    m_state->load(job);
    m_state->takeOver(job);
    return {};
}

Status JobRunner::forget(const std::string& id)
{
    Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    if (isActive(job->status.state))
        return fail(ErrorCode::Busy, "job {} is {}: cancel it first", id, name(job->status.state));
    m_state->jobs.remove_if([&](const Job& other) { return &other == job; });
    m_state->writer.waitForDone(); // what is being written about it
    if (m_state->library)
        HILUM_TRY_STATUS(m_state->library->removeJob(id));
    Q_EMIT jobChanged(QString::fromStdString(id));
    return {};
}

std::vector<JobStatus> JobRunner::jobs() const
{
    std::vector<JobStatus> out;
    for (const Job& job : m_state->jobs)
        out.push_back(job.status);
    return out;
}

std::optional<JobStatus> JobRunner::job(const std::string& id) const
{
    const Job* job = m_state->find(id);
    return job ? std::optional(job->status) : std::nullopt;
}

Result<std::vector<Json>> JobRunner::events(const std::string& id) const
{
    const Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    return readEvents(job->status.run);
}

} // namespace hilum::services
