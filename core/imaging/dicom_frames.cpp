#include "core/imaging/dicom_frames.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_item.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging::detail {

namespace {

constexpr std::int64_t MostFrames = 1'000'000;
constexpr std::string_view ParametricMap = "1.2.840.10008.5.1.4.1.1.30";

bool finite(const std::vector<double>& values) { return std::ranges::all_of(values, [](double v) { return std::isfinite(v) && std::abs(v) < 1e7; }); }

void readPosition(DcmItem& item, DicomFrame& frame, const DcmTagKey& tag = DCM_ImagePositionPatient)
{
    if (const auto p = numbers(item, tag); p.size() == 3 && finite(p))
        frame.positionLps = Vec3{p[0], p[1], p[2]};
}

void readOrientation(DcmItem& item, DicomFrame& frame, const DcmTagKey& tag = DCM_ImageOrientationPatient)
{
    const auto o = numbers(item, tag);
    if (o.size() != 6 || !finite(o))
        return;
    const Vec3 row{o[0], o[1], o[2]}, column{o[3], o[4], o[5]};
    if (norm(row) > 0.1 && norm(column) > 0.1)
        frame.orientation = {row, column};
}

void readMeasures(DcmItem& item, DicomFrame& frame)
{
    const auto possible = [](double mm) { return mm > 1e-6 && mm < 1e5; }; // a lying length must not make a grid of any size
    if (const auto s = numbers(item, DCM_PixelSpacing); s.size() == 2 && possible(s[0]) && possible(s[1]))
        frame.spacingMm = {s[1], s[0]}; // row spacing, along j, comes first
    if (const double mm = number(item, DCM_SliceThickness); possible(mm))
        frame.sliceThicknessMm = mm;
    if (const double mm = std::abs(number(item, DCM_SpacingBetweenSlices)); possible(mm))
        frame.spacingBetweenMm = mm;
}

/// A slope of 0 would make every voxel the same: it is left out, and noted. What is no number is kept for the refusal.
void readRescale(DcmItem& item, DicomFrame& frame, DicomHeader& h)
{
    for (const auto& [tag, name] : {std::pair(DCM_RescaleSlope, "Slope"), std::pair(DCM_RescaleIntercept, "Intercept")})
        if (const std::string written = damagedNumber(item, tag); !written.empty() && h.damagedRescale.empty())
            h.damagedRescale = hilum::format("Rescale {} is \"{}\"", name, written);
    h.rescaled |= has(item, DCM_RescaleSlope) || has(item, DCM_RescaleIntercept);
    if (has(item, DCM_RescaleSlope)) {
        frame.slope = number(item, DCM_RescaleSlope, 1);
        if (frame.slope == 0) {
            frame.slope = 1;
            h.slopeWasZero = true;
        }
    }
    if (has(item, DCM_RescaleIntercept))
        frame.intercept = number(item, DCM_RescaleIntercept, 0);
}

void readWindows(DcmItem& item, std::vector<Window>& windows)
{
    const auto centres = numbers(item, DCM_WindowCenter), widths = numbers(item, DCM_WindowWidth);
    const std::string function = text(item, DCM_VOILUTFunction);
    for (std::size_t n = 0; n < std::min(centres.size(), widths.size()); ++n) {
        Window w{centres[n], widths[n], text(item, DCM_WindowCenterWidthExplanation, static_cast<long>(n)), Window::Shape::Linear};
        if (function == "SIGMOID")
            w.shape = Window::Shape::Sigmoid;
        else if (function == "LINEAR_EXACT")
            w.shape = Window::Shape::LinearExact;
        if (w.width > 0 && std::ranges::none_of(windows, [&](const Window& o) { return o.centre == w.centre && o.width == w.width; }))
            windows.push_back(std::move(w));
    }
}

/// One functional group item (shared or of a frame) into a frame.
void readGroup(DcmItem& group, DicomFrame& frame, DicomHeader& h, bool first)
{
    if (DcmItem* item = sequenceItem(group, DCM_PlanePositionSequence))
        readPosition(*item, frame);
    if (DcmItem* item = sequenceItem(group, DCM_PlaneOrientationSequence))
        readOrientation(*item, frame);
    // Enhanced US: planes in the volume's own frame; the patient's wins where both are given
    if (DcmItem* item = sequenceItem(group, DCM_PlanePositionVolumeSequence); item && !frame.positionLps) {
        readPosition(*item, frame, DCM_ImagePositionVolume);
        h.volumeSpace |= frame.positionLps.has_value();
    } else if (item && h.volumeSpace) {
        readPosition(*item, frame, DCM_ImagePositionVolume);
    }
    if (DcmItem* item = sequenceItem(group, DCM_PlaneOrientationVolumeSequence); item && (!frame.orientation || h.volumeSpace))
        readOrientation(*item, frame, DCM_ImageOrientationVolume);
    if (DcmItem* item = sequenceItem(group, DCM_PixelMeasuresSequence))
        readMeasures(*item, frame);
    if (DcmItem* item = sequenceItem(group, DCM_PixelValueTransformationSequence)) {
        readRescale(*item, frame, h);
        if (first && h.rescaleType.empty())
            h.rescaleType = text(*item, DCM_RescaleType);
    }
    // a parametric map has no rescale: its numbers get their meaning here
    if (DcmItem* item = sequenceItem(group, DCM_RealWorldValueMappingSequence); item && (h.pixels != PixelKind::Integer || h.sopClass == ParametricMap) && has(*item, DCM_RealWorldValueSlope)) {
        frame.slope = number(*item, DCM_RealWorldValueSlope, 1);
        frame.intercept = number(*item, DCM_RealWorldValueIntercept, 0);
        if (h.realWorld.empty()) {
            h.realWorld = {{"label", text(*item, DCM_LUTLabel)}, {"slope", frame.slope}, {"intercept", frame.intercept}};
            if (DcmItem* unit = sequenceItem(*item, DCM_MeasurementUnitsCodeSequence))
                h.realWorld["unit"] = text(*unit, DCM_CodeValue);
        }
    }
    if (DcmItem* item = sequenceItem(group, DCM_FrameVOILUTSequence); item && first)
        readWindows(*item, h.windows);
    if (DcmItem* item = sequenceItem(group, DCM_FrameContentSequence)) {
        if (has(*item, DCM_TemporalPositionIndex))
            frame.temporal = integer(*item, DCM_TemporalPositionIndex);
        for (const double v : numbers(*item, DCM_DimensionIndexValues))
            frame.dimensionIndex.push_back(static_cast<std::int64_t>(v));
    }
    if (DcmItem* item = sequenceItem(group, DCM_SegmentIdentificationSequence))
        frame.segment = integer(*item, DCM_ReferencedSegmentNumber);
}

/// The dose grid: plane n lies at offset n along the normal, or at that coordinate when the offsets are absolute.
void readDoseOffsets(DcmItem& data, DicomHeader& h)
{
    const auto offsets = numbers(data, DCM_GridFrameOffsetVector);
    const DicomFrame first = h.frames.front();
    if (offsets.size() != h.frames.size() || !first.positionLps || !first.orientation)
        return;
    const Vec3 normal = cross((*first.orientation)[0], (*first.orientation)[1]);
    for (std::size_t n = 0; n < h.frames.size(); ++n)
        h.frames[n].positionLps = *first.positionLps + (offsets[n] - offsets[0]) * normal;
}

/// Reconstructed tomograms of nuclear medicine: evenly spaced from the detector's position, against the normal where the spacing is negative (PS3.3 C.8.4.15).
void readDetector(DcmItem& data, DicomHeader& h)
{
    DcmItem* detector = sequenceItem(data, DCM_DetectorInformationSequence);
    if (!detector || h.imageType.find("RECON TOMO") == std::string::npos)
        return;
    DicomFrame first = h.frames.front();
    readPosition(*detector, first);
    readOrientation(*detector, first);
    const double distance = first.spacingBetweenMm > 0 ? first.spacingBetweenMm : first.sliceThicknessMm;
    if (!first.positionLps || !first.orientation || distance <= 0)
        return;
    const double step = number(data, DCM_SpacingBetweenSlices) < 0 ? -distance : distance;
    const Vec3 normal = cross((*first.orientation)[0], (*first.orientation)[1]);
    for (std::size_t n = 0; n < h.frames.size(); ++n) {
        h.frames[n].orientation = first.orientation;
        h.frames[n].positionLps = *first.positionLps + (static_cast<double>(n) * step) * normal;
    }
}

} // namespace

Status readDicomFrames(DcmItem& data, DicomHeader& h)
{
    std::int64_t count = 1;
    if (has(data, DCM_NumberOfFrames)) {
        const std::string written = text(data, DCM_NumberOfFrames);
        const auto parsed = parseInteger(written);
        if (!parsed)
            return refuse(ErrorCode::BadData, "damaged", "{}: Number of Frames is \"{}\", which is no number", h.file.string(), written);
        count = std::max<std::int64_t>(1, *parsed);
    }
    // a lying count must not make us allocate: every frame of native pixels takes bytes of the file
    if (count > MostFrames)
        return refuse(ErrorCode::TooLarge, "too_large", "{}: {} frames, the limit is {}", h.file.string(), grouped(count), grouped(MostFrames));
    // the smallest frame is a bit, or an item's head of eight bytes
    if (count > 1 && !h.deflated && count > (h.encapsulated ? h.fileSize / 8 : 8 * h.fileSize))
        return refuse(ErrorCode::BadData, "truncated", "{}: {} frames cannot lie in {} bytes", h.file.string(), grouped(count), grouped(h.fileSize));

    DicomFrame frame;
    readPosition(data, frame);
    readOrientation(data, frame);
    readMeasures(data, frame);
    readRescale(data, frame, h);
    if (has(data, DCM_DoseGridScaling))
        frame.slope = number(data, DCM_DoseGridScaling, 1);
    if (has(data, DCM_TemporalPositionIdentifier))
        frame.temporal = integer(data, DCM_TemporalPositionIdentifier);
    readWindows(data, h.windows);
    if (DcmItem* shared = sequenceItem(data, DCM_SharedFunctionalGroupsSequence))
        readGroup(*shared, frame, h, true);
    h.frames.assign(static_cast<std::size_t>(count), frame);

    if (DcmSequenceOfItems* groups = sequence(data, DCM_PerFrameFunctionalGroupsSequence)) {
        const auto have = static_cast<std::size_t>(groups->card());
        std::size_t n = 0;
        // walking from item to item: access by number is linear in DCMTK's list
        for (DcmObject* item = groups->nextInContainer(nullptr); item && n < h.frames.size(); item = groups->nextInContainer(item), ++n)
            readGroup(*static_cast<DcmItem*>(item), h.frames[n], h, n == 0);
        if (have < h.frames.size()) // more items than frames: a frame was cut out
            return refuse(ErrorCode::BadData, "damaged", "{}: {} frames, but {} items describe them", h.file.string(), count, have);
    } else if (count > 1 && has(data, DCM_GridFrameOffsetVector)) {
        readDoseOffsets(data, h);
    } else if (count > 1) {
        for (DicomFrame& f : h.frames)
            f.positionLps.reset(); // one position cannot stand for many frames
        readDetector(data, h);
    }
    if (!h.damagedRescale.empty() && h.pixels != PixelKind::None)
        return refuse(ErrorCode::BadData, "damaged", "{}: {}, which is no number: the pixel values cannot be told", h.file.string(), h.damagedRescale);
    return {};
}

} // namespace hilum::imaging::detail
