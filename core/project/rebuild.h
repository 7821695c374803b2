#pragma once

#include "core/project/library.h"

namespace hilum::project {

struct Rebuilt {
    std::unique_ptr<Library> library; ///< new, with the jobs that could be read out
    path old;                         ///< where the database is that was there before
    std::vector<path> files;          ///< of its series, as far as they could be read out: to be added again
    std::int64_t jobs = 0;
    bool whole = true;                ///< nothing stood in the way of reading it out
};

/// Sets library.sqlite in `folder` aside under another name, with its log, and begins a new one. Nothing is deleted, and what the old one
/// names is not touched. Busy when another program uses the library; NotFound when there is none.
Result<Rebuilt> rebuildLibrary(const path& folder);

} // namespace hilum::project
