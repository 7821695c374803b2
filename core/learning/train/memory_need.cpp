#include "core/learning/train/memory_need.h"

#include "core/base/numbers.h"
#include "core/learning/model_file.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string_view>

namespace hilum::learning {

namespace {

std::uint64_t bytesOf(const at::Tensor& tensor) { return static_cast<std::uint64_t>(tensor.nbytes()); }

std::optional<std::uint64_t> firstNumber(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
        return std::nullopt;
    return value;
}

/// The number of the line that begins with `key`, as in "MemAvailable:  12 kB" or "active_file 12".
std::optional<std::uint64_t> numberOf(const std::string& text, std::string_view key)
{
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key) && line.size() > key.size() && (line[key.size()] == ':' || line[key.size()] == ' '))
            return firstNumber(std::string_view(line).substr(key.size()));
    return std::nullopt;
}

/// The number that a file holds; nothing for "max" or when it is not there.
std::optional<std::uint64_t> numberIn(const path& file)
{
    const auto text = readTextFile(file, 4096);
    return text ? firstNumber(*text) : std::nullopt;
}

struct GroupFiles {
    const char *limit, *used, *activeFiles, *inactiveFiles;
};
constexpr GroupFiles GroupsV1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file", "total_inactive_file"};
constexpr GroupFiles GroupsV2{"memory.max", "memory.current", "active_file", "inactive_file"};

std::uint64_t leftInGroup(const path& folder, const GroupFiles& files)
{
    const std::optional<std::uint64_t> limit = numberIn(folder / files.limit), used = numberIn(folder / files.used);
    if (!limit || !used)
        return MemoryRoom::Unknown;
    // kept pages of files are given back when memory is asked for
    std::uint64_t kept = 0;
    if (const auto counts = readTextFile(folder / "memory.stat"))
        kept = numberOf(*counts, files.activeFiles).value_or(0) + numberOf(*counts, files.inactiveFiles).value_or(0);
    const std::uint64_t taken = *used - std::min(*used, kept);
    return *limit - std::min(*limit, taken);
}

/// The least that any control group of this process leaves, its parents included.
std::uint64_t leftInGroups(const path& root)
{
    std::uint64_t left = MemoryRoom::Unknown;
    const auto groups = readTextFile(root / "proc/self/cgroup");
    if (!groups)
        return left;
    std::istringstream lines(*groups);
    for (std::string line; std::getline(lines, line);) { // "number:controllers:/folder"
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos)
            continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        const bool unified = controllers == ",,";
        if (!unified && controllers.find(",memory,") == std::string::npos)
            continue;
        const path base = unified ? root / "sys/fs/cgroup" : root / "sys/fs/cgroup/memory";
        for (path group(line.substr(second + 1));; group = group.parent_path()) {
            left = std::min(left, leftInGroup(base / group.relative_path(), unified ? GroupsV2 : GroupsV1));
            if (!group.has_relative_path())
                break;
        }
    }
    return left;
}

/// A template, so that a LibTorch whose allocators do not tell it compiles too.
template <class Allocator>
std::uint64_t freeOnDevice(Allocator& allocator, c10::DeviceIndex index)
{
    if constexpr (requires { allocator.getMemoryInfo(index).first; }) {
        auto room = static_cast<std::uint64_t>(allocator.getMemoryInfo(index).first);
        if (allocator.initialized()) {
            const auto stats = allocator.getDeviceStats(index);
            constexpr auto All = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
            room += static_cast<std::uint64_t>(std::max<std::int64_t>(0, stats.reserved_bytes[All].current - stats.allocated_bytes[All].current));
        }
        return room;
    } else {
        return MemoryRoom::Unknown;
    }
}

} // namespace

MemoryNeed memoryNeed(const torch::nn::Module& network, const Json& options, const std::string& learns)
{
    MemoryNeed need;
    for (const auto& [name, tensor] : namedState(network))
        need.weights += bytesOf(tensor);
    std::uint64_t optimised = 0;
    for (const auto& entry : network.named_parameters()) {
        if (!entry.value().requires_grad())
            continue;
        optimised += bytesOf(entry.value());
        if (entry.key().starts_with(learns))
            need.gradients += bytesOf(entry.value());
    }
    need.moments = optimised * (options.value("amsgrad", false) ? 3 : 2);
    need.average = options.value("ema_decay", 0.0) > 0 ? need.weights : 0;
    return need;
}

Result<MemoryRoom> availableMemory(at::Device device, const path& root)
{
    MemoryRoom room;
    if (device.is_cpu()) {
        room.of = "this computer";
        if (const auto text = readTextFile(root / "proc/meminfo"))
            if (const auto kilobytes = numberOf(*text, "MemAvailable"))
                room.bytes = *kilobytes * 1024;
        if (const std::uint64_t left = leftInGroups(root); left < room.bytes)
            room = {left, "the memory limit of this program's control group"};
    } else {
        room = {freeOnDevice(*at::getDeviceAllocator(device.type()), device.has_index() ? device.index() : c10::DeviceIndex(0)), device.str()};
    }
    if (const char* given = std::getenv("HILUM_MEMORY_LIMIT"); given && *given) {
        const auto limit = parseInteger(given);
        if (!limit || *limit < 0)
            return fail(ErrorCode::Usage, "HILUM_MEMORY_LIMIT = {} is no number of bytes", given);
        if (static_cast<std::uint64_t>(*limit) < room.bytes)
            room = {static_cast<std::uint64_t>(*limit), "HILUM_MEMORY_LIMIT"};
    }
    return room;
}

Status checkMemory(const MemoryNeed& need, const MemoryRoom& room, std::uint64_t held)
{
    const std::uint64_t taken = std::min(held, need.total());
    if (need.total() - taken <= room.bytes)
        return {};
    std::string parts = hilum::format("weights {}, gradients {}, moments of the optimiser {}", byteSize(need.weights), byteSize(need.gradients), byteSize(need.moments));
    std::string lower = "a smaller preset, less width or less depth needs less";
    if (need.average > 0) {
        parts += hilum::format(", averaged weights {}", byteSize(need.average));
        lower += ", ema_decay = 0 too";
    }
    return refuse(ErrorCode::TooLarge, "memory", "training this network takes {} at least, whatever the batch ({}), and {} leaves {} for it; {}", byteSize(need.total()), parts, room.of,
                  byteSize(room.bytes + taken), lower);
}

Status checkMemory(const MemoryNeed& need, at::Device device, std::uint64_t held)
{
    HILUM_TRY(const MemoryRoom room, availableMemory(device));
    return checkMemory(need, room, held);
}

BatchLine BatchLine::through(std::int64_t batchA, double a, std::int64_t batchB, double b)
{
    const double each = std::max(0.0, (b - a) / static_cast<double>(batchB - batchA));
    return {.fixed = std::max(a - each * static_cast<double>(batchA), b - each * static_cast<double>(batchB)), .each = each};
}

std::int64_t BatchLine::largest(double most, std::int64_t limit) const
{
    if (value(1) > most)
        return 0;
    const double batches = each > 0 ? std::floor((most - fixed) / each) : static_cast<double>(limit);
    return std::min(limit, static_cast<std::int64_t>(std::min(batches, static_cast<double>(limit))));
}

} // namespace hilum::learning
