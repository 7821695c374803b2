#include "app/hilum/commands/command.h"
#include "core/base/numbers.h"
#include "core/services/library_place.h"
#include "core/services/worker_program.h"

#include <QCoreApplication>
#include <QProcess>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace hilum::commands {

namespace {

/// One line of the table, in the form of the worker's (core/learning/selfcheck.h).
Json line(std::string name, std::string state, std::string text, std::string advice = "", Json numbers = Json::object())
{
    return {{"name", std::move(name)}, {"state", std::move(state)}, {"text", std::move(text)}, {"advice", std::move(advice)}, {"numbers", std::move(numbers)}};
}

bool isLine(const Json& l)
{
    const auto word = [&](const char* key) {
        const auto it = l.find(key);
        return it != l.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    const std::string state = word("state");
    return !word("name").empty() && !word("text").empty() && (state == "ok" || state == "slow" || state == "broken");
}

/// The worker's own table; one broken line where it has none.
void addWorker(Json& lines)
{
    const auto said = services::workerOutput({"selfcheck", "--json"});
    if (!said) {
        lines.push_back(line("worker", "broken", said.error().sentence(), std::string(advice(said.error().code))));
        return;
    }
    const auto table = parseJson(*said);
    const Json rows = table && table->is_object() ? table->value("lines", Json::array()) : Json::array();
    if (!rows.is_array() || rows.empty() || !std::all_of(rows.begin(), rows.end(), isLine)) {
        lines.push_back(line("worker", "broken", "its table cannot be read", "Install hilum and hilum-worker of the same version."));
        return;
    }
    for (const Json& row : rows)
        lines.push_back(row);
}

#ifdef HILUM_WITH_WINDOW
/// Asked of a process of its own (opengl_probe.h): a driver that crashes or hangs takes nothing with it.
Json openGlLine()
{
    constexpr int PatienceSeconds = 20;
    const std::string driver = "Install the driver of the graphics card, or Mesa's (libgl1-mesa-dri): the window cannot draw without.";
    QProcess probe;
    probe.start(QCoreApplication::applicationFilePath(), {QStringLiteral("--opengl")}, QIODevice::ReadOnly);
    if (!probe.waitForFinished(1000 * PatienceSeconds)) {
        probe.kill();
        probe.waitForFinished(1000);
        return line("OpenGL", "broken", hilum::format("no answer within {} s", PatienceSeconds), driver);
    }
    const auto told = parseJson(probe.readAllStandardOutput().toStdString());
    if (probe.exitStatus() != QProcess::NormalExit || probe.exitCode() != 0 || !told || !told->is_object()) {
        const std::string words = services::lastWords(probe.readAllStandardError().toStdString());
        return line("OpenGL", "broken", "the display gives no OpenGL context" + (words.empty() ? words : ": " + words), driver);
    }
    const std::string renderer = told->value("renderer", ""), version = told->value("version", "");
    for (const char* software : {"llvmpipe", "softpipe", "swrast", "SwiftShader"})
        if (renderer.find(software) != std::string::npos)
            return line("OpenGL", "slow", hilum::format("{}, version {}: the processor draws", renderer, version), "With a graphics card: install its driver.", *told);
    return line("OpenGL", "ok", hilum::format("{}, version {}", renderer, version), "", *told);
}
#endif

void addDisplay(Json& lines)
{
#ifdef HILUM_WITH_WINDOW
    const auto given = [](const char* variable) {
        const char* value = std::getenv(variable);
        return std::string(value ? value : "");
    };
    const std::string wayland = given("WAYLAND_DISPLAY"), display = wayland.empty() ? given("DISPLAY") : wayland;
    if (display.empty()) {
        lines.push_back(line("display", "ok", "no display: tour and tests run on a virtual one"));
        return;
    }
    lines.push_back(line("display", "ok", display));
    lines.push_back(openGlLine());
#else
    lines.push_back(line("display", "ok", "none is needed: this build has no window (HILUM_BUILD_GUI is off)"));
#endif
}

void addFolder(Json& lines, const char* name, const Result<path>& folder)
{
    if (!folder) {
        lines.push_back(line(name, "broken", folder.error().sentence(), "Set HOME or HILUM_HOME to a folder that can be written."));
        return;
    }
    const bool writable = ::access(folder->c_str(), W_OK) == 0;
    const auto space = freeSpace(*folder);
    const std::string text = hilum::format("{}, {} free", folder->string(), space ? byteSize(*space) : "unknown");
    if (!writable)
        lines.push_back(line(name, "broken", text, "Make it writable."));
    else if (space && *space < 5'000'000'000u)
        lines.push_back(line(name, "slow", text, "Free some space: a training run keeps several checkpoints."));
    else
        lines.push_back(line(name, "ok", text));
}

/// The one that the window and the commands open.
void addLibrary(Json& lines)
{
    const Result<path> folder = services::libraryFolder();
    if (!folder && folder.error().reason == "library_missing")
        lines.push_back(line("library", "broken", folder.error().sentence(), "Connect its disk, or choose another folder in the settings of the window."));
    else
        addFolder(lines, "library", folder);
}

} // namespace

Run declareSelfcheck(CLI::App& verb)
{
    verb.description("measures this computer: devices, precision, speed, display, folders, disk");
    auto json = std::make_shared<bool>(false);
    verb.add_flag("--json", *json, "one JSON document");
    return [json]() -> Status {
        Json lines = Json::array();
        addWorker(lines);
        addDisplay(lines);
        addLibrary(lines);
        addFolder(lines, "runs", dataFolder());
        addFolder(lines, "cache", cacheFolder());
        addFolder(lines, "settings", configFolder());

        bool broken = false;
        std::string text;
        for (const Json& l : lines) {
            const std::string state = l.value("state", ""), todo = l.value("advice", "");
            broken = broken || state == "broken";
            text += hilum::format("{:<7} {}: {}{}\n", state, l.value("name", ""), l.value("text", ""), todo.empty() ? "" : "\n        -> " + todo);
        }
        print(*json ? jsonDocument(Json{{"schema", "hilum.selfcheck/1"}, {"lines", lines}}) : text);
        if (broken)
            return fail(ErrorCode::CheckFailed, "something on this computer is broken; the lines above say what to do");
        return {};
    };
}

} // namespace hilum::commands
