#include "core/base/guard.h"
#include "core/imaging/dicom_series.h"
#include "core/imaging/dicomdir.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/nifti_header.h"
#include "core/imaging/parallel.h"
#include "core/imaging/read.h"
#include "core/imaging/scan_stream.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace hilum::imaging {

namespace {

/// A file to look at; files that a person named are refused aloud, others of unknown kind are passed over.
struct Candidate {
    path file;
    bool named = false;
};

struct Found {
    std::shared_ptr<const DicomHeader> dicom;
    std::optional<Item> item;
    std::optional<Refusal> refusal;
};

std::string lowerName(const path& file)
{
    std::string name = file.filename().string();
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
}

bool hasImageName(const path& file)
{
    const std::string name = lowerName(file);
    return name.ends_with(".dcm") || name.ends_with(".dicom") || name.ends_with(".ima") || !formatOfName(file).empty();
}

/// The voxels of a NIfTI or Analyze pair were named: their header stands for both.
path headerBeside(const path& file)
{
    const std::string name = lowerName(file);
    if (!name.ends_with(".img") && !name.ends_with(".img.gz"))
        return file;
    std::error_code ec;
    const path header = pairedFile(file, ".hdr");
    return std::filesystem::exists(header, ec) ? header : file;
}

/// A file, or the files of an archive.
void addCandidate(path file, bool named, std::vector<Candidate>& out, ScanResult& result)
{
    if ((!named && !lowerName(file).ends_with(".zip")) || !isZipFile(file)) {
        out.push_back({std::move(file), named});
        return;
    }
    auto members = zipMembers(file);
    if (!members) {
        std::string reason = members.error().message;
        if (const std::string prefix = file.string() + ": "; reason.starts_with(prefix))
            reason.erase(0, prefix.size());
        result.refused.push_back({file, members.error().reason.empty() ? "damaged" : members.error().reason, std::move(reason), members.error().code});
        return;
    }
    for (path& m : *members)
        out.push_back({std::move(m), false});
}

/// Files of a folder and its folders, sorted by path. A folder is entered once, whatever links lead to it.
void walk(const path& folder, std::vector<Candidate>& out, ScanResult& result, std::set<path>& entered, const Work& work)
{
    std::error_code ec;
    const path real = std::filesystem::canonical(folder, ec);
    if (ec || !entered.insert(real).second || work.cancelled())
        return;
    std::vector<path> files, folders;
    for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
        if (it->path().filename().string().starts_with('.'))
            continue;
        std::error_code kind;
        if (it->is_directory(kind))
            folders.push_back(it->path());
        else if (it->is_regular_file(kind))
            files.push_back(it->path());
    }
    if (ec)
        result.refused.push_back({folder, "access_denied", hilum::format("the folder cannot be read: {}", ec.message()), ErrorCode::AccessDenied});
    std::ranges::sort(files);
    std::ranges::sort(folders);
    for (path& f : files)
        addCandidate(std::move(f), false, out, result);
    for (const path& f : folders)
        walk(f, out, result, entered, work);
}

std::string formatByContent(std::string_view b, const path& file)
{
    if (looksLikeNifti(b))
        return "nifti";
    if (b.starts_with("NRRD000"))
        return "nrrd";
    if (b.starts_with("\x89PNG\r\n\x1a\n"))
        return "png";
    if (b.starts_with("\xFF\xD8\xFF"))
        return "jpeg";
    if (b.starts_with(std::string_view("II*\0", 4)) || b.starts_with(std::string_view("MM\0*", 4)) || b.starts_with(std::string_view("II+\0", 4)) || b.starts_with(std::string_view("MM\0+", 4)))
        return "tiff";
    if (formatOfName(file) == "metaimage" && (b.find("ObjectType") != std::string_view::npos || b.find("NDims") != std::string_view::npos))
        return "metaimage";
    return {};
}

Refusal refusalOf(const path& file, const Error& error)
{
    std::string reason = error.sentence();
    // the file is named beside the reason already
    if (const std::string prefix = file.string() + ": "; reason.starts_with(prefix))
        reason.erase(0, prefix.size());
    return {file, error.reason.empty() ? std::string(name(error.code)) : error.reason, std::move(reason), error.code};
}

Item fileItem(const path& file, const std::string& format, const FileHeader& header)
{
    Item item;
    item.format = format;
    item.files = {file};
    item.dataFiles = header.dataFiles;
    item.where = file;
    item.size = header.image.geometry.size;
    item.timePoints = header.timePoints;
    item.notices = header.image.notices;
    const bool picture = !header.image.hasPatientSpace;
    const bool segments = std::ranges::any_of(header.fields, [](const auto& f) { return f.first.starts_with("Segment0_") && f.first.ends_with("LabelValue"); });
    if (segments) { // layers of overlapping segments are no time points
        item.timePoints = 1;
        std::erase_if(item.notices, [](const Notice& n) { return n.code == "time_series"; });
    }
    item.kind = segments ? ItemKind::Segmentation : !picture ? ItemKind::Volume : item.size[2] > 1 ? ItemKind::ImageSequence : ItemKind::Image;
    if (picture)
        item.frames = item.size[2];
    item.explanation = {{"decision", picture ? "a picture without patient space" : "one file holds the grid"}};
    if (!header.explanation.empty())
        item.explanation["place"] = header.explanation;
    return item;
}

Found lookAt(const Candidate& c)
{
    Found found;
    std::error_code ec;
    const path real = realFile(c.file);
    const auto size = std::filesystem::file_size(real, ec);
    const auto refuseFile = [&](ErrorCode code, std::string key, std::string reason) { found.refusal = Refusal{c.file, std::move(key), std::move(reason), code}; };
    const bool speak = c.named || hasImageName(c.file);
    if (ec) {
        refuseFile(ErrorCode::AccessDenied, "access_denied", ec.message());
        return found;
    }
    if (size == 0) {
        if (speak)
            refuseFile(ErrorCode::BadData, "not_an_image", "the file is empty (0 bytes)");
        return found;
    }
    bool compressed = false;
    const auto begin = firstBytes(real, 540, &compressed);
    if (!begin) {
        found.refusal = refusalOf(c.file, begin.error());
        return found;
    }
    if (!compressed && looksLikeDicom(*begin)) {
        auto header = readDicomHeader(c.file);
        if (header)
            found.dicom = std::make_shared<const DicomHeader>(std::move(*header));
        else
            found.refusal = refusalOf(c.file, header.error());
        return found;
    }
    std::string format = formatByContent(*begin, c.file);
    if (format.empty() && formatOfName(c.file) == "nifti" && looksLikeAnalyze(*begin))
        format = "nifti";
    if (format.empty() && formatOfName(c.file) == "nifti" && begin->size() < 348)
        format = "nifti"; // cut within its header: its reader says so
    if (compressed && format != "nifti")
        format.clear();
    if (!format.empty()) {
        auto header = readFileHeader(c.file, format);
        if (header)
            found.item = fileItem(c.file, format, *header);
        else
            found.refusal = refusalOf(c.file, header.error());
        return found;
    }
    const bool text = lowerName(c.file).ends_with(".txt");
    path beside = c.file;
    const bool besideImage = text && std::ranges::any_of(std::initializer_list<const char*>{".png", ".jpg", ".jpeg", ".dcm"}, [&](const char* e) {
        return std::filesystem::exists(beside.replace_extension(e), ec);
    });
    if (text && (c.named || besideImage)) {
        Item item;
        item.kind = ItemKind::Report;
        item.format = "text";
        item.files = {c.file};
        item.where = c.file;
        item.size = {0, 0, 0};
        item.explanation = {{"decision", "a report as plain text"}};
        found.item = std::move(item);
        return found;
    }
    if (speak)
        refuseFile(ErrorCode::BadData, "not_an_image",
                   hilum::format("the file is no image of a known kind{}", lowerName(c.file).ends_with(".dcm") ? " (no DICOM prefix and no DICOM data set)" : ""));
    return found;
}

/// Tells early what a scan has found up to some candidate.
class EarlyNews {
public:
    explicit EarlyNews(const FoundEarly& early) : m_early(early) {}

    /// Files `begin` to `end` of all candidates have been looked at.
    Status tell(const std::vector<Candidate>& candidates, const std::vector<Found>& found, std::size_t begin, std::size_t end)
    {
        if (!m_early)
            return {};
        for (std::size_t n = begin; n < end; ++n) {
            if (found[n].item)
                m_items.push_back(*found[n].item);
            if (found[n].dicom && !isDicomDirectory(*found[n].dicom))
                m_headers.push_back(found[n].dicom);
        }
        // files of a folder follow each other: only that of the next file may be unfinished
        const path unfinished = end < candidates.size() ? candidates[end].file.parent_path() : path();
        const auto open = std::ranges::stable_partition(m_headers, [&](const auto& header) { return header->file.parent_path() != unfinished; });
        std::vector<std::shared_ptr<const DicomHeader>> done(m_headers.begin(), open.begin());
        m_headers.erase(m_headers.begin(), open.begin());
        ScanResult groups;
        groupDicom(std::move(done), groups);
        std::set<std::string> now;
        for (Item& item : groups.items)
            if (item.seriesUid.empty() || !m_told.contains(item.seriesUid)) {
                now.insert(item.seriesUid);
                m_items.push_back(std::move(item));
            }
        m_told.merge(now);
        if (m_items.empty() || end == candidates.size() || !m_due.due())
            return {};
        return m_early(std::exchange(m_items, {}));
    }

private:
    const FoundEarly& m_early;
    std::vector<Item> m_items;                               // not told yet
    std::vector<std::shared_ptr<const DicomHeader>> m_headers; // of folders not finished yet
    std::set<std::string> m_told;                            // series
    RateLimit m_due{std::chrono::milliseconds(250)};
};

} // namespace

std::string_view name(ItemKind kind)
{
    constexpr std::string_view Names[] = {"volume", "image", "image-sequence", "segmentation", "report", "contours", "presentation", "document", "other"};
    return Names[static_cast<std::size_t>(kind)];
}

Result<ScanResult> scan(const std::vector<path>& paths, const Work& work)
{
    return scan(paths, work, {});
}

Result<ScanResult> scan(const std::vector<path>& paths, const Work& work, const FoundEarly& early)
{
    routeLibraryLogs();
    ScanResult result;
    std::vector<Candidate> candidates;
    std::set<path> entered;
    for (const path& p : paths) {
        std::error_code ec;
        const auto status = std::filesystem::status(p, ec);
        if (std::filesystem::is_directory(status))
            walk(p, candidates, result, entered, work);
        else if (std::filesystem::exists(status))
            addCandidate(headerBeside(p), true, candidates, result);
        else if (std::filesystem::exists(realFile(p), ec)) // a member of an archive
            candidates.push_back({p, true});
        else
            result.refused.push_back({p, "not_found", hilum::format("{} does not exist", p.string()), ErrorCode::NotFound});
    }
    result.filesSeen = static_cast<std::int64_t>(candidates.size());
    if (work.cancelled()) // the walk is cut short then: what it found is not all there is
        return fail(ErrorCode::Cancelled, "stopped after finding {} files", candidates.size());

    std::vector<Found> found(candidates.size());
    EarlyNews news(early);
    constexpr std::size_t PieceFiles = 256;
    for (std::size_t begin = 0; begin < candidates.size(); begin += PieceFiles) {
        const std::size_t end = std::min(begin + PieceFiles, candidates.size());
        Work piece{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
                       work.progress(static_cast<std::int64_t>(begin) + done, static_cast<std::int64_t>(candidates.size()), what);
                   }},
                   .stop = work.stop};
        HILUM_TRY_STATUS(parallelFor(static_cast<std::int64_t>(end - begin), [&](std::int64_t n) -> Status {
            const auto at = begin + static_cast<std::size_t>(n);
            const path& file = candidates[at].file;
            auto looked = guard("reading the header", [&]() -> Result<Found> { return lookAt(candidates[at]); });
            if (looked)
                found[at] = std::move(*looked);
            else // one file that cannot be understood is not the end of a folder
                found[at].refusal = refusalOf(file, looked.error());
            return {};
        }, piece, "looking at files"));
        HILUM_TRY_STATUS(news.tell(candidates, found, begin, end));
    }

    std::vector<std::shared_ptr<const DicomHeader>> headers;
    std::vector<Item> others; // behind the DICOM series: they are often derived from them
    for (std::size_t n = 0; n < found.size(); ++n) {
        Found& f = found[n];
        if (f.dicom && isDicomDirectory(*f.dicom)) {
            // within a folder the files of a file set are found anyway; a DICOMDIR that was named stands for its file set
            if (candidates[n].named)
                readDicomDirectory(f.dicom->file, headers, result);
        } else if (f.dicom) {
            headers.push_back(std::move(f.dicom));
        }
        if (f.item)
            others.push_back(std::move(*f.item));
        if (f.refusal)
            result.refused.push_back(std::move(*f.refusal));
    }
    groupDicom(std::move(headers), result);
    linkContours(result);
    std::ranges::move(others, std::back_inserter(result.items));
    if (result.items.empty() && result.refused.empty()) {
        std::string names;
        for (const path& p : paths)
            names += (names.empty() ? "" : ", ") + p.string();
        return refuse(ErrorCode::Empty, "empty", "{}: no image among {} files", names, result.filesSeen);
    }
    return result;
}

} // namespace hilum::imaging
