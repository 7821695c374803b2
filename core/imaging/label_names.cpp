#include "core/imaging/label_names.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>

namespace hilum::imaging {

namespace {

/// A label of the file; colour and codes as far as it gives them.
struct Named {
    std::string name;
    std::optional<std::array<std::uint8_t, 3>> colour;
    Json codes = nullptr;
};
using Names = std::map<std::int64_t, Named>;

std::string trimmed(std::string s)
{
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"'; };
    while (!s.empty() && blank(s.back()))
        s.pop_back();
    s.erase(0, static_cast<std::size_t>(std::ranges::find_if_not(s, blank) - s.begin()));
    return s;
}

std::vector<std::string> cells(const std::string& line)
{
    std::vector<std::string> out{""};
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            out.emplace_back();
        else
            out.back() += c;
    }
    for (std::string& cell : out)
        cell = trimmed(std::move(cell));
    return out;
}

std::optional<std::uint8_t> channel(const std::string& text)
{
    const auto v = parseInteger(text);
    return v && *v >= 0 && *v <= 255 ? std::optional(static_cast<std::uint8_t>(*v)) : std::nullopt;
}

Result<Names> fromCsv(const std::string& text, const path& file)
{
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    std::map<std::string, std::size_t> column;
    const auto head = cells(line);
    for (std::size_t n = 0; n < head.size(); ++n) {
        std::string name = head[n];
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        column.emplace(name, n);
    }
    const auto find = [&](std::initializer_list<const char*> names) -> std::optional<std::size_t> {
        for (const char* n : names)
            if (const auto at = column.find(n); at != column.end())
                return at->second;
        return std::nullopt;
    };
    const auto value = find({"value", "label", "index", "id"}), name = find({"name"});
    if (!value || !name)
        return fail(ErrorCode::BadData, "{}: the first line names no columns \"value\" (or \"label\") and \"name\"", file.string());
    const std::optional<std::size_t> rgb[] = {find({"red", "r"}), find({"green", "g"}), find({"blue", "b"})};
    Names out;
    for (int number = 2; std::getline(lines, line); ++number) {
        if (trimmed(line).empty())
            continue;
        const auto row = cells(line);
        const auto v = *value < row.size() ? parseInteger(row[*value]) : Result<std::int64_t>(std::unexpected(Error{}));
        if (!v || *name >= row.size())
            return fail(ErrorCode::BadData, "{}: line {} holds no whole number and name", file.string(), number);
        Named label{.name = row[*name], .colour = std::array<std::uint8_t, 3>{}};
        for (std::size_t c = 0; c < 3 && label.colour; ++c) {
            const auto byte = rgb[c] && *rgb[c] < row.size() ? channel(row[*rgb[c]]) : std::nullopt;
            if (byte)
                (*label.colour)[c] = *byte;
            else
                label.colour.reset();
        }
        out[*v] = std::move(label);
    }
    return out;
}

Result<Names> fromItkSnap(const std::string& text, const path& file)
{
    std::istringstream lines(text);
    std::string line;
    Names out;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (trimmed(line).empty() || trimmed(line).starts_with('#'))
            continue;
        std::istringstream words(line);
        std::string index, r, g, b, opacity, visible, mesh, rest;
        words >> index >> r >> g >> b >> opacity >> visible >> mesh;
        std::getline(words, rest);
        const auto v = parseInteger(index);
        const auto cr = channel(r), cg = channel(g), cb = channel(b);
        if (!v || !cr || !cg || !cb || trimmed(rest).empty())
            return fail(ErrorCode::BadData, "{}: line {} is no label of ITK-SNAP (index, red, green, blue, opacity, two flags, \"name\")", file.string(), number);
        out[*v] = {.name = trimmed(rest), .colour = std::array{*cr, *cg, *cb}};
    }
    return out;
}

Result<Names> fromRecord(const std::string& text, const path& file)
{
    HILUM_TRY(const Json record, parseJson(text));
    Names out;
    try {
        for (const Json& l : record.at("labels"))
            out[l.at("value").get<std::int64_t>()] = {.name = l.at("name").get<std::string>(), .colour = l.at("colour").get<std::array<std::uint8_t, 3>>(),
                .codes = l.value("terminology", Json::object())};
    } catch (const Json::exception& e) {
        return fail(ErrorCode::BadData, "{}: the record holds no list of labels ({})", file.string(), e.what());
    }
    return out;
}

} // namespace

Status nameLabels(std::vector<Label>& labels, const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file, 4u << 20));
    const auto first = text.find_first_not_of(" \t\r\n");
    const bool record = first != std::string::npos && text[first] == '{';
    const bool csv = file.extension() == ".csv";
    HILUM_TRY(const Names names, record ? fromRecord(text, file) : csv ? fromCsv(text, file) : fromItkSnap(text, file));
    std::size_t named = 0;
    for (Label& label : labels) {
        const auto at = names.find(label.value);
        if (at == names.end())
            continue;
        ++named;
        label.name = at->second.name;
        label.colour = at->second.colour.value_or(label.colour);
        if (!at->second.codes.is_null())
            label.terminology = at->second.codes;
    }
    if (named == 0 && !labels.empty())
        return fail(ErrorCode::NotFound, "{} names none of the {} labels", file.string(), labels.size());
    return {};
}

} // namespace hilum::imaging
