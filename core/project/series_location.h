#pragma once

#include "core/project/library.h"

#include <optional>
#include <string>
#include <vector>

/// Where the files of a series are, as the library keeps it. Asks the disk, so outside of any transaction.
namespace hilum::project::store {

/// The files of a series below the deepest folder that holds them all.
struct Location {
    path folder;
    std::vector<std::string> names; ///< in reading order
    std::string first;              ///< the smallest
    std::string shown;              ///< `where` within the folder; "." for the folder itself
};

Location locate(const SeriesRow& row);
/// What tells files from others of the same names: all their bytes, and when they were changed last. Empty when they are not there.
std::string contentOf(const std::vector<path>& files);
/// Of two such words: may they be of one file that was copied? True when either is not known.
bool sameBytes(const std::string& one, const std::string& other);

/// Is the file there? One inside an archive is there with the archive. An unreachable one is not.
bool isThere(const path& file);
/// Is it known not to be there? Of an unreachable file nobody knows.
bool isGone(const path& file);

std::string joinNames(const std::vector<std::string>& names);
/// Nothing when the text was not made by joinNames.
std::optional<std::vector<std::string>> splitNames(const std::string& joined);

} // namespace hilum::project::store
