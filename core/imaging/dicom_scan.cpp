#include "core/base/numbers.h"
#include "core/imaging/dicom_display.h"
#include "core/imaging/dicom_pixel_check.h"
#include "core/imaging/dicom_stack.h"

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

/// Pictures without places: each file its own image, a multi-frame file a sequence.
void addPicture(const Header& h, ScanResult& result)
{
    Item item;
    describeHeader(item, *h);
    auto stack = ownStack(h);
    stack->colour = isColour(*h);
    item.kind = h->frameCount() > 1 ? ItemKind::ImageSequence : ItemKind::Image;
    item.frames = h->frameCount();
    item.explanation = {{"decision", h->isProjection() ? "a projection has its own plane and no patient space" : "no Image Position: a picture of its own"}};
    item.explanation["display"] = displayChain(*h, stack->header);
    if (h->isCrossSection()) {
        const bool position = std::ranges::all_of(h->frames, [](const DicomFrame& f) { return f.positionLps.has_value(); });
        const bool orientation = std::ranges::all_of(h->frames, [](const DicomFrame& f) { return f.orientation.has_value(); });
        stack->header.notices.push_back({"not_a_volume", hilum::format("{} missing or invalid: {} without a place in the patient", position ? "Image Orientation (Patient) is"
            : orientation ? "Image Position (Patient) is" : "Image Position (Patient) and Image Orientation (Patient) are", h->frameCount() > 1 ? hilum::format("{} frames", h->frameCount()) : "a picture")});
    } else if (h->frameCount() > 1 && !h->isProjection())
        stack->header.notices.push_back({"not_a_volume", hilum::format("{} frames without positions: a sequence of pictures", h->frameCount())});
    finishItem(item, std::move(stack));
    result.items.push_back(std::move(item));
}

bool sameOrientation(const DicomFrame& a, const DicomFrame& b)
{
    for (std::size_t axis = 0; axis < 2; ++axis)
        for (std::size_t c = 0; c < 3; ++c)
            if (std::abs((*a.orientation)[axis][c] - (*b.orientation)[axis][c]) > 1e-3)
                return false;
    return std::abs(a.spacingMm[0] - b.spacingMm[0]) < 1e-4 && std::abs(a.spacingMm[1] - b.spacingMm[1]) < 1e-4;
}

/// A label image is read as a whole by its own reader; here it is listed.
void addSegmentation(const Header& h, ScanResult& result)
{
    Item item;
    describeHeader(item, *h);
    auto stack = ownStack(h);
    item.kind = ItemKind::Segmentation;
    item.frames = h->frameCount();
    item.explanation = {{"decision", hilum::format("a {} segmentation of {} segments in {} frames", h->segmentationType, h->segments.size(), h->frameCount())}};
    finishItem(item, std::move(stack));
    result.items.push_back(std::move(item));
}

/// The instance UID, with what differs where a careless program gave several images the same one.
std::string identityOf(const DicomHeader& h)
{
    const auto& place = h.frames.front().positionLps;
    return hilum::format("{}|{}|{}|{}", h.sopInstance, h.seriesUid, h.instanceNumber, place ? hilum::format("{} {} {}", (*place)[0], (*place)[1], (*place)[2]) : std::string());
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
    std::map<std::string, std::vector<DicomGroup>> series; // by everything but orientation
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
                result.refused.push_back({h->file, "no_pixels", hilum::format("the file holds no pixel data (its {} bytes end with the header)", grouped(h->fileSize)), ErrorCode::BadData});
                continue;
            }
            seen.insert(identity);
            Item item;
            describeHeader(item, *h);
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
        const std::string owner = hilum::format("{}|{}|{}", h->patientId, h->studyUid, h->seriesUid.empty() ? h->file.parent_path().string() : h->seriesUid);
        const std::string key = hilum::format("{}|{}|{}x{}x{}|{}|{}|{}", owner, h->sopClass, h->columns, h->rows, h->samples, h->bitsAllocated, static_cast<int>(h->pixels), h->photometric);
        auto [at, added] = series.try_emplace(key);
        if (added)
            order.push_back(key);
        for (std::int64_t n = 0; n < h->frameCount(); ++n) {
            const DicomGroup::Entry entry{h, n};
            auto group = std::ranges::find_if(at->second, [&](const DicomGroup& g) { return sameOrientation(g.entries.front().info(), entry.info()); });
            if (group == at->second.end())
                group = at->second.insert(at->second.end(), DicomGroup{});
            group->entries.push_back(entry);
        }
    }
    for (const std::string& key : order) {
        auto& groups = series[key];
        for (DicomGroup& g : groups) {
            g.splitByOrientation = groups.size() > 1;
            g.parts = groups.size();
            g.copies = copies[g.entries.front().header->seriesUid];
            addStack(g, result);
        }
    }
}

} // namespace hilum::imaging
