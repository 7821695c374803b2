#pragma once

#include "core/base/progress.h"
#include "core/base/result.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

/// The verbs of `hilum`, one file each in this folder: x_y.cpp defines `declareXY` and becomes the verb `x-y`.
namespace hilum::commands {

/// What runs after the command line has been read. The error's number is the exit code, its sentence goes to standard error.
using Run = std::function<Status()>;

/// Declares the arguments of a verb on `verb` (which also gets its one-line description there) and returns what runs.
using Declare = Run (*)(CLI::App& verb);

struct Command {
    const char* name;
    Declare declare;
};

/// Generated from the files of this folder (commands_table.cpp).
const std::vector<Command>& all();

/// Progress as one changing line on a terminal, as a line every five seconds elsewhere; stops on SIGINT and SIGTERM.
Work consoleWork();

/// Prints one JSON document, or text, to standard output.
void print(const std::string& text);

} // namespace hilum::commands
