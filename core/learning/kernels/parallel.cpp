#include "core/learning/kernels/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace hilum::learning::kernels {

std::int64_t threadCount()
{
    return at::in_parallel_region() ? 1 : std::max(1, at::get_num_threads());
}

void runParts(std::int64_t parts, const std::function<void(std::int64_t)>& work)
{
    [[maybe_unused]] const int threads = static_cast<int>(std::min(parts, threadCount()));
#ifdef _OPENMP
    if (threads > 1) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (std::int64_t part = 0; part < parts; ++part)
            work(part);
        return;
    }
#endif
    for (std::int64_t part = 0; part < parts; ++part)
        work(part);
}

void runRanges(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& work)
{
    const std::int64_t pieces = (count + grain - 1) / grain;
    const std::int64_t parts = std::min(pieces, threadCount() * 4); // a thread that was held up leaves its last ones to the others
    runParts(parts, [&](std::int64_t part) {
        const std::int64_t first = pieces * part / parts * grain, last = std::min(count, pieces * (part + 1) / parts * grain);
        if (first < last)
            work(first, last);
    });
}

} // namespace hilum::learning::kernels
