#include "app/worker/commands/commands.h"
#include "app/worker/run_command.h"
#include "core/learning/downstream/tuning_job.h"

namespace hilum::worker {

Command finetuneCommand()
{
    return {"finetune", "A classifier on the frozen features of a model, or trained with its encoder, with intervals over held-out patients: the job of RUN/job.json.", [](CLI::App& app) {
        const RunWords words{.run = "Run folder that holds job.json and labels.json", .resume = "Go on from what an earlier, stopped call left", .awake = "fine-tuning a model"};
        return declareRun(app, words, [](const learning::MethodRegistry& registry, const learning::RunRequest& request) {
            return learning::recorded(request, "fine-tune", [&] { return learning::runTuning(registry, request); });
        });
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
