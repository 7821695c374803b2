#include "app/hilum/dry_run.h"

#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "app/hilum/training.h"
#include "core/base/numbers.h"
#include "core/services/worker_program.h"

#include <algorithm>

namespace hilum::app {

namespace {

std::string bytes(const Json& document, const char* key) { return byteSize(document.at(key).get<std::uint64_t>()); }

std::string seconds(double value) { return value < 10 ? fixed(value, 2) + " s" : duration(value); }

/// Whether the batch fits, and which would.
std::string batchLine(const Json& e)
{
    const auto batch = e.at("batch").get<std::int64_t>(), largest = e.at("largest_batch").get<std::int64_t>(), suggested = e.at("suggested_batch").get<std::int64_t>();
    if (batch <= largest)
        return largest > batch ? hilum::format("{} fits; up to {} would", batch, grouped(largest)) : hilum::format("{} fits, no larger one", batch);
    const std::int64_t perUpdate = batch * e.at("accumulation").get<std::int64_t>();
    return hilum::format("{} does not fit: batch = {} with accumulation = {} does, for about as many images an update", batch, suggested, (perUpdate + suggested - 1) / suggested);
}

std::string text(const DryRun& job, const Json& e)
{
    std::string out = hilum::format("{} {} on {}, {}: nothing is prepared, nothing is written\n", job.method, job.preset, e.at("device").get<std::string>(), e.at("dtype").get<std::string>());
    const auto line = [&](const char* what, const std::string& says) { out += hilum::format("  {:<12}{}\n", what, says); };
    const Json& there = e.at("available_bytes");
    line("memory", hilum::format("{} at batch {}, of {}; {} of it whatever the batch", bytes(e, "memory_bytes"), e.at("batch").get<std::int64_t>(),
                                 there.is_null() ? std::string("an unknown amount") : hilum::format("{} that {} leaves", bytes(e, "available_bytes"), e.at("available_of").get<std::string>()),
                                 bytes(e, "fixed_bytes")));
    line("batch", batchLine(e));
    if (const Json& other = e.at("other"); !other.is_null())
        line("or", hilum::format("activation_checkpointing = {}: {}, a batch of up to {} fits, {} a step", other.at("activation_checkpointing").get<bool>(), bytes(other, "memory_bytes"),
                                 grouped(other.at("largest_batch").get<std::int64_t>()), seconds(other.at("seconds_per_step").get<double>())));
    line("checkpoint", hilum::format("{}; {} on the disk for the whole run", bytes(e, "checkpoint_bytes"), bytes(e, "disk_bytes")));
    line("time", hilum::format("{} a step, about {} for {} steps, evaluation not counted", seconds(e.at("seconds_per_step").get<double>()), duration(e.at("run_seconds").get<double>()),
                               grouped(e.at("steps").get<std::int64_t>())));
    return out;
}

} // namespace

Status dryRun(const DryRun& job)
{
    const Work work = commands::consoleWork();
    HILUM_TRY(const Json said, services::runWorker({"estimate", "--method", job.method, "--preset", job.preset, "--options", jsonLine(job.options), "--device", job.device.empty() ? "auto" : job.device,
                                                    "--dtype", job.dtype.empty() ? "auto" : job.dtype, "--threads", std::to_string(jobThreads(job.threads)), "--lines"},
                                                   toldProgress(work), [&] { return work.cancelled(); }));
    const auto estimate = said.find("estimate");
    if (estimate == said.end() || !estimate->is_object())
        return fail(ErrorCode::Protocol, "the worker's answer holds no estimate");
    commands::print(job.json ? jsonDocument(*estimate) : text(job, *estimate));
    return {};
}

} // namespace hilum::app
