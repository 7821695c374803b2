#pragma once

#include "core/base/progress.h"
#include "core/project/library.h"

namespace hilum::panels {

/// The image before (-1) or after (+1) a row in its study, in the order of the library; files without a study have their folder.
/// Reads the whole list: not for the GUI thread.
/// \return Empty, with a sentence, when there is none on that side
Result<project::RowId> neighbour(const project::Library& library, const project::SeriesRow& of, int step, const Work& work);

} // namespace hilum::panels
