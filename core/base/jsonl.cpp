#include "core/base/jsonl.h"

#include <cstdint>

namespace hilum {

namespace {

// a value is written and copied by recursion, and takes 16 bytes or more however few it has in the text
constexpr std::int64_t MostDepth = 256, MostValues = 32'000'000;

/// Whether a text stays within both limits, as far as it is JSON at all: brackets and commas outside quoted words are counted before anything is made of them.
Status checkExtent(std::string_view text)
{
    std::int64_t depth = 0, values = 1;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            ++values;
            if (++depth > MostDepth)
                return fail(ErrorCode::BadData, "JSON nested more than {} deep at byte {}", MostDepth, i);
        } else if (c == ']' || c == '}') {
            --depth;
        } else if (c == ',') {
            ++values;
        }
        if (values > MostValues)
            return fail(ErrorCode::BadData, "JSON of more than {} values at byte {}", MostValues, i);
    }
    return {};
}

} // namespace

std::string jsonLine(const Json& object)
{
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string jsonDocument(const Json& value)
{
    return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

Result<Json> parseJson(std::string_view text)
{
    HILUM_TRY_STATUS(checkExtent(text));
    try {
        return Json::parse(text);
    } catch (const Json::exception& e) {
        return fail(ErrorCode::BadData, "not valid JSON: {}", e.what());
    }
}

std::vector<Result<Json>> JsonLineReader::feed(std::string_view bytes)
{
    std::vector<Result<Json>> out;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        if (!m_skipping) {
            m_line += part;
            if (m_line.size() > m_limit) {
                out.push_back(fail(ErrorCode::Protocol, "a line is longer than the limit of {} bytes", m_limit));
                m_line.clear();
                m_skipping = true;
            }
        }
        if (end == std::string_view::npos)
            break;
        bytes.remove_prefix(end + 1);
        if (!m_skipping && m_line.find_first_not_of(" \t\r") != std::string::npos) {
            auto parsed = parseJson(m_line);
            if (!parsed)
                out.push_back(fail(ErrorCode::Protocol, "not a JSON line ({}): \"{}\"", parsed.error().message, m_line.substr(0, 120)));
            else if (!parsed->is_object())
                out.push_back(fail(ErrorCode::Protocol, "not a JSON object: \"{}\"", m_line.substr(0, 120)));
            else
                out.push_back(std::move(*parsed));
        }
        m_line.clear();
        m_skipping = false;
    }
    return out;
}

} // namespace hilum
