#include "app/hilum/commands/command.h"
#include "app/hilum/dry_run.h"
#include "app/hilum/training.h"
#include "core/services/run_folder.h"
#include "core/services/worker_program.h"

#include <algorithm>
#include <utility>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string job, method, preset, out, device, dtype, watch; // empty: not given
    std::vector<std::string> data, settings;
    std::int64_t threads = -1; // not given
    bool resume = false, json = false, writeJob = false, dryRun = false;
};

/// A job that is written for processes elsewhere leaves the choice to them.
std::int64_t threadsOf(const Arguments& a, std::int64_t asked)
{
    return a.writeJob ? std::max<std::int64_t>(0, asked) : app::jobThreads(asked);
}

/// What the run computes with and shows, where it is given: over what a job file says.
Json changes(const Arguments& a)
{
    Json out = Json::object();
    for (const auto& [key, value] : {std::pair{"device", a.device}, {"dtype", a.dtype}, {"watch_case", a.watch}})
        if (!value.empty())
            out[key] = value;
    if (a.threads >= 0)
        out["threads"] = threadsOf(a, a.threads);
    return out;
}

/// A job file made earlier, run again (elsewhere): its options are complete, its cache is found by name unless --data is given.
Result<services::JobRequest> fromJobFile(const Arguments& a, const Work& work)
{
    HILUM_TRY(Json job, app::readJobFile(a.job, "train"));
    job.update(changes(a));
    HILUM_TRY(const app::MethodChoice method, app::methodOfJob(job));
    services::JobRequest request{.method = method.id, .preset = method.preset, .title = method.title, .options = job.value("options", Json::object()), .cache = {},
                                 .device = job.value("device", "auto"), .dtype = job.value("dtype", "auto"), .threads = threadsOf(a, job.value("threads", std::int64_t{0})),
                                 .watchCase = job.value("watch_case", Json()).is_string() ? job["watch_case"].get<std::string>() : "", .run = a.out};
    if (!a.writeJob) // what is only written may be for another computer
        HILUM_TRY_STATUS(services::checkJob(request.method, request.options, request.device));
    if (!a.data.empty()) {
        HILUM_TRY(const services::PreparedCache cache, app::cacheFor({a.data.begin(), a.data.end()}, method, {}, work));
        request.cache = cache.folder;
    } else {
        HILUM_TRY(request.cache, app::cacheOfJob(job));
    }
    return request;
}

Status writeJob(const Arguments& a, const services::JobRequest& request)
{
    HILUM_TRY_STATUS(makeFolder(request.run));
    HILUM_TRY_STATUS(services::JobRunner::writeJobFile(request, services::randomId(), request.run));
    std::error_code ignored;
    const std::string run = std::filesystem::absolute(request.run, ignored).string();
    const std::string command = hilum::format("hilum-worker train --run {} --cache {}", run, request.cache.string());
    if (a.json)
        print(jsonDocument(Json{{"schema", "hilum.train/1"}, {"state", "written"}, {"run", run}, {"cache", request.cache.string()}, {"command", command}}));
    else
        print(hilum::format("{}/job.json is written; nothing was started\none process:      {}\nseveral of them:  torchrun --nproc-per-node 2 --no-python {}", run, command, command));
    return {};
}

} // namespace

Run declareTrain(CLI::App& verb)
{
    verb.description("pre-trains a model in a worker process; cancel with Ctrl+C, go on with --resume");
    auto a = std::make_shared<Arguments>();
    auto* job = verb.add_option("--job", a->job, "job file to run");
    auto* method = verb.add_option("--method", a->method, "method; `hilum methods` lists them")->excludes(job);
    auto* preset = verb.add_option("--preset", a->preset, "preset of the method")->excludes(job);
    auto* data = verb.add_option("--data", a->data, "a prepared cache, or folders, files or a CSV of images");
    verb.add_option("--out", a->out, "run folder");
    auto* settings = verb.add_option("--set", a->settings, "key=value of the method or the training loop")->excludes(job);
    // these go before what a job file or a run that goes on says
    verb.add_option("--device", a->device, "auto, cpu or cuda:N");
    verb.add_option("--dtype", a->dtype, "auto, float32 or bfloat16");
    verb.add_option("--threads", a->threads, "compute threads; 0 takes all cores")->check(CLI::NonNegativeNumber);
    verb.add_option("--watch", a->watch, "key of a case whose reconstruction is kept while training");
    verb.add_flag("--resume", a->resume, "go on from the last checkpoint of --out, with its own method, images and options")->excludes(job, method, preset, data, settings);
    verb.add_flag("--write-job", a->writeJob, "prepare the images, write job.json and start nothing: for several processes under torchrun, mpirun or srun")->excludes("--resume");
    verb.add_flag("--dry-run", a->dryRun, "say what memory, batch, disk and time the job needs; prepares, writes and starts nothing")->excludes(job)->excludes("--resume")->excludes("--write-job");
    verb.add_flag("--json", a->json, "one JSON document at the end");
    return [a]() -> Status {
        if (a->dryRun) {
            if (a->method.empty())
                return fail(ErrorCode::Usage, "a dry run needs --method");
            HILUM_TRY(const app::MethodChoice choice, app::chooseMethod(a->method, a->preset, a->settings));
            return app::dryRun({.method = choice.id, .preset = choice.preset, .options = choice.options, .device = a->device, .dtype = a->dtype, .threads = a->threads, .json = a->json});
        }
        if (a->out.empty())
            return fail(ErrorCode::Usage, "--out is required: the run folder");
        const Work work = consoleWork();
        services::JobRequest request;
        request.run = a->out;
        HILUM_TRY(const bool exists, isThere(path(a->out) / "job.json"));
        if (a->resume) {
            if (!exists)
                return fail(ErrorCode::NotFound, "{} holds no job.json: there is nothing to resume", a->out);
            if (services::commandOf(a->out) != "train")
                return fail(ErrorCode::Usage, "{} holds a classifier: `hilum finetune --resume` goes on with it", a->out);
        } else {
            if (exists)
                return fail(ErrorCode::Usage, "{} holds a run already; go on with --resume or choose another folder", a->out);
            if (!a->job.empty()) {
                HILUM_TRY(request, fromJobFile(*a, work));
            } else {
                if (a->method.empty() || a->data.empty())
                    return fail(ErrorCode::Usage, "train needs --method and --data, or --job");
                HILUM_TRY(const app::MethodChoice choice, app::chooseMethod(a->method, a->preset, a->settings));
                if (!a->writeJob) // what is only written may be for another computer
                    HILUM_TRY_STATUS(services::checkJob(choice.id, choice.options, a->device));
                HILUM_TRY(const services::PreparedCache cache, app::cacheFor({a->data.begin(), a->data.end()}, choice, {}, work));
                request = {.method = choice.id, .preset = choice.preset, .title = choice.title, .options = choice.options, .cache = cache.folder, .device = a->device.empty() ? "auto" : a->device,
                           .dtype = a->dtype.empty() ? "auto" : a->dtype, .threads = threadsOf(*a, a->threads), .watchCase = a->watch, .run = a->out};
            }
        }
        if (a->writeJob)
            return writeJob(*a, request);
        HILUM_TRY(const services::JobStatus status, app::followJob(request, a->resume, changes(*a)));
        const path evaluation = path(a->out) / "evaluation.json";
        if (a->json) {
            Json out = {{"schema", "hilum.train/1"}, {"state", services::name(status.state)}, {"step", status.step}, {"steps", status.steps}};
            if (const auto text = readTextFile(evaluation); text && status.state == services::JobState::Done)
                if (const auto parsed = parseJson(*text))
                    out["evaluation"] = *parsed;
            print(jsonDocument(out));
        } else if (status.state == services::JobState::Cancelled) {
            print(status.message);
        } else {
            HILUM_TRY(const std::string text, app::evaluationText(evaluation));
            print(hilum::format("done after {} steps: {}\n{}", status.step, (path(a->out) / "model.safetensors").string(), text));
        }
        if (status.state == services::JobState::Cancelled)
            return fail(ErrorCode::Cancelled, "{}", status.message);
        return {};
    };
}

} // namespace hilum::commands
