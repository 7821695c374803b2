#pragma once

namespace hilum::learning {

/// Sends the warnings that LibTorch gives on this thread into hilum::log (category learning.torch) instead of onto standard error as plain text. LibTorch keeps one handler a
/// thread: every thread that computes calls it. Calling it again does nothing.
void routeTorchWarnings();

} // namespace hilum::learning
