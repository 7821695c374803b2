#include "core/imaging/deidentify.h"

#include "core/base/digest.h"
#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/deidentify_item.h"
#include "core/imaging/dicom_header.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/library_logs.h"

#include <dcmtk/dcmdata/dcostrmf.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace hilum::imaging {

namespace {

constexpr char ReportName[] = "deidentification.json";
constexpr std::size_t ShortestKey = 16;

/// Regular files below `in`, sorted; links to folders are not followed.
std::vector<path> filesOf(const path& in)
{
    std::vector<path> out;
    std::error_code ec;
    if (!std::filesystem::is_directory(in, ec))
        return {in};
    using Walk = std::filesystem::recursive_directory_iterator;
    for (Walk at(in, std::filesystem::directory_options::skip_permission_denied, ec), end; !ec && at != end; at.increment(ec)) {
        std::error_code here;
        if (at->is_regular_file(here))
            out.push_back(at->path());
    }
    std::ranges::sort(out);
    return out;
}

bool liesIn(const path& inner, const path& outer)
{
    const auto [a, b] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    return a == outer.end();
}

/// Why letters may stand in the pixels; empty: no reason to think so.
std::string burnedInReason(DcmItem& data)
{
    const std::string flag = detail::text(data, DCM_BurnedInAnnotation), modality = detail::text(data, DCM_Modality), sopClass = detail::text(data, DCM_SOPClassUID);
    if (flag == "YES")
        return "Burned In Annotation is YES";
    if (flag == "NO")
        return {};
    constexpr std::string_view Modalities[] = {"US", "IVUS", "XA", "RF", "ES", "XC", "GM", "OT", "SC", "OP", "OPT", "BDUS", "BMD", "PX", "IO", "CR", "MG"};
    if (sopClass.starts_with("1.2.840.10008.5.1.4.1.1.7"))
        return "Secondary Capture without Burned In Annotation";
    if (std::ranges::contains(Modalities, modality))
        return modality + " without Burned In Annotation";
    const std::string type = detail::text(data, DCM_ImageType, -1);
    if (type.contains("SCREEN") || type.contains("DERIVED\\SECONDARY"))
        return "a derived picture without Burned In Annotation";
    return {};
}

bool overlaysInPixels(DcmItem& data)
{
    for (Uint16 group = 0x6000; group <= 0x601E; group += 2)
        if (data.tagExists(DcmTagKey(group, 0x0010)) && !data.tagExists(DcmTagKey(group, 0x3000)))
            return true;
    return false;
}

Status writeData(DcmFileFormat& format, E_TransferSyntax syntax, const path& file)
{
    return writeFileAtomically(file, [&](int fd) -> Status {
        std::FILE* handle = ::fdopen(::dup(fd), "wb");
        if (!handle)
            return std::unexpected(systemError("write", file.string(), errno));
        offile_off_t told = 0;
        {
            DcmOutputFileStream stream(handle); // closes it
            format.transferInit();
            const OFCondition ok = format.write(stream, syntax, EET_ExplicitLength, nullptr, EGL_withoutGL, EPD_withoutPadding);
            format.transferEnd();
            if (ok.bad())
                return refuse(ErrorCode::BadData, "damaged", "it cannot be written again: {}", ok.text());
            told = stream.tell();
        }
        // what the stream counted is on the disk; a deflated one counts before it packs, and is read back
        struct stat written{};
        if (::fstat(fd, &written) != 0)
            return std::unexpected(systemError("write", file.string(), errno));
        DcmFileFormat again;
        const bool whole = DcmXfer(syntax).getStreamCompression() == ESC_none ? written.st_size == told : again.loadFile(hilum::format("/proc/self/fd/{}", fd).c_str()).good();
        return whole ? Status{} : fail(ErrorCode::NoSpace, "{}: only {} bytes could be written", file.string(), grouped(written.st_size));
    });
}

class Run {
public:
    Run(const DeidentifyOptions& options, path out) : m_options(options), m_out(std::move(out)) {}

    /// One file; a failure's sentence names no path.
    Status file(const path& file)
    {
        if (!looksLikeDicomFile(file))
            return refuse(ErrorCode::BadData, "not_dicom", "it is no DICOM file");
        if (!checkNesting(file))
            return refuse(ErrorCode::BadData, "damaged", "its sequences are nested in too many levels");
        DcmFileFormat read;
        const OFCondition loaded = read.loadFile(file.c_str());
        if (loaded.bad()) {
            const bool ended = loaded == EC_EndOfStream || loaded == EC_InvalidStream || loaded == EC_StreamNotifyClient;
            return refuse(ErrorCode::BadData, ended ? "truncated" : "damaged", "it cannot be read as DICOM: {}", loaded.text());
        }
        const E_TransferSyntax syntax = read.getDataset()->getOriginalXfer();
        DcmItem& data = *read.getDataset();
        const std::string sopClass = detail::text(data, DCM_SOPClassUID), instance = detail::text(data, DCM_SOPInstanceUID);
        if (sopClass == UID_MediaStorageDirectoryStorage || data.tagExists(DCM_DirectoryRecordSequence))
            return refuse(ErrorCode::Unsupported, "directory", "a DICOMDIR lists files by their old names and is left out");
        if (sopClass.starts_with("1.2.840.10008.5.1.4.1.1.104."))
            return refuse(ErrorCode::Unsupported, "document", "the text of an encapsulated document cannot be cleaned");
        if (sopClass.empty() || instance.empty())
            return refuse(ErrorCode::BadData, "damaged", "it has no SOP Class or SOP Instance UID");
        if (syntax == EXS_Unknown)
            return refuse(ErrorCode::Unsupported, "unsupported_syntax", "its transfer syntax is unknown");
        const std::string burned = burnedInReason(data);
        if (!burned.empty() && m_options.burnedIn == BurnedInHandling::Skip)
            return refuse(ErrorCode::Unsupported, "burned_in_text_possible", "its pixels may show text: {}", burned);
        const bool embedded = overlaysInPixels(data);

        const std::string study = detail::text(data, DCM_StudyInstanceUID), series = detail::text(data, DCM_SeriesInstanceUID);
        const std::string id = detail::text(data, DCM_PatientID), person = detail::text(data, DCM_PatientName);
        const std::string patient = !id.empty() ? "id " + id : !person.empty() ? "name " + person : "study " + study;
        detail::TouchedTags touched;
        detail::ItemCleaner cleaner(m_options, patient, touched);
        const auto name = [&](const std::string& what, std::size_t digits) { return keyedHash(m_options.key, "file " + what).substr(0, digits); };
        const path folder = m_out / cleaner.pseudonym() / name(study, 12) / name(series, 12), target = folder / (name(instance, 24) + ".dcm");
        std::error_code ec;
        if (std::filesystem::exists(target, ec))
            return m_names.contains(target) ? refuse(ErrorCode::Mismatch, "duplicate", "an instance with the same UID came before")
                                            : refuse(ErrorCode::Busy, "exists", "it is there already, as {}", target.lexically_relative(m_out).string());
        cleaner.clean(data);

        // a header of its own: nothing of the old one is taken over, its first 128 bytes included
        DcmFileFormat fresh(read.getAndRemoveDataset(), OFFalse);
        if (const OFCondition ok = fresh.validateMetaInfo(syntax, EWM_createNewMeta); ok.bad())
            return refuse(ErrorCode::BadData, "damaged", "no file header can be made for it: {}", ok.text());
        fresh.getMetaInfo()->putAndInsertString(DCM_ImplementationClassUID, uidFromText("implementation").c_str());
        fresh.getMetaInfo()->putAndInsertString(DCM_ImplementationVersionName, "HILUM");
        HILUM_TRY_STATUS(makeFolder(folder));
        HILUM_TRY_STATUS(writeData(fresh, syntax, target));
        m_names.insert(target);
        m_patients.insert(cleaner.pseudonym());
        for (const auto& [key, row] : touched) {
            TouchedTag& sum = m_touched[key];
            const std::int64_t before = sum.count;
            sum = row;
            sum.count += before;
        }
        if (!burned.empty())
            ++m_burned[burned];
        m_embedded += embedded;
        return {};
    }

    DeidentifyReport finish(std::vector<Refusal> refused)
    {
        DeidentifyReport report;
        report.files = static_cast<std::int64_t>(m_names.size());
        report.patients = static_cast<std::int64_t>(m_patients.size());
        for (auto& [key, row] : m_touched)
            report.touched.push_back(std::move(row));
        for (const auto& [why, files] : m_burned)
            report.warnings.push_back({"burned_in_text_possible", hilum::format("the pixels of {} files may show text that identifies ({}); look at them before they are given away", files, why)});
        if (m_embedded > 0)
            report.warnings.push_back({"overlay_in_pixels", hilum::format("{} files keep overlay drawings in unused bits of their pixels, which are not changed", m_embedded)});
        report.refused = std::move(refused);
        report.written.assign(m_names.begin(), m_names.end());
        return report;
    }

private:
    const DeidentifyOptions& m_options;
    path m_out;
    detail::TouchedTags m_touched;
    std::set<path> m_names;
    std::set<std::string> m_patients;
    std::map<std::string, std::int64_t> m_burned;
    std::int64_t m_embedded = 0;
};

} // namespace

Json DeidentifyReport::toJson(const DeidentifyOptions& options, std::string_view key) const
{
    Json tags = Json::array(), left = Json::array(), notices = Json::array();
    for (const TouchedTag& t : touched)
        tags.push_back({{"tag", hilum::format("({:04X},{:04X})", t.tag >> 16, t.tag & 0xFFFF)}, {"name", t.name}, {"table", t.table}, {"action", std::string(1, t.action)}, {"count", t.count}});
    for (const Refusal& r : refused)
        left.push_back({{key.empty() ? "path" : "path_hash", key.empty() ? r.file.string() : keyedHash(key, r.file.string()).substr(0, 16)}, {"code", r.code}, {"reason", r.reason}});
    for (const Notice& n : warnings)
        notices.push_back({{"code", n.code}, {"text", n.text}});
    return {{"schema", "hilum.deidentify/1"}, {"profile", std::string(ProfileEdition) + " Annex E, Basic Application Level Confidentiality Profile"},
            {"dates", options.dates == DateHandling::Shift ? "shift" : "remove"}, {"uids", options.uids == UidHandling::Keep ? "keep" : "replace"},
            {"files", files}, {"patients", patients}, {"touched", tags}, {"warnings", notices}, {"refused", left}};
}

Result<DeidentifyReport> deidentify(const path& in, const path& out, const DeidentifyOptions& options, const Work& work)
{
    routeLibraryLogs();
    const MuteDicomLog mute;
    if (options.key.size() < ShortestKey)
        return fail(ErrorCode::Usage, "the key has {} characters and needs at least {}", options.key.size(), ShortestKey);
    std::error_code ec;
    if (!std::filesystem::exists(in, ec))
        return fail(ErrorCode::NotFound, "{} is not there", in.string());
    const path source = std::filesystem::weakly_canonical(in, ec), target = std::filesystem::weakly_canonical(out, ec);
    if (liesIn(source, target) || liesIn(target, source))
        return fail(ErrorCode::Usage, "{} and {} lie in each other; the output needs a folder of its own", in.string(), out.string());
    if (std::filesystem::exists(target, ec) && !std::filesystem::is_directory(target, ec))
        return fail(ErrorCode::Usage, "{} is a file; the output is a folder", out.string());
    if (std::filesystem::exists(target / ReportName, ec))
        return fail(ErrorCode::Busy, "{} holds the output of an earlier run, which is not overwritten; choose another folder (the same key gives the same UIDs)", out.string());

    const std::vector<path> files = filesOf(source);
    Run run(options, target);
    std::vector<Refusal> refused;
    std::int64_t done = 0;
    std::optional<Error> first;
    for (const path& file : files) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "de-identification was stopped after {} of {} files", done, files.size());
        work.progress(done++, static_cast<std::int64_t>(files.size()), "de-identifying");
        const Status one = guard("de-identifying", [&] { return run.file(file); });
        if (one)
            continue;
        if (one.error().code == ErrorCode::NoSpace || one.error().code == ErrorCode::AccessDenied)
            return std::unexpected(one.error());
        refused.push_back({.file = file, .code = one.error().reason.empty() ? std::string(name(one.error().code)) : one.error().reason, .reason = one.error().message, .error = one.error().code});
        if (!first)
            first = Error{.code = one.error().code, .message = file.string() + ": " + one.error().message, .reason = refused.back().code};
    }
    DeidentifyReport report = run.finish(std::move(refused));
    if (report.files == 0)
        return std::unexpected(first ? std::move(*first) : Error{.code = ErrorCode::Empty, .message = hilum::format("{} holds no files", in.string())});
    HILUM_TRY_STATUS(writeFileAtomically(target / ReportName, report.toJson(options, options.key).dump(1) + "\n"));
    return report;
}

} // namespace hilum::imaging
