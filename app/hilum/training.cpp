#include "app/hilum/training.h"

#include "app/hilum/commands/command.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/options_json.h"
#include "core/services/cache_places.h"
#include "core/services/job_words.h"
#include "core/services/worker_program.h"

#include <QCoreApplication>
#include <QTimer>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <thread>
#include <unistd.h>

namespace hilum::app {

namespace {

/// Of many files of one kind of refusal the first few, and how many more there are.
void tellRefused(const std::vector<Json>& refused)
{
    constexpr std::int64_t Shown = 3, Few = 5; // so many are told one by one
    std::map<std::string, std::int64_t> count, told;
    const auto group = [](const Json& one) {
        const std::string code = one.value("code", "");
        return code.empty() ? one.value("reason", "") : code;
    };
    for (const Json& one : refused)
        ++count[group(one)];
    for (const Json& one : refused) {
        const std::string kind = group(one), file = one.value("file", ""), reason = one.value("reason", "");
        const std::int64_t all = count[kind], number = ++told[kind];
        if (all <= Few || number <= Shown)
            std::fputs(hilum::format("hilum: left out: {}{}\n", reason.find(file) == std::string::npos ? file + ": " : "", reason).c_str(), stderr);
        else if (number == all)
            std::fputs(hilum::format("hilum: left out: {} more of the kind {}; `hilum prepare --json` into a new folder names each\n", grouped(all - Shown), kind).c_str(), stderr);
    }
}

Status changeJobFile(const path& run, const Json& changes)
{
    HILUM_TRY(const std::string text, readTextFile(run / "job.json"));
    HILUM_TRY(Json job, parseJson(text));
    job.update(changes);
    return writeFileAtomically(run / "job.json", job.dump(2) + "\n");
}

/// The device that a run goes on with: of `changes`, else of its job file.
Result<std::string> deviceOf(const path& run, const Json& changes)
{
    HILUM_TRY(const std::string text, readTextFile(run / "job.json"));
    HILUM_TRY(Json job, parseJson(text));
    job.update(changes);
    const Json device = job.value("device", Json());
    return device.is_string() ? device.get<std::string>() : std::string();
}

/// What `options` make of a method: complete, and the pipeline that belongs to them.
Result<MethodChoice> described(MethodChoice choice, const Json& options)
{
    HILUM_TRY(const std::string text, services::workerOutput({"describe", "--method", choice.id, "--preset", choice.preset, "--options", jsonLine(options)}));
    HILUM_TRY(const Json answer, parseJson(text));
    choice.options = answer.at("options");
    choice.pipeline = answer.at("pipeline");
    return choice;
}

} // namespace

Result<MethodChoice> chooseMethod(const std::string& id, const std::string& preset, const std::vector<std::string>& settings)
{
    HILUM_TRY(const Json entry, services::methodEntry(id));
    MethodChoice choice{.id = id, .preset = preset, .title = entry.value("title", id), .options = {}, .pipeline = {}};
    if (choice.preset.empty())
        choice.preset = entry.at("presets").at(0).value("id", "");
    HILUM_TRY(const Json options, services::methodOptions(entry, choice.preset, settings));
    return described(std::move(choice), options);
}

Result<MethodChoice> methodOfJob(const Json& job)
{
    const std::string id = job.value("method", "");
    HILUM_TRY(const Json entry, services::methodEntry(id));
    std::string preset = job.value("preset", "");
    if (preset.empty())
        preset = entry.at("presets").at(0).value("id", "");
    HILUM_TRY(Json options, services::methodOptions(entry, preset, {}));
    const Json given = job.value("options", Json::object());
    HILUM_TRY_STATUS(checkAgainstSchema(given, entry.value("schema", Json::array())));
    options.update(given);
    return described({.id = id, .preset = preset, .title = entry.value("title", id), .options = {}, .pipeline = {}}, options);
}

Result<Json> readJobFile(const path& file, const std::string& command)
{
    HILUM_TRY(const std::string text, readTextFile(file));
    auto job = parseJson(text);
    if (!job)
        return std::unexpected(withContext(std::move(job).error(), "reading " + file.string()));
    const Json schema = job->is_object() ? job->value("schema", Json()) : Json();
    if (schema != protocol::JobSchema)
        return fail(ErrorCode::WrongVersion, "{} is no job file of this program (schema {})", file.string(), jsonLine(schema));
    Error faults{.code = ErrorCode::Options, .message = file.string()};
    const auto check = [&](std::initializer_list<const char*> keys, auto fits, const char* kind) {
        for (const char* key : keys)
            if (const auto it = job->find(key); it != job->end() && !fits(*it))
                faults.details.push_back(hilum::format("{} = {} is no {}", key, jsonLine(*it).substr(0, 100), kind));
    };
    check({"command", "method", "preset", "device", "dtype", "model", "mode"}, [](const Json& v) { return v.is_string(); }, "text");
    check({"threads", "seed"}, [](const Json& v) { return v.is_number_unsigned(); }, "whole number of 0 and more");
    check({"fraction"}, [](const Json& v) { return v.is_number(); }, "number");
    check({"compare_untrained"}, [](const Json& v) { return v.is_boolean(); }, "true or false");
    check({"options", "cache"}, [](const Json& v) { return v.is_object(); }, "object");
    if (!faults.details.empty())
        return std::unexpected(std::move(faults));
    if (const std::string other = job->value("command", "train"); other != command)
        return fail(ErrorCode::Usage, "{} is the job of a {}: `hilum {} --job` runs those", file.string(), other == "finetune" ? "classifier" : "pre-training", other);
    return job;
}

Result<path> cacheOfJob(const Json& job)
{
    auto cache = services::findCache(job.value("cache", Json::object()));
    if (!cache)
        cache.error().message += "; or name the images with --data";
    return cache;
}

Result<bool> isCache(const std::vector<path>& data)
{
    if (data.size() != 1)
        return false;
    return isThere(data.front() / "index.json");
}

Result<services::PreparedCache> cacheFor(const std::vector<path>& data, const MethodChoice& method, const path& out, const Work& work)
{
    HILUM_TRY(const bool prepared, isCache(data));
    if (prepared) {
        std::error_code apart; // what is not there is another folder
        if (!out.empty() && !std::filesystem::equivalent(data.front(), out, apart))
            return fail(ErrorCode::Usage, "{} is a prepared cache and is used as it is: nothing would be written to {}; name the images instead", data.front().string(), out.string());
        HILUM_TRY(services::PreparedCache cache, services::openCache(data.front()));
        HILUM_TRY(const std::string text, readTextFile(data.front() / "index.json", std::uintmax_t{1} << 30));
        HILUM_TRY(const Json index, parseJson(text));
        if (index.value("pipeline", Json::object()) != method.pipeline)
            return fail(ErrorCode::Mismatch, "{} was prepared with another input pipeline ({}) than {} {} needs ({}); prepare the data again", data.front().string(),
                        jsonLine(index.value("pipeline", Json::object())), method.id, method.preset, jsonLine(method.pipeline));
        return cache;
    }
    HILUM_TRY(services::PreparedCache cache, services::prepare({.data = data, .method = method.id, .pipeline = method.pipeline, .out = out}, work));
    for (const std::string& warning : cache.warnings)
        std::fputs(("hilum: " + warning + "\n").c_str(), stderr);
    tellRefused(cache.refused);
    std::fputs(hilum::format("{} {} images of {} patients{}\n", cache.reused ? "found" : "prepared", grouped(cache.cases), grouped(cache.patients),
                             cache.reused ? " in the cache" : "").c_str(), stderr);
    return cache;
}

std::int64_t jobThreads(std::int64_t asked)
{
    return asked > 0 ? asked : std::clamp<std::int64_t>(std::thread::hardware_concurrency(), 1, 1024); // the most that a job may ask for
}

Result<services::JobStatus> followJob(const services::JobRequest& request, bool resume, const Json& changes)
{
    services::JobRunner runner(nullptr);
    std::string id;
    if (resume) {
        HILUM_TRY_STATUS(runner.adopt(request.run));
        if (runner.jobs().empty())
            return fail(ErrorCode::NotFound, "{} is no run folder", request.run.string());
        const services::JobStatus before = runner.jobs().front();
        id = before.id;
        // of a running one or a finished one nothing is changed: resuming refuses it
        if (before.state != services::JobState::Running && before.state != services::JobState::Done) {
            HILUM_TRY(const std::string device, deviceOf(before.run, changes));
            HILUM_TRY_STATUS(services::checkDevice(device));
            if (!changes.empty())
                HILUM_TRY_STATUS(changeJobFile(before.run, changes));
        }
        HILUM_TRY_STATUS(runner.resume(id));
    } else {
        HILUM_TRY(id, runner.start(request));
    }

    const bool terminal = ::isatty(2) != 0;
    RateLimit limit(std::chrono::milliseconds(terminal ? 200 : 5000));
    const Work console = commands::consoleWork();
    bool asked = false;
    QEventLoop loop;
    const auto ended = [&]() -> std::optional<services::JobStatus> {
        const auto status = runner.job(id);
        using enum services::JobState;
        if (status && status->state != Queued && status->state != Running && status->state != Cancelling)
            return status;
        return std::nullopt;
    };
    const auto show = [&] {
        const auto s = runner.job(id);
        if (!s || !limit.due())
            return;
        const std::string text = services::progressText(*s);
        std::fputs((terminal ? "\r\x1b[K" + text : text + "\n").c_str(), stderr);
    };
    QObject::connect(&runner, &services::JobRunner::jobChanged, &loop, [&] {
        show();
        if (ended())
            loop.quit();
    });
    QObject::connect(&runner, &services::JobRunner::eventArrived, &loop, [&](const QString&, const Json& event) {
        if (event.value("kind", "") == "warning")
            std::fputs(hilum::format("hilum: {}\n", event.value("text", "")).c_str(), stderr);
    });
    QTimer timer;
    QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
        if (console.cancelled() && !asked) {
            asked = true;
            std::fputs("\nhilum: stopping; the worker writes a checkpoint\n", stderr);
            if (const auto cancelled = runner.cancel(id); !cancelled)
                std::fputs(("hilum: " + cancelled.error().sentence() + "\n").c_str(), stderr);
        }
        if (ended())
            loop.quit();
    });
    timer.start(100);
    loop.exec();
    if (terminal)
        std::fputs("\r\x1b[K", stderr);
    const services::JobStatus status = *ended();
    if (status.state == services::JobState::Done || status.state == services::JobState::Cancelled)
        return status;
    // the worker's own error, with its number, is the last event; a lost worker has none
    if (const auto events = runner.events(id); events && !events->empty() && events->back().value("kind", "") == "error")
        return std::unexpected(protocol::errorFrom(events->back()));
    return fail(status.lostBecause, "{}", status.message);
}

double numberOr(const Json& evaluation, const char* key, double otherwise)
{
    const auto it = evaluation.find(key);
    return it != evaluation.end() && it->is_number() ? it->get<double>() : otherwise;
}

Result<std::string> evaluationText(const path& file)
{
    HILUM_TRY(const std::string content, readTextFile(file));
    HILUM_TRY(const Json e, parseJson(content));
    std::string text = hilum::format("held out {} patients, trained on {}\n", e.value("held_out_patients", 0), e.value("train_patients", 0));
    if (const std::string who = e.value("held_out", ""); !who.empty())
        text += hilum::format("  evaluated: {}\n", who);
    const auto line = [&](const char* key, const char* words) {
        if (const auto it = e.find(key); it != e.end() && it->is_number())
            text += hilum::format("  {:<46} {:.4f}\n", words, it->get<double>());
    };
    line("held_out_loss", e.contains("mean_picture_loss") ? "loss on hidden patches of held-out patients" : "loss on held-out patients");
    line("untrained_loss", "the same network untrained");
    line("mean_picture_loss", "guessing the training images' mean picture");
    line("visible_mean_loss", "guessing the visible patches' mean");
    line("swapped_loss", "with visible patches of another patient");
    constexpr std::array<std::string_view, 4> Told{"held_out_loss", "mean_picture_loss", "visible_mean_loss", "swapped_loss"};
    // the method's own numbers, each beside that of the untrained network
    for (const auto& [key, interval] : e.value("intervals", Json::object()).items()) {
        const std::string before = "untrained_" + key;
        if (std::ranges::find(Told, key) == Told.end() && !key.starts_with("untrained_") && e.contains(key) && e[key].is_number())
            text += hilum::format("  {:<46} {:.4f}{}\n", key, e[key].get<double>(), e.contains(before) && e[before].is_number() ? hilum::format(" (untrained {:.4f})", e[before].get<double>()) : "");
    }
    const double own = numberOr(e, "held_out_loss", 0), visible = numberOr(e, "visible_mean_loss", 0), guess = std::min(numberOr(e, "mean_picture_loss", visible), visible);
    const double swapped = numberOr(e, "swapped_loss", 0);
    if (own > 0 && guess > 0 && swapped > 0)
        text += hilum::format("  {:.2f} x the best constant guess; {:.2f} x worse with another patient's patches\n", own / guess, swapped / own);
    return text;
}

} // namespace hilum::app
