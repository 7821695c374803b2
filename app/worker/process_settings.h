#pragma once

namespace hilum::worker {

/// Lets waiting threads sleep instead of spin (OMP_WAIT_POLICY=passive) by starting this program again in the same process: OpenMP reads
/// the variable when it is loaded. A spinning team that shares its cores with anything else, the window for instance, loses a time
/// slice at every barrier: measured with twice as many busy threads as cores, a training step took twice as long. A value set by the
/// user is kept. Returns when there is nothing to do, or the start fails.
void sleepWhileWaiting(char** argv);

} // namespace hilum::worker
