#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <c10/core/Device.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <limits>
#include <string>

namespace hilum::learning {

/// What a training holds for sure, whatever the batch, in the types that the network has. Activations and the caller's images come on top.
struct MemoryNeed {
    std::uint64_t weights = 0;   ///< parameters and buffers
    std::uint64_t gradients = 0;
    std::uint64_t moments = 0;   ///< AdamW's two; three with AMSGrad
    std::uint64_t average = 0;   ///< the moving average of the weights, where the options ask for one
    std::uint64_t total() const { return weights + gradients + moments + average; }
    std::uint64_t checkpoint() const { return weights + moments + average; } ///< bytes of one on disk
};

/// Counts what training `network` will hold; nothing is allocated.
/// \param options  of the job: `amsgrad` and `ema_decay` are read, both off when absent
/// \param learns   what the names of parameters that get a gradient begin with; empty: all of them
MemoryNeed memoryNeed(const torch::nn::Module& network, const Json& options = Json::object(), const std::string& learns = "");

/// Memory that this process may still take.
struct MemoryRoom {
    static constexpr std::uint64_t Unknown = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t bytes = Unknown;
    std::string of; ///< who leaves it: "this computer", "cuda:0", ...
};

/// CPU: what the system can give without swapping, or what the limits of this process's control groups (v1, v2) leave when that is less. GPU: free memory, and what LibTorch
/// keeps there unused. HILUM_MEMORY_LIMIT (bytes) makes it less; Usage when that is no number. Unknown where the system does not tell.
/// \param root where /proc and /sys are, for tests
Result<MemoryRoom> availableMemory(at::Device device, const path& root = "/");

/// TooLarge (reason "memory") with what is needed, what is there and what to lower, when `need` alone is more than there is.
/// \param held  part of `need` that is taken already, or comes back before the first step
Status checkMemory(const MemoryNeed& need, const MemoryRoom& room, std::uint64_t held);
Status checkMemory(const MemoryNeed& need, at::Device device, std::uint64_t held); ///< with availableMemory of the device

/// A quantity of a step (bytes, seconds) as a line over the batch: fixed + batch * each.
struct BatchLine {
    double fixed = 0, each = 0;
    /// Through two measurements, batchA < batchB. What seems to fall with the batch is taken as constant at the larger value.
    static BatchLine through(std::int64_t batchA, double a, std::int64_t batchB, double b);
    double value(std::int64_t batch) const { return fixed + static_cast<double>(batch) * each; }
    /// The largest batch, `limit` at most, whose value is not above `most`; 0 when there is none.
    std::int64_t largest(double most, std::int64_t limit) const;
};

/// Share of the memory there is that a suggested batch may fill: other programs live too, and an allocator leaves gaps.
inline constexpr double UsableShare = 0.9;

} // namespace hilum::learning
