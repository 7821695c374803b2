#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hilum::learning {

/// Where some work spends its time, by operation.
struct OpTime {
    std::string name;        ///< LibTorch's name ("aten::mm", "AddmmBackward0"), or that of a step of ours ("hilum::linear")
    std::int64_t calls = 0;
    double seconds = 0;      ///< wall time without the operations inside
    double cpuSeconds = 0;   ///< the same in time of all threads of the process: what a busy machine does not distort as much
};

/// Runs `work` and reports its operations, the longest first. Costs a few microseconds a call. Not for two threads at once; what other
/// threads of the process do meanwhile is counted in cpuSeconds.
std::vector<OpTime> profileOperations(const std::function<void()>& work);

} // namespace hilum::learning
