#include "app/worker/commands/commands.h"
#include "app/worker/say_line.h"
#include "core/base/job_protocol.h"
#include "core/learning/train/job.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace hilum::worker {

Command evaluateCommand()
{
    struct Arguments {
        std::string model, cache, out, device = "auto", dtype = "auto";
    };
    return {"evaluate", "Held-out loss of a model beside constant guesses and swapped images, with intervals over patients.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--model", a->model, "Run folder, checkpoint folder or model file")->required();
        app.add_option("--cache", a->cache, "Folder that hilum prepare wrote")->required();
        app.add_option("--out", a->out, "Folder for evaluation.json")->required();
        app.add_option("--device", a->device, "auto, cpu, cuda or cuda:N");
        app.add_option("--dtype", a->dtype, "auto, float32 or bfloat16")->check(CLI::IsMember({"auto", "float32", "bfloat16"}));
        return [a]() -> Status {
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            HILUM_TRY(const Json evaluation, learning::runEvaluation(registry, a->model, a->cache, a->out, a->device, a->dtype));
            sayLine(protocol::message(protocol::Done, {{"evaluation", evaluation}, {"file", "evaluation.json"}}));
            return {};
        };
    }};
}

} // namespace hilum::worker
