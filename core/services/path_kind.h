#pragma once

#include "core/base/paths.h"

#include <vector>

namespace hilum::services {

/// What a path that somebody dropped or chose leads to.
enum class PathKind {
    Missing,
    File,
    Folder,    ///< of images, as far as can be seen
    RunFolder, ///< isRunFolder
    Cache,     ///< that `hilum prepare` made
    Model,     ///< a .safetensors file, or a checkpoint's folder
};

struct KnownPath {
    path where;
    PathKind kind = PathKind::Missing;
};

/// Asks the disk, which may be a share that does not answer: for no GUI thread.
PathKind pathKind(const path& where);
std::vector<KnownPath> knownPaths(const std::vector<path>& paths);

} // namespace hilum::services
