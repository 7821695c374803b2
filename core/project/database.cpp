#include "core/project/database.h"

#include "core/project/migrations.h"

#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

namespace hilum::project {

namespace {

constexpr int ApplicationId = 0x48696c75; // "Hilu"
constexpr int WaitMs = 5000;              // for another connection's lock

/// A file name as SQLite's URI: what would end it is escaped.
std::string uri(const path& file, const char* query)
{
    std::string out = "file:";
    for (const char c : file.string())
        if (c == '%' || c == '?' || c == '#')
            out += std::format("%{:02x}", static_cast<unsigned char>(c));
        else
            out += c;
    return out + query;
}

} // namespace

Database::Transaction::Transaction(SQLite::Database& database) : m_database(database)
{
    m_database.exec("BEGIN IMMEDIATE");
}

void Database::Transaction::finish(bool commit)
{
    if (commit)
        m_database.exec("COMMIT");
    else
        m_database.exec("ROLLBACK");
    m_open = false;
}

Database::Transaction::~Transaction()
{
    if (m_open)
        m_database.tryExec("ROLLBACK"); // SQLite may have rolled back already
}

Error Database::errorFrom(const SQLite::Exception& e) const
{
    Error error{.code = ErrorCode::Io};
    switch (e.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: error.code = ErrorCode::Busy; break;
    case SQLITE_FULL: error.code = ErrorCode::NoSpace; break;
    case SQLITE_READONLY:
    case SQLITE_PERM: error.code = ErrorCode::AccessDenied; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: error.code = ErrorCode::BadData; break;
    case SQLITE_NOMEM: error.code = ErrorCode::OutOfMemory; break;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_CONSTRAINT:
    case SQLITE_RANGE: error.code = ErrorCode::Internal; break;
    default: break;
    }
    error.message = std::format("{}: {}", m_file.string(), e.what());
    return error;
}

Status Database::migrate()
{
    SQLite::Database& db = *m_writer->database;
    const int latest = static_cast<int>(migrations().size());
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    const int application = db.execAndGet("PRAGMA application_id").getInt();
    if ((version > 0 || application != 0) && application != ApplicationId)
        return fail(ErrorCode::BadData, "{} is a database of another program", m_file.string());
    if (version > latest)
        return fail(ErrorCode::WrongVersion, "{} was made by a newer version of this program (its version is {}, the newest known here {})", m_file.string(), version,
                    latest);
    if (m_readOnly)
        return version == latest ? Status{}
                                 : fail(ErrorCode::WrongVersion, "{} was made by an older version of this program ({} instead of {}) and cannot be brought up to date where it cannot be written",
                                        m_file.string(), version, latest);
    for (int i = version; i < latest; ++i) {
        Transaction transaction(db);
        db.exec(migrations()[static_cast<std::size_t>(i)].sql);
        db.exec(std::format("PRAGMA application_id = {}", ApplicationId));
        db.exec(std::format("PRAGMA user_version = {}", i + 1));
        transaction.finish(true);
    }
    return {};
}

Result<std::unique_ptr<Database>> Database::open(const path& file, const Storage& storage, Access access)
{
    auto out = std::make_unique<Database>();
    out->m_file = file;
    out->m_readOnly = !storage.writable || access == Access::Read;
    out->m_writer = std::make_unique<Connection>();
    if (out->m_readOnly && !std::filesystem::exists(file))
        return fail(ErrorCode::NotFound, "there is no library in {}", file.parent_path().string());
    if (!out->m_readOnly) {
        HILUM_TRY(auto lock, WriterLock::take(file.parent_path() / "library.lock"));
        out->m_lock.emplace(std::move(lock));
    }
    const Status opened = out->guarded([&]() -> Status {
        auto& db = out->m_writer->database;
        if (out->m_readOnly) {
            // where nobody can write: no locks, no journal beside the file
            db = std::make_unique<SQLite::Database>(uri(file, storage.writable ? "?mode=ro" : "?mode=ro&immutable=1"), SQLite::OPEN_READONLY | SQLite::OPEN_URI, WaitMs);
            return out->migrate();
        }
        db = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, WaitMs);
        if (storage.local) {
            db->execAndGet("PRAGMA journal_mode = WAL");
            db->exec("PRAGMA synchronous = NORMAL");
        } else {
            // exclusive first: a database that comes with a write-ahead log can then be read without shared memory
            db->execAndGet("PRAGMA locking_mode = EXCLUSIVE");
            db->execAndGet("PRAGMA journal_mode = DELETE");
            db->exec("PRAGMA synchronous = FULL");
        }
        db->exec("PRAGMA foreign_keys = OFF"); // a migration that makes a table anew drops the old one, and nothing with it
        HILUM_TRY_STATUS(out->migrate());
        db->exec("PRAGMA foreign_keys = ON");
        if (storage.local) {
            out->m_reader = std::make_unique<Connection>();
            out->m_reader->database = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READONLY, WaitMs);
        }
        return {};
    });
    if (!opened)
        return std::unexpected(opened.error());
    return out;
}

std::string Database::journalMode() const
{
    const std::lock_guard lock(m_writer->mutex);
    return m_writer->database->execAndGet("PRAGMA journal_mode").getString();
}

} // namespace hilum::project
