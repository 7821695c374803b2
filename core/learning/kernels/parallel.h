#pragma once

#include <cstdint>
#include <functional>

namespace hilum::learning::kernels {

/// Threads that LibTorch computes with; 1 inside one of its parallel regions.
std::int64_t threadCount();

/// work(part) for every part of [0, parts), on up to threadCount() threads of the OpenMP team that LibTorch uses; returns when all are done.
/// `work` does not throw. What a part computes must not depend on which thread it meets.
void runParts(std::int64_t parts, const std::function<void(std::int64_t part)>& work);

/// The same for ranges of [0, count), each a multiple of `grain` long but the last.
void runRanges(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t first, std::int64_t last)>& work);

} // namespace hilum::learning::kernels
