#pragma once

#include "core/base/paths.h"

namespace hilum::imaging {

/// DCMTK calls itself for each level of nested sequences, so a file of many levels would end the program. "damaged" for more than 256 levels in its first 64 MiB:
/// items (FFFE,E000) that are open at the same time, in either byte order.
Status checkNesting(const path& file);

} // namespace hilum::imaging
