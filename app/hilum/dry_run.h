#pragma once

#include "core/base/jsonl.h"

#include <cstdint>
#include <string>

namespace hilum::app {

/// A job as `hilum train` knows it before any image is looked at.
struct DryRun {
    std::string method, preset;
    Json options; ///< complete
    std::string device, dtype; ///< empty: auto
    std::int64_t threads = 0;  ///< 0 or less: all cores
    bool json = false; ///< print the worker's document instead of sentences
};

/// Prints what the job would need on this computer, measured by the worker with steps on made-up images: memory and what there is, the batch that fits, a checkpoint, time.
/// Prepares no image and writes no run folder. TooLarge with the numbers when the job cannot run here; the file of `start_from` is refused as the job would refuse it.
Status dryRun(const DryRun& job);

} // namespace hilum::app
