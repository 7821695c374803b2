#pragma once

#include "core/project/library.h"

#include <vector>

namespace hilum::services {

/// What is looked at together: a study, or a file without one. Never without a picture.
struct Case {
    std::vector<project::RowId> pictures; ///< that can be opened, in the order of the list
};

/// The first picture of the case before (-1) or after (+1) the one that an open series is of. A series that the list does not hold stands before its beginning for a
/// step onwards and behind its end for a step back.
/// \return Empty, with a sentence, when there is none on that side
Result<project::RowId> caseBeside(const std::vector<Case>& list, project::RowId open, int step);

} // namespace hilum::services
