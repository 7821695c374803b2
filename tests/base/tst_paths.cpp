#include "core/base/paths.h"
#include "tests/support/compare.h"

#include <new>
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
    void atomicWriteLeavesNothingWhenTheWriterThrows()
    {
        const auto folder = TemporaryFolder::make();
        QVERIFY_THROWS_EXCEPTION(std::bad_alloc, (void)writeFileAtomically(folder->where() / "a.txt", [](int) -> Status { throw std::bad_alloc(); }));
        QVERIFY(std::filesystem::is_empty(folder->where()));
    }
    void atomicWriteKeepsModeAndLink()
    {
        const auto folder = TemporaryFolder::make();
        const path real = folder->where() / "real.txt", link = folder->where() / "link.txt";
        HILUM_VERIFY_OK(writeFileAtomically(real, "first"));
        QCOMPARE(::chmod(real.c_str(), 0600), 0);
        std::filesystem::create_symlink(real, link);
        HILUM_VERIFY_OK(writeFileAtomically(link, "second"));
        QVERIFY(std::filesystem::is_symlink(link));
        QCOMPARE(*readTextFile(real), std::string("second"));
        struct stat info {};
        QCOMPARE(::stat(real.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777u, 0600u);
    }
    void atomicWriteTakesTheLongestNames()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(writeFileAtomically(folder->where() / std::string(255, 'n'), "text"));
        QCOMPARE(*readTextFile(folder->where() / std::string(255, 'n')), std::string("text"));
    }
    /// A name that no file can have stands for places that the system does not let us look at: root may look anywhere.
    void placesThatCannotBeLookedAtAreErrors()
    {
        const auto folder = TemporaryFolder::make();
        const path never = folder->where() / std::string(300, 'x');
        HILUM_VERIFY_OK(isThere(folder->where()));
        QVERIFY(*isThere(folder->where()) && *isFolder(folder->where()));
        QVERIFY(!*isThere(folder->where() / "none") && !*isFolder(folder->where() / "none" / "deeper"));
        HILUM_VERIFY_ERROR(isThere(never), ErrorCode::Io);
        HILUM_VERIFY_ERROR(isFolder(never), ErrorCode::Io);
        QVERIFY(isThere(never).error().message.find(never.string()) != std::string::npos);
        HILUM_VERIFY_ERROR(makeFolder(never / "below"), ErrorCode::Io);
        HILUM_VERIFY_ERROR(freeSpace(never), ErrorCode::Io);
        qputenv("HILUM_HOME", QByteArray(never.c_str()));
        HILUM_VERIFY_ERROR(userKey(), ErrorCode::Io);
        qunsetenv("HILUM_HOME");
        HILUM_VERIFY_OK(writeFileAtomically(folder->where() / "file", ""));
        HILUM_VERIFY_ERROR(makeFolder(folder->where() / "file" / "below"), ErrorCode::NotFound);
    }
    void foldersMadeOnTheWayAreForThisUserOnly()
    {
        const auto home = TemporaryFolder::make();
        HILUM_VERIFY_OK(makeFolder(home->where() / "a" / "b" / ""));
        for (const path& made : {home->where() / "a", home->where() / "a" / "b"}) {
            struct stat info {};
            QCOMPARE(::stat(made.c_str(), &info), 0);
            QCOMPARE(info.st_mode & 0777u, 0700u);
        }
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
        QCOMPARE(std::distance(std::filesystem::directory_iterator(home->where() / "config"), {}), std::ptrdiff_t{1});
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
