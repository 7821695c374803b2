#include "core/services/job_words.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace hilum::services {

namespace {

// phases that step and steps count: of a pre-training, of a classifier that tunes its encoder, of a linear probe, whose steps are images
constexpr std::array<std::string_view, 3> StepPhases{"training", "fine-tuning", "features"};

} // namespace

std::string besideSteps(const JobStatus& job)
{
    if (job.phase.empty() || std::ranges::any_of(StepPhases, [&](std::string_view phase) { return job.phase.starts_with(phase); }))
        return {};
    return job.phaseTotal > 0 ? hilum::format("{} {} of {}", job.phase, job.phaseDone, job.phaseTotal) : job.phase;
}

std::string progressText(const JobStatus& job)
{
    if (std::string beside = besideSteps(job); !beside.empty())
        return beside;
    std::string text = hilum::format("{} step {} of {}", job.phase, job.step, job.steps);
    if (job.loss != 0) // nothing is known before the first step
        text += hilum::format(", loss {:.4f}, {:.1f} images/s, {}", job.loss, job.imagesPerSecond, job.secondsLeft < 0 ? "time left unknown" : duration(job.secondsLeft) + " left");
    return text;
}

} // namespace hilum::services
