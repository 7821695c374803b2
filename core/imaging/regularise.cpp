#include "core/imaging/regularise.h"

#include "core/base/numbers.h"
#include "core/imaging/label_slices.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace hilum::imaging {

namespace {

/// Origins of all slices, whether they are listed or follow from the grid.
std::vector<Vec3> originsOf(const ImageHeader& h)
{
    if (!h.sliceOriginsLps.empty())
        return h.sliceOriginsLps;
    std::vector<Vec3> out;
    for (std::int64_t k = 0; k < h.geometry.size[2]; ++k)
        out.push_back(h.geometry.indexToWorld({0, 0, static_cast<double>(k)}));
    return out;
}

constexpr double StraightDegrees = 0.5; // a tilt below this is no gantry's

/// Sideways way from the first slice to the last, mm, of slices whose third axis is oblique.
Vec3 driftOf(const Geometry& g)
{
    const Vec3 normal = normalised(cross(g.direction.column(0), g.direction.column(1))), way = static_cast<double>(g.size[2] - 1) * g.spacingMm[2] * g.direction.column(2);
    return way - dot(way, normal) * normal;
}

struct Plan {
    Geometry target;
    std::vector<double> along;      ///< of the acquired slices, mm along the normal from the first
    std::vector<Vec3> origins;
    Vec3 row, column, normal;
};

Plan planOf(const ImageHeader& h)
{
    Plan p;
    p.origins = originsOf(h);
    p.row = h.geometry.direction.column(0);
    p.column = h.geometry.direction.column(1);
    p.normal = normalised(cross(p.row, p.column));
    if (dot(p.origins.back() - p.origins.front(), p.normal) < 0)
        p.normal = -1.0 * p.normal;
    std::array<double, 2> low{0, 0}, high{0, 0}; // sideways shift of slices against the first, mm
    for (const Vec3& o : p.origins) {
        const Vec3 d = o - p.origins.front();
        p.along.push_back(dot(d, p.normal));
        for (std::size_t a = 0; a < 2; ++a) {
            const double shift = dot(d, a == 0 ? p.row : p.column);
            low[a] = std::min(low[a], shift);
            high[a] = std::max(high[a], shift);
        }
    }
    std::vector<double> gaps;
    for (std::size_t n = 1; n < p.along.size(); ++n)
        gaps.push_back(p.along[n] - p.along[n - 1]);
    std::ranges::sort(gaps);
    const double step = gaps[(gaps.size() - 1) / 2];
    Geometry& g = p.target;
    g = h.geometry;
    g.direction.setColumn(2, p.normal);
    g.spacingMm[2] = step;
    g.size[2] = static_cast<std::int64_t>(std::floor(p.along.back() / step + 1e-3)) + 1;
    g.originLps = p.origins.front();
    for (std::size_t a = 0; a < 2; ++a) { // room for every slice, in whole voxels of the acquired plane
        const double before = std::ceil(-low[a] / g.spacingMm[a] - 1e-6), after = std::ceil(high[a] / g.spacingMm[a] - 1e-6);
        g.originLps = g.originLps - (before * g.spacingMm[a]) * (a == 0 ? p.row : p.column);
        g.size[a] += static_cast<std::int64_t>(before + after);
    }
    return p;
}

/// A place within a slice: false when it lies outside, else moved onto the slice where rounding put it beside the border.
bool within(const Index3& n, double& i, double& j)
{
    constexpr double Slack = 1e-6; // rounding at the border
    if (i < -Slack || j < -Slack || i > static_cast<double>(n[0] - 1) + Slack || j > static_cast<double>(n[1] - 1) + Slack)
        return false;
    i = std::clamp(i, 0.0, static_cast<double>(n[0] - 1));
    j = std::clamp(j, 0.0, static_cast<double>(n[1] - 1));
    return true;
}

/// Bilinear value of slice k at (i, j), which lies within.
template <class T> double sample(std::span<const T> voxels, const Index3& n, std::int64_t k, double i, double j)
{
    const auto i0 = static_cast<std::int64_t>(i), j0 = static_cast<std::int64_t>(j);
    const std::int64_t i1 = std::min(i0 + 1, n[0] - 1), j1 = std::min(j0 + 1, n[1] - 1);
    const double u = i - static_cast<double>(i0), v = j - static_cast<double>(j0);
    const auto at = [&](std::int64_t x, std::int64_t y) { return static_cast<double>(voxels[static_cast<std::size_t>((k * n[1] + y) * n[0] + x)]); };
    return (1 - v) * ((1 - u) * at(i0, j0) + u * at(i1, j0)) + v * ((1 - u) * at(i0, j1) + u * at(i1, j1));
}

template <class T> Status resample(const Volume& from, std::span<const T> voxels, const Plan& plan, double fill, std::vector<T>& out, const Work& work)
{
    const Geometry& source = from.geometry();
    const Index3 &n = source.size, &m = plan.target.size;
    const bool labels = from.header().unit == Unit::Label; // between labels 1 and 3 there is no 2
    const auto put = [](double v) {
        if constexpr (std::is_floating_point_v<T>)
            return static_cast<T>(v);
        else
            return static_cast<T>(std::clamp(std::round(v), static_cast<double>(std::numeric_limits<T>::min()), static_cast<double>(std::numeric_limits<T>::max())));
    };
    return parallelFor(m[2], [&](std::int64_t z) -> Status {
        const double at = static_cast<double>(z) * plan.target.spacingMm[2];
        auto upper = static_cast<std::size_t>(std::ranges::lower_bound(plan.along, at) - plan.along.begin());
        upper = std::clamp<std::size_t>(upper, 1, plan.along.size() - 1);
        const std::size_t lower = upper - 1;
        const double w = std::clamp((at - plan.along[lower]) / (plan.along[upper] - plan.along[lower]), 0.0, 1.0);
        // the acquired slices are sheared: each is read where its own origin puts it
        const Vec3 base = plan.target.indexToWorld({0, 0, static_cast<double>(z)});
        const auto offset = [&](std::size_t k, const Vec3& axis, double spacing) { return dot(base - plan.origins[k], axis) / spacing; };
        const double i0 = offset(lower, plan.row, source.spacingMm[0]), i1 = offset(upper, plan.row, source.spacingMm[0]);
        const double j0 = offset(lower, plan.column, source.spacingMm[1]), j1 = offset(upper, plan.column, source.spacingMm[1]);
        T* to = out.data() + static_cast<std::size_t>(z * m[0] * m[1]);
        for (std::int64_t y = 0; y < m[1]; ++y)
            for (std::int64_t x = 0; x < m[0]; ++x, ++to) {
                // along the oblique way from slice to slice, so that edges parallel to it stay sharp
                double i = static_cast<double>(x) + (1 - w) * i0 + w * i1, j = static_cast<double>(y) + (1 - w) * j0 + w * j1;
                if (!within(n, i, j))
                    *to = put(fill);
                else if (labels)
                    *to = voxels[static_cast<std::size_t>((static_cast<std::int64_t>(w < 0.5 ? lower : upper) * n[1] + std::llround(j)) * n[0] + std::llround(i))];
                else
                    *to = put((1 - w) * sample(voxels, n, static_cast<std::int64_t>(lower), i, j) + w * sample(voxels, n, static_cast<std::int64_t>(upper), i, j));
            }
        return {};
    }, work, "making slices even");
}

} // namespace

bool isIrregular(const Volume& v)
{
    if (!v.header().hasPatientSpace || v.geometry().size[2] < 2)
        return false;
    return v.header().irregular || orthonormalError(v.geometry().direction) > 1e-4;
}

bool isNearlyStraight(const Volume& v)
{
    const ImageHeader& h = v.header();
    const Geometry& g = h.geometry;
    if (!h.hasPatientSpace || h.irregular || !h.sliceOriginsLps.empty() || g.size[2] < 2)
        return false;
    const Vec3 across = cross(g.direction.column(0), g.direction.column(1));
    if (std::abs(dot(g.direction.column(0), g.direction.column(1))) > 1e-4 || !(norm(across) > 0))
        return false;
    const double way = static_cast<double>(g.size[2] - 1) * g.spacingMm[2], drift = norm(driftOf(g));
    return drift <= 0.5 * std::min(g.spacingMm[0], g.spacingMm[1]) && drift <= way * std::sin(StraightDegrees * std::numbers::pi / 180);
}

Volume straightened(const Volume& volume)
{
    ImageHeader h = volume.header();
    Geometry& g = h.geometry;
    const Vec3 drift = driftOf(g), step = g.spacingMm[2] * g.direction.column(2);
    const Vec3 across = normalised(cross(g.direction.column(0), g.direction.column(1))), normal = dot(step, across) < 0 ? -1.0 * across : across;
    g.direction.setColumn(2, normal);
    g.spacingMm[2] = dot(step, normal);
    g.originLps = g.originLps + 0.5 * drift; // no slice is off by more than half of the drift
    h.notices.push_back({"repaired_direction", hilum::format("the slices drift sideways by {} mm from the first to the last, less than half a pixel; they are kept as they are on a grid with perpendicular axes, "
                                                             "each off by {} mm at most", fixed(norm(drift), 3), fixed(0.5 * norm(drift), 3))});
    return volume.withHeader(std::move(h));
}

Result<Volume> regularise(const Volume& volume, const Work& work)
{
    if (!isIrregular(volume))
        return volume;
    if (isNearlyStraight(volume))
        return straightened(volume);
    if (volume.components() != 1)
        return fail(ErrorCode::Unsupported, "colour slices cannot be made even");
    const ImageHeader& h = volume.header();
    const Plan plan = planOf(h);
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(plan.target.size[0]), static_cast<std::uint64_t>(plan.target.size[1]), static_cast<std::uint64_t>(plan.target.size[2])});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, volume.byteCount() / static_cast<std::uint64_t>(volume.geometry().voxelCount())}), "the volume with even slices", "series"));
    Result<Volume::Voxels> made = volume.visit([&]<class T>(std::span<const T> in) -> Result<Volume::Voxels> {
        const double fill = h.unit == Unit::Label ? 0 : h.paddingValue ? *h.paddingValue : static_cast<double>(*std::ranges::min_element(in));
        std::vector<T> out(voxels);
        HILUM_TRY_STATUS(resample<T>(volume, in, plan, fill, out, work));
        return Volume::Voxels(std::move(out));
    });
    if (!made)
        return std::unexpected(std::move(made).error());
    ImageHeader header = h;
    header.geometry = plan.target;
    header.irregular = false;
    header.sliceOriginsLps.clear();
    header.notices.push_back({"resampled", hilum::format("{} acquired slices were resampled to {} slices {} mm apart, perpendicular to the plane{}", volume.geometry().size[2], plan.target.size[2],
                                                         fixed(plan.target.spacingMm[2], 3), h.unit == Unit::Label ? "; each voxel has the label of the nearest" : "")});
    return Volume(std::move(header), std::move(*made));
}

Geometry evenGrid(const ImageHeader& header) { return planOf(header).target; }

std::string whyIrregular(const Volume& volume)
{
    std::string why;
    for (const Notice& n : volume.header().notices)
        if (n.code == "missing_slice" || n.code == "uneven_spacing" || n.code == "gantry_tilt" || n.code == "not_a_volume")
            why += (why.empty() ? "" : "; ") + n.text;
    if (why.empty() && volume.header().irregular) { // labels have no notices of the slices that they were drawn on
        const std::vector<double> along = planOf(volume.header()).along;
        double least = std::numeric_limits<double>::infinity(), most = 0;
        for (std::size_t k = 1; k < along.size(); ++k) {
            least = std::min(least, along[k] - along[k - 1]);
            most = std::max(most, along[k] - along[k - 1]);
        }
        why = hilum::format("the slices are uneven, {} to {} mm apart", fixed(least, 3), fixed(most, 3));
    }
    if (why.empty()) // a tilt below that of any gantry
        why = hilum::format("the slices are shifted sideways by {} mm from the first to the last", fixed(norm(driftOf(volume.geometry())), 3));
    return why;
}

Result<Volume> applySpacing(Volume volume, SpacingPolicy policy, const Work& work)
{
    if (policy == SpacingPolicy::AsAcquired || !isIrregular(volume))
        return volume;
    if (policy == SpacingPolicy::Regularise && volume.header().unit == Unit::Label && volume.header().irregular)
        return evenLabels(volume, work);
    if (policy == SpacingPolicy::Regularise || isNearlyStraight(volume))
        return regularise(volume, work);
    return refuse(ErrorCode::BadData, "irregular", "the slices form no regular grid: {}", whyIrregular(volume));
}

} // namespace hilum::imaging
