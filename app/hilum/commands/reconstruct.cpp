#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/services/worker_program.h"

namespace hilum::commands {

Run declareReconstruct(CLI::App& verb)
{
    verb.description("hides part of an image and shows what a model fills in");
    struct Arguments {
        app::ModelArguments model;
        std::string image, out, mask;
        std::uint64_t seed = 0;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--model", a->model.model, "run folder, checkpoint folder or model file");
    verb.add_option("--method", a->model.method, "method with untrained weights, instead of --model");
    verb.add_option("--preset", a->model.preset, "its preset");
    verb.add_option("--set", a->model.settings, "key=value of the method for this image, region_source for instance");
    verb.add_option("IMAGE", a->image, "file or folder of one image")->required();
    verb.add_option("--out", a->out, "folder for pictures, tensors and result.json")->required();
    auto* seed = verb.add_option("--seed", a->seed, "of the mask");
    verb.add_option("--mask", a->mask, "image, label map or safetensors: non-zero is hidden")->excludes(seed);
    verb.add_flag("--json", a->json, "result.json on standard output");
    return [a]() -> Status {
        const Work work = consoleWork();
        HILUM_TRY(const app::Inference inference, app::openForInference(a->model, a->image, work));
        Json fields = {{"seed", a->seed}};
        if (!a->model.settings.empty()) {
            HILUM_TRY(const Json entry, services::methodEntry(inference.metadata.value("method", "")));
            HILUM_TRY(const Json overrides, settingsToJson(a->model.settings, entry.value("schema", Json::array())));
            fields.update(overrides);
        }
        std::vector<std::uint8_t> mask;
        if (!a->mask.empty()) {
            HILUM_TRY(mask, app::readMask(a->mask, inference));
        }
        HILUM_TRY(const Json result, app::infer(protocol::Reconstruct, inference, mask.empty() ? nullptr : &mask, fields, a->out, work));
        print(a->json ? result.dump(2)
                      : std::format("hidden {:.1f} %, loss {:.4f}; pictures in {}", 100 * result.value("hidden_fraction", 0.0), result.value("loss", 0.0), a->out));
        return {};
    };
}

} // namespace hilum::commands
