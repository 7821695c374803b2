#pragma once

#include "core/base/progress.h"
#include "core/base/result.h"

#include <cstdint>
#include <functional>
#include <string_view>

namespace hilum::imaging {

/// Runs `task(n)` for n = 0 .. count-1 on up to as many threads as the computer has cores. The first error (lowest n among those seen)
/// is returned and no new task is begun after it; Cancelled when work.stop is set. Exceptions of a task come back as errors.
Status parallelFor(std::int64_t count, const std::function<Status(std::int64_t)>& task, const Work& work = {}, std::string_view what = {});

} // namespace hilum::imaging
