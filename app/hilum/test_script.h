#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <map>
#include <string>
#include <vector>

namespace hilum::app {

/// A script: steps with variables. Compound steps (menu, select, repeat) are taken apart when it is read.
struct Script {
    std::vector<Json> steps;
    std::vector<std::size_t> lines;              ///< line of the file of each step, from 1
    std::map<std::string, std::string> variables; ///< "${NAME}" in texts; then the environment
    path out;                                     ///< ${OUT}: where pictures go; ${PID} is this program's process

    /// JSON lines; blank lines and lines that begin with "#" are skipped. Options: every fault with its line.
    static Result<Script> read(const path& file);
    static Result<Script> parse(std::string_view text);

    /// The step with variables filled in. NotFound names a variable that has no value. A text that is one variable and reads as
    /// a number becomes one.
    Result<Json> filled(const Json& step) const;
};

/// A number as a person writes it: whole ones are integers ("20", not "20.0").
Json asJson(double number);

/// Compares what was found with what a step wants: eq, ne, near [value, tolerance], ge, le, gt, lt, contains, matches, empty.
/// CheckFailed says both; Usage when the step names no comparison.
Status compare(const Json& found, const Json& step);

} // namespace hilum::app
