#include "core/base/numbers.h"
#include "core/imaging/dicom_display.h"
#include "core/imaging/dicom_geometry.h"
#include "core/imaging/dicom_pixel_check.h"
#include "core/imaging/dicom_series.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace hilum::imaging {

ItemKind kindOfSopClass(const std::string& uid)
{
    static constexpr std::string_view Storage = "1.2.840.10008.5.1.4.1.1.";
    if (!uid.starts_with(Storage))
        return ItemKind::Other;
    const std::string_view tail = std::string_view(uid).substr(Storage.size());
    if (tail.starts_with("88."))
        return ItemKind::Report;
    if (tail == "66.4" || tail == "66.7")
        return ItemKind::Segmentation;
    if (tail == "481.3")
        return ItemKind::Contours;
    if (tail.starts_with("11."))
        return ItemKind::Presentation;
    if (tail.starts_with("104."))
        return ItemKind::Document;
    return ItemKind::Other;
}

namespace {

using Header = std::shared_ptr<const DicomHeader>;

bool isImageClass(const std::string& uid)
{
    static constexpr std::string_view Classes[] = {"1.", "1.1", "1.2", "1.3", "2", "2.1", "4", "4.1", "3.1", "6.1", "7", "7.1", "7.2", "7.3", "7.4", "12.1", "12.2", "20", "128", "130", "30", "481.1", "481.2", "66.4", "66.7"};
    static constexpr std::string_view Storage = "1.2.840.10008.5.1.4.1.1.";
    return uid.starts_with(Storage) && std::ranges::find(Classes, uid.substr(Storage.size())) != std::end(Classes);
}

void describe(Item& item, const DicomHeader& h)
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
    if (h.lossy)
        out.notices.push_back({"lossy", "the picture was compressed with loss"});
    if (h.slopeWasZero)
        out.notices.push_back({"rescale_slope_zero", "Rescale Slope is 0, which would give every voxel the same value; 1 is taken"});
    const std::int64_t frame = h.storedFrameBytes();
    if (h.pixels == PixelKind::Integer && !h.encapsulated && !h.deflated && h.bitsAllocated >= 8 && h.photometric != "YBR_FULL_422" && frame > 0 && h.pixelLength / frame > h.frameCount())
        out.notices.push_back({"frames_left_out", std::format("the pixel data have room for {} frames, but Number of Frames says {}: only these are read", h.pixelLength / frame, h.frameCount())});
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
    } else if (h.ultrasoundSpacingMm > 0) {
        spacing = {h.ultrasoundSpacingMm, h.ultrasoundSpacingMm};
        header.spacingMeaning = SpacingMeaning::Calibrated;
    } else if (const auto& own = h.imagerSpacingMm[0] > 0 ? h.imagerSpacingMm : pixel[0] > 0 ? pixel : h.nominalSpacingMm; own[0] > 0) {
        spacing = own;
        header.spacingMeaning = h.isCrossSection() ? SpacingMeaning::Patient : SpacingMeaning::DetectorPlane;
    }
    header.geometry.spacingMm = {spacing[0] > 0 ? spacing[0] : 1, spacing[1] > 0 ? spacing[1] : 1, 1};
}

/// Siemens: the slices of a volume as tiles of one picture.
bool isMosaic(const DicomHeader& h) { return h.modality == "MR" && h.imageType.find("MOSAIC") != std::string::npos; }

bool isColour(const DicomHeader& h) { return h.samples == 3 || (h.samples == 1 && h.palette); }

path commonFolder(const std::vector<path>& files)
{
    path folder = files.front().parent_path();
    for (const path& f : files)
        while (!folder.empty() && std::mismatch(folder.begin(), folder.end(), f.begin(), f.end()).first != folder.end() && folder.has_relative_path())
            folder = folder.parent_path();
    return folder;
}

void finish(Item& item, std::shared_ptr<DicomStack> stack)
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

/// The stack of one file alone, its frames in their stored order on a plane of their own.
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

/// Pictures without places: each file its own image, a multi-frame file a sequence.
void addPicture(const Header& h, ScanResult& result)
{
    Item item;
    describe(item, *h);
    auto stack = ownStack(h);
    stack->colour = isColour(*h);
    item.kind = h->frameCount() > 1 ? ItemKind::ImageSequence : ItemKind::Image;
    item.frames = h->frameCount();
    item.explanation = {{"decision", h->isProjection() ? "a projection has its own plane and no patient space" : "no Image Position: a picture of its own"}};
    item.explanation["display"] = displayChain(*h, stack->header);
    if (h->isCrossSection()) {
        const bool position = std::ranges::all_of(h->frames, [](const DicomFrame& f) { return f.positionLps.has_value(); });
        const bool orientation = std::ranges::all_of(h->frames, [](const DicomFrame& f) { return f.orientation.has_value(); });
        stack->header.notices.push_back({"not_a_volume", std::format("{} missing or invalid: {} without a place in the patient", position ? "Image Orientation (Patient) is"
            : orientation ? "Image Position (Patient) is" : "Image Position (Patient) and Image Orientation (Patient) are", h->frameCount() > 1 ? std::format("{} frames", h->frameCount()) : "a picture")});
    } else if (h->frameCount() > 1 && !h->isProjection())
        stack->header.notices.push_back({"not_a_volume", std::format("{} frames without positions: a sequence of pictures", h->frameCount())});
    finish(item, std::move(stack));
    result.items.push_back(std::move(item));
}

struct Entry {
    Header header;
    std::int64_t frame = 0;
    const DicomFrame& info() const { return header->frames[static_cast<std::size_t>(frame)]; }
};

/// Frames that may lie in one grid: same series, size, kind of pixels and orientation.
struct Group {
    std::vector<Entry> entries;
    bool splitByOrientation = false;
    std::size_t parts = 1;       ///< grids that the series became
    std::int64_t copies = 0;     ///< files of the series that are the same objects again
};

bool sameOrientation(const DicomFrame& a, const DicomFrame& b)
{
    for (std::size_t axis = 0; axis < 2; ++axis)
        for (std::size_t c = 0; c < 3; ++c)
            if (std::abs((*a.orientation)[axis][c] - (*b.orientation)[axis][c]) > 1e-3)
                return false;
    return std::abs(a.spacingMm[0] - b.spacingMm[0]) < 1e-4 && std::abs(a.spacingMm[1] - b.spacingMm[1]) < 1e-4;
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

void addStack(const Group& group, ScanResult& result)
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
        spacing = {1, 1};
    auto plan = planStack(poses, (*frame.orientation)[0], (*frame.orientation)[1], spacing, {first.columns, first.rows, 1}, lone);
    if (!plan) {
        for (const Entry& e : group.entries)
            result.refused.push_back({e.header->file, plan.error().reason, plan.error().message, plan.error().code});
        return;
    }
    Item item;
    describe(item, first);
    auto stack = std::make_shared<DicomStack>();
    stack->header = imageHeader(first);
    stack->colour = isColour(first);
    stack->header.geometry = plan->geometry;
    stack->header.irregular = plan->irregular;
    stack->header.sliceOriginsLps = plan->sliceOriginsLps;
    auto& notices = stack->header.notices;
    notices.insert(notices.end(), plan->notices.begin(), plan->notices.end());
    if (unknownSpacing)
        notices.push_back({"assumed_spacing", "Pixel Spacing is missing; 1 mm is assumed"});
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
        notices.push_back({"not_a_volume", std::format("a mosaic: slices side by side on a sheet of {} x {} pixels, which has no place in the patient; they are not taken apart", first.columns, first.rows)});
        const Index3 size = stack->header.geometry.size;
        stack->header.geometry = {};
        giveOwnPlane(first, stack->header);
        stack->header.geometry.size = size;
        stack->header.irregular = false;
        stack->header.sliceOriginsLps.clear();
    }
    item.explanation = plan->explanation;
    item.explanation["decision"] = group.splitByOrientation ? std::format("one of {} grids of this series: its slices have orientations or pixel sizes of their own", group.parts)
                                                            : std::string("one grid: same series, image size, pixel spacing and orientation");
    item.explanation["display"] = displayChain(first, stack->header);
    if (first.gantryTiltTag)
        item.explanation["gantry_tilt_tag_degrees"] = first.gantryTiltDegrees;
    if (!first.patientPosition.empty())
        item.explanation["patient_position"] = first.patientPosition;
    if (group.copies > 0)
        item.explanation["copies_left_out"] = group.copies;
    const bool seg = kindOfSopClass(first.sopClass) == ItemKind::Segmentation;
    item.kind = seg ? ItemKind::Segmentation : plan->geometry.size[2] == 1 ? ItemKind::Image : mosaic ? ItemKind::ImageSequence : ItemKind::Volume;
    item.frames = stack->files.size() == 1 ? first.frameCount() : 1;
    finish(item, std::move(stack));
    result.items.push_back(std::move(item));
}

/// A label image is read as a whole by its own reader; here it is listed.
void addSegmentation(const Header& h, ScanResult& result)
{
    Item item;
    describe(item, *h);
    auto stack = ownStack(h);
    item.kind = ItemKind::Segmentation;
    item.frames = h->frameCount();
    item.explanation = {{"decision", std::format("a {} segmentation of {} segments in {} frames", h->segmentationType, h->segments.size(), h->frameCount())}};
    finish(item, std::move(stack));
    result.items.push_back(std::move(item));
}

/// The instance UID, with what differs where a careless program gave several images the same one.
std::string identityOf(const DicomHeader& h)
{
    const auto& place = h.frames.front().positionLps;
    return std::format("{}|{}|{}|{}", h.sopInstance, h.seriesUid, h.instanceNumber, place ? std::format("{} {} {}", (*place)[0], (*place)[1], (*place)[2]) : std::string());
}

/// False (and a refusal) when the file cannot hold the pixels that its header promises.
bool holdsItsPixels(const DicomHeader& h, ScanResult& result)
{
    const Status whole = checkPixels(h);
    if (!whole)
        result.refused.push_back({h.file, whole.error().reason.empty() ? std::string(name(whole.error().code)) : whole.error().reason, whole.error().message, whole.error().code});
    return whole.has_value();
}

} // namespace

void groupDicom(std::vector<Header> headers, ScanResult& result)
{
    std::set<std::string> seen;
    std::map<std::string, std::int64_t> copies; // by series
    std::map<std::string, std::vector<Group>> series; // by everything but orientation
    std::vector<std::string> order;
    for (const Header& h : headers) {
        // the same object twice (a copy in another folder) is read once; a damaged copy must not hide the good one, nor a UID that was given twice other slices
        const std::string identity = identityOf(*h);
        if (!h->sopInstance.empty() && seen.contains(identity)) {
            ++copies[h->seriesUid];
            continue;
        }
        const ItemKind kind = kindOfSopClass(h->sopClass);
        if (h->pixels == PixelKind::None) {
            if (isImageClass(h->sopClass) || (h->sopClass.empty() && h->modality.empty() && h->seriesUid.empty())) {
                result.refused.push_back({h->file, "no_pixels", std::format("the file holds no pixel data (its {} bytes end with the header)", grouped(h->fileSize)), ErrorCode::BadData});
                continue;
            }
            seen.insert(identity);
            Item item;
            describe(item, *h);
            item.kind = kind;
            item.files = {h->file};
            item.where = h->file;
            item.explanation = {{"decision", "the object holds no picture"}, {"sop_class", h->sopClass}};
            if (kind == ItemKind::Contours) { // the image that they were drawn on is looked for when all is read
                auto stack = std::make_shared<DicomStack>();
                stack->files = {h};
                item.dicom = std::move(stack);
            }
            result.items.push_back(std::move(item));
            continue;
        }
        if (!holdsItsPixels(*h, result))
            continue;
        seen.insert(identity);
        if (kind == ItemKind::Segmentation) {
            addSegmentation(h, result);
            continue;
        }
        const bool placed = std::ranges::all_of(h->frames, [](const DicomFrame& f) { return f.positionLps && f.orientation; });
        if (h->isProjection() || !placed) {
            addPicture(h, result);
            continue;
        }
        // files without a series are kept together by their folder at least
        const std::string owner = std::format("{}|{}|{}", h->patientId, h->studyUid, h->seriesUid.empty() ? h->file.parent_path().string() : h->seriesUid);
        const std::string key = std::format("{}|{}|{}x{}x{}|{}|{}|{}", owner, h->sopClass, h->columns, h->rows, h->samples, h->bitsAllocated, static_cast<int>(h->pixels), h->photometric);
        auto [at, added] = series.try_emplace(key);
        if (added)
            order.push_back(key);
        for (std::int64_t n = 0; n < h->frameCount(); ++n) {
            const Entry entry{h, n};
            auto group = std::ranges::find_if(at->second, [&](const Group& g) { return sameOrientation(g.entries.front().info(), entry.info()); });
            if (group == at->second.end())
                group = at->second.insert(at->second.end(), Group{});
            group->entries.push_back(entry);
        }
    }
    for (const std::string& key : order) {
        auto& groups = series[key];
        for (Group& g : groups) {
            g.splitByOrientation = groups.size() > 1;
            g.parts = groups.size();
            g.copies = copies[g.entries.front().header->seriesUid];
            addStack(g, result);
        }
    }
}

} // namespace hilum::imaging
