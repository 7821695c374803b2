#pragma once

#include "core/base/paths.h"

#include <cstdint>
#include <string>

namespace hilum::imaging {

/// Is a PNG or JPEG file complete? Their decoders fill the missing part with grey. "truncated", with the place, when it is not. Of a TIFF file the directories are
/// read, with bounded memory: "bad_header" when one is damaged or claims more strips than the file can hold.
Status checkPictureComplete(const path& file, const std::string& format);

} // namespace hilum::imaging
