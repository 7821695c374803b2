#include "app/worker/commands/commands.h"
#include "app/worker/step_bench.h"
#include "core/base/numbers.h"
#include "core/base/paths.h"
#include "core/learning/allocator.h"
#include "core/learning/selfcheck.h"
#include "core/learning/torch_guard.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace hilum::worker {

using namespace hilum::learning;

namespace {

/// A few training steps of a method's first preset.
CheckLine trainingLine(const MethodRegistry& registry, const MethodEntry& entry, const ComputeChoice& compute)
{
    BenchRequest request{.method = entry.info.id, .preset = entry.info.presets.empty() ? "" : entry.info.presets.front().id, .steps = 1, .warmup = 1}; // a step of a method of volumes takes half a minute on a small processor
    request.products = entry.info.input != "volume"; // counted without our own attention, which takes 18 GB for VoCo
    CheckLine line{.name = hilum::format("training, {} {}", request.method, request.preset)};
    Json measured;
    const Status done = torchGuard("training", [&]() -> Status {
        HILUM_TRY(measured, benchSteps(registry, request, compute));
        return {};
    });
    if (!done) {
        line.state = CheckState::Broken;
        line.text = done.error().sentence();
        line.advice = "send this table with a bug report";
        return line;
    }
    const double rate = measured.at("images_per_s"), products = measured.value("products_images_per_s", 0.0);
    line.text = hilum::format("{} images/s ({}, {} attention)", fixed(rate, rate < 1 ? 2 : 1), measured.at("dtype").get<std::string>(), measured.at("attention").get<std::string>());
    if (products > 0)
        line.text += hilum::format(", {:.0f} % of what its matrix products alone would reach", 100 * rate / products);
    line.numbers = std::move(measured);
    if (rate < 0.05 * products) {
        line.state = CheckState::Slow;
        line.advice = "other programs may be using the processor; close them and check again";
    }
    return line;
}

CheckLine folderLine()
{
    CheckLine line{.name = "cache folder"};
    const auto folder = cacheFolder();
    const auto free = folder ? freeSpace(*folder) : Result<std::uintmax_t>(std::unexpected(folder.error()));
    if (!free) {
        line.state = CheckState::Broken;
        line.text = free.error().sentence();
        line.advice = "make the folder writable, or set HILUM_HOME to one that is";
        return line;
    }
    line.text = hilum::format("writable, {} free", byteSize(*free));
    line.numbers = {{"free_bytes", *free}};
    if (*free < 2'000'000'000) {
        line.state = CheckState::Slow;
        line.advice = "free some disk space: prepared images and checkpoints need a few GB";
    }
    return line;
}

} // namespace

Command selfcheckCommand()
{
    struct Arguments {
        std::string device = "auto", method;
        bool json = false;
    };
    return {"selfcheck", "Checks this computer: device, speed, gradients, training of each method.", [](CLI::App& app) -> std::function<Status()> {
        auto a = std::make_shared<Arguments>();
        app.add_option("--device", a->device, "auto, cpu or cuda:N")->capture_default_str();
        app.add_option("--method", a->method, "Trains this method alone");
        app.add_flag("--json", a->json, "One JSON document on standard output");
        return [a]() -> Status {
            keepFreedMemory();
            HILUM_TRY(const ComputeChoice compute, chooseCompute(a->device));
            MethodRegistry registry;
            registerBuiltinMethods(registry);
            if (!a->method.empty()) {
                HILUM_TRY([[maybe_unused]] const MethodEntry* known, registry.find(a->method));
            }
            std::vector<CheckLine> lines = checkSpeed(compute.device);
            std::ranges::move(checkGradients(compute.device), std::back_inserter(lines));
            for (const MethodEntry& entry : registry.entries())
                if (a->method.empty() || a->method == entry.info.id)
                    lines.push_back(trainingLine(registry, entry, compute));
            lines.push_back(folderLine());

            Json table = Json::array();
            for (const CheckLine& line : lines) {
                table.push_back(toJson(line));
                if (!a->json)
                    std::printf("%-7s %s: %s%s%s\n", table.back().at("state").get<std::string>().c_str(), line.name.c_str(), line.text.c_str(), line.advice.empty() ? "" : ". ",
                        line.advice.c_str());
            }
            if (a->json)
                std::printf("%s\n", Json{{"schema", "hilum.selfcheck/1"}, {"lines", table}}.dump(1).c_str());
            const auto broken = std::ranges::count(lines, CheckState::Broken, &CheckLine::state);
            if (broken > 0)
                return fail(ErrorCode::CheckFailed, "{} of {} checks found something broken", broken, lines.size());
            return {};
        };
    }, /*reportsErrorsAsJson=*/false};
}

} // namespace hilum::worker
