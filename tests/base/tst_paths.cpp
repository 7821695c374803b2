#include "core/base/paths.h"
#include "tests/support/compare.h"

#include <sys/stat.h>

using namespace hilum;

class TestPaths : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void atomicWriteLeavesTheOldFileWhenTheWriterFails()
    {
        const auto folder = TemporaryFolder::make();
        const auto file = folder->where() / "a.txt";
        HILUM_VERIFY_OK(writeFileAtomically(file, "first"));
        const auto failed = writeFileAtomically(file, [](int) -> Status { return fail(ErrorCode::NoSpace, "full"); });
        HILUM_VERIFY_ERROR(failed, ErrorCode::NoSpace);
        QCOMPARE(*readTextFile(file), std::string("first"));
        QCOMPARE(std::distance(std::filesystem::directory_iterator(folder->where()), {}), std::ptrdiff_t{1});
    }
    void fullDiskIsNoSpace()
    {
        if (!std::filesystem::exists("/dev/full"))
            QSKIP("no /dev/full here");
        FILE* full = ::fopen("/dev/full", "w");
        HILUM_VERIFY_ERROR(writeAll(::fileno(full), std::as_bytes(std::span("x", 1)), "/dev/full"), ErrorCode::NoSpace);
        ::fclose(full);
    }
    void keyIsMadeOnceForThisUserOnly()
    {
        const auto home = TemporaryFolder::make();
        qputenv("HILUM_HOME", QByteArray(home->where().c_str()));
        const auto key = userKey();
        HILUM_VERIFY_OK(key);
        QCOMPARE(key->size(), std::size_t{64});
        QCOMPARE(*userKey(), *key);
        struct stat info {};
        QCOMPARE(::stat((home->where() / "config" / "key").c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777u, 0600u);
        qunsetenv("HILUM_HOME");
    }
    void limitOfTextFiles()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(writeFileAtomically(folder->where() / "t", std::string(100, 'x')));
        HILUM_VERIFY_ERROR(readTextFile(folder->where() / "t", 99), ErrorCode::TooLarge);
    }
};

QTEST_APPLESS_MAIN(TestPaths)
#include "tst_paths.moc"
