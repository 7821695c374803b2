#include "app/worker/commands/commands.h"
#include "app/worker/step_bench.h"
#include "core/base/numbers.h"
#include "core/learning/allocator.h"
#include "core/learning/kernels/instruction_set.h"

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

namespace hilum::worker {

namespace {

namespace kernels = learning::kernels;

/// Limits the own loops to the set of this name; Unsupported where the processor or the program lacks it.
Status useKernels(const std::string& word)
{
    if (word == "auto")
        return {};
    for (int i = 0; i <= static_cast<int>(kernels::InstructionSet::Tiles); ++i) {
        const auto set = static_cast<kernels::InstructionSet>(i);
        if (kernels::name(set) != word)
            continue;
        if (set > kernels::bestInstructionSet())
            return fail(ErrorCode::Unsupported, "kernels {} are asked for; this processor and program have {} at best", word, kernels::name(kernels::bestInstructionSet()));
        kernels::limitInstructionSet(set);
        return {};
    }
    return fail(ErrorCode::Usage, "kernels {} is none of auto, off, baseline, avx2, avx512, tiles", word);
}

} // namespace

Command benchCommand()
{
    struct Arguments {
        BenchRequest request;
        std::string options = "{}", device = "auto", dtype = "auto", attention = "auto", kernels = "auto", cache;
        int threads = 0;
        bool json = false, noProducts = false;
    };
    return {"bench", "Times whole training steps on made-up input: how long a job will take here.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--method", a->request.method, "Method, or segment: a training step of SwinUNETR with cross-entropy")->required();
        app.add_option("--preset", a->request.preset, "Preset; the method's first when left out");
        app.add_option("--options", a->options, "JSON object of option values that differ from the preset");
        app.add_option("--batch", a->request.batch, "Images a step; the preset's when left out")->check(CLI::Range(1, 65536));
        app.add_option("--steps", a->request.steps, "Timed steps, after those to warm up")->check(CLI::Range(1, 100000))->capture_default_str();
        app.add_option("--warmup", a->request.warmup, "Steps before the timed ones")->check(CLI::Range(0, 1000))->capture_default_str();
        app.add_option("--enough", a->request.enough, "Seconds: a step that takes as long is timed even to warm up, and is the last")->check(CLI::NonNegativeNumber);
        app.add_option("--rate", a->request.rate, "Learning rate")->check(CLI::Range(0.0, 1.0))->capture_default_str();
        app.add_option("--dtype", a->dtype, "auto, float32 or bfloat16")->capture_default_str();
        app.add_option("--attention", a->attention, "auto, plain or fused")->capture_default_str();
        app.add_option("--kernels", a->kernels, "Own loops on the CPU: auto, off (LibTorch's operations alone), baseline, avx2, avx512 or tiles")->capture_default_str();
        app.add_option("--device", a->device, "auto, cpu or cuda:N")->capture_default_str();
        app.add_option("--threads", a->threads, "Compute threads; 0 takes all")->check(CLI::Range(0, 1024));
        app.add_flag("--no-products", a->noProducts, "Leaves out the matrix products alone");
        app.add_option("--cache", a->cache, "Folder that hilum prepare wrote for this preset: the loader's rate is told too");
        app.add_flag("--profile", a->request.profile, "Also says where the time of a step goes, by operation");
        app.add_flag("--json", a->json, "One JSON document on standard output");
        return [a]() -> Status {
            learning::keepFreedMemory();
            if (a->threads > 0)
                at::set_num_threads(a->threads);
            HILUM_TRY(a->request.options, parseJson(a->options));
            a->request.products = !a->noProducts;
            a->request.cache = a->cache;
            HILUM_TRY_STATUS(useKernels(a->kernels));
            HILUM_TRY(const learning::ComputeChoice compute, learning::chooseCompute(a->device, a->dtype, a->attention));
            learning::MethodRegistry registry;
            learning::registerBuiltinMethods(registry);
            HILUM_TRY(const Json out, benchSteps(registry, a->request, compute));
            const std::string text = a->json ? out.dump(1)
                                             : hilum::format("{} {}: {} images/s at batch {} ({}, {}, {} attention, {} threads, {})", a->request.method, a->request.preset,
                                                   fixed(out.at("images_per_s"), 2), out.at("batch").get<std::int64_t>(), out.at("device").get<std::string>(),
                                                   out.at("dtype").get<std::string>(), out.at("attention").get<std::string>(), out.at("threads").get<int>(),
                                                   byteSize(out.at("memory_bytes").get<std::uint64_t>()));
            std::fputs((text + "\n").c_str(), stdout);
            if (!a->json && out.contains("profile"))
                for (const Json& row : out.at("profile"))
                    std::fputs(hilum::format("{:9.1f} ms {:9.1f} ms of all threads {:6} calls  {}\n", 1e3 * row.at("seconds").get<double>(),
                                   1e3 * row.at("processor_seconds").get<double>(), row.at("calls").get<std::int64_t>(), row.at("operation").get<std::string>())
                                   .c_str(),
                        stdout);
            return {};
        };
    }};
}

} // namespace hilum::worker
