#pragma once

#include "core/base/paths.h"
#include "core/base/result.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// The text of an NRRD header, taken apart.
namespace hilum::imaging::nrrd {

std::string lower(std::string s);

/// Words, those in quotes or parentheses as one.
std::vector<std::string> wordsOf(const std::string& s);

/// "(a,b,c)" as numbers; empty for "none" and for what is no vector.
std::vector<double> vectorOf(std::string s);

struct Fields {
    std::map<std::string, std::string> values; ///< by lower-case name
    std::map<std::string, std::string> keys;   ///< key:=value pairs
    std::vector<std::string> list;             ///< names behind "data file: LIST"
    std::size_t bytes = 0;                     ///< of the header, with the blank line
    std::string get(const std::string& key) const
    {
        const auto at = values.find(key);
        return at == values.end() ? std::string() : at->second;
    }
    /// The same field may be written in two ways.
    std::string either(const std::string& key, const std::string& other) const { return values.contains(key) ? get(key) : get(other); }
};

/// BadData for a line that is no field. Only the header of a detached file may end without a line break.
Result<Fields> parse(const std::string& text, const path& file);

} // namespace hilum::imaging::nrrd
