#include "app/worker/commands/commands.h"
#include "app/worker/serve_loop.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace hilum::worker {

Command serveCommand()
{
    struct Arguments {
        std::string model, method, preset, options = "{}", device = "auto";
        std::uint64_t seed = 0;
        int threads = 0;
    };
    return {"serve", "Answers requests for one model on standard input, one JSON object a line.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--model", a->model, "Model file, run folder or checkpoint folder; without it a `load` request names one");
        app.add_option("--method", a->method, "Method with untrained weights")->excludes("--model");
        app.add_option("--preset", a->preset, "Its preset")->needs("--method");
        app.add_option("--options", a->options, "JSON object of option values that differ from the preset")->needs("--method");
        app.add_option("--seed", a->seed, "Seed of untrained weights")->needs("--method");
        app.add_option("--device", a->device, "auto, cpu or cuda:N")->capture_default_str();
        app.add_option("--threads", a->threads, "Compute threads; 0 takes all")->check(CLI::Range(0, 1024));
        return [a]() -> Status {
            Json first;
            if (!a->model.empty()) {
                first = {{"model", a->model}};
            } else if (!a->method.empty()) {
                HILUM_TRY(const Json options, parseJson(a->options));
                first = {{"method", a->method}, {"preset", a->preset}, {"options", options}, {"seed", a->seed}};
            }
            return serve(a->device, a->threads, first);
        };
    }};
}

} // namespace hilum::worker
