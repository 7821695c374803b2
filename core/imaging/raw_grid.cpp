#include "core/imaging/raw_grid.h"

#include "core/base/numbers.h"
#include "core/imaging/big_vector.h"
#include "core/imaging/byte_source.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/pixel_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace hilum::imaging {

namespace {

/// The portion's numbers of one time point, components interleaved.
template <class T> Result<std::vector<T>> pick(const RawGrid& g, std::int64_t time, const Portion& p, OpenBytes& source)
{
    if (!source) {
        HILUM_TRY(source, openBytes(g));
    }
    const Index3 n = p.size();
    const auto keep = static_cast<std::size_t>(g.components);
    std::vector<T> out = zeros<T>(static_cast<std::size_t>(n[0] * n[1] * n[2]) * keep);
    constexpr auto Width = static_cast<std::int64_t>(sizeof(T));
    const std::int64_t start = time * g.timeStride + p.begin[0] * g.stride[0] + p.begin[1] * g.stride[1] + p.begin[2] * g.stride[2];
    const bool inside = g.components == 1 || g.componentStride < g.stride[0]; // components lie beside each other
    const bool dense = p.step == 1 && inside && g.stride[0] == g.components && g.fileComponents == g.components && g.stride[1] == n[0] * g.stride[0] && g.stride[2] == n[1] * g.stride[1];
    if (dense) {
        const auto bytes = std::as_writable_bytes(std::span(out));
        HILUM_TRY_STATUS(source->read(start * Width, bytes));
        if (g.swapped)
            swapBytes(bytes, static_cast<int>(Width));
        return out;
    }
    // one slice of the portion at a time: from its first number to its last
    const std::int64_t lastI = (n[0] - 1) * p.step * g.stride[0], lastJ = (n[1] - 1) * p.step * g.stride[1], lastC = inside ? (g.components - 1) * g.componentStride : 0;
    std::vector<T> slab(static_cast<std::size_t>(lastI + lastJ + lastC + 1));
    const auto bytes = std::as_writable_bytes(std::span(slab));
    for (std::int64_t c = 0; c < (inside ? 1 : g.components); ++c)
        for (std::int64_t k = 0; k < n[2]; ++k) {
            HILUM_TRY_STATUS(source->read((start + c * g.componentStride + k * p.step * g.stride[2]) * Width, bytes));
            if (g.swapped)
                swapBytes(bytes, static_cast<int>(Width));
            T* to = out.data() + static_cast<std::size_t>(k * n[1] * n[0]) * keep;
            for (std::int64_t j = 0; j < n[1]; ++j)
                for (std::int64_t i = 0; i < n[0]; ++i, to += keep) {
                    const T* from = slab.data() + j * p.step * g.stride[1] + i * p.step * g.stride[0];
                    if (!inside)
                        to[c] = *from;
                    else
                        for (std::size_t m = 0; m < keep; ++m)
                            to[m] = from[static_cast<std::int64_t>(m) * g.componentStride];
                }
        }
    return out;
}

/// Wide numbers in the narrowest type that holds them exactly.
template <class T> Volume::Voxels narrowest(const std::vector<T>& all, std::vector<Notice>* notices)
{
    const auto as = [&]<class U>(U) {
        std::vector<U> out(all.size());
        std::ranges::transform(all, out.begin(), [](T v) { return static_cast<U>(v); });
        return Volume::Voxels(std::move(out));
    };
    if constexpr (std::is_integral_v<T>) {
        const auto [low, high] = std::ranges::minmax(all);
        const auto fits = [&](double from, double to) { return static_cast<double>(low) >= from && static_cast<double>(high) <= to; };
        if (fits(-32768, 32767))
            return as(std::int16_t{});
        if (fits(0, 65535))
            return as(std::uint16_t{});
        if (fits(-2147483648.0, 2147483647.0))
            return as(std::int32_t{});
    }
    const auto changed = [](T v) {
        const auto kept = static_cast<float>(v);
        if constexpr (std::is_integral_v<T>)
            return kept >= static_cast<float>(std::numeric_limits<T>::max()) || static_cast<T>(kept) != v;
        else
            return v == v && static_cast<double>(kept) != static_cast<double>(v); // NaN stays NaN
    };
    if (notices && std::ranges::any_of(all, changed))
        notices->push_back({"rounded", std::is_integral_v<T> ? "whole values beyond 32-bit integers are kept as 32-bit floating point numbers, with 7 digits"
                                                             : "64-bit floating point values are kept as 32-bit floating point numbers, with 7 digits"});
    return as(float{});
}

} // namespace

bool Portion::isWhole(const Index3& size) const
{
    for (std::size_t a = 0; a < 3; ++a)
        if (begin[a] != 0 || (end[a] != 0 && end[a] != size[a]))
            return false;
    return step == 1;
}

Result<Portion> Portion::within(const Index3& size) const
{
    Portion out = *this;
    if (step < 1)
        return fail(ErrorCode::Usage, "every {}-th voxel cannot be taken; 1 and more can", step);
    for (std::size_t a = 0; a < 3; ++a) {
        if (out.end[a] == 0)
            out.end[a] = size[a];
        if (out.begin[a] < 0 || out.end[a] > size[a] || out.begin[a] >= out.end[a])
            return fail(ErrorCode::Usage, "the region {} to {} along axis {} does not lie within the {} voxels there", out.begin[a], out.end[a], "ijk"[a], size[a]);
    }
    return out;
}

Index3 Portion::size() const
{
    Index3 n{};
    for (std::size_t a = 0; a < 3; ++a)
        n[a] = (end[a] - begin[a] + step - 1) / step;
    return n;
}

ImageHeader Portion::applied(ImageHeader h) const
{
    if (isWhole(h.geometry.size))
        return h;
    Geometry& g = h.geometry;
    h.notices.push_back({"portion", hilum::format("voxels {} {} {} to {} {} {} of {} x {} x {}{}", begin[0], begin[1], begin[2], end[0], end[1], end[2], g.size[0], g.size[1], g.size[2],
                                                  step > 1 ? hilum::format(", every {}th along each axis", step) : std::string())});
    if (!h.sliceOriginsLps.empty()) {
        std::vector<Vec3> kept;
        const Vec3 shift = static_cast<double>(begin[0]) * g.spacingMm[0] * g.direction.column(0) + static_cast<double>(begin[1]) * g.spacingMm[1] * g.direction.column(1);
        for (std::int64_t k = begin[2]; k < end[2]; k += step)
            kept.push_back(h.sliceOriginsLps[static_cast<std::size_t>(k)] + shift);
        h.sliceOriginsLps = std::move(kept);
    }
    g.originLps = h.sliceOriginsLps.empty() ? g.indexToWorld({static_cast<double>(begin[0]), static_cast<double>(begin[1]), static_cast<double>(begin[2])}) : h.sliceOriginsLps.front();
    for (double& s : g.spacingMm)
        s *= static_cast<double>(step);
    g.size = size();
    return h;
}

std::int64_t RawGrid::bytesPerNumber() const
{
    switch (type) {
    case Type::U8: case Type::I8: return 1;
    case Type::U16: case Type::I16: return 2;
    case Type::U32: case Type::I32: case Type::F32: return 4;
    default: return 8;
    }
}

std::uint64_t RawGrid::values() const
{
    return saturatingProduct({static_cast<std::uint64_t>(size[0]), static_cast<std::uint64_t>(size[1]), static_cast<std::uint64_t>(size[2]), static_cast<std::uint64_t>(times),
                              static_cast<std::uint64_t>(fileComponents)});
}

std::uint64_t RawGrid::bytes() const { return saturatingProduct({values(), static_cast<std::uint64_t>(bytesPerNumber())}); }

Status checkGridPresent(const RawGrid& grid, const path& header)
{
    std::uint64_t have = 0;
    for (const path& file : grid.files) {
        std::error_code ec;
        const std::uint64_t size = std::filesystem::file_size(file, ec);
        if (ec)
            return refuse(ErrorCode::NotFound, "not_found", "{}: its data file {} is not there", header.string(), file.string());
        have += size > static_cast<std::uint64_t>(grid.offset) ? size - static_cast<std::uint64_t>(grid.offset) : 0;
    }
    using Encoding = RawGrid::Encoding;
    const std::uint64_t claimed = grid.bytes();
    // a number as text takes at least a digit and a blank
    const std::uint64_t possible = grid.encoding == Encoding::Raw ? have : grid.encoding == Encoding::Deflate ? saturatingProduct({have, 1032})
                                 : grid.encoding == Encoding::Hex ? have / 2 : saturatingProduct({(have + 1) / 2, static_cast<std::uint64_t>(grid.bytesPerNumber())});
    if (possible < claimed)
        return refuse(ErrorCode::BadData, "truncated", "{}: the header claims {} bytes of voxels ({} x {} x {}), {} has {}", header.string(), grouped(static_cast<std::int64_t>(std::min<std::uint64_t>(claimed, INT64_MAX))),
                      grid.size[0], grid.size[1], grid.size[2], grid.files.size() == 1 ? grid.files.front().filename().string() : hilum::format("{} files", grid.files.size()), grouped(static_cast<std::int64_t>(have)));
    return {};
}

Status checkPortion(const Portion& p, const RawGrid& g, const path& file)
{
    const Index3 n = p.size();
    const auto bytes = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2]), static_cast<std::uint64_t>(g.components),
                                          static_cast<std::uint64_t>(g.bytesPerNumber())});
    return checkMemory(bytes, hilum::format("a part of {} x {} x {} voxels", n[0], n[1], n[2]), file);
}

Result<Volume::Voxels> readGrid(const RawGrid& g, std::int64_t time, const Portion& wanted, std::vector<Notice>* notices, OpenBytes* kept)
{
    OpenBytes own;
    OpenBytes& source = kept ? *kept : own;
    HILUM_TRY(const Portion p, wanted.within(g.size));
    const auto same = [&]<class T>(T) -> Result<Volume::Voxels> {
        HILUM_TRY(auto values, pick<T>(g, time, p, source));
        return Volume::Voxels(std::move(values));
    };
    const auto narrow = [&]<class T>(T) -> Result<Volume::Voxels> {
        HILUM_TRY(const auto values, pick<T>(g, time, p, source));
        return narrowest(values, notices);
    };
    using Type = RawGrid::Type;
    switch (g.type) {
    case Type::U8: return same(std::uint8_t{});
    case Type::I8: return narrow(std::int8_t{});
    case Type::U16: return same(std::uint16_t{});
    case Type::I16: return same(std::int16_t{});
    case Type::U32: return narrow(std::uint32_t{});
    case Type::I32: return narrow(std::int32_t{});
    case Type::U64: return narrow(std::uint64_t{});
    case Type::I64: return narrow(std::int64_t{});
    case Type::F32: return same(float{});
    case Type::F64: break;
    }
    return narrow(double{});
}

} // namespace hilum::imaging
