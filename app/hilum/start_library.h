#pragma once

#include "core/project/library.h"
#include "core/services/single_instance.h"

namespace hilum::widgets {
class Settings;
}

namespace hilum::app {

/// How the window comes to its library.
struct LibraryStart {
    path folder;                   ///< named on the command line and made when missing; empty: that of services::libraryFolder
    services::OpenRequest request; ///< for the window that has the library open already
    bool byScript = false;         ///< nobody is there to be asked or to see another window
};

/// Opens the library. When it does not open, the person is told in a dialog and chooses how to go on; what is chosen for good is kept in `settings`.
/// \return null when another window took `request` over; the error, already told, when the person gave up
Result<std::unique_ptr<project::Library>> startLibrary(const LibraryStart& start, widgets::Settings& settings);

} // namespace hilum::app
