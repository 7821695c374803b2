#pragma once

#include <format>
#include <string>
#include <string_view>

namespace hilum {

/// The text with its arguments in it, as std::vformat does it: compiled once, where std::format is compiled again in each file.
std::string formatArguments(std::string_view text, std::format_args arguments);

/// std::format under another name: the same text, checked against its arguments at compile time. std::format itself costs each file that calls it
/// about four seconds of optimiser and 200 kB.
template <class... Args>
[[nodiscard]] std::string format(std::format_string<Args...> text, Args&&... args)
{
    return formatArguments(text.get(), std::make_format_args(args...));
}

} // namespace hilum
