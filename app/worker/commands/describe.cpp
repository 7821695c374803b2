#include "app/worker/commands/commands.h"
#include "core/learning/describe.h"
#include "core/learning/train/job.h"
#include "core/learning/train/start_weights.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

namespace hilum::worker {

Command describeCommand()
{
    struct Arguments {
        std::string method, preset, options = "{}", device;
        bool start = false, json = false;
    };
    return {"describe", "Prints the methods, options and presets of this worker as JSON.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--method", a->method, "One method: its complete options and input pipeline");
        app.add_option("--preset", a->preset, "Preset that the options start from; the method's first when left out")->needs("--method");
        app.add_option("--options", a->options, "JSON object of option values that differ")->needs("--method");
        app.add_option("--device", a->device, "Of a job to come: refused, as train refuses it, when there is none here");
        app.add_flag("--start", a->start, "Reads the weights of start_from as well: refused, as train refuses them, when they do not fit")->needs("--method");
        app.add_flag("--json", a->json, "JSON is the only form; accepted for symmetry");
        return [a]() -> Status {
            if (!a->device.empty())
                HILUM_TRY_STATUS(learning::askedDevice(a->device));
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            Json document;
            if (a->method.empty()) {
                document = learning::describeAll(registry);
            } else {
                HILUM_TRY(const Json values, parseJson(a->options));
                HILUM_TRY(document, learning::describeOne(registry, a->method, a->preset, values));
                if (a->start) {
                    HILUM_TRY(const learning::MethodEntry* const entry, registry.find(a->method));
                    HILUM_TRY(const Json options, learning::completeOptions(*entry, a->preset, values));
                    HILUM_TRY_STATUS(learning::checkStart(*entry, options));
                }
            }
            const std::string text = jsonLine(document) + "\n";
            std::fputs(text.c_str(), stdout);
            return {};
        };
    }};
}

} // namespace hilum::worker
