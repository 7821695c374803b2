#include "core/imaging/label_slices.h"

#include "core/base/numbers.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"
#include "core/imaging/regularise.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

/// How far slice k reaches towards `at`, mm. \param along  of the slices, ascending; \param step  the usual distance
double reachOf(const std::vector<double>& along, std::size_t k, double at, double step)
{
    constexpr double Uneven = 1.5; // more is a gap
    const auto gap = [&](std::size_t above) { return above > 0 && above < along.size() ? along[above] - along[above - 1] : step; }; // below that slice
    const double below = gap(k), above = gap(k + 1);
    // slices are missing on both sides, and it is no stretch of wider distances that goes on
    const bool lone = std::min(below, above) > Uneven * step && Uneven * (k > 0 ? gap(k - 1) : step) < below && Uneven * gap(k + 2) < above;
    const double side = at < along[k] ? below : above, other = lone ? step : at < along[k] ? above : below;
    return std::min(side, Uneven * other) / 2;
}

} // namespace

Result<Volume> evenLabels(const Volume& labels, const Work& work)
{
    const ImageHeader& h = labels.header();
    if (!h.irregular)
        return labels;
    const Index3& n = h.geometry.size;
    if (labels.components() != 1)
        return fail(ErrorCode::Unsupported, "a label map has 1 component, this one {}", labels.components());
    if (static_cast<std::int64_t>(h.sliceOriginsLps.size()) != n[2] || n[2] < 2)
        return fail(ErrorCode::BadData, "{} slices of labels are uneven and {} places of slices are known", n[2], h.sliceOriginsLps.size());
    const Geometry target = evenGrid(h);
    const Index3& m = target.size;
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(m[0]), static_cast<std::uint64_t>(m[1]), static_cast<std::uint64_t>(m[2])});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, labels.byteCount() / static_cast<std::uint64_t>(h.geometry.voxelCount())}), "the labels on even slices", "label map"));
    const Vec3 row = target.direction.column(0), column = target.direction.column(1), normal = target.direction.column(2);
    const double step = target.spacingMm[2];
    std::vector<double> along; // mm
    for (const Vec3& origin : h.sliceOriginsLps)
        along.push_back(dot(origin - h.sliceOriginsLps.front(), normal));
    Result<Volume::Voxels> made = labels.visit([&]<class T>(std::span<const T> in) -> Result<Volume::Voxels> {
        std::vector<T> out(voxels);
        HILUM_TRY_STATUS(parallelFor(m[2], [&](std::int64_t z) -> Status {
            const double at = static_cast<double>(z) * step;
            const auto upper = std::clamp<std::size_t>(static_cast<std::size_t>(std::ranges::lower_bound(along, at) - along.begin()), 1, along.size() - 1), lower = upper - 1;
            const double w = std::clamp((at - along[lower]) / (along[upper] - along[lower]), 0.0, 1.0);
            const std::size_t k = w < 0.5 ? lower : upper;
            if (std::abs(at - along[k]) > reachOf(along, k, at, step) + 1e-3 * step)
                return {}; // no slice was drawn on here
            // slices of a tilted series are sheared: in plane along the way from slice to slice, as the image
            const Vec3 base = target.indexToWorld({0, 0, static_cast<double>(z)});
            const auto offset = [&](const Vec3& axis, double spacing) {
                return ((1 - w) * dot(base - h.sliceOriginsLps[lower], axis) + w * dot(base - h.sliceOriginsLps[upper], axis)) / spacing;
            };
            const double i0 = offset(row, target.spacingMm[0]), j0 = offset(column, target.spacingMm[1]);
            for (std::int64_t y = 0; y < m[1]; ++y) {
                const std::int64_t j = std::llround(static_cast<double>(y) + j0);
                if (j < 0 || j >= n[1])
                    continue;
                for (std::int64_t x = 0; x < m[0]; ++x)
                    if (const std::int64_t i = std::llround(static_cast<double>(x) + i0); i >= 0 && i < n[0])
                        out[static_cast<std::size_t>((z * m[1] + y) * m[0] + x)] = in[static_cast<std::size_t>((static_cast<std::int64_t>(k) * n[1] + j) * n[0] + i)];
            }
            return {};
        }, work, "making the slices of labels even"));
        return Volume::Voxels(std::move(out));
    });
    if (!made)
        return std::unexpected(std::move(made).error());
    ImageHeader header = h;
    header.geometry = target;
    header.irregular = false;
    header.sliceOriginsLps.clear();
    header.notices.push_back({"resampled", hilum::format("{} uneven slices of labels were put on {} slices {} mm apart, by the nearest voxel; where slices are missing there is no label", n[2], m[2],
                                                         fixed(step, 3))});
    return Volume(std::move(header), std::move(*made));
}

} // namespace hilum::imaging
