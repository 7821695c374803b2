#include "app/worker/run_command.h"

#include "app/worker/keep_awake.h"
#include "app/worker/process_settings.h"
#include "core/learning/allocator.h"
#include "core/learning/train/stop_wishes.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace hilum::worker {

std::function<Status()> declareRun(CLI::App& app, const RunWords& words, RunWork work)
{
    struct Arguments {
        std::string run, cache;
        bool resume = false;
    };
    auto a = std::make_shared<Arguments>();
    app.add_option("--run", a->run, words.run)->required();
    app.add_option("--cache", a->cache, "Folder that hilum prepare wrote")->required();
    app.add_flag("--resume", a->resume, words.resume);
    return [a, why = words.awake, work = std::move(work)]() -> Status {
        learning::keepStopWishes();
        learning::keepFreedMemory();
        giveWay();
        const KeepAwake awake(why);
        learning::MethodRegistry registry;
        learning::registerBuiltinMethods(registry);
        learning::RunRequest request;
        request.run = a->run;
        request.cache = a->cache;
        request.begin = a->resume ? learning::RunRequest::Begin::Resume : learning::RunRequest::Begin::Fresh;
        HILUM_TRY_STATUS(work(registry, request));
        return {};
    };
}

} // namespace hilum::worker
