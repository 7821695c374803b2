#include "app/worker/commands/commands.h"
#include "app/worker/memory_estimate.h"
#include "app/worker/say_line.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

namespace hilum::worker {

Command estimateCommand()
{
    struct Arguments {
        EstimateRequest request;
        std::string options = "{}";
        bool json = false, lines = false;
    };
    return {"estimate", "Says how much memory and time a training would take here, and which batch fits.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--method", a->request.method, "Method")->required();
        app.add_option("--preset", a->request.preset, "Preset; the method's first when left out");
        app.add_option("--options", a->options, "JSON object of option values that differ from the preset");
        app.add_option("--batch", a->request.batch, "Images a step; that of the options when left out")->check(CLI::Range(1, 4096));
        app.add_option("--device", a->request.device, "auto, cpu or cuda:N")->capture_default_str();
        app.add_option("--dtype", a->request.dtype, "auto, float32 or bfloat16")->capture_default_str();
        app.add_option("--threads", a->request.threads, "Compute threads; 0 takes as many as a job gets")->check(CLI::Range(0, 1024));
        CLI::Option* const json = app.add_flag("--json", a->json, "One JSON document on standard output");
        app.add_flag("--lines", a->lines, "JSON lines on standard output: progress while it measures, then the document as result")->excludes(json);
        return [a]() -> Status {
            HILUM_TRY(a->request.options, parseJson(a->options));
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            if (a->lines)
                a->request.progress.report = [](std::int64_t done, std::int64_t total, std::string_view what) {
                    sayLine(protocol::message(protocol::Progress, {{"done", done}, {"total", total}, {"what", what}}));
                };
            HILUM_TRY(const Json out, estimateMemory(registry, a->request));
            if (a->lines) {
                sayLine(protocol::message(protocol::Done, {{"estimate", out}}));
                return {};
            }
            const std::string text =
                a->json ? out.dump(1)
                        : hilum::format("{} {}: {} at batch {} ({}, {}), {} s a step; a batch of up to {} fits; a checkpoint takes {}", a->request.method, a->request.preset,
                              byteSize(out.at("memory_bytes").get<std::uint64_t>()), out.at("batch").get<std::int64_t>(), out.at("device").get<std::string>(), out.at("dtype").get<std::string>(),
                              fixed(out.at("seconds_per_step").get<double>(), 2), out.at("largest_batch").get<std::int64_t>(), byteSize(out.at("checkpoint_bytes").get<std::uint64_t>()));
            std::fputs((text + "\n").c_str(), stdout);
            return {};
        };
    }};
}

} // namespace hilum::worker
