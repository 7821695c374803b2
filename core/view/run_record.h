#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/view/curve_data.h"

#include <optional>
#include <string>
#include <vector>

namespace hilum::view {

enum class RunPlot { Loss, Rate, Gradient, Speed };

/// A point that an event adds to a curve of its run.
struct RunPoint {
    RunPlot plot = RunPlot::Loss;
    std::string curve;   ///< which one of the plot: "loss", "loss_inside", "held_out_loss", ...
    double step = 0, value = 0;
    bool dots = false;   ///< too few for a line alone
};
/// Of `metric` and `checkpoint` events; none of others. Of a classifier that is compared with the untrained network both curves count from their own first step, so that they
/// lie over each other.
std::vector<RunPoint> runPoints(const Json& event);
/// The step that a `metric` or `checkpoint` event speaks of.
std::optional<std::int64_t> runStep(const Json& event);

/// Arrays of the watch case at one step.
struct RunPreview {
    std::int64_t step = 0;
    path file;    ///< relative to the run folder and within it: a run may come from elsewhere
    Json numbers;
};
std::optional<RunPreview> runPreview(const Json& event);
/// Adds it at its step; a resumed run makes the ones after its checkpoint again.
void addPreview(std::vector<RunPreview>& previews, RunPreview preview);

/// What is drawn of a run, gathered from its events away from the window: these may be millions, and are not kept.
class RunRecord {
public:
    struct Curve {
        RunPlot plot = RunPlot::Loss;
        std::string curve;
        bool dots = false;
        CurveData points;
    };
    void add(const Json& event);

    std::vector<Curve> curves; ///< in the order of their first points
    std::vector<RunPreview> previews;
    std::int64_t lastStep = -1;
};

} // namespace hilum::view
