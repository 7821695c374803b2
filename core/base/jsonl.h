#pragma once

#include "core/base/result.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hilum {

using Json = nlohmann::json;

/// One line without its end: compact JSON, invalid UTF-8 replaced. A line break inside is impossible.
std::string jsonLine(const Json& object);

/// The same over lines, to be read by a person: what the commands print and no program of ours reads back.
std::string jsonDocument(const Json& value);

/// Parses text as one JSON document; BadData with the position when it is none.
Result<Json> parseJson(std::string_view text);

/// Cuts a byte stream into JSON lines. Tolerant: a line that is no JSON object, or longer than the limit, comes out as an
/// error and the next line is read as usual.
class JsonLineReader {
public:
    explicit JsonLineReader(std::size_t limitBytes = 16u << 20) : m_limit(limitBytes) {}
    std::vector<Result<Json>> feed(std::string_view bytes);
    bool hasPartialLine() const { return !m_line.empty(); }

private:
    std::size_t m_limit;
    std::string m_line;
    bool m_skipping = false; // inside a line that was too long
};

} // namespace hilum
