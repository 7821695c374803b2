#include "core/learning/train/events.h"

#include "core/base/job_protocol.h"
#include "core/learning/train/stop_wishes.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <filesystem>
#include <sys/resource.h>
#include <vector>

using namespace hilum;
using namespace hilum::learning;

/// Who reads a run folder takes its last event for how the run ended.
class TestRunEvents : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;

    std::vector<std::string> kinds() const
    {
        std::vector<std::string> out;
        JsonLineReader lines;
        const auto text = readTextFile(path(m_folder.path().toStdString()) / "events.jsonl", 1u << 20);
        if (text)
            for (const Result<Json>& line : lines.feed(*text))
                out.push_back(line ? line->value("kind", "") : "torn");
        return out;
    }
    Json last() const
    {
        Json out = Json::object();
        JsonLineReader lines;
        if (const auto text = readTextFile(path(m_folder.path().toStdString()) / "events.jsonl", 1u << 20))
            for (const Result<Json>& line : lines.feed(*text))
                if (line)
                    out = *line;
        return out;
    }

private Q_SLOTS:
    void theHeartbeatEndsBeforeTheResult()
    {
        const auto events = EventStream::open(path(m_folder.path().toStdString()), EventStream::Echo::None);
        HILUM_VERIFY_OK(events);
        {
            RunMonitor monitor(**events, RunMonitor::Listen::Nothing);
            monitor.enter("training");
            QTRY_VERIFY_WITH_TIMEOUT(kinds().size() >= 3, 60000); // it beats by itself
            monitor.requestCancel();
            QTRY_VERIFY_WITH_TIMEOUT(monitor.cancelRequested(), 60000);
            monitor.finish({{"step", 3}, {"cancelled", true}});
            const std::size_t then = kinds().size();
            QCOMPARE(kinds().back(), std::string(protocol::Done));
            // a wish that comes too late, and networks that take longer than a beat to be let go
            monitor.requestCancel();
            QTest::qWait(1500);
            QCOMPARE(kinds().size(), then);
        }
        QCOMPARE(kinds().back(), std::string(protocol::Done));
    }
    // a full disk: half an event and the next one in one line
    void aWriteThatFailsLeavesNoHalfLine()
    {
        const QTemporaryDir folder;
        const path run = folder.path().toStdString(), file = run / "events.jsonl";
        const auto events = EventStream::open(run, EventStream::Echo::None);
        HILUM_VERIFY_OK(events);
        (*events)->emit("metric", {{"step", 1}});
        const std::uintmax_t whole = std::filesystem::file_size(file);
        // a limit on the size of files stands for a disk with ten bytes left
        const auto before = std::signal(SIGXFSZ, SIG_IGN);
        rlimit limit{}, tight{};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &limit), 0);
        tight = limit;
        tight.rlim_cur = whole + 10;
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &tight), 0);
        (*events)->emit("metric", {{"step", 2}});
        const bool failed = !(*events)->lastWrite();
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::signal(SIGXFSZ, before);
        QVERIFY(failed);
        QCOMPARE(std::filesystem::file_size(file), whole);
        (*events)->emit("metric", {{"step", 3}});
        HILUM_VERIFY_OK((*events)->lastWrite());
        JsonLineReader lines;
        const auto text = readTextFile(file);
        HILUM_VERIFY_OK(text);
        const auto read = lines.feed(*text);
        QCOMPARE(read.size(), std::size_t{2});
        HILUM_VERIFY_OK(read[0]);
        HILUM_VERIFY_OK(read[1]);
        QCOMPARE(read[1]->at("step"), Json(3));
    }
    // a signal while the job was read and the device measured ended the worker without a word
    void aWishBeforeTheMonitorIsKept()
    {
        keepStopWishes();
        QCOMPARE(::raise(SIGTERM), 0);
        const auto events = EventStream::open(path(m_folder.path().toStdString()), EventStream::Echo::None);
        HILUM_VERIFY_OK(events);
        RunMonitor monitor(**events, RunMonitor::Listen::SignalsAndInput);
        QTRY_VERIFY_WITH_TIMEOUT(monitor.cancelRequested(), 60000);
    }
    void aPhaseCountsForItself()
    {
        const auto events = EventStream::open(path(m_folder.path().toStdString()), EventStream::Echo::None);
        HILUM_VERIFY_OK(events);
        RunMonitor monitor(**events, RunMonitor::Listen::Nothing);
        monitor.enter("evaluating");
        QTRY_VERIFY_WITH_TIMEOUT(last().value("phase", "") == "evaluating" && !last().contains("total"), 60000);
        monitor.within(12, 40);
        QTRY_VERIFY_WITH_TIMEOUT(last().value("total", 0) == 40, 60000); // with the next beat
        QCOMPARE(last().at("done"), Json(12));
        QCOMPARE(last().at("phase"), Json("evaluating"));
        monitor.enter("training");
        QTRY_VERIFY_WITH_TIMEOUT(last().value("phase", "") == "training" && !last().contains("done") && !last().contains("total"), 60000);
        // after a wish to stop, what still counts says nothing
        monitor.enter("evaluating");
        monitor.within(13, 40);
        monitor.requestCancel();
        QTRY_VERIFY_WITH_TIMEOUT(last().value("phase", "") == "saving" && !last().contains("total"), 60000);
        const std::size_t then = kinds().size();
        monitor.within(14, 40);
        QTRY_VERIFY_WITH_TIMEOUT(kinds().size() > then, 60000);
        QVERIFY(!last().contains("total"));
    }
};

QTEST_GUILESS_MAIN(TestRunEvents)
#include "tst_run_events.moc"
