#include "core/services/job_runner_state.h"

#include "core/base/job_protocol.h"
#include "core/base/log.h"

#include <algorithm>
#include <csignal>

namespace hilum::services {

namespace {

constexpr std::chrono::seconds StepRecordInterval{5}; // steps in the database are for the list only

constexpr std::pair<JobState, std::string_view> Names[] = {
    {JobState::Queued, "queued"}, {JobState::Running, "running"}, {JobState::Cancelling, "cancelling"}, {JobState::Cancelled, "cancelled"},
    {JobState::Done, "done"},     {JobState::Failed, "failed"},   {JobState::Lost, "lost"},
};

} // namespace

JobState jobStateFrom(std::string_view text)
{
    for (const auto& [state, word] : Names)
        if (word == text)
            return state;
    return JobState::Lost;
}

std::string_view name(JobState state)
{
    return std::ranges::find(Names, state, &std::pair<JobState, std::string_view>::first)->second;
}

void JobRunner::State::record(Job& job)
{
    job.recorded = Clock::now();
    if (!library || library->readOnly())
        return;
    const JobStatus& s = job.status;
    // a program that ends before the run folder answers leaves a job that waits; where the worker began after all, its worker.json says so
    const JobState told = s.starting && s.state == JobState::Running ? JobState::Queued : s.state;
    project::Library::JobRow row{.id = s.id, .run = s.run, .method = s.method, .preset = s.preset, .title = s.title, .state = std::string(name(told)),
                                 .createdUtc = s.createdUtc, .message = s.message, .step = s.step, .steps = s.steps};
    writer.start([db = library, row = std::move(row)] {
        if (const auto put = db->putJob(row); !put)
            log::warning("services.jobs", "job {} cannot be recorded: {}", row.id, name(put.error().code));
    });
}

void JobRunner::State::forget(Job& job, const Answer& answer)
{
    const std::string id = job.status.id;
    leaving.splice(leaving.end(), jobs, std::ranges::find_if(jobs, [&](const Job& other) { return &other == &job; }));
    // behind what is being written about it
    writer.start([this, db = library, id, answer, relay = *home] {
        const Status removed = db ? db->removeJob(id) : Status();
        relay.post([this, id, removed, answer] { forgotten(id, removed, answer); });
    });
    Q_EMIT runner->jobChanged(QString::fromStdString(id));
}

void JobRunner::State::forgotten(const std::string& id, const Status& removed, const Answer& answer)
{
    const auto left = std::ranges::find(leaving, id, [](const Job& job) { return job.status.id; });
    Job job = std::move(*left);
    leaving.erase(left);
    if (!removed && !find(id)) { // its folder may have been opened again
        place(std::move(job));
        Q_EMIT runner->jobChanged(QString::fromStdString(id));
    }
    answer(removed);
}

void JobRunner::State::watch()
{
    timer.start(patience.look);
}

void JobRunner::State::lookAtAll()
{
    // receivers of signals may start and forget jobs
    std::vector<std::string> watched;
    for (const Job& job : jobs)
        if (job.process)
            watched.push_back(job.status.id);
    for (const std::string& id : watched) {
        Job* job = find(id);
        if (!job || !job->process)
            continue;
        if (job->looking)
            noteSilence(*job); // a folder that does not answer says nothing either
        else
            look(*job);
    }
    if (std::ranges::none_of(jobs, [](const Job& job) { return isActive(job.status.state); }))
        timer.stop();
}

void JobRunner::State::look(Job& job)
{
    job.looking = true;
    looks.run<Look>(
        *home, [last = Look{.process = *job.process, .tail = job.tail}, run = job.status.run](const Work&) -> Result<Look> { return lookAt(last, run); },
        [this, id = job.status.id](Result<Look> found) { seen(id, std::move(found)); });
}

Look lookAt(Look last, const path& run)
{
    // first the process, then its words: so none of its last ones is missed
    last.ended = last.process.hasEnded();
    last.events = last.tail.read();
    if (last.ended)
        last.lastCheckpoint = latestCheckpoint(run);
    return last;
}

void JobRunner::State::seen(const std::string& id, Result<Look> found)
{
    Job* job = find(id); // it is at work, and so in the list
    if (!found) {
        job->looking = false;
        log::warning("services.jobs", "job {} cannot be looked at: {}", id, found.error().sentence());
        return;
    }
    job->process = std::move(found->process);
    job->tail = std::move(found->tail);
    tell(*job, found->events);
    job->looking = false; // not before all is told: a receiver may let the event loop turn
    const auto now = Clock::now();
    if (found->ended) {
        job->status.lastCheckpoint = std::max(job->status.lastCheckpoint, found->lastCheckpoint);
        finish(*job);
        pump();
        return;
    }
    if (job->status.state == JobState::Cancelling && now - job->stopSince > patience.stop) {
        job->killed = true;
        job->process->kill();
    }
    if (job->lastWord && now - job->wordSince > patience.leave)
        job->process->kill();
    noteSilence(*job);
}

void JobRunner::State::tell(Job& job, const std::vector<Json>& events)
{
    if (events.empty())
        return;
    job.lastEvent = Clock::now();
    job.status.silent = false;
    for (const Json& event : events) {
        if (auto word = applyEvent(job.status, event)) {
            job.lastWord = std::move(word);
            job.wordSince = Clock::now();
        } else if (event.value("kind", "") == protocol::Hello) {
            job.lastWord.reset(); // it was an earlier attempt's
        }
        if (job.status.state == JobState::Cancelling && event.value("kind", "") == protocol::Progress && job.status.phase == "saving")
            job.stopSince = Clock::now(); // it is at work on our request
        Q_EMIT runner->eventArrived(QString::fromStdString(job.status.id), event);
    }
    if (Clock::now() - job.recorded > StepRecordInterval)
        record(job);
    Q_EMIT runner->jobChanged(QString::fromStdString(job.status.id));
}

void JobRunner::State::noteSilence(Job& job)
{
    if (const bool silent = Clock::now() - job.lastEvent > patience.silent; silent != job.status.silent) {
        job.status.silent = silent;
        changed(job);
    }
}

void conclude(Job& job)
{
    JobStatus& s = job.status;
    const ProcessEnd end = job.process ? job.process->end() : ProcessEnd{.known = false};
    // a worker that was asked to stop before it could listen
    const bool stoppedEarly = s.state == JobState::Cancelling && end.signalled && end.number == SIGTERM;
    const std::string saved = s.lastCheckpoint < 0 ? (s.command == "finetune" ? "resuming goes on with the network that was not finished" : "no checkpoint was saved") : hilum::format("the last checkpoint is of step {}", s.lastCheckpoint);
    if (job.lastWord && job.lastWord->result && !job.lastWord->cancelled) {
        s.state = JobState::Done;
        s.message.clear();
    } else if (job.lastWord && job.lastWord->cancelled) {
        s.state = JobState::Cancelled;
        s.message = s.lastCheckpoint >= 0 ? hilum::format("Stopped at step {}, checkpoint saved", s.step) : hilum::format("Stopped at step {}, {}", s.step, saved);
    } else if (job.lastWord) {
        s.state = JobState::Failed;
        s.message = job.lastWord->message;
    } else if (job.killed) {
        s.state = JobState::Cancelled;
        s.message = hilum::format("Killed at step {}; {}", s.step, saved);
    } else if (stoppedEarly) {
        s.state = JobState::Cancelled;
        s.message = hilum::format("Stopped at step {}; {}", s.step, saved);
    } else {
        const Error why = lostWorker(end);
        s.state = JobState::Lost;
        s.lostBecause = why.code;
        s.message = hilum::format("Interrupted at step {}: {}; {}", s.step, why.sentence(), saved);
    }
    s.resumable = canResume(s);
    s.pid = 0;
    s.phase.clear();
    s.silent = false;
    s.secondsLeft = -1;
    job.process.reset();
    log::info("services.jobs", "job {} is {} at step {}", s.id, name(s.state), s.step);
}

void takeOut(JobStatus& s)
{
    s.state = JobState::Cancelled;
    s.message = s.lastCheckpoint >= 0 ? hilum::format("Taken out of the queue; the last checkpoint is of step {}", s.lastCheckpoint) : "Taken out of the queue before it began";
    s.resumable = canResume(s);
}

void JobRunner::State::finish(Job& job)
{
    if (job.process)
        job.process->reap();
    conclude(job);
    changed(job);
}

} // namespace hilum::services
