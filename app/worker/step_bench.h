#pragma once

#include "core/base/paths.h"
#include "core/learning/device.h"
#include "core/learning/method.h"

#include <limits>
#include <vector>

namespace hilum::worker {

struct BenchRequest {
    std::string method, preset;
    Json options = Json::object(); ///< values that differ from the preset
    std::int64_t batch = 0;        ///< 0: the preset's
    std::int64_t steps = 5;        ///< timed, after those to warm up
    std::int64_t warmup = 2;
    double enough = std::numeric_limits<double>::infinity(); ///< seconds: a step that takes as long is timed even to warm up, and is the last
    double rate = 1e-5;            ///< learning rate, the same at every step
    bool products = true;          ///< also time the matrix products alone
    path cache;                    ///< when given: also the rate at which the loader delivers its cases to this preset
    bool profile = false;          ///< also say where the time of a step goes
};

/// Whole training steps (forward, backward, gradient limit, optimiser) on made-up images of the preset's size: the document of
/// `hilum-worker bench` (hilum.bench/1). TooLarge before the first step when weights, gradients and moments alone do not fit into memory.
Result<Json> benchSteps(const learning::MethodRegistry& registry, const BenchRequest& request, const learning::ComputeChoice& compute);

} // namespace hilum::worker
