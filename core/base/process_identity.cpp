#include "core/base/process_identity.h"

#include "core/base/paths.h"

#include <charconv>
#include <unistd.h>

namespace hilum {

namespace {

std::string bootId()
{
    std::string id = readTextFile("/proc/sys/kernel/random/boot_id", 4096).value_or(std::string());
    id.erase(id.find_last_not_of(" \n") + 1);
    return id;
}

std::string hostName()
{
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    return name;
}

} // namespace

Result<std::int64_t> startedTicks(std::int64_t pid)
{
    const auto stat = readTextFile("/proc/" + std::to_string(pid) + "/stat", 65536);
    // the name in parentheses may itself hold blanks and parentheses
    const std::size_t close = stat ? stat->rfind(')') : std::string::npos;
    if (close == std::string::npos || close + 2 >= stat->size() || (*stat)[close + 2] == 'Z' || (*stat)[close + 2] == 'X')
        return fail(ErrorCode::NotFound, "there is no process {}", pid);
    std::size_t at = close + 2; // field 3
    for (int field = 3; field < 22 && at != std::string::npos; ++field)
        at = stat->find(' ', at + 1);
    std::int64_t ticks = 0;
    if (at == std::string::npos || std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), ticks).ec != std::errc())
        return fail(ErrorCode::BadData, "/proc/{}/stat has fewer than 22 fields", pid);
    return ticks;
}

ProcessIdentity thisProcess()
{
    const std::int64_t pid = ::getpid();
    return {pid, startedTicks(pid).value_or(0), bootId(), hostName()};
}

Alive isAlive(const ProcessIdentity& process)
{
    if (process.host != hostName())
        return Alive::Unknown;
    if (process.bootId != bootId())
        return Alive::No;
    const auto ticks = startedTicks(process.pid);
    return ticks && *ticks == process.startedTicks ? Alive::Yes : Alive::No;
}

Json toJson(const ProcessIdentity& p)
{
    return {{"pid", p.pid}, {"started_ticks", p.startedTicks}, {"boot_id", p.bootId}, {"host", p.host}};
}

Result<ProcessIdentity> processFromJson(const Json& json)
{
    const auto number = [&](const char* key) { return json.contains(key) && json[key].is_number_integer(); };
    const auto text = [&](const char* key) { return json.contains(key) && json[key].is_string(); };
    if (!json.is_object() || !number("pid") || !number("started_ticks") || !text("boot_id") || !text("host"))
        return fail(ErrorCode::BadData, "no process is named by {}", jsonLine(json).substr(0, 120));
    return ProcessIdentity{json["pid"], json["started_ticks"], json["boot_id"], json["host"]};
}

} // namespace hilum
