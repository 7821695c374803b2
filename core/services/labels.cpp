#include "core/services/labels.h"

#include "core/base/digest.h"
#include "core/services/csv_table.h"
#include "core/services/image_list.h"

#include <algorithm>
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

bool matches(const std::string& cell, const std::set<std::string>& wanted)
{
    if (wanted.contains(cell))
        return true;
    for (std::size_t begin = 0; begin <= cell.size();) {
        const std::size_t end = std::min(cell.find_first_of("|,;", begin), cell.size());
        if (wanted.contains(trimmed(std::string_view(cell).substr(begin, end - begin))))
            return true;
        begin = end + 1;
    }
    return false;
}

/// The table that listImages takes: the CSV itself; in a folder the one with a column filename, metadata.csv when there are several.
Result<path> tableOf(const path& given)
{
    std::error_code none;
    if (!std::filesystem::is_directory(given, none)) {
        if (lower(given.extension().string()) == ".csv")
            return given;
        return fail(ErrorCode::Usage, "{} is no table: labels come from a CSV with a column filename, or from a folder that holds one", given.string());
    }
    std::optional<path> found;
    for (const auto& entry : std::filesystem::directory_iterator(given, none))
        if (entry.is_regular_file(none) && lower(entry.path().extension().string()) == ".csv")
            if (const auto table = readCsv(entry.path()); table && table->column("filename") >= 0 && (!found || entry.path().filename() == "metadata.csv"))
                found = entry.path();
    if (!found)
        return fail(ErrorCode::Usage, "{} holds no CSV with a column filename: there is nowhere to take labels from", given.string());
    return *found;
}

} // namespace

Result<Labels> readLabels(const std::vector<path>& data, const std::string& columnName, const std::vector<std::string>& positive, const Work& work)
{
    HILUM_TRY(const ImageList list, listImages(data, {}, work));
    std::map<path, std::string> cells; // file -> cell
    std::multimap<std::string, std::string> byName;
    for (const path& raw : data) {
        HILUM_TRY(const path tableFile, tableOf(std::filesystem::absolute(raw).lexically_normal()));
        HILUM_TRY(const CsvTable table, readCsv(tableFile));
        const int column = table.column(lower(columnName)), file = table.column("filename");
        if (column < 0) {
            std::string known;
            for (const std::string& name : table.columns)
                known += (known.empty() ? "" : ", ") + name;
            return fail(ErrorCode::Options, "{} has no column \"{}\"; it has {}", tableFile.filename().string(), columnName, known);
        }
        for (std::size_t r = 0; r < table.rows.size(); ++r) {
            const std::string name = table.at(r, file), cell = trimmed(table.at(r, column));
            if (name.empty())
                continue;
            cells[tableFile.parent_path() / name] = cell;
            cells[tableFile.parent_path() / "images" / name] = cell;
            byName.emplace(path(name).filename().string(), cell);
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
    for (const ListedImage& image : list.images) {
        std::string cell;
        if (const auto it = cells.find(image.item.files.front()); it != cells.end())
            cell = it->second;
        else if (const std::string name = image.item.files.front().filename().string(); byName.count(name) == 1)
            cell = byName.find(name)->second;
        if (cell.empty()) {
            ++out.without;
            continue;
        }
        const std::string own = positive.empty() ? cell : matches(lower(cell), wanted) ? positiveName : "other";
        classOf[keyedHash(key, image.name)] = own;
        patients[own].insert(image.patient.empty() ? "image:" + image.name : "patient:" + image.patient);
    }
    if (patients.empty())
        return fail(ErrorCode::Options, "column \"{}\" is empty for all {} images", columnName, list.images.size());
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

} // namespace hilum::services
