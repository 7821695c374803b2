#include "app/hilum/commands/command.h"
#include "app/hilum/training.h"
#include "core/services/job_runner.h"
#include "core/services/library_place.h"

#include <QCoreApplication>
#include <QEventLoop>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string action = "list", id, library;
    bool json = false;
};

Json toJson(const services::JobStatus& s)
{
    return {{"id", s.id}, {"run", s.run.string()}, {"command", s.command}, {"method", s.method}, {"preset", s.preset}, {"state", services::name(s.state)}, {"step", s.step}, {"steps", s.steps},
            {"pid", s.pid}, {"loss", s.loss}, {"images_per_s", s.imagesPerSecond}, {"last_checkpoint", s.lastCheckpoint}, {"resumable", s.resumable}, {"message", s.message},
            {"created_utc", s.createdUtc}};
}

/// The jobs that something was done to: as `list` prints them, or one sentence.
void tell(const Arguments& a, const services::JobStatus& status, const std::string& sentence)
{
    print(a.json ? jsonDocument(Json{{"schema", "hilum.jobs/1"}, {"jobs", Json::array({toJson(status)})}}) : sentence);
}

/// The library; while the window writes it, one that can only be read for what needs no more.
Result<std::unique_ptr<project::Library>> openLibrary(const Arguments& a)
{
    path folder = a.library;
    if (folder.empty()) {
        HILUM_TRY(folder, services::libraryFolder());
    }
    auto library = project::Library::open(folder);
    if (!library && library.error().code == ErrorCode::Busy && (a.action == "list" || a.action == "show" || a.action == "cancel"))
        return project::Library::openToRead(folder);
    return library;
}

Status cancel(const Arguments& a, services::JobRunner& runner, const services::JobStatus& status, bool othersLibrary)
{
    if (othersLibrary && status.state == services::JobState::Queued)
        return fail(ErrorCode::Busy, "job {} waits for its turn in the program that holds the library: take it out of the queue there", status.id);
    services::JobRunner byFolder(nullptr); // the program that holds the library sees the worker end, and records it
    if (othersLibrary)
        HILUM_TRY_STATUS(byFolder.adopt(status.run));
    services::JobRunner& owner = othersLibrary ? byFolder : runner;
    HILUM_TRY_STATUS(owner.cancel(status.id));
    const services::JobStatus now = owner.job(status.id).value_or(status);
    tell(a, now, now.state == services::JobState::Cancelling ? hilum::format("job {} is asked to stop; it writes a checkpoint first", now.id) : now.message);
    return {};
}

Status resume(const Arguments& a, project::Library* library, const services::JobStatus& status)
{
    if (status.state == services::JobState::Running)
        return fail(ErrorCode::Busy, "job {} is running (process {})", status.id, status.pid);
    HILUM_TRY(services::JobStatus ended, app::followJob({.run = status.run}, true));
    ended.title = status.title; // not in the run folder
    tell(a, ended, ended.message.empty() ? std::string(services::name(ended.state)) : ended.message);
    if (library && !library->readOnly())
        HILUM_TRY_STATUS(library->putJob({.id = ended.id, .run = ended.run, .method = ended.method, .preset = ended.preset, .title = ended.title, .state = std::string(services::name(ended.state)),
                                          .createdUtc = ended.createdUtc, .message = ended.message, .step = ended.step, .steps = ended.steps}));
    if (ended.state == services::JobState::Cancelled)
        return fail(ErrorCode::Cancelled, "{}", ended.message);
    return {};
}

/// There is no window here that waits for the database.
Status forget(services::JobRunner& runner, const std::string& id)
{
    QEventLoop loop;
    Status answer;
    runner.forget(id, &loop, [&](const Status& forgotten) {
        answer = forgotten;
        loop.quit();
    });
    loop.exec();
    return answer;
}

/// Number of the job that is asked for by its number or its run folder; empty when there is none.
std::string idOf(const services::JobRunner& runner, const std::string& asked)
{
    std::error_code none; // no such folder: it is no run of the list
    for (const services::JobStatus& s : runner.jobs())
        if (s.id == asked || std::filesystem::equivalent(s.run, asked, none))
            return s.id;
    return {};
}

} // namespace

Run declareJobs(CLI::App& verb)
{
    verb.description("jobs, pre-training and classifiers: list, show, cancel, resume, forget");
    auto a = std::make_shared<Arguments>();
    verb.add_option("ACTION", a->action, "list, show, cancel, resume, or forget (the list alone: the run folder stays)")->check(CLI::IsMember({"list", "show", "cancel", "resume", "forget"}));
    verb.add_option("JOB", a->id, "id of the job, or its run folder");
    verb.add_option("--library", a->library, "folder of the library; that of the window when left out");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        std::unique_ptr<project::Library> library;
        // a run folder answers for itself; to be forgotten it must be in the list
        bool isRun = a->action != "forget" && !a->id.empty();
        if (isRun) {
            HILUM_TRY(isRun, isThere(path(a->id) / "job.json"));
        }
        if (!isRun) {
            HILUM_TRY(library, openLibrary(*a));
        }
        services::JobRunner runner(library.get());
        if (isRun)
            HILUM_TRY_STATUS(runner.adopt(a->id));
        QCoreApplication::processEvents();
        if (a->action == "list") {
            Json list = Json::array();
            std::string text;
            for (const services::JobStatus& s : runner.jobs()) {
                list.push_back(toJson(s));
                text += hilum::format("{:<14} {:<12} {:<10} step {} of {}  {}\n", s.id, s.method, services::name(s.state), s.step, s.steps, s.message);
            }
            print(a->json ? jsonDocument(Json{{"schema", "hilum.jobs/1"}, {"jobs", list}}) : text.empty() ? "no jobs" : text);
            return {};
        }
        if (a->id.empty())
            return fail(ErrorCode::Usage, "jobs {} needs the id of a job or its run folder", a->action);
        const auto status = runner.job(idOf(runner, a->id));
        if (!status)
            return fail(ErrorCode::NotFound, "there is no job \"{}\"; `hilum jobs list` shows them", a->id);
        if (a->action == "show") {
            print(a->json ? jsonDocument(toJson(*status)) : hilum::format("{} {} {}: {}, step {} of {}\n{}\n{}", status->id, status->method, status->preset, services::name(status->state), status->step,
                                                                status->steps, status->run.string(), status->message));
            return {};
        }
        if (a->action == "cancel")
            return cancel(*a, runner, *status, library && library->readOnly());
        if (a->action == "resume")
            return resume(*a, library.get(), *status);
        HILUM_TRY_STATUS(forget(runner, status->id));
        tell(*a, *status, hilum::format("job {} is forgotten; its run folder {} stays", status->id, status->run.string()));
        return {};
    };
}

} // namespace hilum::commands
