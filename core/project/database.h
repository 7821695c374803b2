#pragma once

#include "core/base/paths.h"
#include "core/project/storage.h"
#include "core/project/writer_lock.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>

namespace hilum::project {

enum class Access { ReadWrite, Read };

/// The database file with its journal mode, lock and migrations. Thread-safe through read() and write(): each holds its
/// connection for the time of the call. With a write-ahead log a reader never waits for a writer.
class Database {
    template <class R> static constexpr bool IsResult = requires(R r) { r.error(); r.has_value(); };
    template <class R> struct Wrapped { using type = Result<R>; };
    template <class R> requires IsResult<R> struct Wrapped<R> { using type = R; };
    template <class Work> using Out = typename Wrapped<std::invoke_result_t<Work, SQLite::Database&>>::type;

public:
    /// To read only, too, where the file is protected or the disk has no room for the writer's lock: readOnly() tells.
    static Result<std::unique_ptr<Database>> open(const path& file, const Storage& storage, Access access = Access::ReadWrite);

    bool readOnly() const { return m_readOnly; }
    const path& file() const { return m_file; }
    std::string journalMode() const; ///< "wal", "delete"

    /// Runs `work(SQLite::Database&)` and turns exceptions into errors; no transaction.
    template <class Work> Out<Work> read(Work&& work) const
    {
        Connection& c = m_reader ? *m_reader : *m_writer;
        const std::lock_guard lock(c.mutex);
        return guarded([&]() -> Out<Work> { return call(work, *c.database); });
    }
    /// The same inside one transaction: all of it happens or nothing. AccessDenied when opened to read.
    template <class Work> Out<Work> write(Work&& work)
    {
        if (m_readOnly)
            return fail(ErrorCode::AccessDenied, "the library in {} is open for reading only", m_file.parent_path().string());
        const std::lock_guard lock(m_writer->mutex);
        return guarded([&]() -> Out<Work> {
            Transaction transaction(*m_writer->database);
            Out<Work> out = call(work, *m_writer->database);
            transaction.finish(out.has_value());
            return out;
        });
    }

private:
    struct Connection {
        std::mutex mutex;
        std::unique_ptr<SQLite::Database> database; // guarded by mutex
    };
    /// Rolls back unless finish(true) was called.
    class Transaction {
    public:
        explicit Transaction(SQLite::Database& database);
        ~Transaction();
        void finish(bool commit);

    private:
        SQLite::Database& m_database;
        bool m_open = true;
    };

    Error errorFrom(const SQLite::Exception& e) const;

    template <class Work> static Out<Work> call(Work& work, SQLite::Database& database)
    {
        if constexpr (std::is_void_v<std::invoke_result_t<Work, SQLite::Database&>>) {
            work(database);
            return {};
        } else {
            return work(database);
        }
    }
    /// `work` returns a Result.
    template <class Work> auto guarded(Work&& work) const -> std::invoke_result_t<Work>
    {
        try {
            return work();
        } catch (const SQLite::Exception& e) {
            return std::unexpected(errorFrom(e));
        }
    }

    Status openForWriting(const Storage& storage);
    Status openForReading(const Storage& storage);
    Result<path> makeCopy(); ///< where a copy of the file may lie while this one is open
    Result<int> recognise() const; ///< the version; writes nothing
    void migrate(int version);

    path m_file;
    bool m_readOnly = false;
    std::optional<WriterLock> m_lock;
    std::optional<TemporaryFolder> m_copy;        // of what can be read no other way; goes after its connection
    std::unique_ptr<Connection> m_writer;         // the only connection when there is no reader
    mutable std::unique_ptr<Connection> m_reader; // with a write-ahead log only
};

} // namespace hilum::project
