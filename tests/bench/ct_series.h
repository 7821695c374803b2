#pragma once

#include "core/base/digest.h"
#include "core/base/paths.h"
#include "core/imaging/read.h"
#include "tests/support/make_dicom.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

/// What the benchmarks of CT series share: slices, clocks, and the reading itself.
namespace hilum::bench {

using Clock = std::chrono::steady_clock;

inline double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }
inline bool smoke() { return std::getenv("HILUM_SMOKE") != nullptr; }

inline tests::DicomFile slice(int k, int size)
{
    // smooth shapes with some noise, so that compression has work to do as on a patient
    std::vector<std::int16_t> values(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    std::uint32_t noise = static_cast<std::uint32_t>(k + 1);
    for (int j = 0; j < size; ++j)
        for (int i = 0; i < size; ++i) {
            noise = noise * 1664525u + 1013904223u;
            values[static_cast<std::size_t>(j * size + i)] = static_cast<std::int16_t>(1000 + 600 * std::sin(0.02 * (i + k)) * std::cos(0.017 * j) + static_cast<double>(noise >> 28));
        }
    return tests::dicomSlice({.number = k + 1, .position = hilum::format("-200\\-200\\{}", k), .intercept = "-1024", .rows = size, .columns = size, .values = std::move(values)});
}

/// Peak resident memory of this process, bytes.
inline double peakMemory()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return 1024 * std::stod(line.substr(6));
    return 0;
}

inline std::string digestOf(const void* voxels, std::size_t bytes)
{
    Sha256 d;
    d.update({static_cast<const std::byte*>(voxels), bytes});
    return d.finishHex();
}

inline double readWithHilum(const path& folder, std::string& digest)
{
    const auto start = Clock::now();
    const auto volume = imaging::readVolume(folder);
    const double took = seconds(start);
    if (!volume)
        throw std::runtime_error(volume.error().sentence());
    const auto* voxels = std::get_if<std::vector<std::int16_t>>(&volume->voxels());
    digest = voxels ? digestOf(voxels->data(), 2 * voxels->size()) : "not 16 bits";
    return took;
}

inline double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
}

} // namespace hilum::bench
