#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "app/hilum/training.h"
#include "core/services/worker_program.h"

namespace hilum::commands {

Run declareEvaluate(CLI::App& verb)
{
    verb.description("held-out loss of a model beside honest guesses, with intervals over patients");
    struct Arguments {
        std::string model, out;
        std::vector<std::string> data;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--model", a->model, "run folder or model file")->required();
    verb.add_option("--data", a->data, "a prepared cache, or folders or files of images")->required();
    verb.add_option("--out", a->out, "folder for evaluation.json")->required();
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        HILUM_TRY(const Json metadata, app::modelMetadata(a->model));
        const app::MethodChoice method{.id = metadata.value("method", ""), .preset = metadata.value("preset", ""), .title = "", .options = metadata.value("options", Json::object()),
                                       .pipeline = metadata.value("pipeline", Json::object())};
        HILUM_TRY(const services::PreparedCache cache, app::cacheFor({a->data.begin(), a->data.end()}, method, {}, work));
        HILUM_TRY_STATUS(makeFolder(a->out));
        HILUM_TRY(const Json result, services::runWorker({"evaluate", "--model", a->model, "--cache", cache.folder.string(), "--out", a->out}, {},
                                                         [&] { return work.cancelled(); }));
        const path file = path(a->out) / "evaluation.json";
        if (a->json) {
            HILUM_TRY(const std::string text, readTextFile(file));
            print(text);
        } else {
            HILUM_TRY(const std::string text, app::evaluationText(file));
            print(text);
        }
        return {};
    };
}

} // namespace hilum::commands
