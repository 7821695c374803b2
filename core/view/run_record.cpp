#include "core/view/run_record.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace hilum::view {

namespace {

bool isKind(const Json& event, std::initializer_list<const char*> kinds)
{
    return event.is_object() && event.contains("kind") && event["kind"].is_string() && std::ranges::any_of(kinds, [&](const char* kind) { return event["kind"] == kind; });
}

} // namespace

std::optional<std::int64_t> runStep(const Json& event)
{
    if (!isKind(event, {"metric", "checkpoint"}) || !event.contains("step") || !event["step"].is_number())
        return std::nullopt;
    return event["step"].get<std::int64_t>();
}

std::vector<RunPoint> runPoints(const Json& event)
{
    std::vector<RunPoint> out;
    if (!runStep(event))
        return out;
    const bool metric = event["kind"] == "metric";
    const bool untrained = event.contains("weights") && event["weights"] == "untrained";
    const double step = event.contains("own_step") && event["own_step"].is_number() ? event["own_step"].get<double>() : event["step"].get<double>();
    for (const auto& [key, value] : event.items()) {
        if (!value.is_number() || (untrained && key != "loss")) // rate and speed are those of the first network
            continue;
        const double v = value.get<double>();
        if (key == "held_out_loss")
            out.push_back({RunPlot::Loss, key, step, v, true});
        else if (!metric)
            continue;
        else if (key == "lr")
            out.push_back({RunPlot::Rate, key, step, v, false});
        else if (key == "grad_norm")
            out.push_back({RunPlot::Gradient, key, step, v, false});
        else if (key == "images_per_s" || key == "volumes_per_s")
            out.push_back({RunPlot::Speed, "images_per_s", step, v, false});
        else if (key.find("loss") != std::string::npos)
            out.push_back({RunPlot::Loss, untrained ? "loss, untrained" : key, step, v, false});
    }
    return out;
}

std::optional<RunPreview> runPreview(const Json& event)
{
    if (!isKind(event, {"preview"}) || !event.contains("step") || !event["step"].is_number_integer() || !event.contains("file") || !event["file"].is_string())
        return std::nullopt;
    RunPreview preview{event["step"].get<std::int64_t>(), path(event["file"].get<std::string>()), event.value("numbers", Json::object())};
    if (preview.file.is_absolute() || std::ranges::find(preview.file, path("..")) != preview.file.end())
        return std::nullopt;
    return preview;
}

void addPreview(std::vector<RunPreview>& previews, RunPreview preview)
{
    while (!previews.empty() && previews.back().step >= preview.step)
        previews.pop_back();
    previews.push_back(std::move(preview));
}

void RunRecord::add(const Json& event)
{
    if (const auto step = runStep(event))
        lastStep = std::max(lastStep, *step);
    for (RunPoint& point : runPoints(event)) {
        auto at = std::ranges::find_if(curves, [&](const Curve& one) { return one.plot == point.plot && one.curve == point.curve; });
        if (at == curves.end())
            at = curves.insert(curves.end(), {point.plot, std::move(point.curve), point.dots, {}});
        at->points.append(point.step, point.value);
    }
    if (auto preview = runPreview(event))
        addPreview(previews, *std::move(preview));
}

} // namespace hilum::view
