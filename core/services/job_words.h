#pragma once

#include "core/services/job_runner.h"

#include <string>

namespace hilum::services {

/// What a job that is at work does instead of taking steps: "saving", "evaluating 12 of 40". Empty while it takes steps: only these have a time left.
std::string besideSteps(const JobStatus& job);

/// Where a job that is at work stands, in one line: besideSteps, else "training step 12 of 40, loss 0.5000, 12.5 images/s, 3 s left".
std::string progressText(const JobStatus& job);

} // namespace hilum::services
