#include "core/services/csv_table.h"

#include <algorithm>

namespace hilum::services {

namespace {

std::string trimmed(const std::string& text)
{
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

char separatorOf(std::string_view firstLine)
{
    char best = ',';
    std::ptrdiff_t most = 0;
    for (const char candidate : {',', ';', '\t'})
        if (const auto n = std::ranges::count(firstLine, candidate); n > most) {
            most = n;
            best = candidate;
        }
    return best;
}

} // namespace

int CsvTable::column(std::string_view name) const
{
    const auto it = std::ranges::find(columns, name);
    return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

Result<CsvTable> parseCsv(std::string_view text)
{
    if (text.starts_with("\xef\xbb\xbf")) // byte order mark
        text.remove_prefix(3);
    const char separator = separatorOf(text.substr(0, text.find('\n')));
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> row;
    std::string field;
    bool quoted = false, wasQuoted = false;
    std::size_t line = 1, quoteLine = 1;
    const auto endField = [&] {
        row.push_back(wasQuoted ? field : trimmed(field));
        field.clear();
        wasQuoted = false;
    };
    const auto endRow = [&] {
        endField();
        if (row.size() > 1 || !row.front().empty())
            rows.push_back(std::move(row));
        row.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        line += c == '\n';
        if (quoted) {
            if (c != '"')
                field += c;
            else if (i + 1 < text.size() && text[i + 1] == '"')
                field += text[++i];
            else
                quoted = false;
        } else if (c == '"' && trimmed(field).empty()) {
            field.clear();
            quoted = wasQuoted = true;
            quoteLine = line;
        } else if (c == separator) {
            endField();
        } else if (c == '\n') {
            endRow();
        } else if (c != '\r') {
            field += c;
        }
    }
    if (quoted)
        return fail(ErrorCode::BadData, "a quote that opens in line {} is never closed", quoteLine);
    if (!field.empty() || !row.empty() || wasQuoted)
        endRow();
    if (rows.empty())
        return fail(ErrorCode::Empty, "the table has no rows");
    CsvTable table;
    for (std::string name : rows.front()) {
        std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        table.columns.push_back(trimmed(name));
    }
    for (std::size_t i = 1; i < rows.size(); ++i) {
        rows[i].resize(table.columns.size());
        table.rows.push_back(std::move(rows[i]));
    }
    return table;
}

Result<CsvTable> readCsv(const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file, 1u << 30));
    auto table = parseCsv(text);
    if (!table)
        return std::unexpected(withContext(table.error(), "reading " + file.string()));
    return table;
}

} // namespace hilum::services
