#include "app/worker/commands/commands.h"
#include "core/learning/parity/parity.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

namespace hilum::worker {

namespace {

std::string table(const Json& result)
{
    std::string text = hilum::format("{} ({}): {}\n", result.at("kind").get<std::string>(), result.at("source").get<std::string>(),
        result.at("passed").get<bool>() ? "within tolerance" : "OUTSIDE tolerance");
    for (const Json& line : result.at("outputs")) {
        const auto number = [&](const char* key) {
            return line.contains(key) && line[key].is_number() ? hilum::format("{:.2e}", line[key].get<double>()) : std::string("-");
        };
        text += hilum::format("{:<4} {:<24} largest difference {:>9} absolute, {:>9} relative{}\n", line.at("passed").get<bool>() ? "ok" : "FAIL", line.at("name").get<std::string>(),
            number("max_abs"), number("max_rel"), line.contains("text") ? ": " + line["text"].get<std::string>() : "");
    }
    return text;
}

} // namespace

Command parityCommand()
{
    struct Arguments {
        std::string folder;
        bool json = false;
    };
    return {"parity", "Runs one folder of published weights, inputs and expected outputs and compares.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("DIR", a->folder, "Folder with case.json, case.safetensors and, for networks, checkpoint.pth; the last two may have other names")->required();
        app.add_flag("--json", a->json, "One JSON document on standard output");
        return [a]() -> Status {
            learning::ParityRegistry registry;
            learning::registerBuiltinParity(registry);
            HILUM_TRY(const Json result, learning::runParity(registry, a->folder));
            const std::string text = a->json ? result.dump(1) + "\n" : table(result);
            std::fputs(text.c_str(), stdout);
            std::size_t failed = 0;
            for (const Json& line : result.at("outputs"))
                failed += line.at("passed").get<bool>() ? 0 : 1;
            if (failed > 0)
                return fail(ErrorCode::CheckFailed, "{} of {} outputs of {} are outside the tolerance", failed, result.at("outputs").size(), a->folder);
            return {};
        };
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
