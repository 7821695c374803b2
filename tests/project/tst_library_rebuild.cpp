#include "core/base/format.h"
#include "core/project/rebuild.h"
#include "core/project/storage.h"
#include "tests/project/library_rows.h"
#include "tests/support/compare.h"

#include <SQLiteCpp/Database.h>

#include <QDateTime>
#include <QTemporaryDir>

#include <algorithm>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace hilum;
using namespace hilum::project;
using namespace hilum::tests;

namespace {

constexpr int Pictures = 400;

} // namespace

class TestLibraryRebuild : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    path at(const std::string& name = {}) const { return path(m_folder->path().toStdString()) / name; }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    // a writer was killed on a share, and its library was read out as an empty one
    void whatAKilledWriterBeganIsRolledBack()
    {
        {
            auto library = Library::open(at(), {.local = false, .writable = true, .kind = "nfs"});
            HILUM_VERIFY_OK(library);
            std::vector<NewSeries> all;
            for (int i = 0; i < Pictures; ++i) {
                all.push_back(png(hilum::format("/data/{}.png", i)));
                all.back().thumbnailPng = std::string(2000, 'p');
            }
            HILUM_VERIFY_OK((*library)->addSeries(all));
            HILUM_VERIFY_OK((*library)->putJob({.id = "abc", .run = at("run"), .method = "mae", .preset = "tiny", .title = "t", .state = "done", .createdUtc = "2026-01-01T00:00:00Z", .message = {}}));
        }
        const pid_t child = ::fork();
        if (child == 0) {
            SQLite::Database db(at("library.sqlite").string(), SQLite::OPEN_READWRITE);
            db.exec("PRAGMA cache_size = 5"); // pages: what does not fit is written before the end
            db.exec("BEGIN IMMEDIATE; UPDATE series_details SET files = CAST('half' AS BLOB) || X'00'; DELETE FROM jobs; UPDATE thumbnails SET png = zeroblob(2000)");
            ::kill(::getpid(), SIGKILL);
            ::_exit(1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        QVERIFY(std::filesystem::file_size(at("library.sqlite-journal")) > 0);

        const auto made = rebuildLibrary(at());
        HILUM_VERIFY_OK(made);
        QVERIFY(made->whole);
        QCOMPARE(made->files.size(), std::size_t(Pictures));
        QVERIFY(std::ranges::find(made->files, path("/data/7.png")) != made->files.end());
        QCOMPARE(made->jobs, std::int64_t(1));
    }

    // the log had its new name when the renaming failed, and the next start began with what was in the file without it
    void aDatabaseKeepsItsLogWhereItCannotBeSetAside()
    {
        for (const char* file : {"library.sqlite", "library.sqlite-wal", "library.sqlite-shm"})
            std::ofstream(at(file)) << file;
        // the name that it would get is taken, whatever second it is
        const QDateTime now = QDateTime::currentDateTimeUtc();
        for (int s = 0; s < 60; ++s)
            std::filesystem::create_directory(at("library.sqlite.aside-" + now.addSecs(s).toString(QStringLiteral("yyyyMMdd'T'hhmmss'Z'-'shm'")).toStdString()));
        const auto refused = rebuildLibrary(at());
        QVERIFY(!refused);
        QVERIFY2(refused.error().message.find("library.sqlite-shm") != std::string::npos, refused.error().message.c_str());
        for (const char* file : {"library.sqlite", "library.sqlite-wal", "library.sqlite-shm"})
            QCOMPARE(*readTextFile(at(file)), std::string(file));
    }
};

QTEST_APPLESS_MAIN(TestLibraryRebuild)
#include "tst_library_rebuild.moc"
