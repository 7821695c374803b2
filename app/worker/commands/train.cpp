#include "app/worker/commands/commands.h"
#include "app/worker/run_command.h"

namespace hilum::worker {

Command trainCommand()
{
    return {"train", "Runs the job of a run folder (RUN/job.json) on a prepared cache.", [](CLI::App& app) {
        return declareRun(app, {.run = "Run folder that holds job.json", .resume = "Go on from the latest checkpoint", .awake = "training a model"}, learning::runRecorded);
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
