#include "core/services/worker_program.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"

#include <QElapsedTimer>
#include <QProcess>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sys/prctl.h>
#include <unistd.h>

namespace hilum::services {

namespace {

constexpr std::size_t KeptErrorBytes = 16384; // of standard error
constexpr std::int64_t KillAfterMs = 30000;    // after a polite request to stop

struct Ended {
    ProcessEnd end;
    bool cancelled = false;
};

/// Starts the worker, hands its standard output to `output` as it comes and waits for its end.
Result<Ended> runProcess(const std::vector<std::string>& arguments, const std::function<void(std::string_view)>& output, const std::function<bool()>& cancelled)
{
    HILUM_TRY(const path program, workerProgram());
    QProcess process;
    process.setProgram(QString::fromStdString(program.string()));
    QStringList list;
    for (const std::string& argument : arguments)
        list << QString::fromStdString(argument);
    process.setArguments(list);
    // it serves this call alone: it ends when this program does
    process.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGTERM); });
    const std::int64_t killsBefore = outOfMemoryKills();
    process.start(QIODevice::ReadOnly);
    if (!process.waitForStarted())
        return fail(ErrorCode::NotFound, "cannot start {}: {}", program.string(), process.errorString().toStdString());
    Ended ended;
    std::string errors;
    QElapsedTimer sinceStop;
    const auto drain = [&] {
        if (const QByteArray bytes = process.readAllStandardOutput(); !bytes.isEmpty())
            output(std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())));
        const QByteArray bytes = process.readAllStandardError();
        errors.append(bytes.constData(), static_cast<std::size_t>(bytes.size()));
        if (errors.size() > 2 * KeptErrorBytes)
            errors.erase(0, errors.size() - KeptErrorBytes);
    };
    while (!process.waitForFinished(50)) {
        if (process.state() == QProcess::NotRunning)
            break;
        drain();
        if (!ended.cancelled && cancelled && cancelled()) {
            ended.cancelled = true;
            sinceStop.start();
            process.terminate();
        }
        if (ended.cancelled && sinceStop.elapsed() > KillAfterMs)
            process.kill();
    }
    drain();
    ended.end.signalled = process.exitStatus() == QProcess::CrashExit;
    ended.end.number = process.exitCode();
    ended.end.outOfMemory = ended.end.signalled && ended.end.number == SIGKILL && killsBefore >= 0 && outOfMemoryKills() > killsBefore;
    ended.end.lastWords = lastWords(errors);
    return ended;
}

/// The description of the worker file that was asked last.
struct Described {
    std::mutex mutex;
    path program;                               // guarded by mutex
    std::filesystem::file_time_type changed;    // guarded by mutex
    Json methods;                               // guarded by mutex
};

Described& described()
{
    static Described* d = new Described; // outlives every thread that may still ask
    return *d;
}

Status checkDescription(const Json& methods, const path& program)
{
    if (!methods.is_object() || methods.value("schema", "") != protocol::DescribeSchema || !methods.contains("methods") || !methods["methods"].is_array())
        return fail(ErrorCode::Protocol, "{} describes itself in a way that this program does not know ({} is expected)", program.string(),
                    protocol::DescribeSchema);
    return {};
}

} // namespace

Result<path> workerProgram()
{
    std::error_code error;
    if (const char* given = std::getenv("HILUM_WORKER"); given && *given) {
        if (!std::filesystem::is_regular_file(given, error))
            return fail(ErrorCode::NotFound, "HILUM_WORKER names {}, which is not there", given);
        return std::filesystem::absolute(given);
    }
    const path self = std::filesystem::read_symlink("/proc/self/exe", error);
    const path beside = self.parent_path() / "hilum-worker";
    const path libexec = self.parent_path() / ".." / "libexec" / "hilum" / "hilum-worker";
    for (const path& candidate : {beside, libexec})
        if (std::filesystem::is_regular_file(candidate, error))
            return candidate.lexically_normal();
    return fail(ErrorCode::NotFound, "hilum-worker was found neither as {} nor as {}; HILUM_WORKER can name it", beside.string(),
                libexec.lexically_normal().string());
}

std::string lastWords(std::string_view standardError)
{
    constexpr std::size_t Lines = 3;
    std::vector<std::string> lines;
    std::size_t at = 0;
    while (at < standardError.size()) {
        const std::size_t end = std::min(standardError.find('\n', at), standardError.size());
        std::string line(standardError.substr(at, end - at));
        at = end + 1;
        if (const Json json = Json::parse(line, nullptr, false); json.is_object() && json.contains("text") && json["text"].is_string())
            line = json["text"].get<std::string>();
        if (line.find_first_not_of(" \t\r") != std::string::npos)
            lines.push_back(line.substr(0, 300));
    }
    if (lines.size() > Lines)
        lines.erase(lines.begin(), lines.end() - Lines);
    std::string out;
    for (const std::string& line : lines)
        out += (out.empty() ? "" : " / ") + line;
    return out;
}

std::int64_t outOfMemoryKills()
{
    std::ifstream vmstat("/proc/vmstat");
    std::string key;
    std::int64_t value = 0;
    while (vmstat >> key >> value)
        if (key == "oom_kill")
            return value;
    return -1;
}

Error lostWorker(const ProcessEnd& end)
{
    Error error{.code = ErrorCode::WorkerLost, .reason = "lost"};
    if (end.outOfMemory) {
        error.code = ErrorCode::OutOfMemory;
        error.reason = "out_of_memory";
        error.message = "the system ran out of memory and killed the worker";
    } else if (!end.known) {
        error.message = "the worker ended without a last word";
    } else if (!end.signalled && end.number == static_cast<int>(ErrorCode::NoSpace)) {
        error.code = ErrorCode::NoSpace; // its last word would have been written there too
        error.reason = "no_space";
        error.message = "the disk of the run folder is full, and the worker could not write on";
    } else if (end.signalled && end.number == SIGKILL) {
        error.message = "the worker was killed (signal 9): by a person, or by the system when memory ran out";
    } else if (end.signalled) {
        error.message = hilum::format("the worker crashed (signal {}, {})", end.number, ::strsignal(end.number));
    } else {
        error.message = hilum::format("the worker ended with exit code {} and without a last word", end.number);
    }
    if (!end.lastWords.empty())
        error.message += "; its log ends with: " + end.lastWords;
    return error;
}

Result<std::string> workerOutput(const std::vector<std::string>& arguments, const std::function<bool()>& cancelled)
{
    std::string text;
    HILUM_TRY(const Ended ended, runProcess(arguments, [&](std::string_view bytes) { text += bytes; }, cancelled));
    if (ended.cancelled)
        return fail(ErrorCode::Cancelled, "stopped on request");
    if (ended.end.signalled || ended.end.number != 0) {
        JsonLineReader reader;
        for (const auto& line : reader.feed(text + "\n"))
            if (line && line->value("kind", Json()) == protocol::Failed)
                return std::unexpected(protocol::errorFrom(*line));
        const bool checked = !ended.end.signalled && ended.end.number == static_cast<int>(ErrorCode::CheckFailed);
        if (!checked || !parseJson(text))
            return std::unexpected(lostWorker(ended.end));
    }
    return text;
}

Result<Json> describeMethods()
{
    HILUM_TRY(const path program, workerProgram());
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(program, error);
    Described& known = described();
    const std::lock_guard lock(known.mutex);
    if (!known.methods.is_null() && known.program == program && known.changed == changed)
        return known.methods;
    HILUM_TRY(const std::string digest, sha256File(program));
    HILUM_TRY(const path caches, cacheFolder());
    const path file = caches / "describe" / (digest + ".json");
    const auto remember = [&](const Json& methods) {
        known.program = program;
        known.changed = changed;
        known.methods = methods;
        return methods;
    };
    if (const auto text = readTextFile(file))
        if (const auto methods = parseJson(*text); methods && checkDescription(*methods, program))
            return remember(*methods);
    HILUM_TRY(const std::string text, workerOutput({"describe", "--json"}));
    auto methods = parseJson(text);
    if (!methods)
        return std::unexpected(withContext(Error{.code = ErrorCode::Protocol, .message = methods.error().sentence()}, "asking the worker for its methods"));
    HILUM_TRY_STATUS(checkDescription(*methods, program));
    HILUM_TRY_STATUS(makeFolder(file.parent_path()));
    HILUM_TRY_STATUS(writeFileAtomically(file, jsonLine(*methods)));
    return remember(*methods);
}

Result<Json> methodEntry(const std::string& id)
{
    HILUM_TRY(const Json all, describeMethods());
    std::string known;
    for (const Json& method : all["methods"]) {
        const std::string name = method.value("id", "");
        if (name == id)
            return method;
        known += (known.empty() ? "" : ", ") + name;
    }
    return fail(ErrorCode::NotFound, "no method is called \"{}\"; there are: {}", id, known.empty() ? "none" : known);
}

Result<Json> methodOptions(const Json& methodEntry, const std::string& preset, const std::vector<std::string>& settings)
{
    const Json schema = methodEntry.value("schema", Json::array());
    Json options = Json::object();
    for (const Json& field : schema)
        if (field.contains("key") && field.contains("default"))
            options[field["key"].get<std::string>()] = field["default"];
    std::vector<std::string> faults;
    if (const Json presets = methodEntry.value("presets", Json::array()); !presets.empty() || !preset.empty()) {
        std::string known;
        bool found = false;
        for (const Json& entry : presets) {
            const std::string id = entry.value("id", "");
            known += (known.empty() ? "" : ", ") + id;
            // the first preset is the default one
            if (found || (!preset.empty() && id != preset))
                continue;
            found = true;
            if (const auto it = entry.find("options"); it != entry.end())
                options.update(*it);
        }
        if (!found)
            faults.push_back(hilum::format("method {} has no preset \"{}\"; there are: {}", methodEntry.value("id", ""), preset, known));
    }
    for (const std::string& setting : settings) // one by one: a fault in one must not hide those of the others
        if (const auto given = settingsToJson(std::span(&setting, 1), schema))
            options.update(*given);
        else
            faults.insert(faults.end(), given.error().details.begin(), given.error().details.end());
    if (const auto checked = checkAgainstSchema(options, schema); !checked)
        for (const std::string& fault : checked.error().details)
            if (std::find(faults.begin(), faults.end(), fault) == faults.end())
                faults.push_back(fault);
    if (!faults.empty())
        return detail::faultsError(std::move(faults));
    return options;
}

Status checkDevice(const std::string& word, const std::function<bool()>& cancelled)
{
    if (word.empty() || word == "auto" || word == "cpu")
        return {};
    HILUM_TRY_STATUS(workerOutput({"describe", "--device=" + word}, cancelled));
    return {};
}

Status checkJob(const std::string& method, const Json& options, const std::string& device, const std::function<bool()>& cancelled)
{
    HILUM_TRY_STATUS(checkDevice(device, cancelled));
    if (const auto start = options.find("start_from"); start == options.end() || !start->is_string() || start->get_ref<const std::string&>().empty())
        return {};
    HILUM_TRY_STATUS(workerOutput({"describe", "--method", method, "--options", jsonLine(options), "--start"}, cancelled));
    return {};
}

Result<Json> tuningOptions(const std::vector<std::string>& settings)
{
    HILUM_TRY(const Json described, describeMethods());
    const auto tuning = described.find("fine_tuning");
    if (tuning == described.end())
        return fail(ErrorCode::Protocol, "the worker names no settings of fine-tuning");
    return methodOptions(*tuning, "", settings);
}

namespace {

/// What complete options make of a method: told of a preset that has just these, else asked of the worker.
Result<Json> madeOf(const std::string& id, const Json& options)
{
    HILUM_TRY(const Json entry, methodEntry(id));
    for (const Json& preset : entry.value("presets", Json::array()))
        if (preset.contains("pipeline") && preset.contains("complete_options") && preset["complete_options"] == options)
            return preset;
    HILUM_TRY(const std::string text, workerOutput({"describe", "--method", id, "--options", jsonLine(options)}));
    auto described = parseJson(text);
    if (!described || !described->is_object() || !described->contains("pipeline"))
        return fail(ErrorCode::Protocol, "the worker does not say how method {} prepares its images", id);
    return described;
}

} // namespace

Result<Json> methodPipeline(const std::string& id, const Json& options)
{
    HILUM_TRY(const Json made, madeOf(id, options));
    return made.at("pipeline");
}

Result<Json> methodTokenGrid(const std::string& id, const Json& options)
{
    HILUM_TRY(const Json made, madeOf(id, options));
    const auto grid = made.find("token_grid");
    if (grid == made.end() || !grid->is_array())
        return fail(ErrorCode::Protocol, "the worker does not say the token grid of method {}", id);
    return *grid;
}

Result<Json> runWorker(const std::vector<std::string>& arguments, const std::function<void(const Json&)>& line, const std::function<bool()>& cancelled)
{
    JsonLineReader reader;
    std::optional<Json> result;
    std::optional<Error> failure;
    std::int64_t garbage = 0;
    const auto read = [&](std::string_view bytes) {
        for (const auto& message : reader.feed(bytes)) {
            const auto kind = message ? protocol::kindOf(*message) : Result<std::string>(std::unexpected(message.error()));
            if (!kind) {
                ++garbage;
                if (message && message->value("kind", Json()) == protocol::Hello)
                    failure = kind.error();
                continue;
            }
            if (*kind == protocol::Done)
                result = *message;
            else if (*kind == protocol::Failed)
                failure = protocol::errorFrom(*message);
            if (line)
                line(*message);
        }
    };
    HILUM_TRY(const Ended ended, runProcess(arguments, read, cancelled));
    if (reader.hasPartialLine())
        read("\n");
    if (failure)
        return std::unexpected(*failure);
    if (result && !ended.end.signalled && ended.end.number == 0)
        return *result;
    if (ended.cancelled)
        return fail(ErrorCode::Cancelled, "stopped on request");
    if (!ended.end.signalled && ended.end.number == 0)
        return fail(ErrorCode::Protocol, "the worker ended without a result ({} lines of its output could not be understood)", garbage);
    return std::unexpected(lostWorker(ended.end));
}

} // namespace hilum::services
