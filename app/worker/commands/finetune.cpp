#include "app/worker/commands/commands.h"
#include "core/base/job_protocol.h"
#include "core/learning/device.h"
#include "core/learning/downstream/classify.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <memory>

namespace hilum::worker {

Command finetuneCommand()
{
    return {"finetune", "A classifier on the frozen features of a model, or trained with its encoder; intervals over held-out patients.", [](CLI::App& app) -> std::function<Status()> {
        auto r = std::make_shared<learning::ProbeRequest>();
        auto text = std::make_shared<std::array<std::string, 5>>();
        auto settings = std::make_shared<std::vector<std::string>>();
        (*text)[4] = "linear";
        app.add_option("--model", (*text)[0], "Run folder, checkpoint folder or model file")->required();
        app.add_option("--cache", (*text)[1], "Folder that hilum prepare wrote")->required();
        app.add_option("--labels", (*text)[2], "Labels by case key (JSON)")->required();
        app.add_option("--out", (*text)[3], "Folder for the results")->required();
        app.add_option("--mode", (*text)[4], "linear: frozen features; full: the encoder learns too")->check(CLI::IsMember({"linear", "full"}));
        app.add_option("--set", *settings, "key=value of full");
        app.add_option("--fraction", r->fraction, "Share of the training patients whose labels are used")->check(CLI::Range(0.0, 1.0));
        app.add_option("--seed", r->seed, "Draws patients and the bootstrap");
        app.add_flag("--compare-untrained", r->compareUntrained, "Also the same network with weights drawn by its run's seed, untrained");
        app.add_option("--device", r->device, "auto, cpu, cuda or cuda:N");
        return [r, text, settings]() -> Status {
            learning::keepFreedMemory();
            r->model = (*text)[0], r->cache = (*text)[1], r->labels = (*text)[2], r->out = (*text)[3];
            r->mode = (*text)[4] == "full" ? learning::ClassifyMode::Full : learning::ClassifyMode::Linear;
            HILUM_TRY_STATUS(applySettings(*settings, r->tuning));
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            r->progress = [](std::string_view phase, std::int64_t done, std::int64_t total) {
                std::fputs((jsonLine(protocol::message(protocol::Progress, {{"phase", phase}, {"done", done}, {"total", total}})) + "\n").c_str(), stdout);
                std::fflush(stdout);
            };
            HILUM_TRY(const Json evaluation, learning::runProbe(registry, *r));
            std::fputs((jsonLine(protocol::message(protocol::Done, {{"evaluation", evaluation}, {"file", "evaluation.json"}})) + "\n").c_str(), stdout);
            return {};
        };
    }};
}

} // namespace hilum::worker
