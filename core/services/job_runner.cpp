#include "core/services/job_runner.h"

#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/services/cache_places.h"
#include "core/services/job_runner_state.h"

#include <thread>

namespace hilum::services {

namespace {

constexpr std::uintmax_t LeastFreeBytes = 64u << 20; // below this not even a small checkpoint fits

} // namespace

JobRunner::JobRunner(project::Library* library, Loading loading, QObject* parent) : QObject(parent), m_state(std::make_unique<State>())
{
    m_state->runner = this;
    m_state->home.emplace(this);
    m_state->library = library;
    connect(&m_state->timer, &QTimer::timeout, this, [this] { m_state->lookAtAll(); });
    if (!library)
        return;
    if (loading == Loading::Now)
        m_state->loadNow();
    else
        m_state->loadInBackground();
}

JobRunner::~JobRunner()
{
    State& s = *m_state;
    s.timer.stop();
    for (TaskRunner* reading : {&s.readers, &s.adoptions, &s.looks}) {
        reading->setLongestEnd(s.patience.end);
        reading->stopAll();
    }
    s.writer.end(s.patience.record ? QDeadlineTimer(*s.patience.record) : QDeadlineTimer(QDeadlineTimer::Forever));
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
        return fail(ErrorCode::NoSpace, "{} are free where the run is to be kept ({}); a run needs {} at least", byteSize(space), run.string(), byteSize(LeastFreeBytes));
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

Status JobRunner::adopt(const path& run)
{
    HILUM_TRY(FoundRun found, readRun(run, m_state->places()));
    m_state->take(std::move(found));
    return {};
}

void JobRunner::adopt(const path& run, QObject* receiver, std::function<void(Result<std::string>)> done)
{
    m_state->adoptions.run<FoundRun>(
        this, [run, known = m_state->places()](const Work&) { return readRun(run, known); },
        [this, answers = Relay(receiver), done = std::move(done)](Result<FoundRun> found) {
            Result<std::string> id = found ? Result<std::string>(found->job.status.id) : Result<std::string>(std::unexpected(found.error()));
            if (found)
                m_state->take(*std::move(found));
            answers.post([done, id = std::move(id)] { done(id); });
        });
}

void JobRunner::forget(const std::string& id, QObject* receiver, std::function<void(Status)> done)
{
    const auto answer = [answers = Relay(receiver), done = std::move(done)](const Status& status) { answers.post([done, status] { done(status); }); };
    Job* job = m_state->find(id);
    if (!job)
        answer(fail(ErrorCode::NotFound, "there is no job {}", id));
    else if (isActive(job->status.state) || job->status.state == JobState::Queued)
        answer(fail(ErrorCode::Busy, "job {} is {}: cancel it first", id, name(job->status.state)));
    else
        m_state->forget(*job, answer);
}

bool JobRunner::isComplete() const
{
    return m_state->isComplete();
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

std::optional<std::uintmax_t> JobRunner::toldBytes(const std::string& id) const
{
    const Job* job = m_state->find(id);
    return job && (isActive(job->status.state) || job->status.state == JobState::Queued) ? std::optional(job->tail.position()) : std::nullopt;
}

Result<std::vector<Json>> JobRunner::events(const std::string& id) const
{
    const Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    return readEvents(job->status.run);
}

} // namespace hilum::services
