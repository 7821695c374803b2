#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace hilum {

/// Numbers as text, the same in every locale. Surrounding blanks are allowed, anything else left over is an error.
Result<double> parseDouble(std::string_view text);
Result<std::int64_t> parseInteger(std::string_view text);

std::string shortest(double value);                   ///< shortest text that reads back as the same double
std::string fixed(double value, int decimals);        ///< "12.50"
std::string grouped(std::int64_t value);              ///< "12,345,678"
std::string byteSize(std::uint64_t bytes);            ///< "1.5 GB" (powers of 1000)
std::string duration(double seconds);                 ///< "2 min 5 s"

} // namespace hilum
