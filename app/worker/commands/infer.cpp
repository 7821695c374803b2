#include "app/worker/commands/commands.h"
#include "app/worker/loaded_model.h"
#include "app/worker/say_line.h"
#include "core/base/job_protocol.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>

namespace hilum::worker {

Command inferCommand()
{
    struct Arguments {
        std::string what, model, method, preset, options = "{}", set = "{}", request, out, device = "auto", kind = "rollout";
        std::uint64_t seed = 0, maskSeed = 0;
        std::int64_t layer = -1, head = -1, query = -1;
        std::int64_t wholeUpTo = std::int64_t{1} << 30;
    };
    return {"infer", "Reconstructs one image or shows its attention; writes tensors.safetensors and result.json.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("what", a->what, "reconstruct or attention")->required()->check(CLI::IsMember({"reconstruct", "attention"}));
        app.add_option("--model", a->model, "Model file, run folder or checkpoint folder");
        app.add_option("--method", a->method, "Method with untrained weights")->excludes("--model");
        app.add_option("--preset", a->preset, "Its preset")->needs("--method");
        app.add_option("--options", a->options, "JSON object of its option values that differ from the preset")->needs("--method");
        app.add_option("--initial-seed", a->seed, "Seed of untrained weights")->needs("--method");
        app.add_option("--request", a->request, "Safetensors file with image, and region or mask")->required();
        app.add_option("--out", a->out, "Folder for the result")->required();
        app.add_option("--device", a->device, "auto, cpu or cuda:N")->capture_default_str();
        app.add_option("--seed", a->maskSeed, "Seed of the mask");
        app.add_option("--set", a->set, "JSON object of method options for this image alone");
        app.add_option("--kind", a->kind, "rollout, mean, head, gradient or occlusion (--set block=N and crop_centre as JSON)")->capture_default_str();
        app.add_option("--layer", a->layer, "Layer from 0; the last when left out");
        app.add_option("--head", a->head, "Head from 0");
        app.add_option("--query", a->query, "Query token on the token grid from 0; the class token when left out");
        app.add_option("--whole-up-to", a->wholeUpTo, "Bytes up to which the attention of all queries is written; where it has more, that of the asked query alone")
            ->check(CLI::NonNegativeNumber)->capture_default_str();
        return [a]() -> Status {
            const auto start = std::chrono::steady_clock::now();
            learning::ComputeChoice compute;
            HILUM_TRY(compute.device, learning::parseDevice(a->device));
            HILUM_TRY(const Json options, parseJson(a->options));
            HILUM_TRY(Json fields, parseJson(a->set));
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            const Json source = !a->model.empty() ? Json{{"model", a->model}}
                                                  : Json{{"method", a->method}, {"preset", a->preset}, {"options", options}, {"seed", a->seed}};
            HILUM_TRY(LoadedModel model, LoadedModel::load(registry, source, compute));

            HILUM_TRY_STATUS(makeFolder(a->out));
            const path folder = a->out;
            fields["request"] = a->request;
            fields["out"] = (folder / "tensors.safetensors").string();
            fields["seed"] = a->maskSeed;
            Json answer;
            if (a->what == "reconstruct") {
                HILUM_TRY(answer, model.reconstruct(fields));
            } else {
                fields["kind_of"] = a->kind;
                for (const auto& [key, value] : {std::pair{"layer", a->layer}, {"head", a->head}, {"query", a->query}})
                    if (value >= 0)
                        fields[key] = value;
                if (a->kind != protocol::Occlusion) {
                    HILUM_TRY(answer, model.prepareAttention(fields, a->wholeUpTo));
                }
                HILUM_TRY(const Json shown, model.attention(fields, {.cancelled = {}, .progress = [](std::int64_t done, std::int64_t total) {
                    sayLine(protocol::message(protocol::Progress, {{"done", done}, {"total", total}, {"what", "hiding blocks"}}));
                }}));
                answer.update(shown);
            }
            answer.erase("out");
            answer.update({{"schema", protocol::ResultSchema}, {"kind", a->what}, {"model", model.metadata()}, {"files", {"tensors.safetensors"}},
                {"device", compute.device.str()}, {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()}});
            HILUM_TRY_STATUS(writeFileAtomically(folder / "result.json", answer.dump(1) + "\n"));
            answer["what"] = a->what;
            sayLine(protocol::message(protocol::Done, answer));
            return {};
        };
    }};
}

} // namespace hilum::worker
