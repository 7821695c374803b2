#include "core/base/log.h"
#include "core/base/paths.h"
#include "tests/support/compare.h"

#include <QScopeGuard>

#include <stdexcept>
#include <vector>

using namespace hilum;

class TestLog : public QObject {
    Q_OBJECT
private Q_SLOTS:
    /// A full disk: the log's exception ended the program, and every later record was dropped by all sinks.
    void fullDiskLosesTheFilesRecordsAlone()
    {
        if (!std::filesystem::exists("/dev/full"))
            QSKIP("no /dev/full here");
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        std::filesystem::create_symlink("/dev/full", folder->where() / "hilum.log");
        const auto file = log::rotatingFile(folder->where() / "hilum.log");
        HILUM_VERIFY_OK(file);
        std::vector<std::string> seen;
        const int full = log::addSink(*file);
        const int other = log::addSink([&](const log::Record& record) { seen.push_back(record.text); });
        const auto atLast = qScopeGuard([&] {
            log::removeSink(full);
            log::removeSink(other);
        });
        for (int n = 0; n < 3; ++n)
            log::info("test", "record {}", n);
        QCOMPARE(seen, (std::vector<std::string>{"record 0", "record 1", "record 2"}));
    }

    void unwritableLogIsAnErrorWithItsName()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path place = folder->where() / "hilum.log";
        std::filesystem::create_directory(place); // cannot be opened for writing, by root either
        const auto file = log::rotatingFile(place);
        HILUM_VERIFY_ERROR(file, ErrorCode::Io);
        QVERIFY2(file.error().message.find(place.string()) != std::string::npos, file.error().message.c_str());
    }

    void sinksWriteLinesAndLevelsFilter()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const auto file = log::rotatingFile(folder->where() / "hilum.log");
        HILUM_VERIFY_OK(file);
        const int sink = log::addSink(*file, log::Level::Warning);
        const auto atLast = qScopeGuard([&] { log::removeSink(sink); });
        log::info("test", "too low");
        log::write(log::Level::Warning, "test", "with fields", {{"n", 3}});
        const auto text = readTextFile(folder->where() / "hilum.log");
        HILUM_VERIFY_OK(text);
        QVERIFY(text->find("too low") == std::string::npos);
        QVERIFY2(text->ends_with("warning test with fields {\"n\":3}\n"), text->c_str());
    }

    /// What a sink logs itself would go round in circles.
    void sinkThatLogsIsNotCalledAgain()
    {
        int calls = 0;
        const int sink = log::addSink([&](const log::Record&) {
            ++calls;
            log::info("test", "from inside");
            throw std::runtime_error("no");
        });
        const auto atLast = qScopeGuard([&] { log::removeSink(sink); });
        log::info("test", "one");
        log::info("test", "two");
        QCOMPARE(calls, 2);
    }
};

QTEST_APPLESS_MAIN(TestLog)
#include "tst_log.moc"
