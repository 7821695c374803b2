#pragma once

#include "core/learning/train/job.h"

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace hilum::worker {

/// What a command that runs the job of a run folder says of itself.
struct RunWords {
    std::string run;    ///< what `--run` names
    std::string resume; ///< what `--resume` does
    std::string awake;  ///< why the machine stays awake; no path: every user of the machine can read it
};

using RunWork = std::function<Result<Json>(const learning::MethodRegistry&, const learning::RunRequest&)>;

/// Declares `--run`, `--cache` and `--resume`. \return what does the work with them, at low priority and with every method of this worker
std::function<Status()> declareRun(CLI::App& app, const RunWords& words, RunWork work);

} // namespace hilum::worker
