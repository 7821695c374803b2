#include "core/imaging/read.h"

#include "core/base/digest.h"
#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/byte_source.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/dicom_measurements.h"
#include "core/imaging/dicom_series.h"
#include "core/imaging/graphics.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/picture_stack.h"
#include "core/imaging/pixel_values.h"
#include "core/imaging/rtstruct.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace hilum::imaging {

namespace {

/// Minimum, maximum, mean and centre of mass, over all time points. Values that are no finite number count nowhere.
struct Statistics {
    double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();
    double sum = 0, count = 0;
    std::int64_t notFinite = 0;
    bool whole = true;
    Vec3 weighted{0, 0, 0}, places{0, 0, 0}; // sum(v x), sum(x)
    Sha256 digest;

    void add(const Volume& volume);
    Json centroid() const
    {
        const double mass = sum - least * count;
        if (!(mass > 0))
            return nullptr;
        return Json{(weighted[0] - least * places[0]) / mass, (weighted[1] - least * places[1]) / mass, (weighted[2] - least * places[2]) / mass};
    }
};

Vec3 sliceOrigin(const ImageHeader& h, std::int64_t k)
{
    return h.sliceOriginsLps.empty() ? h.geometry.indexToWorld({0, 0, static_cast<double>(k)}) : h.sliceOriginsLps[static_cast<std::size_t>(k)];
}

void Statistics::add(const Volume& volume)
{
    const ImageHeader& h = volume.header();
    const Index3& n = h.geometry.size;
    const auto components = static_cast<std::size_t>(volume.components());
    const Vec3 alongI = h.geometry.spacingMm[0] * h.geometry.direction.column(0), alongJ = h.geometry.spacingMm[1] * h.geometry.direction.column(1);
    std::vector<std::int32_t> words;
    volume.visit([&]<class T>(std::span<const T> voxels) {
        for (std::int64_t k = 0; k < n[2]; ++k) {
            double sliceSum = 0;
            Vec3 moment{0, 0, 0}, left{0, 0, 0}; // sum v, weighted by i, j: [0] over i, [1] over j; the same of 1 over the values left out, [2] their number
            const auto perRow = static_cast<std::size_t>(n[0]) * components;
            const T* in = voxels.data() + static_cast<std::size_t>(k * n[1]) * perRow;
            words.resize(static_cast<std::size_t>(n[1]) * perRow);
            for (std::int64_t j = 0; j < n[1]; ++j) {
                double rowSum = 0, rowMoment = 0;
                T low = std::numeric_limits<T>::max(), high = std::numeric_limits<T>::lowest();
                for (std::size_t i = 0; i < perRow; ++i) {
                    const T v = in[i];
                    if constexpr (std::is_floating_point_v<T>) {
                        whole &= v == std::floor(v) && std::abs(v) <= 2147483520.f;
                        if (!std::isfinite(v)) {
                            left = left + Vec3{static_cast<double>(i / components), static_cast<double>(j), 1};
                            continue;
                        }
                    }
                    low = std::min(low, v);
                    high = std::max(high, v);
                    rowSum += static_cast<double>(v);
                    rowMoment += static_cast<double>(v) * static_cast<double>(i / components);
                }
                if (low <= high) { // a row of NaN has neither
                    least = std::min(least, static_cast<double>(low));
                    most = std::max(most, static_cast<double>(high));
                }
                sliceSum += rowSum;
                moment[0] += rowMoment;
                moment[1] += rowSum * static_cast<double>(j);
                if (whole)
                    for (std::size_t i = 0; i < perRow; ++i)
                        words[static_cast<std::size_t>(j) * perRow + i] = static_cast<std::int32_t>(in[i]);
                in += perRow;
            }
            if (whole)
                digest.update(std::as_bytes(std::span(words)));
            const double all = static_cast<double>(words.size()), area = all - left[2];
            const Vec3 origin = sliceOrigin(h, k);
            sum += sliceSum;
            count += area;
            notFinite += static_cast<std::int64_t>(left[2]);
            weighted = weighted + sliceSum * origin + moment[0] * alongI + moment[1] * alongJ;
            places = places + area * origin + (all * static_cast<double>(n[0] - 1) / 2 - left[0]) * alongI + (all * static_cast<double>(n[1] - 1) / 2 - left[1]) * alongJ;
        }
    });
}

/// Stored pixels as decoded, before anything is made of them.
struct StoredStatistics {
    double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity(), sum = 0, count = 0;
    Sha256 digest;
    void add(const DicomHeader& h, std::span<const std::byte> stored)
    {
        eachStoredValue(h, stored, [&](double v) {
            if (!std::isfinite(v))
                return;
            least = std::min(least, v);
            most = std::max(most, v);
            sum += v;
            ++count;
        });
        digest.update(stored);
    }
    Json json() { return count > 0 ? Json{{"min", least}, {"max", most}, {"mean", sum / count}, {"digest", digest.finishHex().substr(0, 16)}} : Json(nullptr); }
};

/// Is the item made of one file whose frames are not its slices one by one: several time points, frames left out, frames of another item?
bool differsFromItsFile(const DicomStack& stack)
{
    return stack.files.size() == 1 && !stack.times.empty() && (stack.times.size() > 1 || static_cast<std::int64_t>(stack.times.front().size()) != stack.files.front()->frameCount());
}

/// All frames of a file, as they lie in it.
Status addFrames(const DicomHeader& h, StoredStatistics& stored, const Work& work)
{
    HILUM_TRY(auto reader, DicomFrameReader::open(h));
    std::vector<std::byte> frame(static_cast<std::size_t>(h.storedFrameBytes()));
    for (std::int64_t n = 0; n < h.frameCount(); ++n) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        HILUM_TRY_STATUS(reader.decode(n, frame));
        stored.add(h, frame);
    }
    return {};
}

/// Whole numbers without a decimal point.
Json plain(double v)
{
    if (!std::isfinite(v))
        return nullptr;
    return v == std::floor(v) && std::abs(v) < 9e15 ? Json(static_cast<std::int64_t>(v)) : Json(v);
}

std::string_view meaningName(SpacingMeaning m)
{
    constexpr std::string_view Names[] = {"patient", "detector plane", "calibrated", "unknown"};
    return Names[static_cast<std::size_t>(m)];
}

std::string_view functionName(Window::Shape shape)
{
    constexpr std::string_view Names[] = {"LINEAR", "LINEAR_EXACT", "SIGMOID"};
    return Names[static_cast<std::size_t>(shape)];
}

Json textOrNull(const std::string& s) { return s.empty() ? Json(nullptr) : Json(s); }

void addGeometry(Json& entry, const ImageHeader& h)
{
    const Geometry& g = h.geometry;
    entry["size"] = g.size;
    if (!h.hasPatientSpace) {
        const bool known = h.spacingMeaning != SpacingMeaning::Unknown;
        entry["spacing_mm"] = known ? Json{g.spacingMm[0], g.spacingMm[1]} : Json(nullptr);
        entry["spacing_meaning"] = known ? Json(meaningName(h.spacingMeaning)) : Json(nullptr);
        if (const double ratio = planeSpacing(h)[1]; !known && ratio != 1)
            entry["pixel_height_over_width"] = ratio;
        entry["origin_lps"] = nullptr;
        entry["direction"] = nullptr;
        entry["geometry"] = "none";
        if (!h.patientOrientation[0].empty())
            entry["patient_orientation"] = h.patientOrientation;
        return;
    }
    entry["spacing_mm"] = g.spacingMm;
    entry["spacing_meaning"] = meaningName(h.spacingMeaning);
    entry["origin_lps"] = g.originLps;
    Json direction = Json::array();
    for (std::size_t c = 0; c < 3; ++c)
        for (const double v : g.direction.column(c))
            direction.push_back(v == 0 ? 0.0 : v); // no "-0.0"
    entry["direction"] = std::move(direction);
    entry["geometry"] = h.irregular ? "irregular" : "regular";
    if (h.irregular)
        entry["slice_origins_lps"] = h.sliceOriginsLps;
}

void addLabels(Json& entry, const Segmentation& s)
{
    Json labels = Json::array();
    for (const auto& [value, voxels] : s.voxels) {
        const Label* label = s.map.find(value);
        labels.push_back({{"value", value}, {"name", label ? label->name : std::string()}, {"voxels", voxels}});
    }
    entry["labels"] = std::move(labels);
}

Json baseEntry(const Item& item, bool explain)
{
    Json e;
    e["kind"] = name(item.kind);
    e["path"] = item.where.string();
    e["files"] = item.files.size();
    e["format"] = item.format;
    e["modality"] = textOrNull(item.modality);
    e["series_uid"] = textOrNull(item.seriesUid);
    e["study_uid"] = textOrNull(item.studyUid);
    e["patient_key"] = nullptr;
    if (item.format == "dicom" && !item.patientId.empty())
        if (const auto key = userKey())
            e["patient_key"] = keyedHash(*key, item.patientId).substr(0, 16);
    e["transfer_syntax"] = textOrNull(item.transferSyntax);
    e["frames"] = item.frames;
    e["time_points"] = item.timePoints;
    if (explain)
        e["explanation"] = item.explanation;
    return e;
}

} // namespace

Result<Json> describeItem(const Item& item, bool asLabels, const Work& work, bool explain)
{
    return guard("describing " + item.where.string(), [&]() -> Result<Json> {
        Json e = baseEntry(item, explain);
        std::vector<Notice> notices = item.notices;
        const auto warnings = [&] {
            Json list = Json::array();
            std::set<std::string> seen;
            for (const Notice& n : notices)
                if (seen.insert(n.code + n.text).second)
                    list.push_back({{"code", n.code}, {"text", n.text}});
            return list;
        };
        const bool drawn = item.kind == ItemKind::Contours && item.dicom;
        if (drawn && !item.dicom->drawnOn) { // names alone: without the image there is no grid
            HILUM_TRY(const ContourSet set, readContourSet(item.files.front()));
            e["labels"] = Json::array();
            for (const ContourRoi& r : set.rois)
                e["labels"].push_back({{"value", r.number}, {"name", r.name}, {"voxels", nullptr}, {"contours", r.contours.size()}});
        }
        const bool picture = (drawn && item.dicom->drawnOn) || item.kind == ItemKind::Volume || item.kind == ItemKind::Image || item.kind == ItemKind::ImageSequence || item.kind == ItemKind::Segmentation;
        if (!picture) {
            if (item.kind == ItemKind::Report && item.format == "dicom") {
                HILUM_TRY(const auto groups, readMeasurementGroups(item));
                if (!groups.empty())
                    e["measurements"] = toJson(groups);
            }
            e["warnings"] = warnings();
            return e;
        }
        StoredStatistics stored;
        const StoredFrameSink sink = [&](const DicomHeader& h, std::span<const std::byte> frame) { stored.add(h, frame); };
        Statistics all;
        Volume volume;
        if (item.kind == ItemKind::Segmentation || drawn || asLabels) {
            HILUM_TRY(const Segmentation s, readSegmentation(item, work, sink));
            addLabels(e, s);
            volume = s.map.volume;
            all.add(volume);
        } else {
            std::shared_ptr<const DicomStack> stack;
            if (item.format == "dicom") {
                HILUM_TRY(stack, stackOf(item, work));
            }
            const bool wholeFile = stack && differsFromItsFile(*stack);
            if (wholeFile)
                HILUM_TRY_STATUS(addFrames(*stack->files.front(), stored, work));
            OpenBytes bytes;
            for (std::int64_t t = 0; t < std::max<std::int64_t>(1, item.timePoints); ++t) {
                volume = Volume(); // one time point in memory at a time
                if (stack) {
                    HILUM_TRY(volume, readDicomStack(*stack, t, work, wholeFile ? StoredFrameSink() : sink));
                } else if (isPictureStack(item)) {
                    HILUM_TRY(volume, readPictureStack(item, work));
                } else {
                    HILUM_TRY(volume, readFileVolume(item.files.front(), item.format, t, {}, &bytes));
                }
                all.add(volume);
                notices.insert(notices.end(), volume.header().notices.begin(), volume.header().notices.end());
                if (work.cancelled())
                    return fail(ErrorCode::Cancelled, "stopped");
            }
        }
        const ImageHeader& h = volume.header();
        if (!h.leftOut.empty()) { // what was planned is not what was read
            HILUM_TRY(const Item rest, itemAsRead(item, h, work));
            e.update(baseEntry(rest, explain));
            notices = rest.notices;
        }
        addGeometry(e, h);
        e["components"] = volume.components();
        e["scalar"] = volume.scalarName();
        e["unit"] = name(h.unit);
        e["min"] = plain(all.least);
        e["max"] = plain(all.most);
        e["mean"] = all.count > 0 ? Json(all.sum / all.count) : Json(nullptr);
        if (all.notFinite > 0)
            notices.push_back({"not_finite", hilum::format("{} of {} values are no finite number (NaN or infinite); minimum, maximum, mean and centroid leave them out", grouped(all.notFinite),
                                                           grouped(all.notFinite + static_cast<std::int64_t>(all.count)))});
        e["centroid_lps"] = h.hasPatientSpace ? all.centroid() : Json(nullptr);
        e["digest"] = all.whole ? Json(all.digest.finishHex().substr(0, 16)) : Json(nullptr);
        e["stored"] = stored.json();
        e["photometric"] = textOrNull(h.photometric);
        Json windows = Json::array();
        for (const Window& w : h.windows)
            windows.push_back({{"centre", w.centre}, {"width", w.width}, {"name", w.name}, {"function", functionName(w.shape)}});
        e["window"] = std::move(windows);
        if (!h.voiLuts.empty()) {
            Json luts = Json::array();
            for (const VoiLut& l : h.voiLuts)
                luts.push_back({{"name", l.name}, {"first_value", l.firstValue}, {"entries", l.table.size()}, {"bits", l.bits}});
            e["voi_luts"] = std::move(luts);
        }
        if (h.paddingValue)
            e["padding"] = Json{plain(*h.paddingValue), plain(h.paddingLimit.value_or(*h.paddingValue))};
        if (h.graphics)
            e.update(h.graphics->summary());
        notices.insert(notices.end(), h.notices.begin(), h.notices.end());
        e["warnings"] = warnings();
        return e;
    });
}

} // namespace hilum::imaging
