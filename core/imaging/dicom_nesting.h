#pragma once

#include "core/base/paths.h"

#include <string_view>

namespace hilum::imaging {

/// DCMTK calls itself for each level of nested sequences, so a file of many levels would end the program: to be asked before DCMTK reads a whole file, or one that is
/// deflated. "damaged" for items (FFFE,E000) in more than 256 levels anywhere in the file, inflated where the data set is deflated, and for file meta information that
/// cannot be followed; "too_large" when the data set inflates to more than 1 GiB. A file of an archive is found.
Status checkNesting(const path& file);

/// Does the beginning of a file name a transfer syntax that is deflated? Few bytes can hold many levels then.
bool mayBeDeflated(std::string_view begin);

} // namespace hilum::imaging
