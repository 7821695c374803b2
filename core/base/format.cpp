#include "core/base/format.h"

namespace hilum {

std::string formatArguments(std::string_view text, std::format_args arguments)
{
    return std::vformat(text, arguments);
}

} // namespace hilum
