#pragma once

#include "core/learning/device.h"
#include "core/learning/method.h"

#include <vector>

namespace hilum::worker {

struct BenchRequest {
    std::string method, preset;
    Json options = Json::object(); ///< values that differ from the preset
    std::int64_t batch = 0;        ///< 0: the preset's
    std::int64_t steps = 5;        ///< timed, after two to warm up
    bool products = true;          ///< also time the matrix products alone
};

/// Whole training steps (forward, backward, gradient limit, optimiser) on made-up images of the preset's size: the document of
/// `hilum-worker bench` (hilum.bench/1).
Result<Json> benchSteps(const learning::MethodRegistry& registry, const BenchRequest& request, const learning::ComputeChoice& compute);

} // namespace hilum::worker
