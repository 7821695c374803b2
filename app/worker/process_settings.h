#pragma once

namespace hilum::worker {

/// Lets waiting threads sleep after about a millisecond instead of spinning on (OMP_WAIT_POLICY, GOMP_SPINCOUNT) by starting this program
/// again in the same process: OpenMP reads the variables when it is loaded. A spinning team that shares its cores with anything else, the
/// window for instance, loses a time slice at every barrier: measured with twice as many busy threads as cores, a training step took twice
/// as long. Values set by the user are kept. Returns when there is nothing to do, or the start fails.
void sleepWhileWaiting(char** argv);

/// A training is never worth a stuttering window: this process, and threads that it starts from now on, come after everything else. Linux shares the processor among sessions first
/// (sched(7), "The autogroup feature"), and within one only then by niceness: a process that leads its session lowers that too. One of a terminal's session leaves the others there alone.
void giveWay();

} // namespace hilum::worker
