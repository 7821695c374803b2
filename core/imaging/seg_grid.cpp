#include "core/imaging/seg_grid.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_geometry.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hilum::imaging::detail {

namespace {

/// Frames without places: the n-th frame of each segment lies on slice n.
SegGrid flatGrid(const DicomHeader& h)
{
    SegGrid g;
    std::map<std::int64_t, std::int64_t> next;
    std::int64_t most = 1;
    for (const DicomFrame& f : h.frames) {
        g.slice.push_back(next[f.segment]++);
        most = std::max(most, next[f.segment]);
    }
    g.header.hasPatientSpace = false;
    g.header.spacingMeaning = SpacingMeaning::Unknown;
    g.header.geometry.size = {h.columns, h.rows, most};
    const auto& spacing = h.frames.front().spacingMm;
    if (spacing[0] > 0 && spacing[1] > 0)
        g.header.geometry.spacingMm = {spacing[0], spacing[1], 1};
    return g;
}

/// Frames by their positions. Slices without any segment are not stored: the grid has them, empty, when all gaps are whole multiples of
/// the slice distance.
Result<SegGrid> placedGrid(const DicomHeader& h)
{
    const DicomFrame& first = h.frames.front();
    for (const DicomFrame& f : h.frames)
        for (std::size_t a = 0; a < 2; ++a)
            if (norm((*f.orientation)[a] - (*first.orientation)[a]) > 1e-3)
                return refuse(ErrorCode::Unsupported, "mixed_orientation", "{}: its frames have several orientations", h.file.string());
    const Vec3 normal = normalised(cross((*first.orientation)[0], (*first.orientation)[1]));
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t n = 0; n < h.frames.size(); ++n)
        order.emplace_back(dot(*h.frames[n].positionLps, normal), n);
    std::ranges::sort(order);
    SegGrid g;
    g.slice.resize(h.frames.size());
    std::vector<SlicePose> poses; // one for each distinct position
    std::vector<double> along;
    for (const auto& [s, n] : order) {
        if (along.empty() || s - along.back() > 2e-3) {
            along.push_back(s);
            poses.push_back({*h.frames[n].positionLps, {}});
        }
        g.slice[n] = static_cast<std::int64_t>(along.size()) - 1;
    }
    const double told = first.spacingBetweenMm > 0 ? first.spacingBetweenMm : first.sliceThicknessMm;
    std::array<double, 2> spacing = first.spacingMm[0] > 0 ? first.spacingMm : std::array{1.0, 1.0};
    HILUM_TRY(StackPlan plan, planStack(poses, (*first.orientation)[0], (*first.orientation)[1], spacing, {h.columns, h.rows, 1}, told));
    g.header.geometry = plan.geometry;
    g.header.irregular = plan.irregular;
    g.header.sliceOriginsLps = plan.sliceOriginsLps;
    // positions that the plan takes for one (rounding of the directions): it decides
    if (const auto& levels = plan.times.front(); levels.size() < along.size()) {
        std::vector<double> kept;
        std::vector<SlicePose> keptPoses;
        for (const std::size_t p : levels) {
            kept.push_back(along[p]);
            keptPoses.push_back(poses[p]);
        }
        for (std::int64_t& s : g.slice)
            s = std::ranges::min_element(kept, {}, [&](double k) { return std::abs(k - along[static_cast<std::size_t>(s)]); }) - kept.begin();
        along = std::move(kept);
        poses = std::move(keptPoses);
        std::erase_if(plan.notices, [](const Notice& n) { return n.code == "time_series" || n.code == "duplicate_position"; });
    }
    double smallest = along.size() > 1 ? along[1] - along[0] : told;
    for (std::size_t n = 1; n < along.size(); ++n)
        smallest = std::min(smallest, along[n] - along[n - 1]);
    const auto fits = [&](double step) {
        return step > 0 && std::ranges::all_of(along, [&](double s) { return std::abs((s - along[0]) / step - std::round((s - along[0]) / step)) < 0.05; });
    };
    const bool declared = first.spacingBetweenMm > 0 && fits(first.spacingBetweenMm);
    constexpr double MostSlices = 1e6;
    double step = declared ? first.spacingBetweenMm : fits(smallest) ? smallest : 0;
    if (step > 0 && !((along.back() - along[0]) / step < MostSlices))
        step = 0;
    // segments on every third slice are evenly spaced, too: the declared distance tells how many empty ones lie between them
    if (step > 0 && along.size() > 1 && (plan.irregular || (declared && smallest > 1.5 * step))) {
        for (std::int64_t& s : g.slice)
            s = std::llround((along[static_cast<std::size_t>(s)] - along[0]) / step);
        const Vec3 whole = poses.back().positionLps - poses.front().positionLps;
        const double count = std::round((along.back() - along[0]) / step);
        g.header.geometry.size[2] = static_cast<std::int64_t>(count) + 1;
        g.header.geometry.spacingMm[2] = norm(whole) / count;
        g.header.irregular = false;
        g.header.sliceOriginsLps.clear();
        std::erase_if(plan.notices, [](const Notice& n) { return n.code == "missing_slice" || n.code == "uneven_spacing"; });
    }
    if (along.size() > 1 && first.spacingBetweenMm <= 0 && first.sliceThicknessMm > 0 && smallest > 1.5 * first.sliceThicknessMm)
        plan.notices.push_back({"assumed_spacing", hilum::format("frames lie {} mm apart, Slice Thickness is {} mm and Spacing Between Slices is missing: voxels are taken as {} mm thick",
                                                                 fixed(smallest, 3), fixed(first.sliceThicknessMm, 3), fixed(g.header.geometry.spacingMm[2], 3))});
    if (first.spacingMm[0] <= 0)
        plan.notices.push_back({"assumed_spacing", "Pixel Spacing is missing; 1 mm is assumed"});
    g.header.notices = plan.notices;
    return g;
}

} // namespace

Result<SegGrid> segGridOf(const DicomHeader& h)
{
    if (h.samples != 1)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: a segmentation has 1 sample for each pixel, this one {}", h.file.string(), h.samples);
    const bool placed = std::ranges::all_of(h.frames, [](const DicomFrame& f) { return f.positionLps && f.orientation; });
    if (placed)
        return placedGrid(h);
    return flatGrid(h);
}

} // namespace hilum::imaging::detail
