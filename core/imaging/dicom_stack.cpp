#include "core/imaging/dicom_stack.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_display.h"
#include "core/imaging/dicom_geometry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace hilum::imaging {

namespace {

using Header = std::shared_ptr<const DicomHeader>;
using Entry = DicomGroup::Entry;

Unit unitOf(const DicomHeader& h)
{
    const std::string& type = h.modalityLut ? h.modalityLut->type : h.rescaleType;
    if (type == "HU" || (h.modality == "CT" && type.empty() && (h.rescaled || h.modalityLut)))
        return Unit::Hu;
    if (h.modality == "PT")
        return Unit::SuvRaw;
    if (h.modality == "MR")
        return Unit::Signal;
    if (h.modality == "SEG")
        return Unit::Label;
    return h.pixels != PixelKind::Integer || h.modality == "RTDOSE" ? Unit::Other : Unit::Grey;
}

ImageHeader imageHeader(const DicomHeader& h)
{
    ImageHeader out;
    out.unit = unitOf(h);
    out.modality = h.modality;
    out.photometric = h.photometric;
    out.windows = h.windows;
    out.voiLuts = h.voiLuts;
    out.description = h.seriesDescription;
    out.seriesUid = h.seriesUid;
    out.studyUid = h.studyUid;
    out.frameOfReferenceUid = h.frameOfReferenceUid;
    out.patientOrientation = h.patientOrientation;
    const auto modality = [&](std::int64_t stored) { return static_cast<double>(stored) * h.frames.front().slope + h.frames.front().intercept; };
    if (h.padding && !h.modalityLut) {
        out.paddingValue = modality(*h.padding);
        if (h.paddingLimit)
            out.paddingLimit = modality(*h.paddingLimit);
    }
    if (isColour(h) && h.bitsAllocated > 8 && !h.palette) // kept in 16 bits, wider samples without their lowest
        out.colourWhite = std::max(1.0, std::floor(std::ldexp(1.0, h.bitsStored - std::max(0, h.bitsAllocated - 16))) - 1);
    if (h.lossy)
        out.notices.push_back({"lossy", "the picture was compressed with loss"});
    if (h.slopeWasZero)
        out.notices.push_back({"rescale_slope_zero", "Rescale Slope is 0, which would give every voxel the same value; 1 is taken"});
    const std::int64_t frame = h.storedFrameBytes();
    if (h.pixels == PixelKind::Integer && !h.encapsulated && !h.deflated && h.bitsAllocated >= 8 && h.photometric != "YBR_FULL_422" && frame > 0 && h.pixelLength / frame > h.frameCount())
        out.notices.push_back({"frames_left_out", hilum::format("the pixel data have room for {} frames, but Number of Frames says {}: only these are read", h.pixelLength / frame, h.frameCount())});
    return out;
}

/// Where the lengths of a picture without patient space come from.
void giveOwnPlane(const DicomHeader& h, ImageHeader& header)
{
    header.hasPatientSpace = false;
    header.spacingMeaning = SpacingMeaning::Unknown;
    const auto& pixel = h.frames.front().spacingMm;
    std::array<double, 2> spacing{0, 0};
    const bool differs = h.imagerSpacingMm[0] > 0 && (std::abs(pixel[0] - h.imagerSpacingMm[0]) > 1e-6 || std::abs(pixel[1] - h.imagerSpacingMm[1]) > 1e-6);
    if (pixel[0] > 0 && (!h.spacingCalibration.empty() || differs)) {
        spacing = pixel;
        header.spacingMeaning = SpacingMeaning::Calibrated;
    } else if (!h.ultrasound.differing.empty()) {
        header.notices.push_back({"ultrasound_regions", hilum::format("the regions of the ultrasound picture have different scales ({}): lengths are in pixels", h.ultrasound.differing)});
    } else if (h.ultrasound.spacingMm[0] > 0) {
        spacing = h.ultrasound.spacingMm;
        header.spacingMeaning = SpacingMeaning::Calibrated;
    } else if (const auto& own = h.imagerSpacingMm[0] > 0 ? h.imagerSpacingMm : pixel[0] > 0 ? pixel : h.nominalSpacingMm; own[0] > 0) {
        spacing = own;
        header.spacingMeaning = h.isCrossSection() ? SpacingMeaning::Patient : SpacingMeaning::DetectorPlane;
    }
    header.geometry.spacingMm = spacing[0] > 0 && spacing[1] > 0 ? Vec3{spacing[0], spacing[1], 1} : Vec3{1, h.pixelAspect, 1};
}

/// Siemens: the slices of a volume as tiles of one picture.
bool isMosaic(const DicomHeader& h) { return h.modality == "MR" && h.imageType.find("MOSAIC") != std::string::npos; }

path commonFolder(const std::vector<path>& files)
{
    path folder = files.front().parent_path();
    for (const path& f : files)
        while (!folder.empty() && std::mismatch(folder.begin(), folder.end(), f.begin(), f.end()).first != folder.end() && folder.has_relative_path())
            folder = folder.parent_path();
    return folder;
}

/// What tells images at one position apart, in order of trust.
std::vector<std::int64_t> timeKey(const Entry& e)
{
    std::vector<std::int64_t> key{e.info().temporal.value_or(0), e.header->acquisitionNumber};
    if (e.header->frames.size() > 1 || e.header->instanceNumber == 0)
        key.push_back(parseDouble(e.header->acquisitionTime) ? static_cast<std::int64_t>(1000 * *parseDouble(e.header->acquisitionTime)) : 0);
    key.push_back(e.header->instanceNumber);
    key.insert(key.end(), e.info().dimensionIndex.begin(), e.info().dimensionIndex.end());
    key.push_back(e.frame);
    return key;
}

/// Says which files were left out, and why; a few by name.
Notice leftOutNotice(const std::vector<Refusal>& files)
{
    constexpr std::size_t MostNamed = 5;
    std::string text = files.size() == 1 ? std::string("1 slice is left out, its pixels cannot be decoded: ") : hilum::format("{} slices are left out, their pixels cannot be decoded: ", files.size());
    for (std::size_t n = 0; n < std::min(files.size(), MostNamed); ++n)
        text += hilum::format("{}{}: {}", n ? "; " : "", files[n].file.filename().string(), files[n].reason);
    if (files.size() > MostNamed)
        text += hilum::format("; and {} more", files.size() - MostNamed);
    return {"slice_left_out", std::move(text)};
}

} // namespace

void describeHeader(Item& item, const DicomHeader& h)
{
    item.format = "dicom";
    item.modality = h.modality;
    item.seriesUid = h.seriesUid;
    item.studyUid = h.studyUid;
    item.transferSyntax = h.transferSyntax;
    item.patientId = h.patientId;
    item.patientName = h.patientName;
    item.patientSex = h.patientSex;
    item.patientAge = h.patientAge;
    item.studyDate = h.studyDate;
    item.studyDescription = h.studyDescription;
    item.seriesDescription = h.seriesDescription;
    item.bodyPart = h.bodyPart;
    item.accession = h.accession;
    if (h.burnedIn)
        item.notices.push_back({"burned_in_text_possible", "the header says that text is burned into the picture"});
}

bool isColour(const DicomHeader& h) { return h.samples == 3 || (h.samples == 1 && h.palette); }

std::shared_ptr<DicomStack> ownStack(const Header& h)
{
    auto stack = std::make_shared<DicomStack>();
    stack->files = {h};
    stack->header = imageHeader(*h);
    giveOwnPlane(*h, stack->header);
    stack->header.geometry.size = {h->columns, h->rows, h->frameCount()};
    std::vector<DicomStack::Reference> frames;
    for (std::int64_t n = 0; n < h->frameCount(); ++n)
        frames.push_back({0, n});
    stack->times = {std::move(frames)};
    return stack;
}

void finishItem(Item& item, std::shared_ptr<DicomStack> stack)
{
    std::set<std::size_t> listed;
    for (const auto& time : stack->times)
        for (const auto& r : time)
            if (listed.insert(r.file).second)
                item.files.push_back(stack->files[r.file]->file);
    item.where = item.files.size() == 1 ? item.files.front() : commonFolder(item.files);
    const auto& smallest = std::ranges::min(item.files, {}, [](const path& file) -> const std::string& { return file.native(); });
    std::optional<std::int64_t> firstFrame;
    for (const auto& time : stack->times)
        for (const auto& r : time)
            if (stack->files[r.file]->file == smallest && (!firstFrame || r.frame < *firstFrame))
                firstFrame = r.frame;
    item.firstFrame = firstFrame.value_or(0);
    item.size = stack->header.geometry.size;
    item.timePoints = stack->header.timePoints = static_cast<std::int64_t>(stack->times.size());
    item.notices.insert(item.notices.end(), stack->header.notices.begin(), stack->header.notices.end());
    stack->header.notices = item.notices;
    item.dicom = std::move(stack);
}

void addStack(const DicomGroup& group, ScanResult& result, const std::vector<Refusal>& leftOut)
{
    const DicomHeader& first = *group.entries.front().header;
    const DicomFrame& frame = group.entries.front().info();
    std::vector<SlicePose> poses;
    for (const Entry& e : group.entries)
        poses.push_back({*e.info().positionLps, timeKey(e)});
    const double lone = frame.sliceThicknessMm > 0 ? frame.sliceThicknessMm : frame.spacingBetweenMm;
    std::array<double, 2> spacing = frame.spacingMm;
    const bool unknownSpacing = spacing[0] <= 0 || spacing[1] <= 0;
    if (unknownSpacing)
        spacing = {1, first.pixelAspect};
    auto plan = planStack(poses, (*frame.orientation)[0], (*frame.orientation)[1], spacing, {first.columns, first.rows, 1}, lone);
    if (!plan) {
        for (const Entry& e : group.entries)
            result.refused.push_back({e.header->file, plan.error().reason, plan.error().message, plan.error().code});
        return;
    }
    Item item;
    describeHeader(item, first);
    auto stack = std::make_shared<DicomStack>();
    stack->header = imageHeader(first);
    stack->colour = isColour(first);
    stack->header.geometry = plan->geometry;
    stack->header.irregular = plan->irregular;
    stack->header.sliceOriginsLps = plan->sliceOriginsLps;
    auto& notices = stack->header.notices;
    notices.insert(notices.end(), plan->notices.begin(), plan->notices.end());
    if (unknownSpacing)
        notices.push_back({"assumed_spacing", first.pixelAspect == 1 ? std::string("Pixel Spacing is missing; 1 mm is assumed")
            : hilum::format("Pixel Spacing is missing; pixels 1 mm wide and {} mm high are assumed, by Pixel Aspect Ratio", shortest(first.pixelAspect))});
    if (group.splitByOrientation)
        notices.push_back({"mixed_orientation", "the series holds slices of several orientations or pixel sizes; each is an item of its own"});
    std::map<const DicomHeader*, std::size_t> numbers;
    for (const auto& time : plan->times) {
        std::vector<DicomStack::Reference> slices;
        for (const std::size_t n : time) {
            const Entry& e = group.entries[n];
            const auto [at, added] = numbers.try_emplace(e.header.get(), stack->files.size());
            if (added)
                stack->files.push_back(e.header);
            slices.push_back({at->second, e.frame});
        }
        stack->times.push_back(std::move(slices));
    }
    if (first.volumeSpace)
        notices.push_back({"assumed_orientation", "positions are given in the volume's own frame, not in the patient's; its axes are taken as left, posterior, superior"});
    const bool mosaic = isMosaic(first);
    if (mosaic) { // Image Position and Orientation are those of the whole sheet
        std::erase_if(notices, [](const Notice& n) { return n.code != "time_series" && n.code != "duplicate_position" && n.code != "lossy"; });
        notices.push_back({"not_a_volume", hilum::format("a mosaic: slices side by side on a sheet of {} x {} pixels, which has no place in the patient; they are not taken apart", first.columns, first.rows)});
        const Index3 size = stack->header.geometry.size;
        stack->header.geometry = {};
        giveOwnPlane(first, stack->header);
        stack->header.geometry.size = size;
        stack->header.irregular = false;
        stack->header.sliceOriginsLps.clear();
    }
    item.explanation = plan->explanation;
    item.explanation["decision"] = group.splitByOrientation ? hilum::format("one of {} grids of this series: its slices have orientations or pixel sizes of their own", group.parts)
                                                            : std::string("one grid: same series, image size, pixel spacing and orientation");
    item.explanation["display"] = displayChain(first, stack->header);
    if (first.gantryTiltTag)
        item.explanation["gantry_tilt_tag_degrees"] = first.gantryTiltDegrees;
    if (!first.patientPosition.empty())
        item.explanation["patient_position"] = first.patientPosition;
    if (group.copies > 0)
        item.explanation["copies_left_out"] = group.copies;
    if (!leftOut.empty()) {
        notices.push_back(leftOutNotice(leftOut));
        stack->header.leftOut = leftOut;
        Json files = Json::array();
        for (const Refusal& r : leftOut)
            files.push_back({{"path", r.file.string()}, {"code", r.code}, {"reason", r.reason}});
        item.explanation["slices_left_out"] = std::move(files);
    }
    // a series in time is left as it is: without one image it would become another
    if (stack->times.size() == 1 && stack->times.front().size() > 1 && std::ranges::any_of(group.entries, [](const Entry& e) { return mayBeLeftOut(*e.header); }))
        stack->madeOf = std::make_shared<const DicomGroup>(group);
    const bool seg = kindOfSopClass(first.sopClass) == ItemKind::Segmentation;
    item.kind = seg ? ItemKind::Segmentation : plan->geometry.size[2] == 1 ? ItemKind::Image : mosaic ? ItemKind::ImageSequence : ItemKind::Volume;
    item.frames = stack->files.size() == 1 ? first.frameCount() : 1;
    finishItem(item, std::move(stack));
    result.items.push_back(std::move(item));
}

bool mayBeLeftOut(const DicomHeader& h) { return h.frameCount() == 1 && (h.encapsulated || h.deflated); }

Result<Item> itemWithout(const DicomStack& stack, const std::vector<Refusal>& files)
{
    std::vector<Refusal> leftOut = stack.header.leftOut;
    leftOut.insert(leftOut.end(), files.begin(), files.end());
    if (leftOut.empty() || !stack.madeOf)
        return fail(ErrorCode::Internal, "{} of {} files cannot be left out", leftOut.size(), stack.files.size());
    std::set<path> without;
    for (const Refusal& r : leftOut)
        without.insert(r.file);
    DicomGroup rest = *stack.madeOf;
    std::erase_if(rest.entries, [&](const Entry& e) { return without.contains(e.header->file); });
    const auto refuseAll = [](const Refusal& r, const std::string& more) { return refuse(r.error, r.code, "{}: {}{}", r.file.string(), r.reason, more); };
    if (rest.entries.empty())
        return refuseAll(leftOut.front(), hilum::format("; none of the {} slices can be decoded", leftOut.size()));
    ScanResult planned;
    addStack(rest, planned, leftOut);
    if (planned.items.empty())
        return refuseAll(planned.refused.front(), {});
    if (planned.items.front().timePoints != 1)
        return refuseAll(leftOut.front(), hilum::format("; without it the others would be read as {} time points", planned.items.front().timePoints));
    return std::move(planned.items.front());
}

} // namespace hilum::imaging
