#include "core/services/image_list.h"

#include "core/services/csv_table.h"
#include "core/services/series_report.h"
#include "core/services/study_reports.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace hilum::services {

namespace {

bool hasEnding(const path& file, std::string_view ending)
{
    std::string extension = file.extension().string();
    std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return extension == ending;
}

/// The table of a folder: the one CSV with a column `filename`, "metadata.csv" when there are several.
Result<std::optional<path>> tableIn(const path& folder)
{
    std::vector<path> tables;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.is_regular_file() && hasEnding(entry.path(), ".csv"))
            if (const auto table = readCsv(entry.path()); table && table->column("filename") >= 0)
                tables.push_back(entry.path());
    if (error)
        return std::unexpected(systemError("read the folder", folder.string(), error.value()));
    if (tables.empty())
        return std::nullopt;
    if (tables.size() == 1)
        return tables.front();
    std::ranges::sort(tables);
    std::string names;
    for (const path& table : tables) {
        if (table.filename() == "metadata.csv")
            return table;
        names += (names.empty() ? "" : ", ") + table.filename().string();
    }
    return fail(ErrorCode::Options, "{} holds several tables with a filename column ({}): name the one that is meant", folder.string(), names);
}

/// Finds the files of a table: beside it, in `images` beside it, else anywhere below it where the name is there once.
class FileFinder {
public:
    explicit FileFinder(path folder) : m_folder(std::move(folder)) {}
    Result<path> find(const std::string& name)
    {
        std::error_code none; // what cannot be asked for is not there
        for (const path& candidate : {m_folder / name, m_folder / "images" / name})
            if (std::filesystem::is_regular_file(candidate, none)) { // "a.png" and "./a.png" are one image; ".." of a link is the folder above the one that it names
                const path plain = candidate.lexically_normal(), real = std::filesystem::weakly_canonical(candidate.parent_path(), none) / candidate.filename();
                return std::filesystem::equivalent(candidate, plain, none) || none ? plain : real;
            }
        if (!m_listed) {
            m_listed = true;
            for (std::filesystem::recursive_directory_iterator it(m_folder, std::filesystem::directory_options::skip_permission_denied, none), end; it != end; it.increment(none))
                if (it->is_regular_file(none))
                    m_files.emplace(it->path().filename().string(), it->path());
        }
        const auto [begin, end] = m_files.equal_range(path(name).filename().string());
        const auto count = std::distance(begin, end);
        if (count == 0)
            return refuse(ErrorCode::NotFound, "missing", "the table names it, but it is not there");
        if (count > 1)
            return refuse(ErrorCode::BadData, "ambiguous", "the table names it, and {} files below the folder are called so", count);
        return begin->second;
    }

private:
    path m_folder;
    bool m_listed = false;
    std::multimap<std::string, path> m_files;
};

/// A cell without the blanks that quotes kept: " P1" and "P1" are one patient.
std::string trimmed(const std::string& cell)
{
    const auto begin = cell.find_first_not_of(" \t\r\n");
    return begin == std::string::npos ? std::string() : cell.substr(begin, cell.find_last_not_of(" \t\r\n") - begin + 1);
}

struct Named {
    std::string patient;
    std::string study;
    path mask;
    std::string report;
};

/// The radiographs' own files of a table, with what it says about them.
Result<std::map<path, Named>> filesOf(const path& tableFile, const ListWish& wish, ImageList& out)
{
    HILUM_TRY(const CsvTable table, readCsv(tableFile));
    const int fileColumn = table.column("filename");
    if (fileColumn < 0)
        return fail(ErrorCode::BadData, "{} has no column \"filename\"", tableFile.string());
    int patientColumn = table.column("patientid");
    if (patientColumn < 0)
        patientColumn = table.column("patient_id");
    const int masks = wish.maskColumn.empty() ? -1 : table.column(wish.maskColumn);
    if (!wish.maskColumn.empty() && masks < 0)
        return fail(ErrorCode::Options, "{} has no column \"{}\" for the masks", tableFile.string(), wish.maskColumn);
    std::vector<TableReport> reports(table.rows.size());
    if (wish.reports) {
        HILUM_TRY(reports, tableReports(tableFile, table, wish.reportColumn));
        if (patientColumn < 0 && std::ranges::any_of(reports, [](const TableReport& r) { return !r.study.empty(); }))
            out.warnings.push_back(hilum::format("{} names no patients: where the images do not either, those of one report count as one patient", tableFile.string()));
    }
    FileFinder finder(tableFile.parent_path());
    std::map<path, Named> files;
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
        const std::string name = trimmed(table.at(r, fileColumn));
        if (name.empty())
            continue;
        const auto file = finder.find(name);
        if (!file) {
            out.refused.push_back({.file = tableFile.parent_path() / name, .code = file.error().reason, .reason = file.error().message, .error = file.error().code});
            continue;
        }
        Named named{.patient = patientColumn < 0 ? std::string() : trimmed(table.at(r, patientColumn)), .study = patientColumn < 0 ? trimmed(reports[r].study) : std::string(), .mask = {}, .report = reports[r].text};
        if (masks >= 0 && !table.at(r, masks).empty())
            named.mask = finder.find(table.at(r, masks)).value_or(path());
        if (const auto [known, fresh] = files.emplace(*file, named); !fresh && (known->second.patient != named.patient || known->second.study != named.study))
            return fail(ErrorCode::BadData, "{} names {} twice, for different {}", tableFile.string(), name, patientColumn < 0 ? "studies" : "patients");
    }
    return files;
}

bool isImage(const imaging::Item& item) { return item.kind == imaging::ItemKind::Image || item.kind == imaging::ItemKind::Volume; }

/// The reports among scanned files.
struct StudyTexts {
    std::map<std::string, std::string> byStudy; ///< UID of the study
    std::map<path, std::string> byName;         ///< of text files, by their stem

    std::string of(const imaging::Item& item) const
    {
        if (const auto it = byStudy.find(item.studyUid); it != byStudy.end() && !item.studyUid.empty())
            return it->second;
        const auto it = byName.find(reportStem(item.files.front()));
        return it == byName.end() ? std::string() : it->second;
    }
};

StudyTexts textsOf(const std::vector<imaging::Item>& items, ImageList& out)
{
    StudyTexts texts;
    for (const imaging::Item& item : items) {
        if (item.kind != imaging::ItemKind::Report || item.files.empty())
            continue;
        const auto report = imaging::readReport(item);
        if (!report) {
            out.refused.push_back({.file = item.files.front(), .code = report.error().reason, .reason = report.error().message, .error = report.error().code});
            continue;
        }
        std::string& text = item.studyUid.empty() ? texts.byName[reportStem(item.files.front())] : texts.byStudy[item.studyUid];
        text += (text.empty() ? "" : "\n") + reportText(*report);
    }
    return texts;
}

path clean(const path& p)
{
    const path full = std::filesystem::absolute(p).lexically_normal();
    return full.has_filename() ? full : full.parent_path();
}

} // namespace

Result<ImageList> listImages(const std::vector<path>& data, const ListWish& wish, const Work& work)
{
    ImageList out;
    std::set<std::string> names;
    std::set<path> taken; // a file that is given twice counts once
    bool anyTable = false;
    for (std::size_t n = 0; n < data.size(); ++n) {
        const path given = clean(data[n]);
        std::error_code none; // reported as not there
        const bool isFolder = std::filesystem::is_directory(given, none);
        if (!isFolder && !std::filesystem::exists(given, none))
            return fail(ErrorCode::NotFound, "{} is not there", given.string());
        std::optional<path> table;
        if (isFolder) {
            HILUM_TRY(table, tableIn(given));
        } else if (hasEnding(given, ".csv")) {
            table = given;
        }
        const path base = isFolder ? given : given.parent_path();
        std::map<path, Named> named;
        std::vector<path> toScan{given};
        if (table) {
            anyTable = true;
            HILUM_TRY(named, filesOf(*table, wish, out));
            toScan.clear();
            for (const auto& [file, what] : named)
                toScan.push_back(file);
        }
        if (toScan.empty())
            continue;
        HILUM_TRY(imaging::ScanResult found, imaging::scan(toScan, work));
        for (imaging::Refusal& refusal : found.refused)
            if (table || !isFolder || refusal.code != "not_an_image") // a README among images is no problem
                out.refused.push_back(std::move(refusal));
        const StudyTexts texts = wish.reports ? textsOf(found.items, out) : StudyTexts();
        for (imaging::Item& item : found.items) {
            if (wish.reports && !isImage(item))
                continue;
            if (item.files.empty() || !taken.insert(item.files.front()).second)
                continue;
            ListedImage image;
            image.name = item.files.front().lexically_relative(base).string();
            while (!names.insert(image.name).second)
                image.name = std::to_string(n) + "/" + image.name; // the same name in another data folder
            if (const auto it = named.find(item.files.front()); it != named.end()) {
                image.patient = it->second.patient;
                image.study = it->second.study;
                image.mask = it->second.mask;
                image.report = it->second.report;
            }
            if (image.patient.empty())
                image.patient = item.patientId;
            if (wish.reports) {
                if (image.report.empty())
                    image.report = texts.of(item);
                image.report = scrubbed(image.report, {image.patient, image.study, item.patientId, item.patientName, item.accession});
                if (saysNothing(image.report)) {
                    out.refused.push_back({.file = item.files.front(), .code = "no_report", .reason = "it has no report, or one of fewer than three words", .error = ErrorCode::NotFound});
                    continue;
                }
            }
            image.item = std::move(item);
            out.images.push_back(std::move(image));
        }
    }
    std::ranges::sort(out.images, {}, &ListedImage::name);
    const auto byStudy = std::ranges::count_if(out.images, [](const ListedImage& image) { return image.patient.empty() && !image.study.empty(); });
    if (byStudy > 0)
        out.warnings.push_back(hilum::format("of {} of {} images the study is known and the patient is not: images of one person in several studies may be in training and in the held-out part", byStudy,
                                             out.images.size()));
    const auto unknown = std::ranges::count_if(out.images, [](const ListedImage& image) { return image.patient.empty() && image.study.empty(); });
    if (unknown > 0)
        out.warnings.push_back(hilum::format("the patients of {} of {} images are not known{}: each of these counts as a patient of its own, so that images of one person may "
                                             "be in training and in the held-out part",
                                             unknown, out.images.size(), anyTable ? " (no patientid or patient_id)" : " (no table with filename and patientid)"));
    return out;
}

} // namespace hilum::services
