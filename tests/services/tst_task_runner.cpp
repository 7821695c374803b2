#include "core/services/task_runner.h"

#include "core/base/log.h"
#include "tests/support/compare.h"

#include <QEventLoop>
#include <QScopeGuard>
#include <QThread>

#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>

using namespace hilum;
using namespace hilum::services;
using namespace std::chrono_literals;

namespace {

/// Work that hangs in the kernel, until the share is back.
struct Hung {
    std::binary_semaphore began{0}, back{0};
};

} // namespace

class TestTaskRunner : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void deliversResultOnReceiversThread()
    {
        TaskRunner runner;
        QObject receiver;
        std::optional<Result<int>> got;
        QThread *workThread = nullptr, *doneThread = nullptr;
        runner.run<int>(
            &receiver,
            [&](const Work&) -> Result<int> {
                workThread = QThread::currentThread();
                return 42;
            },
            [&](Result<int> r) {
                doneThread = QThread::currentThread();
                got = std::move(r);
            });
        QTRY_VERIFY(got.has_value());
        HILUM_VERIFY_OK(*got);
        QCOMPARE(**got, 42);
        QCOMPARE(doneThread, QThread::currentThread());
        QVERIFY(workThread != doneThread);
    }

    void turnsExceptionsIntoErrors()
    {
        TaskRunner runner;
        QObject receiver;
        std::optional<Status> got;
        runner.run<void>(&receiver, [](const Work&) -> Status { throw std::runtime_error("boom"); }, [&](Status r) { got = std::move(r); });
        QTRY_VERIFY(got.has_value());
        HILUM_VERIFY_ERROR(*got, ErrorCode::Internal);
        QVERIFY(got->error().sentence().find("boom") != std::string::npos);
    }

    void cancelReachesTheWorkAndIsReported()
    {
        TaskRunner runner;
        QObject receiver;
        std::optional<Result<int>> got;
        std::atomic_bool started = false;
        Task task = runner.run<int>(
            &receiver,
            [&](const Work& work) -> Result<int> {
                started = true;
                while (!work.cancelled())
                    QThread::msleep(1);
                return 7; // even when the work does not say so itself
            },
            [&](Result<int> r) { got = std::move(r); });
        QTRY_VERIFY(started.load());
        task.cancel();
        QTRY_VERIFY(got.has_value());
        HILUM_VERIFY_ERROR(*got, ErrorCode::Cancelled);
    }

    void dropsTheResultOfAGoneReceiver()
    {
        std::atomic_bool proceed = false, called = false, finished = false;
        TaskRunner runner;
        auto receiver = std::make_unique<QObject>();
        runner.run<int>(
            receiver.get(),
            [&](const Work&) -> Result<int> {
                while (!proceed)
                    QThread::msleep(1);
                finished = true;
                return 1;
            },
            [&](Result<int>) { called = true; });
        receiver.reset();
        proceed = true;
        QTRY_VERIFY(finished.load());
        QTest::qWait(50);
        QVERIFY(!called);
    }

    void progressArrivesInOrderWithItsEnd()
    {
        TaskRunner runner;
        QObject receiver;
        std::vector<std::int64_t> seen;
        bool ended = false;
        runner.run<void>(
            &receiver,
            [](const Work& work) -> Status {
                for (int i = 0; i <= 1000; ++i)
                    work.progress(i, 1000, "counting");
                return {};
            },
            [&](Status) { ended = true; }, [&](std::int64_t done, std::int64_t, const std::string& what) {
                QCOMPARE(what, std::string("counting"));
                seen.push_back(done);
            });
        QTRY_VERIFY(ended);
        QVERIFY(std::is_sorted(seen.begin(), seen.end()));
        QCOMPARE(seen.front(), std::int64_t(0));
        QCOMPARE(seen.back(), std::int64_t(1000));
        QVERIFY2(seen.size() < 100, "progress floods the event loop");
    }

    void destructorStopsAndWaits()
    {
        QObject receiver;
        std::atomic_bool started = false, ended = false;
        {
            TaskRunner runner;
            runner.run<void>(
                &receiver,
                [&](const Work& work) -> Status {
                    started = true;
                    while (!work.cancelled())
                        QThread::msleep(1);
                    ended = true;
                    return {};
                },
                [](Status) {});
            QTRY_VERIFY(started.load());
        }
        QVERIFY(ended);
    }

    void allAreAskedToStopAtOnce()
    {
        TaskRunner runner;
        QObject receiver;
        std::atomic_int started = 0;
        int cancelled = 0;
        for (int i = 0; i < 2; ++i)
            runner.run<void>(
                &receiver,
                [&](const Work& work) -> Status {
                    ++started;
                    while (!work.cancelled())
                        QThread::msleep(1);
                    return {};
                },
                [&](const Status& r) { cancelled += !r && r.error().code == ErrorCode::Cancelled; });
        QTRY_COMPARE(started.load(), 2);
        runner.stopAll();
        QTRY_COMPARE(cancelled, 2);
    }

    void whatDoesNotAnswerIsLeftBehind() // closing the window waited for a share that was gone
    {
        const auto hung = std::make_shared<Hung>(); // of the thread too
        std::vector<std::string> lines;
        const int sink = log::addSink([&](const log::Record& record) {
            if (record.category == "services.tasks")
                lines.push_back(record.text);
        });
        const auto atLast = qScopeGuard([&] { log::removeSink(sink); });
        std::optional<Status> got;
        QObject receiver;
        {
            TaskRunner runner;
            runner.setLongestEnd(20ms);
            runner.run<void>(
                &receiver,
                [hung](const Work&) -> Status {
                    hung->began.release();
                    hung->back.acquire();
                    return {};
                },
                [&](Status r) { got = std::move(r); });
            hung->began.acquire();
            QVERIFY(!WorkThreads::haveLeftAnyBehind());
        }
        QVERIFY(WorkThreads::haveLeftAnyBehind());
        QCOMPARE(lines.size(), std::size_t(1));
        QVERIFY2(lines.front().find("what was begun at tst_task_runner.cpp:") != std::string::npos, lines.front().c_str());
        hung->back.release(); // it goes on, without its runner
        QTRY_VERIFY(got.has_value());
        HILUM_VERIFY_ERROR(*got, ErrorCode::Cancelled);
    }
};

QTEST_GUILESS_MAIN(TestTaskRunner)
#include "tst_task_runner.moc"
