#pragma once

#include "core/project/library.h"

namespace hilum::services {

/// Do the files of a row hold what the row says? By the header of the first: series and patient of DICOM, the size of others.
/// Reads the disk: not for the GUI thread.
bool holdsSeries(const project::SeriesRow& row);

} // namespace hilum::services
