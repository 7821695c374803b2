#include "core/base/process_identity.h"
#include "core/project/library.h"
#include "core/project/rebuild.h"
#include "core/project/storage.h"
#include "tests/support/compare.h"

#include <SQLiteCpp/Database.h>

#include <QDir>
#include <QTemporaryDir>

#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace hilum;
using namespace hilum::project;

namespace {

constexpr int Batch = 20;

NewSeries numbered(int batch, int i)
{
    NewSeries s;
    s.row.kind = "image";
    s.row.format = "png";
    s.row.seriesUid = hilum::format("1.{}.{}", batch, i);
    s.row.studyUid = hilum::format("2.{}", batch);
    s.row.description = hilum::format("batch{}", batch);
    s.row.files = {hilum::format("/data/{}/{}.png", batch, i)};
    s.row.where = s.row.files.front();
    s.thumbnailPng = std::string(2000, 'p');
    return s;
}

std::vector<NewSeries> batchOf(int batch)
{
    std::vector<NewSeries> all;
    for (int i = 0; i < Batch; ++i)
        all.push_back(numbered(batch, i));
    return all;
}

/// Runs `work` in a child process that never returns into the test; its exit code.
template <class Work> int inChild(Work work)
{
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(work());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

class TestLibrarySafety : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    path at(const char* name = "") const { return path(m_folder->path().toStdString()) / name; }
    QStringList files() const { return QDir(m_folder->path()).entryList(QDir::Files); }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void killedWriterLeavesWholeBatches_data()
    {
        QTest::addColumn<bool>("local");
        QTest::newRow("local disk") << true;
        QTest::newRow("network share") << false;
    }
    void killedWriterLeavesWholeBatches()
    {
        QFETCH(bool, local);
        const Storage storage{.local = local, .writable = true, .kind = "test"};
        for (int round = 0; round < 3; ++round) {
            int said[2];
            QCOMPARE(::pipe(said), 0);
            const pid_t child = ::fork();
            if (child == 0) {
                auto library = Library::open(at(), storage);
                if (!library)
                    ::_exit(1);
                for (int batch = round * 100000;; ++batch) {
                    if (!(*library)->addSeries(batchOf(batch)))
                        ::_exit(2);
                    if (::write(said[1], "b", 1) != 1)
                        ::_exit(3);
                }
            }
            ::close(said[1]);
            char bytes[8];
            std::int64_t told = 0;
            while (told < 5) { // some batches are in, one is being written
                const auto n = ::read(said[0], bytes, 1);
                QVERIFY2(n == 1, "the writing child ended by itself");
                told += n;
            }
            ::usleep(static_cast<useconds_t>(1000 + 1700 * round));
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            ::close(said[0]);

            auto library = Library::open(at(), storage);
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->check());
            const auto count = (*library)->count();
            HILUM_VERIFY_OK(count);
            QVERIFY(*count >= 5 * Batch);
            QCOMPARE(*count % Batch, std::int64_t(0));
            QCOMPARE(*(*library)->count(hilum::format("batch{}", round * 100000 + 4)) % Batch, std::int64_t(0));
        }
    }

    void onlyOneProcessWrites()
    {
        auto library = Library::open(at());
        HILUM_VERIFY_OK(library);
        const auto second = Library::open(at());
        HILUM_VERIFY_ERROR(second, ErrorCode::Busy);
        const std::string sentence = second.error().sentence();
        QVERIFY2(sentence.find(hilum::format("process {}", ::getpid())) != std::string::npos, sentence.c_str());
        QVERIFY2(sentence.find(thisProcess().host) != std::string::npos, sentence.c_str());
        // another process, and one that only looks
        HILUM_VERIFY_OK((*library)->addSeries(batchOf(1)));
        QCOMPARE(inChild([&] {
            const auto other = Library::open(at());
            const auto reader = Library::openToRead(at());
            if (other || other.error().code != ErrorCode::Busy)
                return 1;
            if (!reader || !(*reader)->readOnly() || (*reader)->count() != Batch)
                return 2;
            const auto refused = (*reader)->addSeries(batchOf(2));
            return !refused && refused.error().code == ErrorCode::AccessDenied ? 0 : 3;
        }), 0);
        library->reset();
        HILUM_VERIFY_OK(Library::open(at()));
    }

    void lockOfADeadProcessIsTakenOver()
    {
        ProcessIdentity gone = thisProcess();
        gone.pid = 999999;
        std::ofstream(at("library.lock")) << jsonLine(toJson(gone));
        HILUM_VERIFY_OK(Library::open(at()));
        std::ofstream(at("library.lock")) << "not json";
        HILUM_VERIFY_OK(Library::open(at()));
    }

    void sharesGetNoWriteAheadLog()
    {
        {
            auto library = Library::open(at(), {.local = true, .writable = true, .kind = "local"});
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->addSeries(batchOf(1)));
            QVERIFY(files().contains("library.sqlite-wal"));
        }
        // the same library, its home now on a share
        auto library = Library::open(at(), {.local = false, .writable = true, .kind = "nfs"});
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->addSeries(batchOf(2)));
        QCOMPARE(*(*library)->count(), std::int64_t(2 * Batch));
        QVERIFY(!files().contains("library.sqlite-wal"));
        QVERIFY(!files().contains("library.sqlite-shm"));
    }

    void localDisksAreKnown() { QVERIFY(probeStorage(at()).writable); }

    void readOnlyMediaAreReadWithoutATrace()
    {
        {
            auto library = Library::open(at());
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->addSeries(batchOf(1)));
        }
        std::filesystem::remove(at("library.lock"));
        const QStringList before = files();
        auto library = Library::open(at(), {.local = true, .writable = false, .kind = "iso9660"});
        HILUM_VERIFY_OK(library);
        QVERIFY((*library)->readOnly());
        QCOMPARE(*(*library)->count("batch1"), std::int64_t(Batch));
        HILUM_VERIFY_ERROR((*library)->addSeries(batchOf(2)), ErrorCode::AccessDenied);
        QCOMPARE(files(), before);
        QTemporaryDir empty;
        HILUM_VERIFY_ERROR(Library::open(empty.path().toStdString(), {.local = true, .writable = false, .kind = "iso9660"}), ErrorCode::NotFound);
    }

    void readOnlyMediaShowWhatAKilledWriterLeft_data()
    {
        QTest::addColumn<bool>("withSharedMemory");
        QTest::newRow("as it was left") << true;
        QTest::newRow("copied without its shared memory") << false;
    }
    void readOnlyMediaShowWhatAKilledWriterLeft()
    {
        QFETCH(bool, withSharedMemory);
        // everything is in the log still: a look at the file alone finds an empty database, or an old one
        QCOMPARE(inChild([&] {
            auto library = Library::open(at());
            if (!library || !(*library)->addSeries(batchOf(1)) || !(*library)->addSeries(batchOf(2)))
                return 1;
            ::kill(::getpid(), SIGKILL);
            return 2;
        }), -1);
        QVERIFY(std::filesystem::file_size(at("library.sqlite-wal")) > 0);
        if (!withSharedMemory)
            std::filesystem::remove(at("library.sqlite-shm"));
        std::filesystem::permissions(at(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
        const auto library = Library::open(at(), {.local = true, .writable = false, .kind = "test"});
        std::filesystem::permissions(at(), std::filesystem::perms::owner_all);
        HILUM_VERIFY_OK(library);
        QVERIFY((*library)->readOnly());
        QCOMPARE(*(*library)->count(), std::int64_t(2 * Batch));
        HILUM_VERIFY_OK((*library)->check());
    }

    void aLookBesideAWriterSeesWhatItWrites()
    {
        auto writer = Library::open(at());
        HILUM_VERIFY_OK(writer);
        HILUM_VERIFY_OK((*writer)->addSeries(batchOf(1)));
        const auto reader = Library::open(at(), {.local = true, .writable = false, .kind = "another user's"});
        HILUM_VERIFY_OK(reader);
        QCOMPARE(*(*reader)->count(), std::int64_t(Batch));
        HILUM_VERIFY_OK((*writer)->addSeries(batchOf(2)));
        QCOMPARE(*(*reader)->count(), std::int64_t(2 * Batch));
    }

    void sharesAreReadBesideTheirWriter()
    {
        auto writer = Library::open(at(), {.local = false, .writable = true, .kind = "nfs"});
        HILUM_VERIFY_OK(writer);
        HILUM_VERIFY_OK((*writer)->addSeries(batchOf(1)));
        QCOMPARE(inChild([&] {
            const auto reader = Library::openToRead(at());
            return reader && (*reader)->count() == Batch ? 0 : 1;
        }), 0);
    }

    void protectedFilesAreReadOnly_data()
    {
        QTest::addColumn<QString>("file");
        QTest::newRow("the database, as copied from a disc") << "library.sqlite";
        QTest::newRow("the lock, another user's") << "library.lock";
    }
    void protectedFilesAreReadOnly()
    {
        QFETCH(QString, file);
        if (::geteuid() == 0)
            QSKIP("root may write everywhere");
        {
            auto library = Library::open(at());
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->addSeries(batchOf(1)));
        }
        std::filesystem::permissions(at(qPrintable(file)), std::filesystem::perms::owner_read);
        const auto library = Library::open(at());
        HILUM_VERIFY_OK(library);
        QVERIFY((*library)->readOnly());
        QCOMPARE(*(*library)->count(), std::int64_t(Batch));
        HILUM_VERIFY_ERROR((*library)->addSeries(batchOf(2)), ErrorCode::AccessDenied);
    }

    void unreachableLibrariesAreAnError()
    {
        HILUM_VERIFY_ERROR(Library::openToRead(at(std::string(300, 'x').c_str())), ErrorCode::Io); // ENAMETOOLONG was thrown
    }

    void otherVersionsAreRefused()
    {
        HILUM_VERIFY_OK(Library::open(at()));
        SQLite::Database(at("library.sqlite").string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 9999");
        const auto newer = Library::open(at());
        HILUM_VERIFY_ERROR(newer, ErrorCode::WrongVersion);
        QVERIFY(newer.error().message.find("9999") != std::string::npos);
    }

    void otherFilesAreRefused()
    {
        std::ofstream(at("library.sqlite")) << std::string(5000, 'x');
        HILUM_VERIFY_ERROR(Library::open(at()), ErrorCode::BadData);
        std::filesystem::remove(at("library.sqlite"));
        {
            SQLite::Database other(at("library.sqlite").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
            other.exec("PRAGMA application_id = 77; CREATE TABLE mine (x)");
        }
        HILUM_VERIFY_ERROR(Library::open(at()), ErrorCode::BadData);
        std::filesystem::remove(at("library.sqlite"));
        {
            SQLite::Database other(at("library.sqlite").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
            other.exec("CREATE TABLE folders (mine)"); // most programs leave the application's number at 0
        }
        HILUM_VERIFY_ERROR(Library::open(at()), ErrorCode::BadData);
        SQLite::Database other(at("library.sqlite").string(), SQLite::OPEN_READONLY);
        QCOMPARE(other.execAndGet("PRAGMA journal_mode").getString(), std::string("delete")); // not even that was changed
        QCOMPARE(other.execAndGet("SELECT count(*) FROM sqlite_master").getInt(), 1);
    }

    void damageIsFound()
    {
        {
            auto library = Library::open(at());
            for (int i = 0; i < 20; ++i)
                HILUM_VERIFY_OK((*library)->addSeries(batchOf(i)));
        }
        std::fstream file(at("library.sqlite"), std::ios::in | std::ios::out | std::ios::binary);
        const auto size = static_cast<std::streamoff>(std::filesystem::file_size(at("library.sqlite")));
        file.seekp(size / 2 / 4096 * 4096);
        file << std::string(4096 * 3, '\x5a');
        file.close();
        auto library = Library::open(at());
        QVERIFY(!library || !(*library)->check());
    }

    // damaged names made an endless list, damaged notices ended the window: whatever is damaged is an error at most
    void changedBytesAreAnErrorAtMost()
    {
        {
            auto library = Library::open(at("whole"));
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->addSeries(batchOf(1)));
        }
        const std::string whole = *readTextFile(at("whole/library.sqlite"));
        std::filesystem::create_directories(at("damaged"));
        constexpr std::size_t Places = 80;
        int opened = 0;
        for (std::size_t n = 0; n < Places; ++n) {
            std::string bytes = whole;
            for (std::size_t i = 0; i < 8; ++i) // 100: behind the header, which decides alone whether it is a database
                bytes[100 + (n * 9973 + i * 613) % (bytes.size() - 100)] ^= static_cast<char>(1 << ((n + i) % 8));
            for (const char* name : {"library.sqlite-wal", "library.sqlite-shm"})
                std::filesystem::remove(at("damaged") / name);
            std::ofstream(at("damaged/library.sqlite"), std::ios::binary) << bytes;
            auto library = Library::open(at("damaged"));
            if (!library)
                continue;
            ++opened;
            if (const auto rows = (*library)->list({.search = "batch1"}))
                for (const SeriesRow& row : *rows) {
                    for (const Json& notice : row.notices)
                        QVERIFY(notice.is_object());
                    (void)(*library)->series(row.id);
                    (void)(*library)->thumbnail(row.id);
                }
            (void)(*library)->list();
            (void)(*library)->refreshMissing();
            (void)(*library)->addSeries(batchOf(1));
            (void)(*library)->check();
        }
        QVERIFY2(opened > 0, "nothing was looked at");
    }

    void aDamagedLibraryIsSetAsideAndBegunAnew_data()
    {
        QTest::addColumn<QString>("damage");
        for (const char* damage : {"none", "middle", "whole"})
            QTest::newRow(damage) << damage;
    }
    void aDamagedLibraryIsSetAsideAndBegunAnew()
    {
        QFETCH(QString, damage);
        HILUM_VERIFY_ERROR(rebuildLibrary(at()), ErrorCode::NotFound);
        {
            auto library = Library::open(at());
            HILUM_VERIFY_OK(library);
            for (int i = 0; i < 20; ++i)
                HILUM_VERIFY_OK((*library)->addSeries(batchOf(i)));
            HILUM_VERIFY_OK((*library)->putJob({.id = "abc", .run = at("run"), .method = "mae", .preset = "tiny", .title = "t", .state = "done", .createdUtc = "2026-01-01T00:00:00Z", .message = {}}));
            HILUM_VERIFY_ERROR(rebuildLibrary(at()), ErrorCode::Busy); // not under a program that uses it
        }
        const auto size = static_cast<std::streamoff>(std::filesystem::file_size(at("library.sqlite")));
        {
            std::fstream file(at("library.sqlite"), std::ios::in | std::ios::out | std::ios::binary);
            if (damage == "middle") {
                file.seekp(size / 2 / 4096 * 4096);
                file << std::string(4096 * 3, '\x5a');
            } else if (damage == "whole") {
                file << std::string(static_cast<std::size_t>(size), 'x');
            }
        }
        const std::string before = *readTextFile(at("library.sqlite"));
        if (damage == "whole") {
            const auto refused = Library::open(at());
            HILUM_VERIFY_ERROR(refused, ErrorCode::BadData);
            QVERIFY2(refused.error().message.find("hilum library rebuild") != std::string::npos, refused.error().message.c_str());
        }
        path old;
        {
            const auto made = rebuildLibrary(at());
            HILUM_VERIFY_OK(made);
            old = made->old;
            QVERIFY(old != at("library.sqlite"));
            QCOMPARE(*readTextFile(old), before); // as it was
            QCOMPARE(*made->library->count(), std::int64_t(0));
            if (damage == "none") {
                QVERIFY(made->whole);
                QCOMPARE(made->files.size(), std::size_t(20 * Batch));
                QCOMPARE(made->library->jobs()->size(), std::size_t(1));
            } else if (damage == "whole") {
                QVERIFY(!made->whole);
                QVERIFY(made->files.empty());
            }
            HILUM_VERIFY_OK(made->library->addSeries(batchOf(1)));
        }
        // once more: the first one stays, too
        const auto again = rebuildLibrary(at());
        HILUM_VERIFY_OK(again);
        QVERIFY(again->old != old);
        QVERIFY(std::filesystem::exists(old));
    }
};

QTEST_APPLESS_MAIN(TestLibrarySafety)
#include "tst_library_safety.moc"
