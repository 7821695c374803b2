#include "core/services/importer.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_series.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/model_input.h"
#include "core/imaging/png_write.h"
#include "core/imaging/scan_stream.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <span>
#include <thread>
#include <tuple>
#include <utility>

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
    row.firstFrame = item.firstFrame;
    if (item.dicom && !item.dicom->files.empty())
        row.content = std::ranges::min(item.dicom->files, {}, [](const auto& header) -> const std::string& { return header->file.native(); })->sopInstance;
    out.thumbnailPng = std::move(thumbnail);
    return out;
}

/// The middle slice of an item whose slices are files of their own, a quarter of them further where that one is damaged; else the whole item.
Result<imaging::Volume> readForThumbnail(const Item& item)
{
    const std::size_t files = item.files.size();
    const bool manyFrames = item.dicom && std::ranges::any_of(item.dicom->files, [](const auto& header) { return header->frameCount() > 1; });
    if (item.format != "dicom" || files < 2 || item.frames > 1 || manyFrames)
        return imaging::readVolume(item);
    Item one = item;
    one.dicom.reset(); // the headers of the whole series
    one.kind = ItemKind::Image;
    one.size[2] = 1;
    const auto read = [&](std::size_t n) {
        one.files = {item.files[n]};
        return imaging::readVolume(one);
    };
    auto middle = read(files / 2);
    for (const std::size_t n : {files / 4, 3 * files / 4})
        if (!middle && n != files / 2)
            if (auto other = read(n))
                return other;
    return middle;
}

} // namespace

Result<std::string> thumbnailPng(const Item& item)
{
    if (!isPicture(item.kind))
        return std::string();
    return guard("making a thumbnail", [&]() -> Result<std::string> {
        HILUM_TRY(const imaging::Volume volume, readForThumbnail(item));
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
    item.firstFrame = row.content.empty() && row.firstFrame == 0 ? imaging::UnknownFrame : row.firstFrame;
    item.explanation = row.explanation;
    for (const Json& notice : row.notices)
        if (notice.is_object())
            item.notices.push_back({notice.value("code", ""), notice.value("text", "")});
    return item;
}

namespace {

/// Adds items to the library in batches, with their thumbnails; each item once.
class Adding {
public:
    Adding(project::Library& library, const Work& work, ImportSummary& summary, const std::function<void(const ImportSummary&)>& added)
        : m_library(library), m_work(work), m_summary(summary), m_added(added)
    {
    }

    /// Items that were added before with the same files are passed over.
    /// \param total  series that there will be, 0 when that is not known yet
    Status add(const std::vector<Item>& items, std::int64_t total)
    {
        std::vector<const Item*> fresh;
        for (const Item& item : items)
            if (!m_files.contains(std::pair<const std::vector<path>&, std::int64_t>(item.files, item.firstFrame)))
                fresh.push_back(&item);
        for (std::size_t begin = 0; begin < fresh.size(); begin += BatchItems) {
            const std::span<const Item* const> batch(fresh.data() + begin, std::min(BatchItems, fresh.size() - begin));
            HILUM_TRY_STATUS(addBatch(batch));
            if (total > 0)
                m_work.progress(m_summary.series, total, "adding series to the library");
        }
        return {};
    }

private:
    Status addBatch(std::span<const Item* const> items)
    {
        const auto stopped = [&] { return fail(ErrorCode::Cancelled, "stopped after {} series", m_summary.series); };
        if (m_work.cancelled())
            return stopped();
        std::vector<Result<std::string>> thumbnails(items.size());
        {
            std::atomic<std::size_t> next = 0;
            std::vector<std::jthread> threads;
            for (unsigned t = 0; t < std::min({MostThreads, std::max(1u, std::thread::hardware_concurrency()), static_cast<unsigned>(items.size())}); ++t)
                threads.emplace_back([&] {
                    for (std::size_t i = next++; i < items.size() && !m_work.cancelled(); i = next++)
                        thumbnails[i] = thumbnailPng(*items[i]);
                });
        }
        if (m_work.cancelled())
            return stopped();
        std::vector<project::NewSeries> rows;
        for (std::size_t i = 0; i < items.size(); ++i) {
            const Item& item = *items[i];
            if (!thumbnails[i]) // it stays in the list, so that a person sees that it is there
                m_summary.refused.push_back({.file = item.where, .code = thumbnails[i].error().reason.empty() ? std::string(hilum::name(thumbnails[i].error().code)) : thumbnails[i].error().reason,
                                             .reason = thumbnails[i].error().sentence(), .error = thumbnails[i].error().code});
            rows.push_back(rowOf(item, thumbnails[i].value_or(std::string())));
        }
        std::vector<project::RowId> ids;
        HILUM_TRY_STATUS(m_library.addSeries(rows, &ids));
        for (std::size_t i = 0; i < items.size(); ++i) {
            m_files.insert({items[i]->files, items[i]->firstFrame});
            // a series that was told early and went on in another folder keeps its row
            if (std::ranges::find(m_summary.added, ids[i]) == m_summary.added.end()) {
                m_summary.added.push_back(ids[i]);
                ++m_summary.series;
            }
        }
        if (m_added)
            m_added(m_summary);
        return {};
    }

    project::Library& m_library;
    const Work& m_work;
    ImportSummary& m_summary;
    const std::function<void(const ImportSummary&)>& m_added;
    struct ByFiles { // looks for files without a copy of all their names
        using is_transparent = void;
        template <class A, class B> bool operator()(const A& a, const B& b) const { return std::tie(a.second, a.first) < std::tie(b.second, b.first); }
    };
    std::set<std::pair<std::vector<path>, std::int64_t>, ByFiles> m_files; // of the items added, with their first frames
};

} // namespace

Result<ImportSummary> importPaths(project::Library& library, const std::vector<path>& paths, const Work& work,
                                  const std::function<void(const ImportSummary&)>& added)
{
    if (library.readOnly()) // told before all files are looked at
        return fail(ErrorCode::AccessDenied, "the library in {} is open for reading only: nothing can be added to it", library.folder().string());
    ImportSummary summary;
    Adding adding(library, work, summary, added);
    HILUM_TRY(imaging::ScanResult found, imaging::scan(paths, work, [&](const std::vector<Item>& items) { return adding.add(items, 0); }));
    summary.filesSeen = found.filesSeen;
    const std::set<path> named(paths.begin(), paths.end());
    for (imaging::Refusal& refusal : found.refused)
        // a text file in a folder of images is no problem; one that was dropped on the window is
        if (refusal.code != "not_an_image" || named.contains(refusal.file))
            summary.refused.push_back(std::move(refusal));
    HILUM_TRY_STATUS(adding.add(found.items, static_cast<std::int64_t>(found.items.size())));
    summary.series = static_cast<std::int64_t>(found.items.size());
    for (const Item& item : found.items)
        summary.images += static_cast<std::int64_t>(item.files.size());
    std::vector<project::ProblemRow> problems;
    for (const imaging::Refusal& refusal : summary.refused)
        problems.push_back({.file = refusal.file, .code = refusal.code, .reason = refusal.reason});
    if (!problems.empty())
        HILUM_TRY_STATUS(library.addProblems(problems));
    if (summary.series == 0 && !summary.refused.empty()) {
        const imaging::Refusal& first = summary.refused.front();
        Error error{.code = first.error, .message = hilum::format("{}: {}", first.file.string(), first.reason), .reason = first.code};
        if (summary.refused.size() > 1)
            error.message += hilum::format(" ({} more files were refused)", summary.refused.size() - 1);
        return std::unexpected(std::move(error));
    }
    if (summary.series == 0)
        return fail(ErrorCode::Empty, "no images were found ({} files looked at)", summary.filesSeen);
    return summary;
}

} // namespace hilum::services
