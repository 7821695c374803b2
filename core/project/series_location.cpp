#include "core/project/series_location.h"

#include <algorithm>
#include <set>

namespace hilum::project::store {

namespace {

path clean(const path& file)
{
    std::error_code unreachable;
    const path whole = std::filesystem::absolute(file, unreachable);
    if (unreachable)
        return file;
    // ".." of a link is the folder above the one that it names
    if (std::ranges::find(whole, path("..")) != whole.end())
        if (const path real = std::filesystem::weakly_canonical(whole.parent_path(), unreachable); !unreachable)
            return (real / whole.filename()).lexically_normal();
    return whole.lexically_normal();
}

/// The archive that a file lies in; the file itself outside of one.
path onDisk(const path& file)
{
    std::error_code unreachable;
    if (std::filesystem::exists(file, unreachable))
        return file;
    for (path up = file.parent_path(); up.has_relative_path(); up = up.parent_path())
        if (std::filesystem::exists(up, unreachable))
            return std::filesystem::is_regular_file(up, unreachable) ? up : path();
    return {};
}

} // namespace

bool isThere(const path& file) { return !onDisk(file).empty(); }

bool isGone(const path& file)
{
    std::error_code unreachable;
    return !std::filesystem::exists(file, unreachable) && !unreachable && !isThere(file);
}

Location locate(const SeriesRow& row)
{
    std::vector<path> files;
    for (const path& file : row.files)
        files.push_back(clean(file));
    if (files.empty())
        files.push_back(clean(row.where));
    Location out;
    out.folder = files.front().parent_path();
    const auto within = [](const path& file, const path& folder) {
        const std::string prefix = folder == folder.root_path() ? folder.string() : folder.string() + "/";
        return file.native().starts_with(prefix);
    };
    for (const path& file : files)
        while (!within(file, out.folder))
            out.folder = out.folder.parent_path();
    const std::size_t skip = out.folder == out.folder.root_path() ? out.folder.native().size() : out.folder.native().size() + 1;
    for (const path& file : files)
        out.names.push_back(file.native().substr(skip));
    out.first = *std::min_element(out.names.begin(), out.names.end());
    const path where = row.where.empty() ? out.folder : clean(row.where);
    out.shown = where.lexically_relative(out.folder).native();
    if (out.shown.empty())
        out.shown = ".";
    return out;
}

std::string contentOf(const std::vector<path>& files)
{
    if (files.empty())
        return {};
    std::uintmax_t bytes = 0;
    std::filesystem::file_time_type changed = std::filesystem::file_time_type::min();
    std::set<path> seen; // many files of one archive
    for (const path& file : files) {
        const path real = onDisk(file);
        if (!seen.insert(real).second)
            continue;
        std::error_code failed;
        const std::uintmax_t size = std::filesystem::file_size(real, failed);
        if (failed)
            return {};
        bytes += size;
        changed = std::max(changed, std::filesystem::last_write_time(real, failed));
        if (failed)
            return {};
    }
    return hilum::format("{} {}", bytes, changed.time_since_epoch().count());
}

bool sameBytes(const std::string& one, const std::string& other)
{
    return one.empty() || other.empty() || one.substr(0, one.find(' ')) == other.substr(0, other.find(' '));
}

std::string joinNames(const std::vector<std::string>& names)
{
    std::string out;
    for (const std::string& name : names)
        out.append(name).push_back('\0');
    return out;
}

std::optional<std::vector<std::string>> splitNames(const std::string& joined)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at < joined.size();) {
        const std::size_t end = joined.find('\0', at);
        if (end == std::string::npos)
            return std::nullopt;
        out.push_back(joined.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

} // namespace hilum::project::store
