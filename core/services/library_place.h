#pragma once

#include "core/base/paths.h"

namespace hilum::services {

inline constexpr char LibraryFolderKey[] = "library/folder"; ///< of the window's settings; empty or absent: the usual place

/// The settings of the window: an INI file in configFolder().
Result<path> windowSettingsFile();

/// Where the library is when none is named: the window and every command ask here. What was chosen in the window's settings, else dataFolder().
/// NotFound, with the reason "library_missing", when the chosen folder holds no library: its disk may not be connected, and a new one made in its place
/// would hide it. Nothing is made.
Result<path> libraryFolder();

/// What was chosen in the window's settings, whether it is there or not; empty when nothing was.
path chosenLibraryFolder();

} // namespace hilum::services
