#include "core/base/jsonl.h"

namespace hilum {

std::string jsonLine(const Json& object)
{
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> parseJson(std::string_view text)
{
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
                out.push_back(fail(ErrorCode::Protocol, "not a JSON line: \"{}\"", m_line.substr(0, 120)));
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
