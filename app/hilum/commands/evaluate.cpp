#include "app/hilum/classification.h"
#include "app/hilum/commands/command.h"
#include "app/hilum/training.h"
#include "core/services/classification_result.h"
#include "core/services/run_folder.h"
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
    verb.add_option("--model", a->model, "run folder or model file; a folder that `hilum finetune` wrote is shown as it is")->required();
    verb.add_option("--data", a->data, "a prepared cache, or folders or files of images");
    verb.add_option("--out", a->out, "folder for evaluation.json");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        if (const auto found = services::readClassification(path(a->model) / "evaluation.json")) {
            if (!a->data.empty() || !a->out.empty())
                return fail(ErrorCode::Usage, "{} is a finished classification, whose result is shown; --data and --out belong to pre-trained models", a->model);
            print(a->json ? jsonDocument(*found) : app::classificationText(*found));
            return {};
        }
        if (a->data.empty() || a->out.empty())
            return fail(ErrorCode::Usage, "evaluate needs --data and --out for a pre-trained model");
        const Work work = consoleWork();
        HILUM_TRY(const Json metadata, services::modelMetadata(a->model));
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
