#pragma once

namespace hilum::learning {

/// From now on SIGTERM and SIGINT do not end this process: each is a wish to stop the run. One that comes before a RunMonitor listens, while a job is read and devices are measured,
/// is kept for it. To be called first thing in a program that runs a job.
void keepStopWishes();

/// keepStopWishes, and every wish, a kept one too, is told by a 'c' into `pipe`. For one RunMonitor at a time.
void passStopWishes(int pipe);

/// The signals end the process again, and no wish is kept.
void forgetStopWishes();

} // namespace hilum::learning
