#include "app/worker/commands/commands.h"
#include "app/worker/keep_awake.h"
#include "core/learning/device.h"
#include "core/learning/train/job.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <unistd.h>

namespace hilum::worker {

Command trainCommand()
{
    struct Arguments {
        std::string run, cache;
        bool resume = false;
    };
    return {"train", "Runs the job of a run folder (RUN/job.json) on a prepared cache.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--run", a->run, "Run folder that holds job.json")->required();
        app.add_option("--cache", a->cache, "Folder that hilum prepare wrote")->required();
        app.add_flag("--resume", a->resume, "Go on from the latest checkpoint");
        return [a]() -> Status {
            learning::keepFreedMemory();
            // training is never worth a stuttering window
            [[maybe_unused]] const int niceness = ::nice(10);
            const KeepAwake awake("training a model"); // no path: every user of the machine can read it
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            learning::RunRequest request;
            request.run = a->run;
            request.cache = a->cache;
            request.begin = a->resume ? learning::RunRequest::Begin::Resume : learning::RunRequest::Begin::Fresh;
            HILUM_TRY_STATUS(learning::runRecorded(registry, request));
            return {};
        };
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
