#include "app/hilum/commands/command.h"
#include "core/base/options_json.h"
#include "core/services/worker_program.h"

namespace hilum::commands {

namespace {

std::string joined(const Json& words)
{
    std::string text;
    for (const Json& word : words)
        text += " " + word.get<std::string>();
    return text;
}

} // namespace

Run declareMethods(CLI::App& verb)
{
    verb.description("every pre-training method: options with ranges, presets, papers");
    auto json = std::make_shared<bool>(false);
    auto id = std::make_shared<std::string>();
    verb.add_flag("--json", *json, "one JSON document");
    verb.add_option("METHOD", *id, "only this one, with its options");
    return [=]() -> Status {
        HILUM_TRY(const Json described, services::describeMethods());
        if (!id->empty()) {
            HILUM_TRY(const Json entry, services::methodEntry(*id));
            if (*json) {
                print(jsonDocument(entry));
                return {};
            }
            std::string text = hilum::format("{}: {}\n{}\n", entry.value("id", ""), entry.value("title", ""), entry.value("summary", ""));
            for (const Json& paper : entry.value("papers", Json::array()))
                text += "  " + paper.get<std::string>() + "\n";
            for (const Json& preset : entry.value("presets", Json::array()))
                text += hilum::format("preset {}: {}\n", preset.value("id", ""), preset.value("summary", ""));
            text += "shows" + joined(entry.value("shows", Json::array())) + "\n";
            print(text + "\n" + schemaTable(entry.value("schema", Json::array())));
            return {};
        }
        if (*json) {
            print(jsonDocument(described));
            return {};
        }
        std::string text;
        for (const Json& entry : described.value("methods", Json::array())) {
            text += hilum::format("{:<14} {}: {}\n", entry.value("id", ""), entry.value("title", ""), entry.value("summary", ""));
            text += "               presets";
            for (const Json& preset : entry.value("presets", Json::array()))
                text += " " + preset.value("id", "");
            text += "\n               shows" + joined(entry.value("shows", Json::array())) + "\n";
        }
        print(text);
        return {};
    };
}

} // namespace hilum::commands
