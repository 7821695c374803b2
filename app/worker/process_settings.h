#pragma once

namespace hilum::worker {

/// Lets waiting threads sleep after about a millisecond instead of spinning on (OMP_WAIT_POLICY, GOMP_SPINCOUNT) by starting this program
/// again in the same process: OpenMP reads the variables when it is loaded. A spinning team that shares its cores with anything else, the
/// window for instance, loses a time slice at every barrier: measured with twice as many busy threads as cores, a training step took twice
/// as long. Values set by the user are kept. Returns when there is nothing to do, or the start fails.
void sleepWhileWaiting(char** argv);

} // namespace hilum::worker
