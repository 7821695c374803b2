#pragma once

#include "core/base/paths.h"

#include <cstdint>
#include <string>

namespace hilum::imaging {

/// Is a PNG or JPEG file complete? Their decoders fill the missing part with grey. "truncated", with the place, when it is not.
Status checkPictureComplete(const path& file, const std::string& format);

} // namespace hilum::imaging
