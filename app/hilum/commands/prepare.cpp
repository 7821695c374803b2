#include "app/hilum/commands/command.h"
#include "app/hilum/training.h"

namespace hilum::commands {

Run declarePrepare(CLI::App& verb)
{
    verb.description("images to the tensors that a method trains on, with digests");
    struct Arguments {
        std::vector<std::string> data, settings;
        std::string method, preset, out;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--data", a->data, "folders, files or one CSV with a filename column")->required();
    verb.add_option("--for", a->method, "method; `hilum methods` lists them")->required();
    verb.add_option("--preset", a->preset, "preset of the method");
    verb.add_option("--set", a->settings, "key=value of the method");
    verb.add_option("--out", a->out, "folder of the cache")->required();
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        HILUM_TRY(const app::MethodChoice method, app::chooseMethod(a->method, a->preset, a->settings));
        const std::vector<path> data(a->data.begin(), a->data.end());
        HILUM_TRY(const services::PreparedCache cache, app::cacheFor(data, method, a->out, consoleWork()));
        if (a->json)
            print(jsonDocument(Json{{"schema", "hilum.prepared/1"}, {"cases", cache.cases}, {"patients", cache.patients}, {"patients_known", cache.patientsKnown},
                                    {"digest", cache.digest}, {"folder", cache.folder.string()}, {"reused", cache.reused}, {"refused", cache.refused}, {"warnings", cache.warnings}}));
        else
            print(hilum::format("{}: {} images of {} patients, {} left out", cache.folder.string(), cache.cases, cache.patients, cache.refused.size()));
        return {};
    };
}

} // namespace hilum::commands
