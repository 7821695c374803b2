#include "core/imaging/read.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_stack.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/picture_stack.h"
#include "core/imaging/regularise.h"

#include <algorithm>

namespace hilum::imaging {

namespace {

bool isPicture(ItemKind kind) { return kind == ItemKind::Volume || kind == ItemKind::Image || kind == ItemKind::ImageSequence; }

std::string choices(const std::vector<const Item*>& items)
{
    std::string text;
    for (std::size_t n = 0; n < std::min<std::size_t>(items.size(), 12); ++n) {
        const Item& i = *items[n];
        text += hilum::format("{}{} {} {} x {} x {}", n ? "; " : "", i.seriesUid.empty() ? i.where.filename().string() : i.seriesUid, i.modality.empty() ? i.format : i.modality, i.size[0],
                              i.size[1], i.size[2]);
    }
    if (items.size() > 12)
        text += hilum::format("; and {} more", items.size() - 12);
    return text;
}

/// What is known of the item says that this is it: a file may hold several stacks, or another patient's by now.
bool isSame(const Item& found, const Item& item)
{
    const auto agree = [](const std::string& known, const std::string& now) { return known.empty() || known == now; };
    return agree(item.seriesUid, found.seriesUid) && agree(item.studyUid, found.studyUid) && agree(item.patientId, found.patientId) && (item.firstFrame == UnknownFrame || found.firstFrame == item.firstFrame);
}

} // namespace

Result<std::shared_ptr<const DicomStack>> stackOf(const Item& item, const Work& work)
{
    if (item.dicom)
        return item.dicom;
    // an item that was kept without its headers (a library row): read them again
    HILUM_TRY(const ScanResult again, scan(item.files, work));
    const Item* best = nullptr;
    for (const Item& i : again.items)
        if (i.dicom && isSame(i, item) && (!best || i.files.size() > best->files.size() || (i.files.size() == best->files.size() && i.firstFrame < best->firstFrame)))
            best = &i;
    if (best)
        return best->dicom;
    if (!again.refused.empty()) {
        const Refusal& r = again.refused.front();
        return refuse(r.error, r.code, "{}: {}", r.file.string(), r.reason);
    }
    return fail(ErrorCode::Mismatch, "{} does not hold the series that was there before", item.where.string());
}

Result<Item> itemAsRead(const Item& item, const ImageHeader& header, const Work& work)
{
    if (header.leftOut.empty())
        return item;
    HILUM_TRY(const auto stack, stackOf(item, work));
    return itemWithout(*stack, header.leftOut);
}

Result<Volume> readVolume(const Item& item, const ReadOptions& options, const Work& work)
{
    return guard("reading " + item.where.string(), [&]() -> Result<Volume> {
        if (item.files.empty())
            return fail(ErrorCode::Empty, "{}: no files", item.where.string());
        Volume volume;
        if (item.kind == ItemKind::Segmentation || item.kind == ItemKind::Contours) {
            HILUM_TRY(LabelMap map, readLabelMap(item, work));
            volume = std::move(map.volume);
        } else if (!isPicture(item.kind)) {
            return refuse(ErrorCode::Unsupported, "no_pixels", "{} is a {} and holds no picture", item.where.string(), name(item.kind));
        } else if (item.format == "dicom") {
            HILUM_TRY(const auto stack, stackOf(item, work));
            HILUM_TRY(volume, readDicomStack(*stack, options.timePoint, work));
        } else if (isPictureStack(item)) {
            HILUM_TRY(volume, readPictureStack(item, work));
        } else {
            HILUM_TRY(volume, readFileVolume(item.files.front(), item.format, options.timePoint));
        }
        return applySpacing(std::move(volume), options.spacing, work);
    });
}

Result<Volume> readVolume(const path& where, const ReadOptions& options, const Work& work)
{
    HILUM_TRY(const ScanResult found, scan({where}, work));
    std::vector<const Item*> pictures, segmentations;
    for (const Item& i : found.items) {
        if (isPicture(i.kind))
            pictures.push_back(&i);
        else if (i.kind == ItemKind::Segmentation || i.kind == ItemKind::Contours)
            segmentations.push_back(&i);
    }
    const auto& usable = pictures.empty() ? segmentations : pictures;
    if (usable.size() == 1)
        return readVolume(*usable.front(), options, work);
    if (!usable.empty())
        return refuse(ErrorCode::Usage, "several", "{} holds {} images; choose one: {}", where.string(), usable.size(), choices(usable));
    if (!found.refused.empty()) {
        const Refusal& r = found.refused.front();
        return refuse(r.error, r.code, "{}: {}", r.file.string(), r.reason);
    }
    return refuse(ErrorCode::Empty, "empty", "{} holds no image", where.string());
}

} // namespace hilum::imaging
