#include "app/hilum/commands/command.h"
#include "app/hilum/training.h"
#include "core/services/job_runner.h"

#include <QCoreApplication>

namespace hilum::commands {

namespace {

Json toJson(const services::JobStatus& s)
{
    return {{"id", s.id}, {"run", s.run.string()}, {"command", s.command}, {"method", s.method}, {"preset", s.preset}, {"state", services::name(s.state)}, {"step", s.step}, {"steps", s.steps},
            {"pid", s.pid}, {"loss", s.loss}, {"images_per_s", s.imagesPerSecond}, {"last_checkpoint", s.lastCheckpoint}, {"resumable", s.resumable}, {"message", s.message},
            {"created_utc", s.createdUtc}};
}

} // namespace

Run declareJobs(CLI::App& verb)
{
    verb.description("jobs, pre-training and classifiers: list, show, cancel, resume");
    struct Arguments {
        std::string action = "list", id, library;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("ACTION", a->action, "list, show, cancel or resume")->check(CLI::IsMember({"list", "show", "cancel", "resume"}));
    verb.add_option("JOB", a->id, "id of the job, or its run folder");
    verb.add_option("--library", a->library, "folder of the library");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        std::unique_ptr<project::Library> library;
        const bool isRun = !a->id.empty() && std::filesystem::exists(path(a->id) / "job.json");
        if (!isRun) {
            path folder = a->library;
            if (folder.empty()) {
                HILUM_TRY(folder, dataFolder());
            }
            HILUM_TRY(library, project::Library::open(folder));
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
                text += std::format("{:<14} {:<12} {:<10} step {} of {}  {}\n", s.id, s.method, services::name(s.state), s.step, s.steps, s.message);
            }
            print(a->json ? Json{{"schema", "hilum.jobs/1"}, {"jobs", list}}.dump(2) : text.empty() ? "no jobs" : text);
            return {};
        }
        if (a->id.empty())
            return fail(ErrorCode::Usage, "jobs {} needs the id of a job or its run folder", a->action);
        const std::string id = isRun && !runner.jobs().empty() ? runner.jobs().front().id : a->id;
        const auto status = runner.job(id);
        if (!status)
            return fail(ErrorCode::NotFound, "there is no job \"{}\"; `hilum jobs list` shows them", a->id);
        if (a->action == "show") {
            print(a->json ? toJson(*status).dump(2) : std::format("{} {} {}: {}, step {} of {}\n{}\n{}", status->id, status->method, status->preset, services::name(status->state), status->step,
                                                                status->steps, status->run.string(), status->message));
            return {};
        }
        if (a->action == "cancel")
            return runner.cancel(id);
        if (status->state == services::JobState::Running)
            return fail(ErrorCode::Busy, "job {} is running (process {})", id, status->pid);
        HILUM_TRY(const services::JobStatus ended, app::followJob({.run = status->run}, true));
        print(ended.message.empty() ? std::string(services::name(ended.state)) : ended.message);
        return {};
    };
}

} // namespace hilum::commands
