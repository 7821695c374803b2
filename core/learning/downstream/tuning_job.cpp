#include "core/learning/downstream/tuning_job.h"

#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/base/provenance.h"
#include "core/learning/device.h"
#include "core/learning/downstream/kept_features.h"
#include "core/learning/downstream/probe_result.h"

#include <ATen/Parallel.h>

#include <unistd.h>

namespace hilum::learning {

namespace fs = std::filesystem;

namespace {

/// Time left of a count that grows, from how fast it grew since the first look.
class Pace {
public:
    double secondsLeft(std::int64_t done, std::int64_t total)
    {
        const auto now = std::chrono::steady_clock::now();
        if (m_from < 0)
            m_from = done, m_began = now;
        if (done <= m_from)
            return -1;
        return std::chrono::duration<double>(now - m_began).count() / static_cast<double>(done - m_from) * static_cast<double>(total - done);
    }

private:
    std::int64_t m_from = -1;
    std::chrono::steady_clock::time_point m_began;
};

/// What a run tells while it works.
class Teller {
public:
    Teller(EventStream& events, RunMonitor& monitor, const path& run, bool full) : m_events(events), m_monitor(monitor), m_run(run), m_full(full) {}

    void listenTo(ProbeRequest& request)
    {
        request.cancelled = [this] { return m_monitor.cancelRequested(); };
        request.progress = [this](std::string_view phase, std::int64_t done, std::int64_t total) {
            const double left = m_pace.secondsLeft(done, total);
            if (!m_full && left > 0)
                m_rate = static_cast<double>(total - done) / left;
            m_monitor.update(done, total, m_epoch, left, m_rate);
            if (phase != m_phase) {
                m_monitor.enter(m_phase = std::string(phase));
                m_lastStep = std::chrono::steady_clock::now(); // what lay between is not the first step's time
            }
            m_done = done, m_total = total;
        };
        request.stepped = [this](const TuningMetric& m) {
            const auto now = std::chrono::steady_clock::now();
            const double rate = static_cast<double>(m.images) / std::max(std::chrono::duration<double>(now - m_lastStep).count(), 1e-9);
            m_rate = m_rate == 0 ? rate : 0.9 * m_rate + 0.1 * rate;
            m_lastStep = now;
            m_epoch = m.epoch;
            m_done = m.step;
            m_events.emit(protocol::Metric, {{"step", m.step}, {"weights", m.untrained ? "untrained" : "pre-trained"}, {"own_step", m.ownStep}, {"epoch", m.epoch}, {"loss", m.loss},
                                             {"lr", m.learningRate}, {"weight_decay", m_weightDecay}, {"grad_norm", m.gradientNorm}, {"images_per_s", m_rate},
                                             {"memory_bytes", memoryReport(m_placement.device).peakBytes()}, {"device", m_placement.deviceName()}, {"dtype", m_placement.dtypeName()}});
        };
        request.kept = [this](std::int64_t step, const Written& written) {
            m_checkpoint = fs::relative(written.folder, m_run).generic_string();
            m_events.emit(protocol::Checkpoint, {{"step", step}, {"folder", m_checkpoint}, {"bytes", written.bytes}, {"reason", m_monitor.cancelRequested() ? "cancel" : "periodic"}});
        };
        m_weightDecay = request.tuning.weightDecay;
    }
    void place(const Placement& placement) { m_placement = placement; }
    std::int64_t done() const { return m_done; }
    std::int64_t total() const { return m_total; }
    const std::string& checkpoint() const { return m_checkpoint; }

private:
    EventStream& m_events;
    RunMonitor& m_monitor;
    path m_run;
    bool m_full;
    Placement m_placement;
    Pace m_pace;
    std::string m_phase, m_checkpoint;
    std::int64_t m_done = 0, m_total = 0;
    double m_rate = 0, m_epoch = 0, m_weightDecay = 0;
    std::chrono::steady_clock::time_point m_lastStep = std::chrono::steady_clock::now();
};

/// A text of the job, which readTuningJob checked; empty where it is absent or null.
std::string textOf(const Json& job, const char* key)
{
    const Json value = job.value(key, Json());
    return value.is_string() ? value.get<std::string>() : "";
}

/// What a stopped run chose by measurement.
struct Chosen {
    std::string dtype = "auto", attention = "auto";
};

/// What a stopped run computed with; "auto" where it had finished nothing.
Chosen chosenBefore(const path& run)
{
    const auto from = [](const Json& record) { return Chosen{record.value("dtype", "auto"), record.value("attention", "auto")}; };
    if (const auto latest = latestCheckpoint(run))
        if (const auto text = readTextFile(*latest / "state.json"))
            if (const auto state = parseJson(*text); state && state->is_object())
                return from(state->value("placement", Json::object()));
    Json asked;
    if (const auto kept = readProbeResult(keptResultFile(run), asked))
        return from(kept->how);
    if (const auto features = readFeatures(keptFeaturesFile(run, "trained"), asked); features && asked.is_object()) // of the first network: of the second there is a result before
        return from(asked);
    return {};
}

} // namespace

Result<ProbeRequest> readTuningJob(const path& run, const path& cache)
{
    HILUM_TRY(const Json json, readJobFile(run));
    ProbeRequest out{.model = {}, .cache = cache, .labels = run / "labels.json", .out = run};
    std::vector<std::string> faults;
    const auto take = [&](const char* key, auto fits, auto&& use, const char* what) {
        const auto it = json.find(key);
        if (it == json.end() || it->is_null())
            return;
        if (fits(*it))
            use(*it);
        else
            faults.push_back(hilum::format("{} = {} is no {}", key, jsonLine(*it), what));
    };
    const auto isText = [](const Json& v) { return v.is_string(); };
    const auto isFlag = [](const Json& v) { return v.is_boolean(); };
    const auto isShare = [](const Json& v) { return v.is_number() && v.get<double>() > 0 && v.get<double>() <= 1; };
    const auto isCount = [](const Json& v) { return v.is_number_unsigned() || (v.is_number_integer() && v.get<std::int64_t>() >= 0); };
    std::string command, model, mode = "linear";
    for (const char* key : {"id", "method"}) // for the record
        take(key, isText, [](const Json&) {}, "text");
    take("command", isText, [&](const Json& v) { command = v; }, "text");
    take("model", isText, [&](const Json& v) { model = v; }, "text");
    take("mode", isText, [&](const Json& v) { mode = v; }, "text");
    take("device", isText, [&](const Json& v) { out.device = v; }, "text");
    take("fraction", isShare, [&](const Json& v) { out.fraction = v; }, "share above 0 and at most 1");
    take("seed", isCount, [&](const Json& v) { out.seed = v; }, "whole number from 0");
    take("compare_untrained", isFlag, [&](const Json& v) { out.compareUntrained = v; }, "true or false");
    take("threads", [&](const Json& v) { return isCount(v) && v.get<std::uint64_t>() <= 1024; }, [&](const Json& v) { out.threads = v; }, "number in [0, 1024]");
    if (command != "finetune")
        faults.push_back("command = \"" + command + "\" is not finetune");
    if (model.empty())
        faults.emplace_back("model is missing: the run folder or model file whose encoder is used");
    if (mode != "linear" && mode != "full")
        faults.push_back("mode = \"" + mode + "\" is none of linear, full");
    out.model = model;
    out.mode = mode == "full" ? ClassifyMode::Full : ClassifyMode::Linear;
    const Json options = json.value("options", Json::object());
    if (out.mode == ClassifyMode::Full) {
        if (const Status read = fromJson(options, out.tuning); !read)
            read.error().details.empty() ? faults.push_back(read.error().message) : void(faults.insert(faults.end(), read.error().details.begin(), read.error().details.end()));
    } else if (mode == "linear" && !options.empty()) {
        faults.emplace_back("options are for mode full: a linear probe has nothing to set");
    }
    if (!faults.empty()) {
        Error error{.code = ErrorCode::Options, .message = hilum::format("{} has {} fault{}", (run / "job.json").string(), faults.size(), faults.size() == 1 ? "" : "s")};
        error.details = std::move(faults);
        return std::unexpected(std::move(error));
    }
    return out;
}

Result<Json> runTuning(const MethodRegistry& registry, const RunRequest& asked)
{
    const path& run = asked.run;
    std::error_code ignored;
    if (!fs::is_directory(run, ignored))
        return fail(ErrorCode::NotFound, "{} is no run folder", run.string());
    HILUM_TRY(ProbeRequest request, readTuningJob(run, asked.cache));
    HILUM_TRY(const RunLock lock, RunLock::take(run));
    removeLeftovers(run);
    if (fs::exists(run / "evaluation.json", ignored))
        return fail(ErrorCode::Usage, "{} is finished: its evaluation.json is there", run.string());
    request.resume = asked.begin == RunRequest::Begin::Resume;
    HILUM_TRY(const Json job, readJobFile(run));
    const std::int64_t threads = computeThreads(request.threads);
    request.threads = threads;
    at::set_num_threads(static_cast<int>(threads));
    const bool full = request.mode == ClassifyMode::Full;
    // precision and path of attention are chosen by measurement: what a stopped run began with goes on, and one choice is for both networks
    const Chosen chosen = request.resume ? chosenBefore(run) : Chosen{};
    HILUM_TRY(const Placement placement, choosePlacement(request.device, full ? chosen.dtype : "float32", chosen.attention));
    request.device = placement.deviceName(), request.dtype = placement.dtypeName(), request.attention = placement.attention;
    HILUM_TRY_STATUS(writeWorkerFile(run));
    HILUM_TRY(const auto events, EventStream::open(run, asked.echo));
    Json hello = deviceRecord(placement, threads);
    hello.update({{"protocol", protocol::Version}, {"pid", ::getpid()}, {"version", programVersion(asked.program)}, {"job", textOf(job, "id")}, {"method", textOf(job, "method")},
                  {"task", "classify"}, {"mode", full ? "full" : "linear"}, {"resumed", request.resume}});
    events->emit(protocol::Hello, std::move(hello));
    RunMonitor monitor(*events, asked.listen);
    monitor.enter("loading");
    Teller teller(*events, monitor, run, full);
    teller.place(placement);
    teller.listenTo(request);

    const auto evaluation = runProbe(registry, request);
    if (!evaluation && evaluation.error().code == ErrorCode::Cancelled) {
        Json result = {{"step", teller.done()}, {"cancelled", true}, {"evaluation", Json()}};
        if (!teller.checkpoint().empty())
            result["model"] = teller.checkpoint() + "/model.safetensors";
        monitor.finish(result);
        HILUM_TRY_STATUS(events->lastWrite());
        return result;
    }
    if (!evaluation)
        return std::unexpected(evaluation.error());
    Json result = {{"step", teller.total()}, {"cancelled", false}, {"evaluation", *evaluation}, {"file", "evaluation.json"}};
    if (full)
        result["model"] = "model.safetensors";
    monitor.finish(result);
    HILUM_TRY_STATUS(events->lastWrite());
    return result;
}

} // namespace hilum::learning
