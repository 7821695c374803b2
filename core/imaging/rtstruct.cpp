#include "core/imaging/rtstruct.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace hilum::imaging {

using namespace detail;

namespace {

/// "x\y\z\x\y\z..." as points; parsed here, because looking up the n-th value of a text is linear in n. Empty when it is damaged.
std::vector<Vec3> pointsOf(const std::string& text)
{
    std::vector<Vec3> out;
    Vec3 point{};
    std::size_t have = 0;
    const char* p = text.data();
    const char* const end = p + text.size();
    while (p < end) {
        while (p < end && (*p == '\\' || *p == ' ' || *p == '+'))
            ++p;
        if (p == end)
            break;
        double v = 0;
        const auto [next, fault] = std::from_chars(p, end, v);
        if (fault != std::errc() || !std::isfinite(v) || std::abs(v) > 1e6)
            return {};
        p = next;
        point[have] = v;
        if (++have == 3) {
            out.push_back(point);
            have = 0;
        }
    }
    if (have != 0)
        out.clear();
    return out;
}

/// Walks the items of a sequence; access by number is linear in DCMTK's list.
template <class F> void eachItem(DcmItem& holder, const DcmTagKey& tag, F&& f)
{
    if (DcmSequenceOfItems* items = sequence(holder, tag))
        for (DcmObject* item = items->nextInContainer(nullptr); item; item = items->nextInContainer(item))
            f(*static_cast<DcmItem*>(item));
}

/// A polygon in the coordinates of one plane of the grid.
using Polygon = std::vector<std::array<double, 2>>;

/// Where a contour lies: the axis that it is perpendicular to, the plane along it, and its corners along the two others.
struct Placed {
    std::size_t axis = 2;
    std::int64_t plane = 0;
    Polygon polygon;
};

class Grid {
public:
    explicit Grid(const ImageHeader& header) : m_header(header)
    {
        const Geometry& g = header.geometry;
        m_row = g.direction.column(0);
        m_column = g.direction.column(1);
        m_normal = normalised(cross(m_row, m_column));
    }
    const Index3& size() const { return m_header.geometry.size; }

    std::optional<Placed> place(const std::vector<Vec3>& contour) const
    {
        std::vector<Vec3> index;
        for (const Vec3& p : contour)
            index.push_back(toIndex(p));
        for (const std::size_t axis : {2u, 1u, 0u}) {
            double low = index.front()[axis], high = low;
            for (const Vec3& v : index) {
                low = std::min(low, v[axis]);
                high = std::max(high, v[axis]);
            }
            if (high - low > 0.3) // of a voxel: rounded coordinates stay well below
                continue;
            Placed out{axis, std::llround((low + high) / 2), {}};
            const std::size_t a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
            for (const Vec3& v : index)
                out.polygon.push_back({v[a], v[b]});
            return out;
        }
        return {};
    }

private:
    Vec3 toIndex(const Vec3& p) const
    {
        const Geometry& g = m_header.geometry;
        if (m_header.sliceOriginsLps.empty())
            return g.worldToIndex(p);
        // slices with places of their own: the nearest along the normal, as a fraction of the distance to the next one
        const auto& origins = m_header.sliceOriginsLps;
        std::size_t nearest = 0;
        double best = std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; k < origins.size(); ++k)
            if (const double d = std::abs(dot(p - origins[k], m_normal)); d < best) {
                best = d;
                nearest = k;
            }
        const Vec3 d = p - origins[nearest];
        return {dot(d, m_row) / g.spacingMm[0], dot(d, m_column) / g.spacingMm[1], static_cast<double>(nearest) + dot(d, m_normal) / g.spacingMm[2]};
    }

    const ImageHeader& m_header;
    Vec3 m_row, m_column, m_normal;
};

/// Toggles the pixels whose centres lie inside, by the even-odd rule; `mask` is [b][a].
void toggle(const Polygon& p, std::int64_t sizeA, std::int64_t sizeB, std::vector<std::uint8_t>& mask)
{
    double low = p.front()[1], high = low;
    for (const auto& c : p) {
        low = std::min(low, c[1]);
        high = std::max(high, c[1]);
    }
    std::vector<double> crossings;
    for (auto b = static_cast<std::int64_t>(std::ceil(std::max(low, 0.0))); b <= std::min<double>(std::floor(high), static_cast<double>(sizeB - 1)); ++b) {
        crossings.clear();
        const auto y = static_cast<double>(b);
        for (std::size_t n = 0, before = p.size() - 1; n < p.size(); before = n++)
            if ((p[n][1] > y) != (p[before][1] > y))
                crossings.push_back(p[before][0] + (p[n][0] - p[before][0]) * (y - p[before][1]) / (p[n][1] - p[before][1]));
        std::ranges::sort(crossings);
        for (std::size_t n = 0; n + 1 < crossings.size(); n += 2) {
            const auto from = static_cast<std::int64_t>(std::ceil(std::clamp(crossings[n], 0.0, static_cast<double>(sizeA))));
            const auto to = static_cast<std::int64_t>(std::ceil(std::clamp(crossings[n + 1], 0.0, static_cast<double>(sizeA))));
            for (std::int64_t a = from; a < to; ++a)
                mask[static_cast<std::size_t>(b * sizeA + a)] ^= 1;
        }
    }
}

/// ROI numbers, or 1 to n where they cannot be labels.
std::vector<std::int64_t> labelValues(const ContourSet& set)
{
    std::vector<std::int64_t> out;
    std::set<std::int64_t> seen;
    bool good = true;
    for (const ContourRoi& r : set.rois) {
        good &= r.number >= 1 && r.number <= 65535 && seen.insert(r.number).second;
        out.push_back(r.number);
    }
    for (std::size_t n = 0; !good && n < out.size(); ++n)
        out[n] = static_cast<std::int64_t>(n) + 1;
    return out;
}

/// Puts the voxels of a region into the first layer where they cover no other region.
Status layIn(std::vector<std::vector<std::uint16_t>>& painted, std::vector<LabelMap>& layers, const std::vector<std::uint64_t>& own, const Label& label, std::uint64_t voxels, const path& file)
{
    std::size_t layer = 0;
    while (layer < painted.size() && std::ranges::any_of(own, [&](std::uint64_t v) { return painted[layer][v] != 0; }))
        ++layer;
    if (layer == painted.size()) {
        HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, 2}), hilum::format("layer {} of overlapping regions", layer + 1), file));
        painted.emplace_back(voxels);
        layers.emplace_back();
    }
    for (const std::uint64_t v : own)
        painted[layer][v] = static_cast<std::uint16_t>(label.value);
    layers[layer].labels.push_back(label);
    return {};
}

} // namespace

Result<ContourSet> readContourSet(const path& file)
{
    routeLibraryLogs();
    const MuteDicomLog mute;
    DcmFileFormat format;
    HILUM_TRY_STATUS(checkNesting(file));
    if (const OFCondition ok = format.loadFile(realFile(file).c_str()); ok.bad())
        return refuse(ErrorCode::BadData, "damaged", "{}: the structure set cannot be read: {}", file.string(), ok.text());
    DcmDataset& data = *format.getDataset();
    if (const std::string set = text(data, DCM_SpecificCharacterSet, -1); !set.empty() && set != "ISO_IR 192")
        (void)data.convertToUTF8();
    ContourSet out;
    out.file = file;
    out.label = text(data, DCM_StructureSetLabel);
    eachItem(data, DCM_ReferencedFrameOfReferenceSequence, [&](DcmItem& frame) {
        out.frameUids.push_back(text(frame, DCM_FrameOfReferenceUID));
        eachItem(frame, DCM_RTReferencedStudySequence, [&](DcmItem& study) {
            eachItem(study, DCM_RTReferencedSeriesSequence, [&](DcmItem& series) { out.seriesUids.push_back(text(series, DCM_SeriesInstanceUID)); });
        });
    });
    eachItem(data, DCM_StructureSetROISequence, [&](DcmItem& item) {
        ContourRoi roi;
        roi.number = integer(item, DCM_ROINumber);
        roi.name = text(item, DCM_ROIName);
        if (const std::string frame = text(item, DCM_ReferencedFrameOfReferenceUID); !frame.empty() && out.frameUids.empty())
            out.frameUids.push_back(frame);
        out.rois.push_back(std::move(roi));
    });
    std::optional<Error> failure;
    eachItem(data, DCM_ROIContourSequence, [&](DcmItem& item) {
        const std::int64_t number = integer(item, DCM_ReferencedROINumber);
        auto roi = std::ranges::find(out.rois, number, &ContourRoi::number);
        if (roi == out.rois.end()) // contours of a region that is not declared
            roi = out.rois.insert(out.rois.end(), ContourRoi{.number = number, .name = hilum::format("region {}", number)});
        if (const auto rgb = numbers(item, DCM_ROIDisplayColor); rgb.size() == 3)
            roi->colour = {static_cast<std::uint8_t>(std::clamp(rgb[0], 0.0, 255.0)), static_cast<std::uint8_t>(std::clamp(rgb[1], 0.0, 255.0)), static_cast<std::uint8_t>(std::clamp(rgb[2], 0.0, 255.0))};
        eachItem(item, DCM_ContourSequence, [&](DcmItem& contour) {
            const std::string type = text(contour, DCM_ContourGeometricType);
            auto points = pointsOf(text(contour, DCM_ContourData, -1));
            if (points.empty() && has(contour, DCM_ContourData) && !failure)
                failure = Error{.code = ErrorCode::BadData, .message = hilum::format("{}: a contour of \"{}\" holds numbers that are no points", file.string(), roi->name), .reason = "damaged"};
            if (!type.starts_with("CLOSED") || points.size() < 3)
                ++roi->passedOver;
            else
                roi->contours.push_back(std::move(points));
        });
    });
    if (failure)
        return std::unexpected(std::move(*failure));
    if (out.rois.empty())
        return refuse(ErrorCode::Empty, "empty", "{}: the structure set holds no region", file.string());
    return out;
}

Result<Segmentation> fillContours(const ContourSet& set, const ImageHeader& header, const Work& work, const SegmentationReadOptions& options)
{
    const Grid grid(header);
    const Index3& n = grid.size();
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2])});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, 2}), hilum::format("a label map of {} x {} x {}", n[0], n[1], n[2]), set.file));
    Segmentation out;
    std::vector<std::uint16_t> labels(voxels);
    std::vector<std::vector<std::uint16_t>> painted; // the layers' voxels
    std::vector<Notice> notices;
    bool overlap = false;
    std::string oblique, outside;
    const auto values = labelValues(set);
    for (std::size_t r = 0; r < set.rois.size(); ++r) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        work.progress(static_cast<std::int64_t>(r), static_cast<std::int64_t>(set.rois.size()), "filling contours");
        const ContourRoi& roi = set.rois[r];
        std::map<std::pair<std::size_t, std::int64_t>, std::vector<Polygon>> planes;
        std::int64_t lost = 0, off = 0;
        for (const auto& contour : roi.contours) {
            auto placed = grid.place(contour);
            if (!placed)
                ++lost;
            else if (placed->plane < 0 || placed->plane >= n[placed->axis])
                ++off;
            else
                planes[{placed->axis, placed->plane}].push_back(std::move(placed->polygon));
        }
        if (lost > 0)
            oblique += hilum::format("{}{} of \"{}\"", oblique.empty() ? "" : ", ", lost, roi.name);
        if (off > 0)
            outside += hilum::format("{}{} of \"{}\"", outside.empty() ? "" : ", ", off, roi.name);
        const auto value = static_cast<std::uint16_t>(values[r]);
        std::int64_t& count = out.voxels[value];
        std::vector<std::uint8_t> mask;
        std::vector<std::uint64_t> own; // voxels of the region, for the layers
        for (const auto& [where, polygons] : planes) {
            const std::size_t axis = where.first, a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
            mask.assign(static_cast<std::size_t>(n[a] * n[b]), 0);
            for (const Polygon& p : polygons)
                toggle(p, n[a], n[b], mask);
            Index3 at{};
            at[axis] = where.second;
            for (std::int64_t y = 0; y < n[b]; ++y)
                for (std::int64_t x = 0; x < n[a]; ++x)
                    if (mask[static_cast<std::size_t>(y * n[a] + x)]) {
                        at[a] = x;
                        at[b] = y;
                        const auto voxel = static_cast<std::size_t>((at[2] * n[1] + at[1]) * n[0] + at[0]);
                        std::uint16_t& v = labels[voxel];
                        overlap |= v != 0 && v != value;
                        if (v != value && options.layers)
                            own.push_back(voxel);
                        count += v != value;
                        v = value;
                    }
        }
        out.map.labels.push_back({value, roi.name, roi.colour.value_or(defaultLabelColour(value)), Json::object()});
        if (options.layers)
            HILUM_TRY_STATUS(layIn(painted, out.layers, own, out.map.labels.back(), voxels, set.file));
    }
    if (!oblique.empty())
        notices.push_back({"not_on_grid", hilum::format("contours that lie oblique to the slices were left out: {}", oblique)});
    if (!outside.empty())
        notices.push_back({"not_on_grid", hilum::format("contours outside of the image were left out: {}", outside)});
    if (overlap)
        notices.push_back({"overlapping_labels", "regions overlap; where they do, the later one is shown"});
    ImageHeader made;
    made.geometry = header.geometry;
    made.irregular = header.irregular;
    made.sliceOriginsLps = header.sliceOriginsLps;
    made.unit = Unit::Label;
    made.modality = "RTSTRUCT";
    made.frameOfReferenceUid = header.frameOfReferenceUid;
    made.studyUid = header.studyUid;
    made.notices = std::move(notices);
    if (!overlap)
        out.layers.clear();
    for (std::size_t l = 0; l < out.layers.size(); ++l)
        out.layers[l].volume = Volume(made, std::move(painted[l]));
    out.map.volume = Volume(std::move(made), std::move(labels));
    return out;
}

Result<Segmentation> readContours(const Item& item, const Work& work, const SegmentationReadOptions& options)
{
    HILUM_TRY(const ContourSet set, readContourSet(item.files.front()));
    std::shared_ptr<const DicomStack> image = item.dicom ? item.dicom->drawnOn : nullptr;
    if (!image) {
        HILUM_TRY(const ScanResult found, scan({item.files.front().parent_path()}, work));
        for (const Item& other : found.items)
            if (other.kind == ItemKind::Contours && other.files == item.files && other.dicom)
                image = other.dicom->drawnOn;
    }
    if (!image)
        return refuse(ErrorCode::NotFound, "reference_missing", "{}: the image that the contours were drawn on (series {}) is not beside it; name the folder that holds both", item.where.string(),
                      set.seriesUids.empty() ? "unknown" : set.seriesUids.front());
    return fillContours(set, image->header, work, options);
}

void linkContours(ScanResult& result)
{
    for (Item& item : result.items) {
        if (item.kind != ItemKind::Contours || !item.dicom)
            continue;
        const auto set = readContourSet(item.files.front());
        if (!set) {
            result.refused.push_back({item.where, set.error().reason, set.error().message, set.error().code});
            item.files.clear(); // taken out below
            continue;
        }
        const Item* best = nullptr;
        int bestRank = 0;
        for (const Item& other : result.items) {
            if (!other.dicom || other.kind != ItemKind::Volume)
                continue;
            const bool named = std::ranges::find(set->seriesUids, other.seriesUid) != set->seriesUids.end();
            const std::string& frame = other.dicom->header.frameOfReferenceUid;
            const bool sameFrame = !frame.empty() && std::ranges::find(set->frameUids, frame) != set->frameUids.end();
            const int rank = named ? 2 : sameFrame && set->seriesUids.empty() ? 1 : 0;
            // of several grids of the series the one with the most slices
            if (rank > bestRank || (rank > 0 && rank == bestRank && other.size[2] > best->size[2])) {
                best = &other;
                bestRank = rank;
            }
        }
        std::int64_t contours = 0;
        for (const ContourRoi& r : set->rois)
            contours += static_cast<std::int64_t>(r.contours.size());
        item.explanation = {{"decision", hilum::format("a structure set of {} regions with {} closed contours", set->rois.size(), contours)}};
        auto stack = std::make_shared<DicomStack>(*item.dicom);
        if (best) {
            stack->drawnOn = best->dicom;
            stack->header = best->dicom->header;
            item.size = best->size;
            item.explanation["drawn_on_series"] = best->seriesUid;
            item.explanation["found_by"] = bestRank == 2 ? "the series that it names" : "its frame of reference";
        } else {
            item.notices.push_back({"reference_missing", "the image that the contours were drawn on is not among the files: they cannot be filled"});
        }
        item.dicom = std::move(stack);
    }
    std::erase_if(result.items, [](const Item& i) { return i.files.empty(); });
}

} // namespace hilum::imaging
