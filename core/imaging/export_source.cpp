#include "core/imaging/export_source.h"

#include "core/base/digest.h"
#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>
#include <chrono>

namespace hilum::imaging {

namespace {

/// What chooses an item: series UID, else the name of its file.
std::string labelOf(const Item& i) { return i.seriesUid.empty() ? i.where.filename().string() : i.seriesUid; }

/// Items of one series (a localizer and its slices) or files of one name are told apart as LABEL#1, LABEL#2, in the order in which they are listed.
std::string labelAmong(const std::vector<const Item*>& items, std::size_t n)
{
    const std::string label = labelOf(*items[n]);
    const auto same = [&](const Item* i) { return labelOf(*i) == label; };
    if (std::ranges::count_if(items, same) < 2)
        return label;
    return hilum::format("{}#{}", label, std::count_if(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(n) + 1, same));
}

std::string choice(const std::vector<const Item*>& items, std::size_t n, const std::string& option)
{
    const Item& i = *items[n];
    return hilum::format("{} {} ({} {} x {} x {}{})", option, labelAmong(items, n), i.modality.empty() ? i.format : i.modality,
        i.size[0], i.size[1], i.size[2], i.timePoints > 1 ? hilum::format(", {} time points", i.timePoints) : "");
}

} // namespace

Result<Item> chooseItem(const path& in, const std::string& series, std::span<const ItemKind> kinds, const Work& work, const ChoiceOptions& options)
{
    HILUM_TRY(const ScanResult found, scan({in}, work));
    std::vector<const Item*> possible, usable;
    for (const Item& i : found.items)
        if (std::ranges::find(kinds, i.kind) != kinds.end() && (options.format.empty() || i.format == options.format))
            possible.push_back(&i);
    for (std::size_t n = 0; n < possible.size(); ++n)
        if (series.empty() || possible[n]->seriesUid == series || possible[n]->where.filename() == series || labelAmong(possible, n) == series)
            usable.push_back(possible[n]);
    if (usable.size() == 1)
        return *usable.front();
    if (usable.empty()) {
        if (!series.empty())
            return fail(ErrorCode::NotFound, "{} holds no series {}", in.string(), series);
        if (!found.refused.empty()) {
            const Refusal& r = found.refused.front();
            return refuse(r.error, r.code, "{}: {}", r.file.string(), r.reason);
        }
        if (!found.items.empty())
            return fail(ErrorCode::Mismatch, "{} holds a {} ({}), which is not what is wanted here", in.string(), name(found.items.front().kind), found.items.front().format);
        return fail(ErrorCode::Empty, "{} holds no image", in.string());
    }
    Error error{.code = ErrorCode::Usage, .message = hilum::format("{} holds {} images; choose one", in.string(), usable.size()), .reason = "several"};
    for (std::size_t n = 0; n < possible.size(); ++n)
        if (std::ranges::find(usable, possible[n]) != usable.end())
            error.details.push_back(choice(possible, n, options.option));
    return std::unexpected(std::move(error));
}

Result<DicomStudy> studyOf(const Item& item)
{
    return guard("reading " + item.where.string(), [&]() -> Result<DicomStudy> {
        DicomStudy s;
        if (item.format != "dicom" || item.files.empty()) {
            s.patientId = "unknown";
            s.patientName = "Unknown";
            s.studyUid = freshUid();
            return s;
        }
        routeLibraryLogs();
        const MuteDicomLog mute;
        DcmFileFormat format;
        const path& file = item.files.front();
        if (const OFCondition ok = format.loadFileUntilTag(realFile(file).c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect, DcmTagKey(0x0028, 0x0000)); ok.bad())
            return refuse(ErrorCode::BadData, "damaged", "{}: the header cannot be read: {}", file.string(), ok.text());
        DcmDataset& d = *format.getDataset();
        (void)d.convertToUTF8();
        const std::pair<DcmTagKey, std::string DicomStudy::*> fields[] = {
            {DCM_PatientID, &DicomStudy::patientId}, {DCM_PatientName, &DicomStudy::patientName}, {DCM_PatientSex, &DicomStudy::patientSex},
            {DCM_PatientBirthDate, &DicomStudy::birthDate}, {DCM_StudyInstanceUID, &DicomStudy::studyUid}, {DCM_StudyID, &DicomStudy::studyId},
            {DCM_AccessionNumber, &DicomStudy::accession}, {DCM_StudyDescription, &DicomStudy::description}, {DCM_StudyDate, &DicomStudy::date},
            {DCM_StudyTime, &DicomStudy::time}, {DCM_ReferringPhysicianName, &DicomStudy::referringPhysician}};
        for (const auto& [tag, member] : fields)
            s.*member = detail::text(d, tag);
        const std::string age = detail::text(d, DCM_PatientAge);
        if (age.size() == 4 && age.back() == 'Y')
            if (const auto years = parseInteger(age.substr(0, 3)))
                s.ageYears = static_cast<int>(*years);
        if (s.studyUid.empty())
            s.studyUid = item.studyUid.empty() ? freshUid() : item.studyUid;
        return s;
    });
}

DicomSeriesInfo newSeries(const Item& source, std::string description, int number)
{
    DicomSeriesInfo series;
    series.seriesUid = freshUid();
    series.number = number;
    series.description = std::move(description);
    series.bodyPart = source.bodyPart;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    series.contentDate = hilum::format("{:%Y%m%d}", now);
    series.contentTime = hilum::format("{:%H%M%S}", now);
    return series;
}

Result<std::vector<DicomReference>> instancesOf(const Item& item, const Work& work, std::int64_t timePoint)
{
    std::vector<DicomReference> out;
    if (item.format != "dicom")
        return out;
    const auto add = [&](const DicomHeader& h) {
        if (h.sopClass.empty() || h.sopInstance.empty() || h.seriesUid.empty() || h.studyUid.empty())
            return; // a file without its UIDs cannot be referred to
        if (std::ranges::none_of(out, [&](const DicomReference& r) { return r.sopInstanceUid == h.sopInstance; }))
            out.push_back({h.sopClass, h.sopInstance, h.seriesUid, h.studyUid, h.file});
    };
    if (item.kind == ItemKind::Report) {
        HILUM_TRY(const DicomHeader h, readDicomHeader(item.files.front()));
        add(h);
        return out;
    }
    HILUM_TRY(const auto stack, stackOf(item, work));
    if (stack->times.empty()) {
        for (const auto& file : stack->files)
            add(*file);
        return out;
    }
    if (timePoint < 0 || timePoint >= static_cast<std::int64_t>(stack->times.size()))
        return fail(ErrorCode::Usage, "{}: time point {} of {}", item.where.string(), timePoint, stack->times.size());
    for (const auto& reference : stack->times[static_cast<std::size_t>(timePoint)])
        add(stack->fileOf(reference));
    return out;
}

Result<std::vector<DicomReference>> sourcesOf(const Item& item, const Volume& read, const Portion& portion, std::int64_t timePoint, const Work& work)
{
    HILUM_TRY(std::vector<DicomReference> all, instancesOf(item, work, timePoint));
    if (all.size() < 2)
        return all;
    const bool resampled = std::ranges::any_of(read.header().notices, [](const Notice& n) { return n.code == "resampled"; });
    std::vector<DicomReference> out;
    if (resampled || static_cast<std::int64_t>(all.size()) != item.size[2])
        return out;
    HILUM_TRY(const Portion p, portion.within(item.size));
    for (std::int64_t k = p.begin[2]; k < p.end[2]; k += p.step)
        out.push_back(std::move(all[static_cast<std::size_t>(k)]));
    if (static_cast<std::int64_t>(out.size()) != read.geometry().size[2])
        out.clear();
    return out;
}

Result<path> makeFolderBeside(const path& out)
{
    if (out.has_parent_path())
        HILUM_TRY_STATUS(makeFolder(out.parent_path()));
    constexpr int Most = 1000; // names tried
    std::error_code ec;
    for (int n = 1; n <= Most; ++n) {
        const path folder = out.string() + (n == 1 ? std::string(".part") : hilum::format(".part-{}", n));
        if (std::filesystem::create_directory(folder, ec)) {
            std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
            return folder;
        }
        if (ec && !std::filesystem::exists(folder))
            return std::unexpected(systemError("make the folder", folder.string(), ec.value()));
    }
    return fail(ErrorCode::Usage, "{}.part and {} further names for a folder beside it are taken; remove what is left of stopped conversions", out.string(), Most - 1);
}

Result<ImageHeader> headerOf(const Item& item, const Work& work)
{
    if (item.format == "dicom") {
        HILUM_TRY(const auto stack, stackOf(item, work));
        return stack->header;
    }
    HILUM_TRY(FileHeader header, readFileHeader(item.files.front(), item.format));
    return std::move(header.image);
}

Json recordOf(const Volume& volume)
{
    const ImageHeader& h = volume.header();
    Json repairs = Json::array();
    std::vector<std::string> seen;
    for (const Notice& n : h.notices)
        if (std::ranges::find(seen, n.text) == seen.end()) {
            seen.push_back(n.text);
            repairs.push_back({{"code", n.code}, {"text", n.text}});
        }
    Json out{{"size", h.geometry.size}, {"spacing_mm", h.geometry.spacingMm}, {"scalar", volume.scalarName()}, {"unit", name(h.unit)}, {"repairs", std::move(repairs)}};
    if (h.hasPatientSpace) {
        out["origin_lps"] = h.geometry.originLps;
        Json direction = Json::array();
        for (std::size_t c = 0; c < 3; ++c)
            for (const double v : h.geometry.direction.column(c))
                direction.push_back(v);
        out["direction"] = std::move(direction);
    } else {
        out["patient_space"] = false;
    }
    if (!h.sliceOriginsLps.empty())
        out["slice_origins_lps"] = h.sliceOriginsLps; // the file's even spacing is nominal: these are the truth
    return out;
}

Json recordOf(std::span<const Label> labels)
{
    Json out = Json::array();
    for (const Label& l : labels)
        out.push_back({{"value", l.value}, {"name", l.name}, {"colour", l.colour}, {"terminology", l.terminology}});
    return out;
}

Result<Json> exportRecord(const Item& item, const path& in, const path& out, const Json& more)
{
    Json files = Json::array();
    for (const path& f : item.sources()) {
        HILUM_TRY(std::string digest, sha256File(realFile(f)));
        files.push_back({{"name", f.filename().string()}, {"sha256", std::move(digest)}});
    }
    Json outputs = Json::array();
    std::vector<path> written{out};
    HILUM_TRY(const bool several, isFolder(out));
    if (several) {
        std::error_code ec;
        written.clear();
        for (std::filesystem::directory_iterator it(out, ec), end; !ec && it != end; it.increment(ec))
            written.push_back(it->path());
        if (ec)
            return std::unexpected(systemError("read the folder", out.string(), ec.value()));
        std::ranges::sort(written);
    }
    for (const path& f : written) {
        HILUM_TRY(std::string digest, sha256File(f));
        outputs.push_back({{"name", f.filename().string()}, {"sha256", std::move(digest)}});
    }
    Json record{{"schema", "hilum.convert/1"}, {"program", programVersion()}, {"created_utc", utcNow()},
                {"source", {{"path", in.string()}, {"format", item.format}, {"series_uid", item.seriesUid.empty() ? Json(nullptr) : Json(item.seriesUid)},
                    {"files", std::move(files)}}}, {"output", {{"path", out.filename().string()}, {"files", std::move(outputs)}}}, {"notice", ResearchNotice}};
    record.update(more);
    return record;
}

Status writeExportRecord(const Item& item, const path& in, const path& out, const Json& more)
{
    const Status written = [&]() -> Status {
        HILUM_TRY(const Json record, exportRecord(item, in, out, more));
        return writeFileAtomically(path(out.string() + ".json"), record.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    }();
    std::error_code ignored;
    if (!written)
        std::filesystem::remove_all(out, ignored); // an output whose origin is not told is only half of one
    return written;
}

Status checkNotSource(const Item& item, const path& out)
{
    std::error_code ec;
    for (const path& f : item.sources())
        if (std::filesystem::equivalent(f, out, ec))
            return fail(ErrorCode::Usage, "{} is what is read: write to another file", out.string());
    return {};
}

} // namespace hilum::imaging
