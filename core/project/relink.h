#pragma once

#include "core/project/library.h"

namespace hilum::project {

/// Where a person must say where a series is now: the folder of its files; of files in an archive, the archive's folder.
path folderToRelink(const SeriesRow& row);

/// A series whose files are now in `chosen`, which stands for folderToRelink: its neighbours that moved along are found, too, from as far up
/// as the names of both folders agree. Returns the number of series found again.
Result<std::int64_t> relinkSeries(Library& library, RowId id, const path& chosen, const Library::Holds& holds = {});

} // namespace hilum::project
