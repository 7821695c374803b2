#include "core/project/library.h"

#include "core/base/provenance.h"
#include "core/project/database.h"
#include "core/project/series_store.h"
#include "core/project/storage.h"

#include <SQLiteCpp/Statement.h>

#include <map>

namespace hilum::project {

namespace {

/// Is the file there? One inside an archive is there with the archive.
bool isThere(const path& file)
{
    std::error_code ignored; // an unreachable file is a missing one
    if (std::filesystem::exists(file, ignored))
        return true;
    for (path up = file.parent_path(); up.has_relative_path(); up = up.parent_path())
        if (std::filesystem::exists(up, ignored))
            return std::filesystem::is_regular_file(up, ignored);
    return false;
}

class SqliteLibrary final : public Library {
public:
    SqliteLibrary(path folder, std::unique_ptr<Database> database) : m_folder(std::move(folder)), m_database(std::move(database)) {}

    const path& folder() const override { return m_folder; }
    bool readOnly() const override { return m_database->readOnly(); }

    Status addSeries(const std::vector<NewSeries>& series, std::vector<RowId>* added) override
    {
        std::vector<RowId> rows;
        HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
            for (const NewSeries& one : series)
                rows.push_back(store::putSeries(db, one));
        }));
        if (added)
            added->insert(added->end(), rows.begin(), rows.end());
        return {};
    }

    Status addProblems(const std::vector<ProblemRow>& problems) override
    {
        return m_database->write([&](SQLite::Database& db) {
            for (const ProblemRow& problem : problems) {
                SQLite::Statement put(db, "INSERT INTO problems (file, code, reason, seen_utc) VALUES (?, ?, ?, ?) ON CONFLICT (file) DO UPDATE SET "
                                          "code = excluded.code, reason = excluded.reason, seen_utc = excluded.seen_utc");
                const std::string file = problem.file.string();
                put.bind(1, file.c_str(), static_cast<int>(file.size()));
                put.bind(2, problem.code);
                put.bind(3, problem.reason);
                put.bind(4, problem.seenUtc.empty() ? utcNow() : problem.seenUtc);
                put.exec();
            }
        });
    }

    Status clearProblems() override
    {
        return m_database->write([](SQLite::Database& db) { db.exec("DELETE FROM problems"); });
    }

    Result<std::vector<SeriesRow>> list(const ListRequest& request) const override
    {
        return m_database->read([&](SQLite::Database& db) { return store::listSeries(db, request); });
    }

    Result<std::int64_t> count(const std::string& search) const override
    {
        return m_database->read([&](SQLite::Database& db) { return store::countSeries(db, search); });
    }

    Result<SeriesRow> series(RowId id) const override
    {
        HILUM_TRY(auto row, m_database->read([&](SQLite::Database& db) { return store::findSeries(db, id); }));
        if (!row)
            return fail(ErrorCode::NotFound, "the library has no series {}", id);
        return *std::move(row);
    }

    Result<std::vector<SeriesRow>> ofPatient(const std::string& patientId) const override
    {
        return m_database->read([&](SQLite::Database& db) { return store::seriesOfPatient(db, patientId); });
    }

    Result<std::string> thumbnail(RowId id) const override
    {
        return m_database->read([&](SQLite::Database& db) {
            SQLite::Statement q(db, "SELECT png FROM thumbnails WHERE series = ?");
            q.bind(1, id);
            return q.executeStep() ? store::bytes(q.getColumn(0)) : std::string();
        });
    }

    Result<std::vector<ProblemRow>> problems() const override
    {
        return m_database->read([](SQLite::Database& db) {
            std::vector<ProblemRow> out;
            SQLite::Statement q(db, "SELECT id, file, code, reason, seen_utc FROM problems ORDER BY id");
            while (q.executeStep())
                out.push_back({q.getColumn(0).getInt64(), store::bytes(q.getColumn(1)), q.getColumn(2).getString(), q.getColumn(3).getString(), q.getColumn(4).getString()});
            return out;
        });
    }

    Status remove(const std::vector<RowId>& series) override
    {
        return m_database->write([&](SQLite::Database& db) {
            for (const RowId id : series)
                store::removeSeries(db, id);
        });
    }

    Result<std::int64_t> refreshMissing() override
    {
        // files are asked for outside of any lock: a network share may take its time
        HILUM_TRY(const auto all, m_database->read([](SQLite::Database& db) { return store::places(db); }));
        std::map<path, bool> folders;
        std::vector<std::pair<RowId, bool>> changes;
        std::int64_t missing = 0;
        for (const store::Place& place : all) {
            const auto [folder, fresh] = folders.try_emplace(place.folder);
            if (fresh)
                folder->second = isThere(place.folder);
            const bool gone = !folder->second || !isThere(place.folder / place.firstFile);
            missing += gone;
            if (gone != place.missing)
                changes.emplace_back(place.series, gone);
        }
        if (!changes.empty())
            HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
                for (const auto& [id, gone] : changes)
                    store::setMissing(db, id, gone);
            }));
        return missing;
    }

    Result<std::int64_t> relink(const path& from, const path& to) override
    {
        const path oldRoot = withoutSlash(from), newRoot = withoutSlash(to);
        HILUM_TRY(const bool there, isFolder(newRoot));
        if (!there)
            return fail(ErrorCode::NotFound, "{} is not a folder", newRoot.string());
        HILUM_TRY(const auto all, m_database->read([](SQLite::Database& db) { return store::places(db); }));
        std::vector<std::pair<RowId, path>> found;
        std::error_code ignored; // an unreachable file is a missing one
        for (const store::Place& place : all) {
            const std::string& folder = place.folder.native();
            if (folder != oldRoot.native() && !folder.starts_with(oldRoot.native() + "/"))
                continue;
            const path moved = newRoot.native() + folder.substr(oldRoot.native().size());
            if (std::filesystem::exists(moved / place.firstFile, ignored))
                found.emplace_back(place.series, moved);
        }
        HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
            for (const auto& [id, folder] : found)
                store::moveSeries(db, id, folder);
        }));
        return static_cast<std::int64_t>(found.size());
    }

    Status check() const override
    {
        HILUM_TRY(const auto faults, m_database->read([](SQLite::Database& db) {
            std::vector<std::string> out;
            SQLite::Statement q(db, "PRAGMA integrity_check");
            while (q.executeStep())
                if (const std::string line = q.getColumn(0).getString(); line != "ok")
                    out.push_back(line);
            SQLite::Statement keys(db, "PRAGMA foreign_key_check");
            while (keys.executeStep())
                out.push_back(std::format("a row of {} names one of {} that is not there", keys.getColumn(0).getString(), keys.getColumn(2).getString()));
            return out;
        }));
        if (faults.empty())
            return {};
        Error error{.code = ErrorCode::CheckFailed, .message = std::format("{} is damaged", m_database->file().string()), .reason = "integrity"};
        error.details = faults;
        return std::unexpected(std::move(error));
    }

    Status putJob(const JobRow& job) override
    {
        return m_database->write([&](SQLite::Database& db) {
            SQLite::Statement put(db, "INSERT INTO jobs (id, run, method, preset, title, state, created_utc, message, step, steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                                      "ON CONFLICT (id) DO UPDATE SET run = excluded.run, method = excluded.method, preset = excluded.preset, title = excluded.title, "
                                      "state = excluded.state, message = excluded.message, step = excluded.step, steps = excluded.steps");
            const std::string run = job.run.string();
            put.bind(1, job.id);
            put.bind(2, run.c_str(), static_cast<int>(run.size()));
            int i = 3;
            for (const std::string* text : {&job.method, &job.preset, &job.title, &job.state, &job.createdUtc, &job.message})
                put.bind(i++, *text);
            put.bind(9, job.step);
            put.bind(10, job.steps);
            put.exec();
        });
    }

    Result<std::vector<JobRow>> jobs() const override
    {
        return m_database->read([](SQLite::Database& db) {
            std::vector<JobRow> out;
            SQLite::Statement q(db, "SELECT id, run, method, preset, title, state, created_utc, message, step, steps FROM jobs ORDER BY created_utc, rowid");
            const auto text = [&](int i) { return q.getColumn(i).getString(); };
            while (q.executeStep())
                out.push_back({text(0), store::bytes(q.getColumn(1)), text(2), text(3), text(4), text(5), text(6), text(7), q.getColumn(8).getInt64(), q.getColumn(9).getInt64()});
            return out;
        });
    }

    Status removeJob(const std::string& id) override
    {
        return m_database->write([&](SQLite::Database& db) {
            SQLite::Statement q(db, "DELETE FROM jobs WHERE id = ?");
            q.bind(1, id);
            q.exec();
        });
    }

private:
    static path withoutSlash(const path& folder)
    {
        const path clean = std::filesystem::absolute(folder).lexically_normal();
        return clean.has_filename() ? clean : clean.parent_path();
    }

    path m_folder;
    std::unique_ptr<Database> m_database;
};

Result<std::unique_ptr<Library>> openWith(const path& folder, const Storage& storage, Access access)
{
    HILUM_TRY(auto database, Database::open(folder / "library.sqlite", storage, access));
    return std::make_unique<SqliteLibrary>(folder, std::move(database));
}

} // namespace

Result<std::unique_ptr<Library>> Library::open(const path& given)
{
    const path folder = std::filesystem::absolute(given).lexically_normal();
    HILUM_TRY_STATUS(makeFolder(folder));
    return openWith(folder, probeStorage(folder), Access::ReadWrite);
}

Result<std::unique_ptr<Library>> Library::open(const path& folder, const Storage& storage)
{
    return openWith(std::filesystem::absolute(folder).lexically_normal(), storage, Access::ReadWrite);
}

Result<std::unique_ptr<Library>> Library::openToRead(const path& given)
{
    const path folder = std::filesystem::absolute(given).lexically_normal();
    return openWith(folder, probeStorage(folder), Access::Read);
}

} // namespace hilum::project
