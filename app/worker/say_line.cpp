#include "app/worker/say_line.h"

#include <cstdio>

namespace hilum::worker {

void sayLine(const Json& message)
{
    std::fputs((jsonLine(message) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

} // namespace hilum::worker
