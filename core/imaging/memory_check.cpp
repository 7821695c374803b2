#include "core/imaging/memory_check.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>
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

Status checkVolumeMemory(std::uint64_t bytes, std::string_view what, const path& file)
{
    auto ok = checkMemory(bytes, what, file);
    if (ok)
        return ok;
    const double half = std::max(1.0, static_cast<double>(availableMemory()) / 2); // room for what is done with it
    const auto step = static_cast<std::int64_t>(std::ceil(std::cbrt(static_cast<double>(bytes) / half)));
    Error error = std::move(ok).error();
    error.message += hilum::format("; a part can be read: hilum convert --region I0,J0,K0,I1,J1,K1 takes a box of voxels, hilum convert --decimate {} takes one voxel in {} along each axis (about {})", step, step,
                                   byteSize(static_cast<std::uint64_t>(static_cast<double>(bytes) / std::pow(static_cast<double>(step), 3))));
    return std::unexpected(std::move(error));
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
