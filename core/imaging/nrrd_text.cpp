#include "core/imaging/nrrd_text.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace hilum::imaging::nrrd {

namespace {

std::string trimmed(std::string_view s)
{
    const auto begin = s.find_first_not_of(" \t\r");
    return begin == std::string_view::npos ? std::string() : std::string(s.substr(begin, s.find_last_not_of(" \t\r") - begin + 1));
}

} // namespace

std::string lower(std::string s)
{
    std::ranges::transform(s, s.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return s;
}

std::vector<std::string> wordsOf(const std::string& s)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at < s.size();) {
        const std::size_t begin = s.find_first_not_of(" \t", at);
        if (begin == std::string::npos)
            break;
        std::size_t end;
        if (s[begin] == '"') { // labels and the like
            end = s.find('"', begin + 1);
            end = end == std::string::npos ? s.size() : end + 1;
        } else if (s[begin] == '(') {
            end = s.find(')', begin);
            end = end == std::string::npos ? s.size() : end + 1;
        } else {
            end = std::min(s.find_first_of(" \t", begin), s.size());
        }
        out.push_back(s.substr(begin, end - begin));
        at = end;
    }
    return out;
}

std::vector<double> vectorOf(std::string s)
{
    std::vector<double> out;
    if (s.size() < 2 || s.front() != '(' || s.back() != ')')
        return out;
    s = s.substr(1, s.size() - 2);
    for (std::size_t at = 0; at <= s.size();) {
        const std::size_t end = std::min(s.find(',', at), s.size());
        const auto v = parseDouble(s.substr(at, end - at));
        if (!v || !std::isfinite(*v))
            return {};
        out.push_back(*v);
        at = end + 1;
    }
    return out;
}

Result<Fields> parse(const std::string& text, const path& file)
{
    Fields f;
    std::size_t at = 0;
    bool list = false, detached = false;
    for (bool first = true; at < text.size(); first = false) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos && !detached && !lower(text.substr(at, 9)).starts_with("data file") && !lower(text.substr(at, 9)).starts_with("datafile:"))
            break; // a header that is cut; only that of a detached file may end without a line break
        const std::string line = trimmed(std::string_view(text).substr(at, end - at));
        at = end == std::string::npos ? text.size() : end + 1;
        if (first || line.starts_with('#'))
            continue;
        if (list) {
            if (!line.empty())
                f.list.push_back(line);
            continue;
        }
        if (line.empty()) {
            f.bytes = at;
            return f;
        }
        if (const auto pair = line.find(":="); pair != std::string::npos && pair < line.find(": ")) {
            f.keys[trimmed(line.substr(0, pair))] = trimmed(line.substr(pair + 2));
            continue;
        }
        const auto mark = line.find(':');
        if (mark == std::string::npos)
            return refuse(ErrorCode::BadData, "bad_header", "{}: the NRRD header has the line \"{}\", which is no field", file.string(), line.substr(0, 40));
        std::string key = lower(trimmed(line.substr(0, mark)));
        if (key == "datafile")
            key = "data file";
        f.values[key] = trimmed(line.substr(mark + 1));
        detached |= key == "data file";
        list = key == "data file" && f.values[key].starts_with("LIST");
    }
    f.bytes = at;
    return f; // a detached header needs no blank line
}

} // namespace hilum::imaging::nrrd
