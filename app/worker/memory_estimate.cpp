#include "app/worker/memory_estimate.h"

#include "app/worker/own_process.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/learning/describe.h"
#include "core/learning/device.h"
#include "core/learning/model_file.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/job.h"
#include "core/learning/train/memory_need.h"
#include "core/learning/train/network_room.h"
#include "core/learning/train/start_weights.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace hilum::worker {

using namespace hilum::learning;

namespace {

constexpr std::int64_t LargestBatch = 4096; // of the option `batch`
constexpr double CheapSeconds = 20;         // what the other setting of activation_checkpointing may cost, about
constexpr const char* LongStep = "5";       // seconds: what a first step takes more is little of that; its memory is that of all, as the moments are there before it

/// What all steps of an estimate have in common.
struct Setting {
    std::string method;
    Json options; ///< complete
    std::string device, dtype, attention, threads;
    MemoryNeed need;
    MemoryRoom room;
    bool onCpu = true;
    std::function<void(std::int64_t batch, bool recompute)> before; ///< a step is measured
};

struct Step {
    std::int64_t batch = 0;
    double bytes = 0, forwardBytes = 0, viewBytes = 0, seconds = 0;
};

/// A step of `batch` images in a process of its own; nothing when memory did not suffice for it.
Result<std::optional<Step>> measure(const Setting& setting, std::int64_t batch)
{
    setting.before(batch, setting.options.value("activation_checkpointing", false));
    HILUM_TRY(const OwnEnd end, runOwnProcess({"bench", "--method", setting.method, "--options", jsonLine(setting.options), "--batch", std::to_string(batch), "--warmup", "1", "--steps", "1",
                                               "--enough", LongStep, "--no-products", "--device", setting.device, "--dtype", setting.dtype, "--attention", setting.attention, "--threads", setting.threads, "--json"}));
    if (end.signal == 0 && end.exitCode == 0) {
        HILUM_TRY(const Json bench, parseJson(end.output));
        return std::optional(Step{.batch = batch, .bytes = bench.at("memory_bytes").get<double>(), .forwardBytes = bench.at("forward_bytes").get<double>(), .viewBytes = bench.at("view_bytes").get<double>(), .seconds = bench.at("seconds_all").at(0).get<double>()});
    }
    Error error{.code = ErrorCode::WorkerLost, .message = hilum::format("a step of batch {} ended with {} {}", batch, end.signal != 0 ? "signal" : "exit code", end.signal != 0 ? end.signal : end.exitCode)};
    JsonLineReader reader;
    for (const auto& line : reader.feed(end.output + "\n"))
        if (line && line->value("kind", "") == protocol::Failed)
            error = protocol::errorFrom(*line);
    if (end.signal == SIGKILL || error.code == ErrorCode::OutOfMemory || error.code == ErrorCode::TooLarge)
        return std::optional<Step>();
    return std::unexpected(std::move(error));
}

/// Steps at two batches, the second as large as it takes to tell the images from all else. Fewer when memory does not suffice.
/// \param first the smallest batch; doubled where the method cannot work on one image
Result<std::vector<Step>> measureSteps(const Setting& setting, std::int64_t& first)
{
    std::vector<Step> steps;
    auto smallest = measure(setting, first);
    if (!smallest && first == 1 && smallest.error().code == ErrorCode::Internal)
        smallest = measure(setting, first = 2);
    if (!smallest)
        return std::unexpected(std::move(smallest).error());
    if (!*smallest)
        return steps;
    steps.push_back(**smallest);
    for (std::int64_t batch = 2 * first; batch <= 8 * first; batch *= 4) {
        HILUM_TRY(const std::optional<Step> next, measure(setting, batch));
        if (!next)
            break;
        steps.push_back(*next);
        if (next->bytes > 1.1 * steps.front().bytes || next->seconds > 2)
            break;
    }
    return steps;
}

struct Lines {
    BatchLine memory, seconds;
    std::int64_t largest = 0; ///< batch
};

Lines linesThrough(const std::vector<Step>& steps, const Setting& setting)
{
    Lines out;
    const Step &a = steps.front(), &b = steps.back();
    if (steps.size() > 1) {
        out.memory = BatchLine::through(a.batch, a.bytes, b.batch, b.bytes);
        // while all gradients weigh more than the activations of a few images, the peak says nothing of an image: what the forward pass holds does
        const BatchLine held = BatchLine::through(a.batch, a.forwardBytes, b.batch, b.forwardBytes);
        if (held.each > out.memory.each)
            out.memory = {.fixed = std::max(b.bytes - held.each * static_cast<double>(b.batch), static_cast<double>(setting.need.total())), .each = held.each};
        out.seconds = BatchLine::through(a.batch, a.seconds, b.batch, b.seconds);
    } else { // two did not fit: what is sure is all else
        out.memory = BatchLine::through(0, static_cast<double>(setting.need.total()), a.batch, a.bytes);
        out.seconds = BatchLine::through(0, 0, a.batch, a.seconds);
    }
    if (setting.options.value("accumulation", std::int64_t{1}) > 1) // gradients of the batches before stay while the next is computed
        out.memory.fixed += static_cast<double>(setting.need.gradients);
    if (setting.onCpu) // a step had one batch of views; the loader makes more ahead
        out.memory.each += static_cast<double>(setting.options.value("prefetch", std::int64_t{4})) * a.viewBytes / static_cast<double>(a.batch);
    out.largest = out.memory.largest(UsableShare * static_cast<double>(setting.room.bytes), steps.size() > 1 ? LargestBatch : a.batch);
    return out;
}

std::uint64_t wholeBytes(double value) { return static_cast<std::uint64_t>(std::max(0.0, value)); }

/// The keys that hold for one setting of activation_checkpointing.
Json settingJson(const Setting& setting, const std::vector<Step>& steps, const Lines& lines, std::int64_t batch)
{
    Json measured = Json::array();
    for (const Step& s : steps)
        measured.push_back({{"batch", s.batch}, {"memory_bytes", wholeBytes(s.bytes)}, {"seconds", s.seconds}});
    return {{"activation_checkpointing", setting.options.value("activation_checkpointing", false)}, {"memory_bytes", wholeBytes(lines.memory.value(batch))},
            {"fixed_bytes", wholeBytes(lines.memory.fixed)}, {"bytes_per_image", wholeBytes(lines.memory.each)}, {"largest_batch", lines.largest},
            {"seconds_per_step", lines.seconds.value(batch)}, {"fits", batch <= lines.largest}, {"measured", std::move(measured)}};
}

} // namespace

Result<Json> estimateMemory(const MethodRegistry& registry, const EstimateRequest& request)
{
    HILUM_TRY(const MethodEntry* const entry, registry.find(request.method));
    HILUM_TRY(const Json options, completeOptions(*entry, request.preset, request.options));
    HILUM_TRY(const ComputeChoice compute, chooseCompute(request.device, request.dtype));
    const std::int64_t threads = computeThreads(request.threads);
    std::int64_t told = 0;
    Setting setting{.method = request.method, .options = options, .device = compute.device.str(), .dtype = compute.dtype == at::kBFloat16 ? "bfloat16" : "float32",
                    .attention = std::string(name(compute.attention)), .threads = std::to_string(threads), .need = {}, .room = {}, .onCpu = compute.device.is_cpu(),
                    .before = [&](std::int64_t batch, bool recompute) {
                        request.progress(++told, 0, hilum::format("made-up images, batch {}{}, measurement", batch, recompute ? ", activations recomputed" : ""));
                    }};
    const auto steps = options.value("steps", std::int64_t{1}), accumulation = options.value("accumulation", std::int64_t{1});
    std::int64_t parameters = 0;
    std::uint64_t disk = 0;
    HILUM_TRY_STATUS(checkTrainingRoom(*entry, options));
    { // weights alone, given back before anything is measured
        const auto method = entry->make(options, Rng(0).fork("initialisation"));
        if (const std::string file = options.value("start_from", ""); !file.empty()) // a run's job.json has the whole path
            HILUM_TRY_STATUS(startFrom(*method, request.method, std::filesystem::absolute(file).lexically_normal()));
        setting.need = memoryNeed(method->trainable(), options);
        for (const at::Tensor& parameter : method->trainable().parameters())
            parameters += parameter.requires_grad() ? parameter.numel() : 0;
        const std::int64_t copies = (options.value("ema_decay", 0.0) > 0 ? 1 : 0) + (options.value("amsgrad", false) ? 1 : 0); // as Trainer::checkDisk
        disk = diskNeed(namedState(method->trainable()), copies, steps, {.last = 2, .keepEvery = options.value("keep_every", std::int64_t{0})});
    }
    HILUM_TRY(setting.room, availableMemory(compute.device));
    HILUM_TRY_STATUS(checkMemory(setting.need, setting.room, 0));

    const std::int64_t batch = request.batch > 0 ? request.batch : options.value("batch", std::int64_t{1});
    std::int64_t first = entry->info.input == "mixed" ? 2 : 1; // one of each kind
    HILUM_TRY(const std::vector<Step> measured, measureSteps(setting, first));
    Lines lines;
    if (!measured.empty())
        lines = linesThrough(measured, setting);

    // the other setting, where it may be what is needed or costs little
    Setting turned = setting;
    turned.options["activation_checkpointing"] = !options.value("activation_checkpointing", false);
    Lines otherLines;
    Json other;
    const bool hasOther = options.contains("activation_checkpointing");
    const bool cheap = !measured.empty() && 2 * (measured.front().seconds + measured.back().seconds) < CheapSeconds;
    if (hasOther && (cheap || (lines.largest < batch && turned.options["activation_checkpointing"] == true))) {
        HILUM_TRY(const std::vector<Step> again, measureSteps(turned, first));
        if (!again.empty()) {
            otherLines = linesThrough(again, turned);
            other = settingJson(turned, again, otherLines, batch);
        }
    }
    if (lines.largest < first) {
        const std::string takes = measured.empty() ? "more than there is" : byteSize(wholeBytes(lines.memory.value(first)));
        const std::string helps = otherLines.largest >= first && turned.options["activation_checkpointing"] == true
                                      ? hilum::format("activation_checkpointing = true makes room for a batch of {}", otherLines.largest)
                                      : std::string("a smaller preset, smaller images, less width or less depth needs less");
        return refuse(ErrorCode::TooLarge, "memory", "a step with a batch of {} takes {} ({} of it whatever the batch), and {} leaves {}, of which a training may fill nine tenths; {}", first, takes,
                      byteSize(setting.need.total()), setting.room.of, byteSize(setting.room.bytes), helps);
    }

    request.progress(told, told, "measurements");
    const bool known = setting.room.bytes != MemoryRoom::Unknown;
    Json out = settingJson(setting, measured, lines, batch);
    out.update({{"schema", "hilum.estimate/1"}, {"method", request.method}, {"preset", request.preset}, {"device", setting.device}, {"dtype", setting.dtype}, {"threads", threads},
                {"parameters", parameters}, {"batch", batch}, {"steps", steps}, {"accumulation", accumulation},
                {"sure_bytes", {{"weights", setting.need.weights}, {"gradients", setting.need.gradients}, {"moments", setting.need.moments}, {"average", setting.need.average},
                                {"total", setting.need.total()}}},
                {"available_bytes", known ? Json(setting.room.bytes) : Json()}, {"available_of", known ? Json(setting.room.of) : Json()},
                {"suggested_batch", std::min(batch, lines.largest)}, {"checkpoint_bytes", setting.need.checkpoint()}, {"disk_bytes", disk},
                {"run_seconds", lines.seconds.value(batch) * static_cast<double>(steps * accumulation)}, {"other", std::move(other)}});
    return out;
}

} // namespace hilum::worker
