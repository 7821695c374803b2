#pragma once

#include "core/base/result.h"

#include <string>
#include <vector>

namespace hilum::worker {

/// How a process of this program ended.
struct OwnEnd {
    int exitCode = 0;
    int signal = 0;     ///< 0: it ended by itself
    std::string output; ///< its standard output
};

/// Runs this program once more with other arguments, to its end; its standard error is dropped. It ends when this process does, and is the first that the system
/// ends when memory runs out: what it measures must not cost a person their work.
Result<OwnEnd> runOwnProcess(std::vector<std::string> arguments);

} // namespace hilum::worker
