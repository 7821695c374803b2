#pragma once

#include "core/base/result.h"

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace hilum::worker {

/// One word of `hilum-worker`. A command is a file `commands/<name>.cpp` that defines `Command <name>Command()`; CMake finds it.
struct Command {
    std::string name;    ///< on the command line: "import-weights"
    std::string summary; ///< one sentence
    /// Declares options on the sub-command and returns what runs after they were parsed. What it returns as an error becomes one
    /// `error` line on standard output and the exit code; exceptions are converted. `Status` success is exit code 0.
    std::function<std::function<Status()>(CLI::App& app)> declare;
    /// Whether an error of this command is printed as a JSON line on standard output (jobs and services) or only as a sentence on
    /// standard error (tools for a person, and `train`, which writes its own). JSON lines suit everything that `hilum` starts.
    bool reportsErrorsAsJson = true;
};

/// Every command of this worker (generated from the files in commands/).
std::vector<Command> allCommands();

} // namespace hilum::worker
