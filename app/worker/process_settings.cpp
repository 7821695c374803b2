#include "app/worker/process_settings.h"

#include <cstdlib>
#include <unistd.h>

namespace hilum::worker {

void sleepWhileWaiting(char** argv)
{
    if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT") || setenv("OMP_WAIT_POLICY", "passive", 0) != 0)
        return;
    // about a millisecond: the gap between two operations is shorter, and being woken for each costs a fifth of a step
    setenv("GOMP_SPINCOUNT", "20000", 0);
    execv("/proc/self/exe", argv);
}

} // namespace hilum::worker
