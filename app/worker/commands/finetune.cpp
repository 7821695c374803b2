#include "app/worker/commands/commands.h"
#include "app/worker/keep_awake.h"
#include "core/learning/device.h"
#include "core/learning/downstream/tuning_job.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <unistd.h>

namespace hilum::worker {

Command finetuneCommand()
{
    struct Arguments {
        std::string run, cache;
        bool resume = false;
    };
    return {"finetune", "A classifier on the frozen features of a model, or trained with its encoder, with intervals over held-out patients: the job of RUN/job.json.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--run", a->run, "Run folder that holds job.json and labels.json")->required();
        app.add_option("--cache", a->cache, "Folder that hilum prepare wrote")->required();
        app.add_flag("--resume", a->resume, "Go on from what an earlier, stopped call left");
        return [a]() -> Status {
            learning::keepFreedMemory();
            // never worth a stuttering window
            [[maybe_unused]] const int niceness = ::nice(10);
            const KeepAwake awake("fine-tuning a model"); // no path: every user of the machine can read it
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            learning::RunRequest request;
            request.run = a->run;
            request.cache = a->cache;
            request.begin = a->resume ? learning::RunRequest::Begin::Resume : learning::RunRequest::Begin::Fresh;
            HILUM_TRY_STATUS(learning::recorded(request, "fine-tune", [&] { return learning::runTuning(registry, request); }));
            return {};
        };
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
