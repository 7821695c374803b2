#include "core/services/path_kind.h"

#include "core/services/run_folder.h"

namespace hilum::services {

PathKind pathKind(const path& where)
{
    namespace fs = std::filesystem;
    std::error_code unread;
    const fs::file_status status = fs::status(where, unread);
    if (!fs::exists(status))
        return PathKind::Missing;
    if (!fs::is_directory(status))
        return where.extension() == ".safetensors" ? PathKind::Model : PathKind::File;
    if (isRunFolder(where))
        return PathKind::RunFolder;
    if (fs::is_regular_file(where / "index.json", unread))
        return PathKind::Cache;
    return fs::is_regular_file(where / "model.safetensors", unread) ? PathKind::Model : PathKind::Folder;
}

std::vector<KnownPath> knownPaths(const std::vector<path>& paths)
{
    std::vector<KnownPath> out;
    for (const path& one : paths)
        out.push_back({one, pathKind(one)});
    return out;
}

} // namespace hilum::services
