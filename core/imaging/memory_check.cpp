#include "core/imaging/memory_check.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace hilum::imaging {

namespace {

/// The number in a one-line file of the kernel, or `otherwise` ("max", or no such file).
std::uint64_t numberIn(const char* file, std::uint64_t otherwise)
{
    std::ifstream in(file);
    std::uint64_t value = 0;
    return in >> value ? value : otherwise;
}

} // namespace

std::uint64_t availableMemory()
{
    constexpr auto Unlimited = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t available = Unlimited;
    std::ifstream info("/proc/meminfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("MemAvailable:"))
            available = std::stoull(line.substr(13)) * 1024;
    const std::uint64_t limit = numberIn("/sys/fs/cgroup/memory.max", Unlimited);
    if (limit != Unlimited) {
        const std::uint64_t used = numberIn("/sys/fs/cgroup/memory.current", 0);
        available = std::min(available, limit > used ? limit - used : 0);
    }
    return available;
}

Status checkMemory(std::uint64_t bytes, std::string_view what, const path& file)
{
    const std::uint64_t available = availableMemory();
    if (bytes > available)
        return refuse(ErrorCode::TooLarge, "too_large", "{}: {} would take {} ({} bytes), but only {} of memory are free", file.string(), what,
                      byteSize(bytes), bytes, byteSize(available));
    return {};
}

std::uint64_t saturatingProduct(std::initializer_list<std::uint64_t> factors)
{
    std::uint64_t product = 1;
    for (const std::uint64_t f : factors)
        if (__builtin_mul_overflow(product, f, &product))
            return std::numeric_limits<std::uint64_t>::max();
    return product;
}

} // namespace hilum::imaging
