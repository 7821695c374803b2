#include "core/project/relink.h"

#include "core/project/series_location.h"

#include <algorithm>

namespace hilum::project {

namespace {

/// The part of two paths that differs: of /old/a/b and /new/a/b that is /old and /new.
std::pair<path, path> differingParts(path from, path to)
{
    while (from.has_filename() && from.filename() == to.filename()) {
        from = from.parent_path();
        to = to.parent_path();
    }
    return {from, to};
}

bool namesArchive(const path& part)
{
    std::string ending = part.extension().string();
    std::ranges::transform(ending, ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return ending == ".zip";
}

} // namespace

path folderToRelink(const SeriesRow& row)
{
    const path folder = store::locate(row).folder;
    path out;
    for (const path& part : folder) {
        // a folder may be named like an archive, too
        std::error_code gone;
        if (namesArchive(part) && !std::filesystem::is_directory(out / part, gone))
            return out;
        out /= part;
    }
    return folder;
}

Result<std::int64_t> relinkSeries(Library& library, RowId id, const path& chosen, const Library::Holds& holds)
{
    HILUM_TRY(const SeriesRow row, library.series(id));
    const path old = folderToRelink(row);
    path now = std::filesystem::absolute(chosen).lexically_normal();
    if (!now.has_filename())
        now = now.parent_path();
    const auto [from, to] = differingParts(old, now);
    HILUM_TRY(std::int64_t found, library.relink(from, to, holds));
    // the neighbours may have stayed where they were
    const auto again = library.series(id);
    if (from != old && again && !again->files.empty() && !store::isThere(again->files.front())) {
        HILUM_TRY(const std::int64_t alone, library.relink(old, now, holds));
        found += alone;
    }
    return found;
}

} // namespace hilum::project
