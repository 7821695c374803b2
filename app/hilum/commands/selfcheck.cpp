#include "app/hilum/commands/command.h"
#include "core/base/numbers.h"
#include "core/services/worker_program.h"

#include <cstdlib>
#include <unistd.h>

namespace hilum::commands {

namespace {

Json line(std::string what, std::string state, std::string value, std::string todo = "")
{
    return {{"what", std::move(what)}, {"state", std::move(state)}, {"value", std::move(value)}, {"todo", std::move(todo)}};
}

void checkFolder(Json& lines, const char* what, const Result<path>& folder)
{
    if (!folder) {
        lines.push_back(line(what, "broken", folder.error().sentence(), "Set HOME or HILUM_HOME to a folder that can be written."));
        return;
    }
    const bool writable = ::access(folder->c_str(), W_OK) == 0;
    const auto space = freeSpace(*folder);
    const std::string value = std::format("{}, {} free", folder->string(), space ? byteSize(*space) : "unknown");
    if (!writable)
        lines.push_back(line(what, "broken", value, "Make it writable."));
    else if (space && *space < 5'000'000'000u)
        lines.push_back(line(what, "slow", value, "Free some space: a training run keeps several checkpoints."));
    else
        lines.push_back(line(what, "ok", value));
}

} // namespace

Run declareSelfcheck(CLI::App& verb)
{
    verb.description("measures this computer: devices, precision, speed, display, folders, disk");
    auto json = std::make_shared<bool>(false);
    verb.add_flag("--json", *json, "one JSON document");
    return [json]() -> Status {
        Json document = {{"schema", "hilum.selfcheck/1"}, {"lines", Json::array()}};
        Json& lines = document["lines"];
        const auto worker = services::workerOutput({"selfcheck", "--json"});
        if (worker) {
            if (const auto parsed = parseJson(*worker)) {
                for (const Json& l : parsed->value("lines", Json::array()))
                    lines.push_back(l);
                document["worker"] = *parsed;
                document["worker"].erase("lines");
            } else {
                lines.push_back(line("worker", "broken", parsed.error().sentence(), "Install hilum and hilum-worker of the same version."));
            }
        } else {
            lines.push_back(line("worker", "broken", worker.error().sentence(), std::string(advice(worker.error().code))));
        }
        const char* display = std::getenv("DISPLAY");
        const char* wayland = std::getenv("WAYLAND_DISPLAY");
        if ((display && *display) || (wayland && *wayland))
            lines.push_back(line("display", "ok", wayland && *wayland ? wayland : display));
        else
            lines.push_back(line("display", "slow", "none", "The window needs a display; `hilum tour` draws on a virtual one."));
        checkFolder(lines, "library and runs", dataFolder());
        checkFolder(lines, "cache", cacheFolder());
        checkFolder(lines, "settings", configFolder());

        bool broken = false;
        std::string text;
        for (const Json& l : lines) {
            broken = broken || l.value("state", "") == "broken";
            text += std::format("{:<7} {:<28} {}{}\n", l.value("state", ""), l.value("what", ""), l.value("value", ""), l.value("todo", "").empty() ? "" : "\n        -> " + l.value("todo", ""));
        }
        print(*json ? document.dump(2) : text);
        if (broken)
            return fail(ErrorCode::CheckFailed, "something on this computer is broken; the lines above say what to do");
        return {};
    };
}

} // namespace hilum::commands
