#include "core/services/labels.h"

#include "core/base/digest.h"
#include "core/services/csv_table.h"
#include "core/services/image_list.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace hilum::services {

namespace {

std::string lower(std::string text)
{
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string() : std::string(text.substr(first, last - first + 1));
}

/// What stands between | , ; in a cell.
std::vector<std::string> partsOf(const std::string& cell)
{
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin <= cell.size();) {
        const std::size_t end = std::min(cell.find_first_of("|,;", begin), cell.size());
        out.push_back(trimmed(std::string_view(cell).substr(begin, end - begin)));
        begin = end + 1;
    }
    return out;
}

bool matches(const std::string& cell, const std::set<std::string>& wanted)
{
    return wanted.contains(cell) || std::ranges::any_of(partsOf(cell), [&](const std::string& part) { return wanted.contains(part); });
}

/// A table with labels: of images (column filename) or of patients.
struct LabelTable {
    path file, folder;
    CsvTable table;
    int images = -1, patients = -1; ///< columns; `patients` counts where there is no `images`
};

int patientColumn(const CsvTable& table)
{
    const int column = table.column("patientid");
    return column >= 0 ? column : table.column("patient_id");
}

std::string listed(const std::vector<std::string>& names)
{
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ", ") + name;
    return out;
}

/// The table that listImages takes: the CSV itself; in a folder the one with a column filename, metadata.csv when there are several. A folder without such a
/// table: the CSV that has a patient column and `column`.
Result<LabelTable> tableOf(const path& given, const std::string& column)
{
    std::error_code none;
    if (!std::filesystem::is_directory(given, none)) {
        if (lower(given.extension().string()) != ".csv")
            return fail(ErrorCode::Usage, "{} is no table: labels come from a CSV with a column filename, or from a folder that holds one", given.string());
        HILUM_TRY(CsvTable table, readCsv(given));
        const int images = table.column("filename");
        return LabelTable{.file = given, .folder = given.parent_path(), .table = std::move(table), .images = images};
    }
    std::optional<LabelTable> ofImages;
    std::vector<LabelTable> ofPatients;
    for (const auto& entry : std::filesystem::directory_iterator(given, none)) {
        if (!entry.is_regular_file(none) || lower(entry.path().extension().string()) != ".csv")
            continue;
        auto table = readCsv(entry.path());
        if (!table)
            continue; // a table that cannot be read is none of labels
        LabelTable one{.file = entry.path(), .folder = given, .table = *std::move(table)};
        one.images = one.table.column("filename"), one.patients = patientColumn(one.table);
        if (one.images >= 0) {
            if (!ofImages || one.file.filename() == "metadata.csv")
                ofImages = std::move(one);
        } else if (one.patients >= 0) {
            ofPatients.push_back(std::move(one));
        }
    }
    if (ofImages)
        return *std::move(ofImages);
    if (ofPatients.empty())
        return fail(ErrorCode::Usage, "{} holds no CSV with a column filename or patient_id: there is nowhere to take labels from", given.string());
    std::ranges::sort(ofPatients, {}, &LabelTable::file);
    std::vector<std::string> having;
    std::optional<LabelTable> found;
    for (LabelTable& one : ofPatients)
        if (one.table.column(column) >= 0) {
            having.push_back(one.file.filename().string());
            found = one;
        }
    if (having.size() > 1)
        return fail(ErrorCode::Options, "{} holds several tables of patients with a column \"{}\" ({}): leave one", given.string(), column, listed(having));
    return found ? *std::move(found) : std::move(ofPatients.front());
}

/// What a folder's table says of patients.
struct PatientLabels {
    path folder;
    std::string file;
    std::map<std::string, std::string> cells; // patient -> cell

    bool holds(const path& image) const
    {
        const path relative = image.lexically_relative(folder);
        return !relative.empty() && *relative.begin() != "..";
    }
};

Result<PatientLabels> patientLabels(const LabelTable& t, int column)
{
    PatientLabels out{.folder = t.folder, .file = t.file.filename().string(), .cells = {}};
    std::map<std::string, std::size_t> rowOf;
    for (std::size_t r = 0; r < t.table.rows.size(); ++r) {
        const std::string patient = trimmed(t.table.at(r, t.patients)), cell = trimmed(t.table.at(r, column));
        if (patient.empty())
            continue;
        rowOf.emplace(patient, r);
        if (const auto [known, fresh] = out.cells.emplace(patient, cell); !fresh && known->second != cell) // rows are told by number: no patient is named
            return fail(ErrorCode::BadData, "{}: rows {} and {} are of one patient and differ in column \"{}\" (\"{}\" and \"{}\")", out.file, rowOf.at(patient) + 2, r + 2,
                t.table.columns[static_cast<std::size_t>(column)], known->second, cell);
    }
    return out;
}

/// A row of a table of images.
struct RowOf {
    std::string cell;
    std::size_t row = 0;
};

} // namespace

Result<Labels> readLabels(const std::vector<path>& data, const std::string& columnName, const std::vector<std::string>& positive, const Work& work)
{
    HILUM_TRY(const ImageList list, listImages(data, {}, work));
    std::map<path, RowOf> cells; // file -> its row
    std::map<std::string, std::map<path, std::string>> elsewhere; // file name -> cells of rows whose file is not where they say
    std::vector<PatientLabels> byPatient;
    for (const path& raw : data) {
        path given = std::filesystem::absolute(raw).lexically_normal();
        if (!given.has_filename())
            given = given.parent_path();
        HILUM_TRY(const LabelTable t, tableOf(given, lower(columnName)));
        const int column = t.table.column(lower(columnName));
        if (column < 0)
            return fail(ErrorCode::Options, "{} has no column \"{}\"; it has {}", t.file.filename().string(), columnName, listed(t.table.columns));
        if (t.images < 0) {
            HILUM_TRY(byPatient.emplace_back(), patientLabels(t, column));
            continue;
        }
        for (std::size_t r = 0; r < t.table.rows.size(); ++r) {
            const std::string name = t.table.at(r, t.images), cell = trimmed(t.table.at(r, column));
            if (name.empty())
                continue;
            const path direct = (t.folder / name).lexically_normal(), inImages = (t.folder / "images" / name).lexically_normal();
            std::error_code none; // what cannot be asked for is not there
            const bool isDirect = std::filesystem::is_regular_file(direct, none), isThere = isDirect || std::filesystem::is_regular_file(inImages, none);
            const path& file = isDirect || !isThere ? direct : inImages; // as listImages finds them
            if (const auto [known, fresh] = cells.emplace(file, RowOf{.cell = cell, .row = r}); !fresh && known->second.cell != cell)
                return fail(ErrorCode::BadData, "{}: rows {} and {} are of one image, {}, and differ in column \"{}\" (\"{}\" and \"{}\")", t.file.filename().string(), known->second.row + 2, r + 2, name,
                    t.table.columns[static_cast<std::size_t>(column)], known->second.cell, cell);
            if (!isThere)
                elsewhere[path(name).filename().string()].emplace(file, cell);
        }
    }
    HILUM_TRY(const std::string key, userKey());
    std::set<std::string> wanted;
    std::string positiveName;
    for (const std::string& value : positive) {
        wanted.insert(lower(trimmed(value)));
        positiveName += (positiveName.empty() ? "" : ", ") + trimmed(value);
    }
    Labels out;
    std::map<std::string, std::string> classOf; // case key -> class
    std::map<std::string, std::set<std::string>> patients; // class -> patients
    std::int64_t images = 0;
    for (const ListedImage& image : list.images) {
        if (image.item.kind != imaging::ItemKind::Image && image.item.kind != imaging::ItemKind::Volume)
            continue; // reports and segmentations of a study
        ++images;
        std::string cell;
        const path& file = image.item.files.front();
        if (const auto it = cells.find(file.lexically_normal()); it != cells.end())
            cell = it->second.cell;
        else if (const auto of = std::ranges::find_if(byPatient, [&](const PatientLabels& one) { return one.holds(file); }); of != byPatient.end()) {
            const auto patient = of->cells.find(trimmed(image.patient));
            cell = patient == of->cells.end() ? std::string() : patient->second;
        }
        else if (const auto named = elsewhere.find(file.filename().string()); named != elsewhere.end() && named->second.size() == 1)
            cell = named->second.begin()->second;
        if (cell.empty()) {
            ++out.without;
            continue;
        }
        const std::string own = positive.empty() ? cell : matches(lower(cell), wanted) ? positiveName : "other";
        classOf[keyedHash(key, image.name)] = own;
        patients[own].insert(image.patient.empty() ? "image:" + image.name : "patient:" + image.patient);
    }
    if (patients.empty() && byPatient.size() == data.size() && images > 0)
        return fail(ErrorCode::Options, "{} gives the patients of none of the {} images a value in column \"{}\"", byPatient.front().file, images, columnName);
    if (patients.empty())
        return fail(ErrorCode::Options, "column \"{}\" is empty for all {} images", columnName, images);
    if (!positive.empty() && !patients.contains(positiveName))
        return fail(ErrorCode::Options, "no image has {} in column \"{}\"", positiveName, columnName);
    if (patients.size() == 1)
        return fail(ErrorCode::Options, "all {} labelled images are of one class (\"{}\"): there is nothing to tell apart", classOf.size(), patients.begin()->first);
    for (const auto& [name, of] : patients)
        if (of.size() < 2)
            return fail(ErrorCode::Options, "class \"{}\" of column \"{}\" has one patient alone; two are needed{}", name, columnName,
                        positive.empty() ? " (--positive joins classes)" : "");
    if (positive.empty())
        for (const auto& [name, of] : patients)
            out.classes.push_back(name);
    else
        out.classes = {"other", positiveName};
    for (const auto& [caseKey, name] : classOf)
        out.byKey[caseKey] = std::ranges::find(out.classes, name) - out.classes.begin();
    return out;
}

Json labelsJson(const Labels& labels, const std::string& column)
{
    return {{"schema", "hilum.labels/1"}, {"column", column}, {"classes", labels.classes}, {"labels", labels.byKey}};
}

Result<std::vector<LabelColumn>> labelColumns(const std::vector<path>& data, std::size_t most)
{
    static const std::set<std::string> NoLabels{"filename", "patientid", "patient_id", "folder", "url", "doi", "date", "study_date"};
    std::vector<LabelColumn> out;
    for (const path& given : data) {
        HILUM_TRY(const LabelTable t, tableOf(given, {}));
        for (std::size_t c = 0; c < t.table.columns.size(); ++c) {
            if (NoLabels.contains(lower(t.table.columns[c])) || std::ranges::contains(out, t.table.columns[c], &LabelColumn::name))
                continue;
            std::map<std::string, std::pair<std::string, std::int64_t>> counts; // without capitals -> as it is written first, rows
            std::set<std::string> cells;
            for (std::size_t r = 0; r < t.table.rows.size() && counts.size() <= most; ++r) {
                const std::string cell = trimmed(t.table.at(r, static_cast<int>(c)));
                cells.insert(cell);
                for (const std::string& part : partsOf(cell))
                    if (!part.empty())
                        ++counts.try_emplace(lower(part), part, 0).first->second.second;
            }
            cells.erase("");
            if (cells.size() < 2 || counts.size() > most)
                continue;
            LabelColumn column{.name = t.table.columns[c], .values = {}, .different = static_cast<std::int64_t>(cells.size())};
            for (const auto& [key, value] : counts)
                column.values.push_back(value);
            std::ranges::stable_sort(column.values, std::greater(), &std::pair<std::string, std::int64_t>::second);
            out.push_back(std::move(column));
        }
    }
    return out;
}

} // namespace hilum::services
