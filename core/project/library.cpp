#include "core/project/library.h"

#include "core/base/log.h"
#include "core/base/provenance.h"
#include "core/project/database.h"
#include "core/project/series_store.h"
#include "core/project/storage.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <map>
#include <mutex>

namespace hilum::project {

namespace {

class SqliteLibrary final : public Library {
public:
    SqliteLibrary(path folder, std::unique_ptr<Database> database) : m_folder(std::move(folder)), m_database(std::move(database)) {}

    const path& folder() const override { return m_folder; }
    bool readOnly() const override { return m_database->readOnly(); }

    Status addSeries(const std::vector<NewSeries>& series, std::vector<RowId>* added) override
    {
        // the disk is asked before the transaction: a share that does not answer holds up nobody else
        std::vector<store::Prepared> all;
        for (const NewSeries& one : series)
            all.push_back(store::prepare(one));
        store::Putting putting;
        HILUM_TRY(const auto elsewhere, m_database->read([&](SQLite::Database& db) { return store::firstFiles(db, all); }));
        for (const path& file : elsewhere)
            putting.gone.emplace(file, store::isGone(file));
        std::vector<RowId> rows;
        HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
            putting.problems = store::anyProblems(db);
            for (const store::Prepared& one : all)
                rows.push_back(store::putSeries(db, one, putting));
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
        return asHere(m_database->read([&](SQLite::Database& db) { return store::listSeries(db, request); }));
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
        std::vector<SeriesRow> one{*std::move(row)};
        setHere(one);
        return std::move(one.front());
    }

    Result<std::vector<SeriesRow>> ofPatient(const std::string& patientId) const override
    {
        return asHere(m_database->read([&](SQLite::Database& db) { return store::seriesOfPatient(db, patientId); }));
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

    Result<Look> refreshMissing() override
    {
        // files are asked for outside of any lock: a network share may take its time
        HILUM_TRY(const auto all, m_database->read([](SQLite::Database& db) { return store::places(db); }));
        std::map<path, bool> folders;
        std::vector<std::pair<store::Place, bool>> changes;
        std::map<RowId, bool> here;
        Look look;
        for (const store::Place& place : all) {
            const auto [folder, fresh] = folders.try_emplace(place.folder);
            if (fresh)
                folder->second = store::isThere(place.folder);
            const bool gone = !folder->second || !store::isThere(place.folder / place.firstFile);
            look.missing += gone;
            if (gone != place.missing) {
                changes.emplace_back(place, gone);
                here.emplace(place.series, gone);
            }
        }
        if (readOnly()) {
            const std::lock_guard lock(m_mutex);
            look.changed = here != m_missingHere;
            m_missingHere = std::move(here);
        } else if (!changes.empty()) {
            HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
                for (const auto& [place, gone] : changes)
                    store::setMissing(db, place, gone);
            }));
            look.changed = true;
        }
        return look;
    }

    Result<std::int64_t> relink(const path& from, const path& to, const Holds& holds) override
    {
        const path oldRoot = withoutSlash(from), newRoot = withoutSlash(to);
        std::error_code unreachable;
        if (!std::filesystem::is_directory(newRoot, unreachable))
            return unreachable && unreachable != std::errc::no_such_file_or_directory && unreachable != std::errc::not_a_directory
                ? std::unexpected(systemError("look into", newRoot.string(), unreachable.value()))
                : fail(ErrorCode::NotFound, "{} is not a folder", newRoot.string());
        HILUM_TRY(const auto all, m_database->read([](SQLite::Database& db) { return store::places(db); }));
        struct Found {
            store::Place place;
            path folder;
            std::string content;
        };
        std::vector<Found> found;
        for (const store::Place& place : all) {
            if (std::ranges::mismatch(oldRoot, place.folder).in1 != oldRoot.end())
                continue; // not below it
            if (store::isThere(place.folder / place.firstFile)) {
                if (place.missing) // back at its place
                    found.push_back({place, place.folder, {}});
                continue;
            }
            auto known = m_database->read([&](SQLite::Database& db) { return store::findSeries(db, place.series); });
            if (!known && known.error().code == ErrorCode::BadData) { // a damaged row keeps its old place, and none else from moving
                log::warning("project.library", "series {} cannot be looked for: {}", place.series, known.error().sentence());
                continue;
            }
            HILUM_TRY(auto row, std::move(known));
            if (!row)
                continue;
            for (path& file : row->files)
                file = newRoot / file.lexically_relative(oldRoot);
            // a folder that happens to hold a file of the same name is not where it went
            if (!std::ranges::all_of(row->files, store::isThere))
                continue;
            std::string content = row->format == "dicom" ? std::string() : store::contentOf(row->files);
            if (!store::sameBytes(row->content, content) && row->format != "dicom")
                continue;
            row->where = (newRoot / row->where.lexically_relative(oldRoot)).lexically_normal();
            if (holds && !holds(*row))
                continue;
            found.push_back({place, place.folder == oldRoot ? newRoot : newRoot / place.folder.lexically_relative(oldRoot), std::move(content)});
        }
        HILUM_TRY_STATUS(m_database->write([&](SQLite::Database& db) {
            for (const Found& one : found)
                store::moveSeries(db, one.place, one.folder, one.content);
        }));
        return static_cast<std::int64_t>(found.size());
    }

    Status check() const override
    {
        HILUM_TRY(const auto faults, m_database->read([](SQLite::Database& db) {
            std::vector<std::string> out;
            // a search first: without one SQLite 3.53 holds the words of now against the index as this connection saw it last
            SQLite::Statement(db, "SELECT count(*) FROM series_words WHERE series_words MATCH 'a'").executeStep();
            SQLite::Statement q(db, "PRAGMA integrity_check");
            while (q.executeStep())
                if (const std::string line = q.getColumn(0).getString(); line != "ok")
                    out.push_back(line);
            SQLite::Statement keys(db, "PRAGMA foreign_key_check");
            while (keys.executeStep())
                out.push_back(hilum::format("a row of {} names one of {} that is not there", keys.getColumn(0).getString(), keys.getColumn(2).getString()));
            return out;
        }));
        if (faults.empty())
            return {};
        Error error{.code = ErrorCode::CheckFailed, .message = hilum::format("{} is damaged; \"hilum library rebuild\" sets it aside and makes a new one of what can still be read", m_database->file().string()), .reason = "integrity"};
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

    /// What is missing for this program, where it cannot be written down.
    void setHere(std::vector<SeriesRow>& rows) const
    {
        const std::lock_guard lock(m_mutex);
        if (m_missingHere.empty())
            return;
        for (SeriesRow& row : rows)
            if (const auto found = m_missingHere.find(row.id); found != m_missingHere.end())
                row.missing = found->second;
    }
    Result<std::vector<SeriesRow>> asHere(Result<std::vector<SeriesRow>> rows) const
    {
        if (rows)
            setHere(*rows);
        return rows;
    }

    path m_folder;
    std::unique_ptr<Database> m_database;
    mutable std::mutex m_mutex;
    std::map<RowId, bool> m_missingHere; // guarded by m_mutex; where the database says otherwise
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
