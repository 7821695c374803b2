#include "core/project/database.h"

#include "core/base/log.h"
#include "core/project/migrations.h"

#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <fstream>
#include <unistd.h>

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
            out += hilum::format("%{:02x}", static_cast<unsigned char>(c));
        else
            out += c;
    return out + query;
}

constexpr char Unchanging[] = "?mode=ro&immutable=1"; // no locks, and nothing is looked for beside the file

path beside(const path& file, const char* ending)
{
    path out = file;
    return out += ending;
}

/// Bytes of the log or the shared memory of a database; nothing where there is none.
std::optional<std::uintmax_t> sizeBeside(const path& file, const char* ending)
{
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(beside(file, ending), none);
    return none ? std::nullopt : std::optional(size);
}

/// The file format's read version (SQLite file format, 1.3): 2 with a write-ahead log.
bool hasWriteAheadLog(const path& file)
{
    char header[20] = {};
    std::ifstream in(file, std::ios::binary);
    return in.read(header, sizeof header) && header[19] == 2;
}

/// Errors of a look at a database whose log needs files that cannot be made beside it.
bool cannotWriteBeside(int code)
{
    const int kind = code & 0xff;
    return kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY || kind == SQLITE_PERM || kind == SQLITE_IOERR || kind == SQLITE_FULL;
}

Status copyBeside(const path& from, const path& to, const char* ending)
{
    if (*ending && !sizeBeside(from, ending))
        return {};
    std::error_code failed;
    std::filesystem::copy_file(beside(from, ending), beside(to, ending), failed);
    if (failed)
        return std::unexpected(systemError("copy", beside(from, ending).string(), failed.value()));
    // a copy of a protected file is protected
    std::filesystem::permissions(beside(to, ending), std::filesystem::perms::owner_write, std::filesystem::perm_options::add, failed);
    return {};
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
    error.message = hilum::format("{}: {}", m_file.string(), e.what());
    if (error.code == ErrorCode::BadData) {
        error.reason = "library_damaged";
        error.message += "; \"hilum library rebuild\" sets it aside and makes a new one of what can still be read";
    }
    return error;
}

Result<int> Database::recognise() const
{
    SQLite::Database& db = *m_writer->database;
    const int latest = static_cast<int>(migrations().size());
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    const int application = db.execAndGet("PRAGMA application_id").getInt();
    // most programs leave both numbers at 0
    const bool empty = version == 0 && application == 0 && db.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
    if (!empty && application != ApplicationId)
        return refuse(ErrorCode::BadData, "not_a_library", "{} is a database of another program", m_file.string());
    if (version > latest)
        return fail(ErrorCode::WrongVersion, "{} was made by a newer version of this program (its version is {}, the newest known here {})", m_file.string(), version,
                    latest);
    if (empty && m_readOnly)
        return fail(ErrorCode::NotFound, "{} is empty and cannot be written", m_file.string());
    return version;
}

void Database::migrate(int version)
{
    SQLite::Database& db = *m_writer->database;
    db.exec("PRAGMA foreign_keys = OFF"); // a migration that makes a table anew drops the old one, and nothing with it
    for (int i = version; i < static_cast<int>(migrations().size()); ++i) {
        Transaction transaction(db);
        db.exec(migrations()[static_cast<std::size_t>(i)].sql);
        db.exec(hilum::format("PRAGMA application_id = {}", ApplicationId));
        db.exec(hilum::format("PRAGMA user_version = {}", i + 1));
        transaction.finish(true);
    }
    db.exec("PRAGMA foreign_keys = ON");
}

Status Database::openForWriting(const Storage& storage)
{
    auto& db = m_writer->database;
    db = std::make_unique<SQLite::Database>(m_file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, WaitMs);
    if (!storage.local) // a database that comes with a write-ahead log can then be read without shared memory
        db->execAndGet("PRAGMA locking_mode = EXCLUSIVE");
    HILUM_TRY(const int version, recognise()); // before anything is written into another program's file
    if (storage.local) {
        const bool log = db->execAndGet("PRAGMA journal_mode = WAL").getString() == "wal"; // not on every disk that looks local
        db->exec(log ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
        migrate(version);
        if (log) {
            m_reader = std::make_unique<Connection>();
            m_reader->database = std::make_unique<SQLite::Database>(m_file.string(), SQLite::OPEN_READONLY, WaitMs);
        }
        return {};
    }
    const bool noLog = db->execAndGet("PRAGMA journal_mode = DELETE").getString() == "delete";
    db->exec("PRAGMA synchronous = FULL");
    migrate(version);
    if (noLog) {
        // without a log it can be shared with those who only read; the lock goes with the next access
        db->execAndGet("PRAGMA locking_mode = NORMAL");
        db->execAndGet("SELECT count(*) FROM sqlite_master");
    }
    return {};
}

Result<path> Database::makeCopy()
{
    HILUM_TRY(TemporaryFolder folder, TemporaryFolder::make("hilum-library"));
    m_copy.emplace(std::move(folder));
    return m_copy->where() / m_file.filename();
}

Status Database::openForReading(const Storage& storage)
{
    auto& db = m_writer->database;
    const auto openAs = [&](const char* how) {
        db = std::make_unique<SQLite::Database>(uri(m_file, how), SQLite::OPEN_READONLY | SQLite::OPEN_URI, WaitMs);
        db->execAndGet("SELECT count(*) FROM sqlite_master"); // opening alone reads nothing
    };
    const bool log = sizeBeside(m_file, "-wal").has_value();
    if (!storage.writable && hasWriteAheadLog(m_file) && !log && !sizeBeside(m_file, "-shm")) {
        openAs(Unchanging); // nobody has it open, and the files that a look takes cannot be made
    } else {
        try {
            openAs("?mode=ro");
        } catch (const SQLite::Exception& e) {
            if (!cannotWriteBeside(e.getErrorCode()))
                throw;
            db.reset();
            if (sizeBeside(m_file, "-wal").value_or(0) == 0 && sizeBeside(m_file, "-journal").value_or(0) == 0) {
                openAs(Unchanging);
            } else {
                // what a program that was killed left in its log would be missing: put in order elsewhere
                HILUM_TRY(const path copy, makeCopy());
                for (const char* part : {"", "-wal", "-journal"})
                    HILUM_TRY_STATUS(copyBeside(m_file, copy, part));
                db = std::make_unique<SQLite::Database>(copy.string(), SQLite::OPEN_READWRITE, WaitMs);
            }
        }
    }
    HILUM_TRY(const int version, recognise());
    if (version == static_cast<int>(migrations().size()))
        return {};
    if (!m_copy) { // of an older version: brought up to date elsewhere
        HILUM_TRY(const path copy, makeCopy());
        {
            SQLite::Statement into(*db, "VACUUM INTO ?");
            into.bind(1, copy.string());
            into.exec();
        }
        db = std::make_unique<SQLite::Database>(copy.string(), SQLite::OPEN_READWRITE, WaitMs);
    }
    migrate(version);
    return {};
}

Result<std::unique_ptr<Database>> Database::open(const path& file, const Storage& storage, Access access)
{
    auto out = std::make_unique<Database>();
    out->m_file = file;
    std::error_code unknown;
    const bool there = std::filesystem::exists(file, unknown);
    if (unknown)
        return std::unexpected(systemError("read", file.string(), unknown.value()));
    // the file may be protected where its folder is not
    out->m_readOnly = access == Access::Read || !storage.writable || (there && ::access(file.c_str(), W_OK) != 0);
    out->m_writer = std::make_unique<Connection>();
    if (out->m_readOnly && !there)
        return fail(ErrorCode::NotFound, "there is no library in {}", file.parent_path().string());
    if (!out->m_readOnly) {
        auto lock = WriterLock::take(file.parent_path() / "library.lock");
        if (lock) {
            out->m_lock.emplace(std::move(*lock));
        } else if (there && (lock.error().code == ErrorCode::NoSpace || lock.error().code == ErrorCode::AccessDenied)) {
            log::warning("project.library", "the library is opened to read only: its lock cannot be written ({})", name(lock.error().code));
            out->m_readOnly = true;
        } else {
            return std::unexpected(std::move(lock).error());
        }
    }
    if (const Status opened = out->guarded([&]() -> Status { return out->m_readOnly ? out->openForReading(storage) : out->openForWriting(storage); }); !opened)
        return std::unexpected(opened.error());
    return out;
}

std::string Database::journalMode() const
{
    const std::lock_guard lock(m_writer->mutex);
    return m_writer->database->execAndGet("PRAGMA journal_mode").getString();
}

} // namespace hilum::project
