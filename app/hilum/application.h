#pragma once

namespace hilum::app {

/// The workstation: builds the services, opens the window and runs until it is closed.
///
///     hilum [PATH...] [--library DIR] [--test SCRIPT [--out DIR] [--set NAME=VALUE]...]
///
/// Paths are imported and the first image of the first one is opened. With --test the script drives the window
/// (resources/docs/dev/gui_scripts.md).
/// \return the exit code: 0, the number of the Error that kept it from starting, or CheckFailed for a step that failed
int runWindow(int argc, char** argv);

} // namespace hilum::app
