#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <string>

namespace hilum::worker {

/// Serves requests from standard input until `quit` or its end (resources/docs/dev/worker_protocol.md). Of several waiting requests of one
/// kind the newest is done; the others, and those that a `cancel` names, are answered with the error `cancelled`.
/// \param first fields of a `load` that is done before the first request, or null. Its failure ends the service.
Status serve(const std::string& device, int threads, const Json& first);

} // namespace hilum::worker
