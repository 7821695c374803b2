#include "core/project/rebuild.h"

#include "core/base/provenance.h"
#include "core/project/series_location.h"
#include "core/project/series_store.h"
#include "core/project/writer_lock.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <algorithm>
#include <set>

namespace hilum::project {

namespace {

/// "library.sqlite.aside-20260131T123456Z", with a number where that is taken.
path nameAside(const path& file)
{
    std::string when = utcNow();
    std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
    const std::string base = file.string() + ".aside-" + when;
    std::error_code unknown;
    path out = base;
    for (int n = 2; std::filesystem::exists(out, unknown) || std::filesystem::exists(out.string() + "-wal", unknown); ++n)
        out = hilum::format("{}-{}", base, n);
    return out;
}

/// All of a database gets another name, or nothing: a database without its log would be an older one.
Status renameAll(const path& from, const path& to)
{
    std::vector<std::string> moved;
    // the log first: a new database would take it for its own
    for (const std::string ending : {"-wal", "-journal", "-shm", ""}) {
        const path old = from.string() + ending;
        std::error_code failed;
        if (!std::filesystem::exists(old, failed) && !failed)
            continue;
        if (!failed)
            std::filesystem::rename(old, to.string() + ending, failed);
        if (!failed) {
            moved.push_back(ending);
            continue;
        }
        Error error = systemError("rename", old.string(), failed.value());
        for (const std::string& one : moved)
            if (std::filesystem::rename(to.string() + one, from.string() + one, failed); failed)
                error.message += hilum::format("; {} belongs to it and could not be given its name again ({})", to.string() + one, failed.message());
        return std::unexpected(std::move(error));
    }
    return {};
}

template <class Row> void readRows(const path& file, int how, const char* sql, Row& row)
{
    SQLite::Database db(file.string(), how);
    SQLite::Statement q(db, sql);
    while (q.executeStep())
        row(q);
}

/// Calls `row` for each row until the damage; false when there was some.
template <class Row> bool readOut(const path& file, const char* sql, Row row)
{
    try {
        try {
            readRows(file, SQLite::OPEN_READONLY, sql, row);
        } catch (const SQLite::Exception& e) {
            if (e.getErrorCode() != SQLITE_READONLY)
                throw;
            // a killed writer's journal has to be rolled back before the first row is read
            readRows(file, SQLite::OPEN_READWRITE, sql, row);
        }
        return true;
    } catch (const SQLite::Exception&) {
        return false; // that is what the rebuilding is for; the caller says so
    }
}

} // namespace

Result<Rebuilt> rebuildLibrary(const path& given)
{
    const path folder = std::filesystem::absolute(given).lexically_normal();
    const path file = folder / "library.sqlite";
    std::error_code unknown;
    if (!std::filesystem::exists(file, unknown))
        return unknown ? std::unexpected(systemError("read", file.string(), unknown.value())) : fail(ErrorCode::NotFound, "there is no library in {}", folder.string());
    Rebuilt out;
    out.old = nameAside(file);
    {
        HILUM_TRY(const WriterLock lock, WriterLock::take(folder / "library.lock"));
        HILUM_TRY_STATUS(renameAll(file, out.old));
    }
    std::set<path> files;
    // from the last row on, too: what is behind the damage
    for (const char* order : {"ASC", "DESC"})
        out.whole = readOut(out.old, hilum::format("SELECT f.path, d.files FROM series s CROSS JOIN folders f ON f.id = s.folder CROSS JOIN series_details d ON d.series = s.id ORDER BY s.id {}", order).c_str(),
                            [&](SQLite::Statement& q) {
                                const path where = store::bytes(q.getColumn(0));
                                if (const auto names = store::splitNames(store::bytes(q.getColumn(1))))
                                    for (const std::string& name : *names)
                                        files.insert(where / name);
                            })
            && out.whole;
    out.files.assign(files.begin(), files.end());
    std::vector<Library::JobRow> jobs;
    out.whole = readOut(out.old, "SELECT id, run, method, preset, title, state, created_utc, message, step, steps FROM jobs", [&](SQLite::Statement& q) {
        const auto text = [&](int i) { return q.getColumn(i).getString(); };
        jobs.push_back({text(0), store::bytes(q.getColumn(1)), text(2), text(3), text(4), text(5), text(6), text(7), q.getColumn(8).getInt64(), q.getColumn(9).getInt64()});
    }) && out.whole;
    HILUM_TRY(out.library, Library::open(folder));
    for (const Library::JobRow& job : jobs)
        HILUM_TRY_STATUS(out.library->putJob(job));
    out.jobs = static_cast<std::int64_t>(jobs.size());
    return out;
}

} // namespace hilum::project
