#pragma once

#include "core/base/paths.h"

#include <string>

namespace hilum::project {

/// What kind of disk a folder lies on: decides how the database is opened there.
struct Storage {
    bool local = true;    ///< false on network shares and FUSE: memory cannot be shared there, so no write-ahead log
    bool writable = true; ///< false on read-only media or without the right to write
    std::string kind;     ///< "nfs", "cifs", "fuse", ...; "local" otherwise
};

Storage probeStorage(const path& folder);

} // namespace hilum::project
