#include "core/base/numbers.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/dicom_geometry.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/pixel_values.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

/// Frame -> slice of the grid that all frames lie on.
struct SegGrid {
    ImageHeader header;
    std::vector<std::int64_t> slice;
};

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
    double smallest = along.size() > 1 ? along[1] - along[0] : told;
    for (std::size_t n = 1; n < along.size(); ++n)
        smallest = std::min(smallest, along[n] - along[n - 1]);
    const auto fits = [&](double step) {
        return step > 0 && std::ranges::all_of(along, [&](double s) { return std::abs((s - along[0]) / step - std::round((s - along[0]) / step)) < 0.05; });
    };
    const double step = first.spacingBetweenMm > 0 && fits(first.spacingBetweenMm) ? first.spacingBetweenMm : fits(smallest) ? smallest : 0;
    if (plan.irregular && step > 0 && along.size() > 1) {
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
    g.header.notices = plan.notices;
    return g;
}

} // namespace

Result<Segmentation> readDicomSegmentation(const DicomHeader& h, const Work& work, const StoredFrameSink& sink)
{
    const bool placed = std::ranges::all_of(h.frames, [](const DicomFrame& f) { return f.positionLps && f.orientation; });
    SegGrid grid;
    if (placed) {
        HILUM_TRY(grid, placedGrid(h));
    } else {
        grid = flatGrid(h);
    }
    const Index3& n = grid.header.geometry.size;
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2])});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, 2}), std::format("a label map of {} x {} x {}", n[0], n[1], n[2]), h.file));

    const bool labelMap = h.segmentationType == "LABELMAP" || h.sopClass == "1.2.840.10008.5.1.4.1.1.66.7";
    Segmentation out;
    std::vector<std::uint16_t> labels(voxels);
    std::vector<std::byte> stored(static_cast<std::size_t>(h.storedFrameBytes()));
    HILUM_TRY(auto reader, DicomFrameReader::open(h));
    bool overlap = false;
    for (std::int64_t f = 0; f < h.frameCount(); ++f) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        work.progress(f, h.frameCount(), "reading segments");
        HILUM_TRY_STATUS(reader.decode(f, stored));
        if (sink)
            sink(h, stored);
        const std::int64_t segment = labelMap ? 0 : std::max<std::int64_t>(1, h.frames[static_cast<std::size_t>(f)].segment);
        if (segment > 65535)
            return refuse(ErrorCode::BadData, "bad_header", "{}: segment number {} is above 65535", h.file.string(), segment);
        std::uint16_t* to = labels.data() + grid.slice[static_cast<std::size_t>(f)] * n[0] * n[1];
        std::int64_t count = 0;
        eachStoredValue(h, stored, [&](double v) {
            if (v > 0) {
                const auto value = static_cast<std::uint16_t>(labelMap ? static_cast<std::int64_t>(v) : segment);
                overlap |= *to != 0 && *to != value;
                *to = value;
                ++(labelMap ? out.voxels[value] : count);
            }
            ++to;
        });
        if (!labelMap)
            out.voxels[segment] += count;
    }
    for (const DicomSegment& s : h.segments) {
        if (labelMap && s.number == 0)
            continue; // background may be declared
        out.map.labels.push_back({s.number, s.label, s.colour.value_or(defaultLabelColour(s.number)), s.terminology});
    }
    for (const auto& [value, count] : out.voxels)
        if (!out.map.find(value))
            out.map.labels.push_back({value, std::format("segment {}", value), defaultLabelColour(value), Json::object()});
    out.voxels.erase(0);
    ImageHeader& header = grid.header;
    header.unit = Unit::Label;
    header.modality = h.modality;
    header.photometric = h.photometric;
    header.description = h.seriesDescription;
    header.seriesUid = h.seriesUid;
    header.studyUid = h.studyUid;
    header.frameOfReferenceUid = h.frameOfReferenceUid;
    if (overlap)
        header.notices.push_back({"overlapping_labels", "segments overlap; where they do, the later one is shown"});
    if (h.segmentationType == "FRACTIONAL")
        header.notices.push_back({"fractional", std::format("fractions of up to {} are shown as a label where they are above 0", shortest(h.maximumFractional))});
    out.map.volume = Volume(std::move(header), std::move(labels));
    return out;
}

} // namespace hilum::imaging
