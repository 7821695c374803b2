#pragma once

#include <span>

namespace hilum::project {

/// One step from a version of the database to the next; never edited after a release.
struct Migration {
    const char* name;
    const char* sql;
};

/// In order; the database's version is the number of those that were run.
std::span<const Migration> migrations();

} // namespace hilum::project
