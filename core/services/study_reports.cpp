#include "core/services/study_reports.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace hilum::services {

namespace {

constexpr std::size_t LongestReport = 64 * 1024;

std::string small(std::string_view text)
{
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::vector<int> textColumns(const CsvTable& table, const std::string& wanted)
{
    std::vector<int> out;
    const auto add = [&](std::string_view name) {
        if (const int column = table.column(name); column >= 0)
            out.push_back(column);
    };
    if (!wanted.empty()) {
        add(small(wanted));
        return out;
    }
    add("impression");
    add("findings");
    for (const char* name : {"report", "report_text", "clinical_notes", "text"})
        if (out.empty())
            add(name);
    return out;
}

std::string textOf(const CsvTable& table, std::size_t row, const std::vector<int>& columns)
{
    std::string out;
    for (const int column : columns)
        if (const std::string& part = table.at(row, column); !part.empty())
            out += (out.empty() ? "" : "\n") + part;
    return out;
}

bool isUtf8At(std::string_view text, std::size_t at, std::size_t& length)
{
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[n]); };
    const unsigned char first = byte(at);
    length = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
    if (length == 0 || at + length > text.size())
        return false;
    for (std::size_t n = 1; n < length; ++n)
        if ((byte(at + n) & 0xC0) != 0x80)
            return false;
    const unsigned char second = length > 1 ? byte(at + 1) : 0;
    return !((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F));
}

std::string validUtf8(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 0;
        if (isUtf8At(text, at, length)) {
            out += text.substr(at, length);
            at += length;
        } else {
            out += "\xEF\xBF\xBD";
            ++at;
        }
    }
    return out;
}

bool isWordByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80; }

/// Words of names and numbers, small: "Phantom^Seed1" gives phantom and seed1. Single characters say nothing.
std::set<std::string> wordsOf(const std::vector<std::string>& identifiers)
{
    std::set<std::string> out;
    for (const std::string& identifier : identifiers) {
        std::string word;
        for (const char c : identifier + " ") {
            if (isWordByte(c)) {
                word += c;
                continue;
            }
            if (word.size() > 1)
                out.insert(small(word));
            word.clear();
        }
    }
    return out;
}

/// A date (two separators between digits) or a number long enough to name somebody.
bool namesByNumber(std::string_view run)
{
    const auto digits = std::ranges::count_if(run, [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
    const auto parts = std::ranges::count_if(run, [](char c) { return c == '/' || c == '-'; });
    return digits >= 6 || (digits >= 3 && parts == 2);
}

bool isTitle(std::string_view word)
{
    for (const char* title : {"dr", "prof", "mr", "mrs", "ms", "miss"})
        if (word == title)
            return true;
    return false;
}

} // namespace

Result<std::vector<TableReport>> tableReports(const path& tableFile, const CsvTable& table, const std::string& wanted)
{
    std::vector<TableReport> out(table.rows.size());
    if (const auto columns = textColumns(table, wanted); !columns.empty()) {
        for (std::size_t r = 0; r < out.size(); ++r)
            out[r].text = textOf(table, r, columns);
        return out;
    }
    std::vector<path> others;
    std::error_code none; // a folder that cannot be listed holds no other table
    for (const auto& entry : std::filesystem::directory_iterator(tableFile.parent_path(), none))
        if (entry.is_regular_file() && small(entry.path().extension().string()) == ".csv" && entry.path() != tableFile)
            others.push_back(entry.path());
    std::ranges::sort(others);
    for (const path& other : others) {
        const auto reports = readCsv(other);
        const auto columns = reports ? textColumns(*reports, wanted) : std::vector<int>();
        if (columns.empty())
            continue;
        for (const char* key : {"uid", "study_id", "studyid", "report_id", "reportid", "accession", "patientid", "patient_id"}) {
            const int here = table.column(key), there = reports->column(key);
            if (here < 0 || there < 0)
                continue;
            std::map<std::string, std::string> texts;
            for (std::size_t r = 0; r < reports->rows.size(); ++r) {
                std::string& text = texts[reports->at(r, there)];
                text += (text.empty() ? "" : "\n") + textOf(*reports, r, columns);
            }
            for (std::size_t r = 0; r < out.size(); ++r) {
                out[r].study = table.at(r, here);
                if (const auto it = texts.find(out[r].study); it != texts.end() && !out[r].study.empty())
                    out[r].text = it->second;
            }
            return out;
        }
    }
    if (!wanted.empty())
        return fail(ErrorCode::Options, "{} has no column \"{}\" for the reports, and no table beside it that shares a column with it has one", tableFile.string(), wanted);
    return fail(ErrorCode::Empty, "{} has no column of reports (impression, findings, report, report_text, clinical_notes or text; another one is named by report_column)", tableFile.string());
}

std::string reportText(const Json& report)
{
    std::string impression, findings, all;
    const auto add = [](std::string& to, const std::string& text) { to += (to.empty() || text.empty() ? "" : "\n") + text; };
    for (const Json& section : report.value("sections", Json::array())) {
        const std::string title = small(section.value("title", "")), text = section.value("text", "");
        if (title.find("impression") != std::string::npos || title.find("conclusion") != std::string::npos || title == "summary")
            add(impression, text);
        else if (title.find("finding") != std::string::npos)
            add(findings, text);
        if (title != "context")
            add(all, text);
    }
    add(impression, findings);
    return impression.empty() ? all : impression;
}

std::string scrubbed(std::string_view given, const std::vector<std::string>& identifiers)
{
    const std::string text = validUtf8(given.substr(0, LongestReport));
    const std::set<std::string> known = wordsOf(identifiers);
    std::string out;
    bool afterTitle = false;
    for (std::size_t at = 0; at < text.size();) {
        // what stands between blanks, as a whole: addresses
        const bool begins = at == 0 || std::isspace(static_cast<unsigned char>(text[at - 1]));
        if (begins) {
            std::size_t end = at;
            while (end < text.size() && !std::isspace(static_cast<unsigned char>(text[end])))
                ++end;
            const std::string chunk = small(std::string_view(text).substr(at, end - at));
            if (chunk.find('@') != std::string::npos || chunk.find("http:") != std::string::npos || chunk.find("https:") != std::string::npos || chunk.starts_with("www.")) {
                at = end;
                continue;
            }
        }
        if (std::isdigit(static_cast<unsigned char>(text[at]))) {
            std::size_t end = at;
            while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '/' || text[end] == '-'))
                ++end;
            if (namesByNumber(std::string_view(text).substr(at, end - at))) {
                at = end;
                continue;
            }
        }
        if (!isWordByte(text[at])) {
            afterTitle = afterTitle && (text[at] == '.' || text[at] == ' ');
            out += text[at++];
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && isWordByte(text[end]))
            ++end;
        const std::string word = text.substr(at, end - at), lower = small(word);
        const bool named = known.contains(lower) || (afterTitle && std::isupper(static_cast<unsigned char>(word.front())));
        afterTitle = isTitle(lower) || (afterTitle && named);
        if (!named && !isTitle(lower))
            out += word;
        at = end;
    }
    return out;
}

bool saysNothing(std::string_view text)
{
    int words = 0;
    bool inside = false;
    for (const char c : text) {
        words += isWordByte(c) && !inside;
        inside = isWordByte(c);
    }
    return words < 3;
}

} // namespace hilum::services
