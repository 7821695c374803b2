#include "core/base/numbers.h"

#include "core/base/format.h"

#include <charconv>
#include <cmath>

namespace hilum {

namespace {

std::string_view trimmed(std::string_view text)
{
    const auto isBlank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0'; };
    while (!text.empty() && isBlank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isBlank(text.back()))
        text.remove_suffix(1);
    return text;
}

template <class T>
Result<T> parse(std::string_view whole, const char* what)
{
    std::string_view text = trimmed(whole);
    if (text.size() > 1 && text.front() == '+' && text[1] != '-')
        text.remove_prefix(1); // from_chars knows no plus sign
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range)
        return fail(ErrorCode::BadData, "\"{}\" is too large for {}", whole, what);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return fail(ErrorCode::BadData, "\"{}\" is not {}", whole, what);
    return value;
}

} // namespace

Result<double> parseDouble(std::string_view text) { return parse<double>(text, "a number"); }
Result<std::int64_t> parseInteger(std::string_view text) { return parse<std::int64_t>(text, "a whole number"); }

std::string shortest(double value)
{
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string fixed(double value, int decimals) { return hilum::format("{:.{}f}", value, decimals); }

std::string grouped(std::int64_t value)
{
    std::string digits = std::to_string(value);
    const std::size_t first = digits.front() == '-' ? 1 : 0;
    for (std::size_t at = digits.size(); at > first + 3;)
        digits.insert(at -= 3, ",");
    return digits;
}

std::string byteSize(std::uint64_t bytes)
{
    if (bytes < 1000)
        return hilum::format("{} bytes", bytes);
    constexpr const char* Units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (value /= 1000; value >= 999.95 && unit + 1 < std::size(Units); value /= 1000)
        ++unit;
    return hilum::format("{:.1f} {}", value, Units[unit]);
}

std::string duration(double seconds)
{
    constexpr double Longest = 1e15; // thirty million years
    if (!std::isfinite(seconds) || seconds > Longest)
        return "unknown";
    if (seconds < 59.5)
        return hilum::format("{:.0f} s", std::max(0.0, seconds));
    const auto s = static_cast<std::int64_t>(std::llround(seconds));
    if (s < 3600)
        return hilum::format("{} min {} s", s / 60, s % 60);
    if (s < 86400)
        return hilum::format("{} h {} min", s / 3600, s % 3600 / 60);
    return hilum::format("{} d {} h", s / 86400, s % 86400 / 3600);
}

} // namespace hilum
