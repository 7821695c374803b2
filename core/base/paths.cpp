#include "core/base/paths.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

namespace hilum {

namespace {

Result<path> folderFor(const char* variable, const char* below, const char* inOneHome)
{
    path folder;
    if (const char* all = std::getenv("HILUM_HOME"); all && *all) {
        folder = path(all) / inOneHome;
    } else if (const char* given = std::getenv(variable); given && *given) {
        folder = path(given) / "hilum";
    } else if (const char* home = std::getenv("HOME"); home && *home) {
        folder = path(home) / below / "hilum";
    } else {
        return fail(ErrorCode::NotFound, "neither {} nor HOME is set: there is nowhere to keep files", variable);
    }
    HILUM_TRY_STATUS(makeFolder(folder));
    return folder;
}

struct Descriptor {
    int fd;
    ~Descriptor()
    {
        if (fd >= 0)
            ::close(fd);
    }
};

/// A file that goes away again, unless it has become what it was made for.
struct Scratch {
    path file;
    bool kept = false;
    ~Scratch()
    {
        if (!kept)
            ::unlink(file.c_str());
    }
};

void syncFolder(const path& folder)
{
    if (const Descriptor dir{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; dir.fd >= 0)
        ::fsync(dir.fd);
}

Result<std::filesystem::file_type> typeAt(const path& place)
{
    std::error_code error;
    const auto type = std::filesystem::status(place, error).type();
    if (type == std::filesystem::file_type::none) // what is not there is a type of its own
        return std::unexpected(systemError("look at", place.string(), error.value()));
    return type;
}

std::string randomHex(std::size_t bytes)
{
    std::random_device device;
    constexpr char Digits[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes * 2; ++i)
        out += Digits[device() & 15];
    return out;
}

} // namespace

Result<path> dataFolder() { return folderFor("XDG_DATA_HOME", ".local/share", "data"); }
Result<path> cacheFolder() { return folderFor("XDG_CACHE_HOME", ".cache", "cache"); }
Result<path> configFolder() { return folderFor("XDG_CONFIG_HOME", ".config", "config"); }

Result<std::string> userKey()
{
    HILUM_TRY(const path folder, configFolder());
    const path file = folder / "key";
    // a second process may make the key at the same time: O_EXCL decides, then both read what won
    const path fresh = folder / ("key." + randomHex(8));
    HILUM_TRY(const bool made, isThere(file));
    if (!made) {
        const Descriptor out{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        if (out.fd < 0)
            return std::unexpected(systemError("write", fresh.string(), errno));
        const Scratch scratch{fresh};
        const std::string key = randomHex(32);
        HILUM_TRY_STATUS(writeAll(out.fd, std::as_bytes(std::span(key)), fresh));
        if (::fsync(out.fd) != 0)
            return std::unexpected(systemError("write", fresh.string(), errno));
        if (::link(fresh.c_str(), file.c_str()) != 0 && errno != EEXIST)
            return std::unexpected(systemError("write", file.string(), errno));
        syncFolder(folder); // all keyed hashes go with it
    }
    HILUM_TRY(std::string key, readTextFile(file, 4096));
    if (key.size() < 64)
        return fail(ErrorCode::BadData, "{} holds {} characters where a key has 64; remove it to make a new one", file.string(), key.size());
    return key.substr(0, 64);
}

Result<TemporaryFolder> TemporaryFolder::make(std::string_view prefix)
{
    std::error_code error;
    const path base = std::filesystem::temp_directory_path(error);
    if (error)
        return std::unexpected(systemError("find the folder for temporary files", "", error.value()));
    std::string pattern = (base / (std::string(prefix) + "-XXXXXX")).string();
    if (!::mkdtemp(pattern.data()))
        return std::unexpected(systemError("make", pattern, errno));
    return TemporaryFolder(path(pattern));
}

TemporaryFolder::~TemporaryFolder()
{
    if (!m_path.empty()) {
        std::error_code ignored; // leftovers in the system's temporary folder are the system's to clean
        std::filesystem::remove_all(m_path, ignored);
    }
}

Status writeAll(int fd, std::span<const std::byte> bytes, const path& nameForErrors)
{
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return std::unexpected(systemError("write", nameForErrors.string(), errno));
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

Status writeFileAtomically(const path& given, const std::function<Status(int)>& writer)
{
    std::error_code unknown; // then it is written as a plain file
    path file = given;
    if (std::filesystem::is_symlink(given, unknown))
        if (const path real = std::filesystem::canonical(given, unknown); !unknown)
            file = real;
    const path folder = file.has_parent_path() ? file.parent_path() : path(".");
    constexpr std::size_t LongestStem = 200; // a name has 255 bytes at most, and the temporary one is longer
    Scratch temporary{folder / ("." + file.filename().string().substr(0, LongestStem) + "." + randomHex(6) + ".part")};
    {
        const Descriptor out{::open(temporary.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
        if (out.fd < 0) {
            temporary.kept = true; // there is none
            return std::unexpected(systemError("write", given.string(), errno));
        }
        struct stat before {};
        if (::stat(file.c_str(), &before) == 0 && ::fchmod(out.fd, before.st_mode & 0777) != 0 && errno != EPERM && errno != EOPNOTSUPP) // some shares have no modes
            return std::unexpected(systemError("write", given.string(), errno));
        HILUM_TRY_STATUS(writer(out.fd));
        if (::fsync(out.fd) != 0)
            return std::unexpected(systemError("write", given.string(), errno));
    }
    if (::rename(temporary.file.c_str(), file.c_str()) != 0)
        return std::unexpected(systemError("write", given.string(), errno));
    temporary.kept = true;
    syncFolder(folder);
    return {};
}

Status writeFileAtomically(const path& file, std::string_view content)
{
    return writeFileAtomically(file, [&](int fd) { return writeAll(fd, std::as_bytes(std::span(content.data(), content.size())), file); });
}

Result<std::string> readTextFile(const path& file, std::uintmax_t limitBytes)
{
    const Descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (in.fd < 0)
        return std::unexpected(systemError("open", file.string(), errno));
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t n = ::read(in.fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return std::unexpected(systemError("read", file.string(), errno));
        if (n == 0)
            return text;
        text.append(buffer, static_cast<std::size_t>(n));
        if (text.size() > limitBytes)
            return fail(ErrorCode::TooLarge, "{} is larger than the limit of {} bytes for this kind of file", file.string(), limitBytes);
    }
}

Status makeFolder(const path& folder)
{
    HILUM_TRY(const bool there, isFolder(folder));
    if (there)
        return {};
    if (const path above = folder.parent_path(); !above.empty() && above != folder)
        HILUM_TRY_STATUS(makeFolder(above));
    if (::mkdir(folder.c_str(), 0700) == 0)
        return {};
    const int error = errno;
    HILUM_TRY(const bool meanwhile, isFolder(folder)); // made by somebody else, or named by "a/"
    if (meanwhile)
        return {};
    return std::unexpected(systemError("make the folder", folder.string(), error == EEXIST ? ENOTDIR : error));
}

Result<bool> isThere(const path& place)
{
    HILUM_TRY(const auto type, typeAt(place));
    return type != std::filesystem::file_type::not_found;
}

Result<bool> isFolder(const path& place)
{
    HILUM_TRY(const auto type, typeAt(place));
    return type == std::filesystem::file_type::directory;
}

Result<std::uintmax_t> freeSpace(const path& folder)
{
    std::error_code error;
    path at = std::filesystem::absolute(folder, error);
    if (error)
        return std::unexpected(systemError("ask for free space of", folder.string(), error.value()));
    for (;;) {
        HILUM_TRY(const bool there, isThere(at));
        if (there || !at.has_parent_path() || at == at.parent_path())
            break;
        at = at.parent_path();
    }
    const auto space = std::filesystem::space(at, error);
    if (error)
        return std::unexpected(systemError("ask for free space of", at.string(), error.value()));
    return space.available;
}

} // namespace hilum
