#include "core/view/volume_slice.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace hilum::view {

std::array<double, 3> SliceFrame::voxel(double x, double y, double slice) const
{
    const auto last = [this](std::size_t axis) { return static_cast<double>(size[axis] - 1); };
    switch (plane) {
    case SlicePlane::Axial: return {last(0) - x, last(1) - y, slice};
    case SlicePlane::Coronal: return {last(0) - x, slice, last(2) - y};
    case SlicePlane::Sagittal: return {slice, last(1) - x, last(2) - y};
    }
    return {};
}

std::array<double, 3> SliceFrame::screen(const std::array<double, 3>& ijk) const
{
    const auto last = [this](std::size_t axis) { return static_cast<double>(size[axis] - 1); };
    switch (plane) {
    case SlicePlane::Axial: return {last(0) - ijk[0], last(1) - ijk[1], ijk[2]};
    case SlicePlane::Coronal: return {last(0) - ijk[0], last(2) - ijk[2], ijk[1]};
    case SlicePlane::Sagittal: return {last(1) - ijk[1], last(2) - ijk[2], ijk[0]};
    }
    return {};
}

std::array<char, 2> SliceFrame::letters() const
{
    return {plane == SlicePlane::Sagittal ? 'A' : 'R', plane == SlicePlane::Axial ? 'A' : 'H'};
}

SliceFrame frameOf(const Block& block, SlicePlane plane)
{
    return {plane, {block.width, block.height, block.depth}};
}

std::vector<float> sliceOf(const Block& block, SlicePlane plane, std::int64_t slice)
{
    const SliceFrame frame = frameOf(block, plane);
    if (slice < 0 || slice >= frame.slices())
        throw std::out_of_range("slice " + std::to_string(slice) + " of " + std::to_string(frame.slices()));
    std::vector<float> out;
    out.reserve(static_cast<std::size_t>(frame.columns() * frame.rows()));
    for (std::int64_t y = 0; y < frame.rows(); ++y)
        for (std::int64_t x = 0; x < frame.columns(); ++x) {
            const auto at = frame.voxel(static_cast<double>(x), static_cast<double>(y), static_cast<double>(slice));
            out.push_back(block.at(std::llround(at[0]), std::llround(at[1]), std::llround(at[2])));
        }
    return out;
}

std::vector<float> tokenSlice(const Block& tokens, const SliceFrame& frame, std::int64_t slice)
{
    if (slice < 0 || slice >= frame.slices())
        throw std::out_of_range("slice " + std::to_string(slice) + " of " + std::to_string(frame.slices()));
    std::vector<float> out;
    out.reserve(static_cast<std::size_t>(frame.columns() * frame.rows()));
    for (std::int64_t y = 0; y < frame.rows(); ++y)
        for (std::int64_t x = 0; x < frame.columns(); ++x) {
            const auto at = frame.voxel(static_cast<double>(x), static_cast<double>(y), static_cast<double>(slice));
            out.push_back(tokens.at(std::llround(at[0]) * tokens.width / frame.size[0], std::llround(at[1]) * tokens.height / frame.size[1],
                                    std::llround(at[2]) * tokens.depth / frame.size[2]));
        }
    return out;
}

Block spread(const Block& tokens, const std::array<std::int64_t, 3>& size)
{
    Block out{.width = size[0], .height = size[1], .depth = size[2], .values = {}};
    out.values.reserve(static_cast<std::size_t>(size[0] * size[1] * size[2]));
    for (std::int64_t k = 0; k < size[2]; ++k)
        for (std::int64_t j = 0; j < size[1]; ++j)
            for (std::int64_t i = 0; i < size[0]; ++i)
                out.values.push_back(tokens.at(i * tokens.width / size[0], j * tokens.height / size[1], k * tokens.depth / size[2]));
    return out;
}

std::array<double, 2> greyRange(std::span<const float> values)
{
    if (values.empty() || std::ranges::all_of(values, [](float v) { return v >= -0.01f && v <= 1.01f; }))
        return {0, 1};
    std::vector<float> sorted;
    for (const float v : values)
        if (std::isfinite(v))
            sorted.push_back(v);
    if (sorted.empty())
        return {0, 1};
    const auto at = [&](double share) {
        const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size() - 1));
        std::ranges::nth_element(sorted, nth);
        return static_cast<double>(*nth);
    };
    const double low = at(0.005), high = at(0.995);
    return high > low ? std::array{low, high} : std::array{low, low + 1};
}

} // namespace hilum::view
