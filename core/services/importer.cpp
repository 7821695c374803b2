#include "core/services/importer.h"

#include "core/base/guard.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/model_input.h"
#include "core/imaging/png_write.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

namespace hilum::services {

namespace {

using imaging::Item;
using imaging::ItemKind;

constexpr std::size_t BatchItems = 16; // what a kill loses at most
constexpr int ThumbnailSize = 96;       // pixels
constexpr unsigned MostThreads = 4;

bool isPicture(ItemKind kind) { return kind == ItemKind::Image || kind == ItemKind::Volume || kind == ItemKind::ImageSequence; }

ItemKind kindFrom(const std::string& word)
{
    for (int kind = 0; kind <= static_cast<int>(ItemKind::Other); ++kind)
        if (imaging::name(static_cast<ItemKind>(kind)) == word)
            return static_cast<ItemKind>(kind);
    return ItemKind::Other;
}

project::NewSeries rowOf(const Item& item, std::string thumbnail)
{
    project::NewSeries out;
    project::SeriesRow& row = out.row;
    row.kind = imaging::name(item.kind);
    row.format = item.format;
    row.modality = item.modality;
    // outside DICOM the file's name is all there is
    row.description = item.seriesDescription.empty() && item.format != "dicom" ? item.where.filename().string() : item.seriesDescription;
    row.bodyPart = item.bodyPart;
    row.seriesUid = item.seriesUid;
    row.studyUid = item.studyUid;
    row.patientName = item.patientName;
    row.patientId = item.patientId;
    row.studyDate = item.studyDate;
    row.studyDescription = item.studyDescription;
    row.width = item.size[0];
    row.height = item.size[1];
    row.slices = item.size[2];
    row.frames = item.frames;
    row.files = item.files;
    row.where = item.where;
    for (const imaging::Notice& notice : item.notices)
        row.notices.push_back({{"code", notice.code}, {"text", notice.text}});
    row.explanation = item.explanation;
    out.thumbnailPng = std::move(thumbnail);
    return out;
}

/// The item cut down to the file of its middle slice, where each slice is a file.
Item middleOf(const Item& item)
{
    Item one = item;
    if (item.format == "dicom" && item.files.size() > 1 && item.frames <= 1) {
        one.files = {item.files[item.files.size() / 2]};
        one.dicom.reset(); // the headers of the whole series
        one.kind = ItemKind::Image;
        one.size[2] = 1;
    }
    return one;
}

} // namespace

Result<std::string> thumbnailPng(const Item& item)
{
    if (!isPicture(item.kind))
        return std::string();
    return guard("making a thumbnail", [&]() -> Result<std::string> {
        HILUM_TRY(const imaging::Volume volume, imaging::readVolume(middleOf(item)));
        HILUM_TRY(const imaging::GreyImage grey, imaging::greyImage(volume, volume.geometry().size[2] / 2));
        const Json square = {{"kind", "radiograph"}, {"size", {ThumbnailSize, ThumbnailSize}}, {"resize", "pad"}, {"region", "none"}};
        HILUM_TRY(const imaging::ModelInput small, imaging::modelInput(grey, square));
        std::vector<std::uint8_t> pixels(small.image.size());
        std::transform(small.image.begin(), small.image.end(), pixels.begin(), [](std::uint16_t v) { return static_cast<std::uint8_t>((v + 128) / 257); });
        return imaging::encodePng(small.width, small.height, 1, 8, std::as_bytes(std::span(pixels)));
    });
}

Item itemOf(const project::SeriesRow& row)
{
    Item item;
    item.kind = kindFrom(row.kind);
    item.format = row.format;
    item.files = row.files;
    item.where = row.where;
    item.modality = row.modality;
    item.seriesUid = row.seriesUid;
    item.studyUid = row.studyUid;
    item.patientId = row.patientId;
    item.patientName = row.patientName;
    item.studyDate = row.studyDate;
    item.studyDescription = row.studyDescription;
    item.seriesDescription = row.description;
    item.bodyPart = row.bodyPart;
    item.size = {row.width, row.height, row.slices};
    item.frames = row.frames;
    item.explanation = row.explanation;
    for (const Json& notice : row.notices)
        if (notice.is_object())
            item.notices.push_back({notice.value("code", ""), notice.value("text", "")});
    return item;
}

Result<ImportSummary> importPaths(project::Library& library, const std::vector<path>& paths, const Work& work,
                                  const std::function<void(const ImportSummary&)>& added)
{
    HILUM_TRY(imaging::ScanResult found, imaging::scan(paths, work));
    ImportSummary summary{.filesSeen = found.filesSeen};
    const std::set<path> named(paths.begin(), paths.end());
    for (imaging::Refusal& refusal : found.refused)
        // a text file in a folder of images is no problem; one that was dropped on the window is
        if (refusal.code != "not_an_image" || named.contains(refusal.file))
            summary.refused.push_back(std::move(refusal));

    const auto total = static_cast<std::int64_t>(found.items.size());
    for (std::size_t begin = 0; begin < found.items.size(); begin += BatchItems) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped after {} of {} series", summary.series, total);
        const std::size_t count = std::min(BatchItems, found.items.size() - begin);
        std::vector<Result<std::string>> thumbnails(count);
        {
            std::atomic<std::size_t> next = 0;
            std::vector<std::jthread> threads;
            for (unsigned t = 0; t < std::min({MostThreads, std::max(1u, std::thread::hardware_concurrency()), static_cast<unsigned>(count)}); ++t)
                threads.emplace_back([&] {
                    for (std::size_t i = next++; i < count && !work.cancelled(); i = next++)
                        thumbnails[i] = thumbnailPng(found.items[begin + i]);
                });
        }
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped after {} of {} series", summary.series, total);
        std::vector<project::NewSeries> batch;
        for (std::size_t i = 0; i < count; ++i) {
            const Item& item = found.items[begin + i];
            if (!thumbnails[i]) // it stays in the list, so that a person sees that it is there
                summary.refused.push_back({.file = item.where, .code = thumbnails[i].error().reason.empty() ? std::string(hilum::name(thumbnails[i].error().code)) : thumbnails[i].error().reason,
                                           .reason = thumbnails[i].error().sentence(), .error = thumbnails[i].error().code});
            batch.push_back(rowOf(item, thumbnails[i].value_or(std::string())));
            summary.images += static_cast<std::int64_t>(item.files.size());
        }
        HILUM_TRY_STATUS(library.addSeries(batch, &summary.added));
        summary.series += static_cast<std::int64_t>(count);
        work.progress(summary.series, total, "adding series to the library");
        if (added)
            added(summary);
    }
    std::vector<project::ProblemRow> problems;
    for (const imaging::Refusal& refusal : summary.refused)
        problems.push_back({.file = refusal.file, .code = refusal.code, .reason = refusal.reason});
    if (!problems.empty())
        HILUM_TRY_STATUS(library.addProblems(problems));
    if (summary.series == 0 && !summary.refused.empty()) {
        const imaging::Refusal& first = summary.refused.front();
        Error error{.code = first.error, .message = std::format("{}: {}", first.file.string(), first.reason), .reason = first.code};
        if (summary.refused.size() > 1)
            error.message += std::format(" ({} more files were refused)", summary.refused.size() - 1);
        return std::unexpected(std::move(error));
    }
    if (summary.series == 0)
        return fail(ErrorCode::Empty, "no images were found ({} files looked at)", summary.filesSeen);
    return summary;
}

} // namespace hilum::services
