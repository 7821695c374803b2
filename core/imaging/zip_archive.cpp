#include "core/imaging/zip_archive.h"

#include "core/base/numbers.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace hilum::imaging {

namespace {

constexpr std::uint64_t AlwaysAllowed = 100'000'000; // bytes that any archive may hold
constexpr std::uint64_t MostTimes = 100;             // beyond it: contents against the archive
constexpr zip_int64_t MostEntries = 1'000'000;

struct Unpacked {
    std::filesystem::file_time_type written;
    std::uintmax_t size = 0;
    TemporaryFolder folder;
    std::vector<path> names; ///< within the archive, sorted
};

/// A name within the archive as a harmless relative path; empty when it is a folder or leads out of the archive.
path safeName(const char* name)
{
    if (!name)
        return {};
    std::string text = name;
    std::ranges::replace(text, '\\', '/');
    if (text.empty() || text.ends_with('/') || text.starts_with('/') || text.find('\0') != std::string::npos)
        return {};
    const path p = path(text).lexically_normal();
    for (const path& part : p)
        if (part == ".." || part == "." || part.native().starts_with('.')) // hidden files: what systems leave behind
            return {};
    return text.starts_with("__MACOSX/") ? path() : p;
}

std::string messageOf(zip_t* archive) { return zip_error_strerror(zip_get_error(archive)); }

Status unpackEntry(zip_t* archive, zip_uint64_t index, std::uint64_t claimed, const path& to, const path& name)
{
    HILUM_TRY_STATUS(makeFolder(to.parent_path()));
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> in(zip_fopen_index(archive, index, 0), zip_fclose);
    if (!in)
        return refuse(ErrorCode::BadData, "damaged", "{} cannot be unpacked: {}", name.string(), messageOf(archive));
    std::ofstream out(to, std::ios::binary);
    std::vector<char> buffer(1 << 18);
    std::uint64_t done = 0;
    for (;;) {
        const zip_int64_t got = zip_fread(in.get(), buffer.data(), buffer.size());
        if (got < 0)
            return refuse(ErrorCode::BadData, "damaged", "{} cannot be unpacked: {}", name.string(), zip_error_strerror(zip_file_get_error(in.get())));
        if (got == 0)
            break;
        done += static_cast<std::uint64_t>(got);
        if (done > claimed) // the directory of the archive lies
            return refuse(ErrorCode::BadData, "damaged", "{} holds more than the {} bytes that the archive claims", name.string(), grouped(static_cast<std::int64_t>(claimed)));
        out.write(buffer.data(), got);
    }
    out.close();
    if (!out)
        return fail(ErrorCode::NoSpace, "{} cannot be unpacked: no room in {}", name.string(), to.parent_path().string());
    if (done < claimed)
        return refuse(ErrorCode::BadData, "truncated", "{} ends after {} of {} bytes", name.string(), grouped(static_cast<std::int64_t>(done)), grouped(static_cast<std::int64_t>(claimed)));
    return {};
}

Result<Unpacked> unpack(const path& file)
{
    int code = 0;
    const std::unique_ptr<zip_t, void (*)(zip_t*)> archive(zip_open(file.c_str(), ZIP_RDONLY, &code), zip_discard);
    if (!archive) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        const std::string why = zip_error_strerror(&error);
        zip_error_fini(&error);
        return refuse(ErrorCode::BadData, "damaged", "{}: the archive cannot be read: {}", file.string(), why);
    }
    struct Entry {
        zip_uint64_t index;
        std::uint64_t size;
        path name;
    };
    std::vector<Entry> entries;
    std::uint64_t total = 0;
    const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
    if (count > MostEntries)
        return refuse(ErrorCode::TooLarge, "too_large", "{}: the archive holds {} files; {} are possible", file.string(), grouped(count), grouped(MostEntries));
    for (zip_int64_t n = 0; n < count; ++n) {
        zip_stat_t stat;
        zip_stat_init(&stat);
        if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(n), 0, &stat) != 0)
            return refuse(ErrorCode::BadData, "damaged", "{}: entry {} of the archive cannot be read: {}", file.string(), n + 1, messageOf(archive.get()));
        path name = safeName(stat.name);
        if (name.empty())
            continue;
        if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
            return refuse(ErrorCode::Unsupported, "encrypted", "{}: the archive is encrypted; unpack it with its password first", file.string());
        if (__builtin_add_overflow(total, stat.size, &total))
            total = UINT64_MAX;
        entries.push_back({static_cast<zip_uint64_t>(n), stat.size, std::move(name)});
    }
    std::error_code ec;
    const std::uint64_t packed = std::filesystem::file_size(file, ec);
    const auto tooLarge = [&](std::string limit) {
        return refuse(ErrorCode::TooLarge, "too_large", "{}: its {} bytes claim to hold {}; {}", file.string(), grouped(static_cast<std::int64_t>(packed)), byteSize(total), limit);
    };
    if (total > AlwaysAllowed && total / MostTimes > packed)
        return tooLarge(hilum::format("more than {} times its size is not unpacked", MostTimes));
    HILUM_TRY(TemporaryFolder folder, TemporaryFolder::make("hilum-zip"));
    HILUM_TRY(const std::uintmax_t room, freeSpace(folder.where()));
    if (total > room / 2)
        return tooLarge(hilum::format("{} are free in {}, of which half may be used", byteSize(room), folder.where().parent_path().string()));
    Unpacked out{std::filesystem::last_write_time(file, ec), packed, std::move(folder), {}};
    std::ranges::sort(entries, {}, &Entry::name);
    for (const Entry& e : entries) {
        if (!out.names.empty() && out.names.back() == e.name)
            continue; // a name that stands there twice
        if (auto ok = unpackEntry(archive.get(), e.index, e.size, out.folder.where() / e.name, e.name); !ok)
            return std::unexpected(withContext(std::move(ok).error(), file.string()));
        out.names.push_back(e.name);
    }
    return out;
}

class Archives {
public:
    /// The unpacked archive; kept as long as the program runs, made again when the file has changed.
    Result<const Unpacked*> of(const path& file)
    {
        std::error_code ec;
        const path key = std::filesystem::canonical(file, ec);
        if (ec)
            return std::unexpected(systemError("open", file.string(), ec.value()));
        const std::lock_guard lock(m_mutex);
        const auto written = std::filesystem::last_write_time(key, ec);
        const auto size = std::filesystem::file_size(key, ec);
        if (const auto at = m_known.find(key); at != m_known.end()) {
            if (at->second->written == written && at->second->size == size)
                return at->second.get();
            m_known.erase(at);
        }
        HILUM_TRY(Unpacked made, unpack(file));
        return m_known.emplace(key, std::make_unique<Unpacked>(std::move(made))).first->second.get();
    }

private:
    std::mutex m_mutex;
    std::map<path, std::unique_ptr<Unpacked>> m_known; // guarded by m_mutex
};

Archives& archives()
{
    static Archives all;
    return all;
}

} // namespace

bool isZipFile(const path& file)
{
    std::array<char, 4> b{};
    std::ifstream in(file, std::ios::binary);
    if (!in.read(b.data(), 4))
        return false;
    const std::string_view mark(b.data(), 4);
    return mark == std::string_view("PK\3\4", 4) || mark == std::string_view("PK\5\6", 4);
}

Result<std::vector<path>> zipMembers(const path& archive)
{
    HILUM_TRY(const Unpacked* unpacked, archives().of(archive));
    std::vector<path> out;
    for (const path& name : unpacked->names)
        out.push_back(archive / name);
    return out;
}

path realFile(const path& file)
{
    std::error_code ec;
    if (std::filesystem::exists(file, ec))
        return file;
    path name, archive = file;
    while (archive.has_relative_path()) {
        name = name.empty() ? archive.filename() : archive.filename() / name;
        const path up = archive.parent_path();
        if (up == archive)
            break;
        archive = up;
        if (std::filesystem::is_regular_file(archive, ec)) {
            if (!isZipFile(archive))
                return file;
            const auto unpacked = archives().of(archive);
            return unpacked ? (*unpacked)->folder.where() / name.lexically_normal().relative_path() : file;
        }
        if (std::filesystem::exists(archive, ec))
            return file; // a folder: the file is simply not there
    }
    return file;
}

} // namespace hilum::imaging
