#pragma once

#include "core/base/progress.h"
#include "core/learning/method.h"

#include <string>

namespace hilum::worker {

struct EstimateRequest {
    std::string method, preset;
    Json options = Json::object(); ///< values that differ from the preset
    std::int64_t batch = 0;        ///< 0: that of the options
    std::string device = "auto", dtype = "auto";
    std::int64_t threads = 0;      ///< 0: as many as a job gets
    ProgressSink progress;         ///< told before each measurement: its number, no total; at the end all of them
};

/// What a training would need here: the document of `hilum-worker estimate` (hilum.estimate/1). Memory and time are a line over the batch through real steps on made-up
/// images, each in a process of its own: peak of the process on a CPU, of LibTorch's allocator on a GPU.
/// TooLarge with the numbers when weights, gradients and moments alone do not fit into memory, or the smallest batch does not. The file of `start_from` is refused as a
/// training refuses it (train/start_weights.h).
Result<Json> estimateMemory(const learning::MethodRegistry& registry, const EstimateRequest& request);

} // namespace hilum::worker
