#include "core/services/job_runner.h"

#include "core/services/job_runner_state.h"

#include <thread>

namespace hilum::services {

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
    for (TaskRunner* reading : {&s.readers, &s.adoptions, &s.looks, &s.newRuns, &s.resumes, &s.launcher}) {
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

Result<std::string> JobRunner::start(const JobRequest& request)
{
    HILUM_TRY(JobStatus made, makeRun(request, [] { return false; }));
    return m_state->add(std::move(made), Launching::Here);
}

void JobRunner::start(const JobRequest& request, QObject* receiver, std::function<void(Result<std::string>)> done, std::stop_token stop)
{
    m_state->newRuns.run<JobStatus>(
        *m_state->home, [request, stop](const Work& work) { return makeRun(request, [&] { return stop.stop_requested() || work.cancelled(); }); },
        [this, stop, answers = Relay(receiver), done = std::move(done)](Result<JobStatus> made) {
            if (made && stop.stop_requested())
                takeOut(*made); // its folder is there, and the list says where
            Result<std::string> id = made ? Result<std::string>(m_state->add(*std::move(made), Launching::InThread)) : Result<std::string>(std::unexpected(made.error()));
            answers.post([done, id = std::move(id)] { done(id); });
        });
}

Status JobRunner::resume(const std::string& id)
{
    HILUM_TRY(const ReopenOrder order, m_state->askToResume(id));
    return m_state->resumed(id, order.run, reopenRun(order), Launching::Here);
}

void JobRunner::resume(const std::string& id, QObject* receiver, std::function<void(Status)> done)
{
    const auto answer = [answers = Relay(receiver), done = std::move(done)](const Status& status) { answers.post([done, status] { done(status); }); };
    const Result<ReopenOrder> order = m_state->askToResume(id);
    if (!order) {
        answer(std::unexpected(order.error()));
        return;
    }
    m_state->resumes.run<Reopened>(
        *m_state->home, [order = *order](const Work&) { return reopenRun(order); },
        [this, id, run = order->run, answer](Result<Reopened> reopened) { answer(m_state->resumed(id, run, std::move(reopened), Launching::InThread)); });
}

Status JobRunner::cancel(const std::string& id)
{
    Job* job = m_state->find(id);
    if (!job)
        return fail(ErrorCode::NotFound, "there is no job {}", id);
    JobStatus& s = job->status;
    if (s.state == JobState::Queued) {
        takeOut(s);
    } else if (s.state == JobState::Running && s.starting) {
        s.state = JobState::Cancelling;
        s.message = "Stopping";
        job->cancelled.request_stop();
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
    else if (job->status.starting)
        answer(fail(ErrorCode::Busy, "job {} is being resumed: its run folder has not answered yet", id));
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
