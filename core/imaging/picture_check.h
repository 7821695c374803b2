#pragma once

#include "core/base/paths.h"

#include <cstdint>
#include <string>

namespace hilum::imaging {

/// Is a PNG or JPEG file complete? Their decoders fill the missing part with grey. "truncated", with the place, when it is not.
Status checkPictureComplete(const path& file, const std::string& format);

/// Can a NRRD or MetaImage file (or its data file) hold `bytes` of voxels? Refuses a header that claims more than the data could be,
/// compressed or not, before anything is allocated.
Status checkDataPresent(const path& file, const std::string& format, std::uint64_t bytes);

} // namespace hilum::imaging
