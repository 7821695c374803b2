#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <cstdint>
#include <string>

namespace hilum {

/// Names one process for good: a number alone is given again to another after its end or a restart of the machine.
struct ProcessIdentity {
    std::int64_t pid = 0;
    std::int64_t startedTicks = 0; ///< field 22 of /proc/PID/stat
    std::string bootId;            ///< of the machine's start
    std::string host;

    bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity thisProcess();
/// Its start in clock ticks; NotFound when there is no such process (a zombie counts as gone).
Result<std::int64_t> startedTicks(std::int64_t pid);

enum class Alive { Yes, No, Unknown }; ///< Unknown: it runs on another host
Alive isAlive(const ProcessIdentity& process);

Json toJson(const ProcessIdentity& process); ///< {"pid","started_ticks","boot_id","host"}
Result<ProcessIdentity> processFromJson(const Json& json);

} // namespace hilum
