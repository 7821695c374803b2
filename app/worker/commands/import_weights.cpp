#include "app/worker/commands/commands.h"
#include "app/worker/say_line.h"
#include "core/base/job_protocol.h"
#include "core/learning/imports/import_weights.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace hilum::worker {

Command importWeightsCommand()
{
    return {"import-weights", "Brings published weights into a model file; nothing in the file is executed.", [](CLI::App& app) -> std::function<Status()> {
        auto request = std::make_shared<learning::imports::ImportRequest>();
        std::string known;
        for (const auto& layout : learning::imports::layouts())
            known += (known.empty() ? "" : ", ") + std::string(layout.id);
        app.add_option("FILE", request->file, "Checkpoint: zip or older stream of torch.save, or safetensors")->required();
        app.add_option("--as", request->layout, "Its layout: " + known)->required();
        app.add_option("--out", request->out, "Model file to write")->required();
        app.add_option("--min-coverage", request->minCoverage, "Least share of the network's tensors, and of its encoder's, that the file must fill")->check(CLI::Range(0.0, 1.0))->capture_default_str();
        app.add_option("--set", request->settings, "key=value: what the file does not tell (heads, merging, normalised_target) or shall be changed (channels, image_size)");
        return [request]() -> Status {
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            HILUM_TRY(const Json report, learning::imports::importWeights(registry, *request));
            sayLine(protocol::message(protocol::Done, {{"import", report}}));
            return {};
        };
    }};
}

} // namespace hilum::worker
