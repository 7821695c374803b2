#pragma once

#include "core/base/paths.h"

#include <vector>

namespace hilum::imaging {

/// Studies in ZIP files. A file inside is named as if the archive were a folder: study.zip/DICOM/IM0001. An archive is unpacked once for a run of the program, into a
/// private folder that goes with it; nothing is left beside the archive.
bool isZipFile(const path& file);

/// The files of an archive, sorted, as study.zip/name. Unsupported when it is encrypted; TooLarge, with the numbers, when its contents claim or turn out to be
/// more than 100 times its size (beyond 100 MB) or more than half of the free disk; BadData when it is damaged.
Result<std::vector<path>> zipMembers(const path& archive);

/// Where a file can be opened: itself, or its unpacked copy when it lies in an archive. A file that is not there comes back as it is.
path realFile(const path& file);

} // namespace hilum::imaging
