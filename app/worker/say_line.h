#pragma once

#include "core/base/jsonl.h"

namespace hilum::worker {

/// Writes a message as one line to standard output, at once: whoever started this reads it while it works.
void sayLine(const Json& message);

} // namespace hilum::worker
