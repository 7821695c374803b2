// Jobs that begin and are cancelled while a run folder does not answer, as on a share that hangs: nobody waits for it but the queue.
#include "core/base/process_identity.h"
#include "core/services/work_threads.h"
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::Answer;
using hilum::tests::HeldFile;

namespace {

using Names = std::vector<std::string>;

constexpr int Wait = 60000; // ms; ten times what a slow machine takes
constexpr std::string_view Index = R"({"schema": "hilum.cache/1", "digest": "d1"})"; // of a prepared cache

/// Whether this program has a child that lives. While its log does not open, a worker is one already, and works for nobody yet.
bool hasChild()
{
    std::error_code gone; // a process may end while it is looked at
    for (const auto& process : std::filesystem::directory_iterator("/proc", gone)) {
        const std::string stat = readTextFile(process.path() / "stat", 4096).value_or(std::string());
        const auto end = stat.rfind(')'); // then its state and its parent: proc_pid_stat(5)
        if (end != std::string::npos && stat.size() > end + 4 && stat[end + 2] != 'Z' && std::atoi(stat.c_str() + end + 4) == ::getpid())
            return true;
    }
    return false;
}

} // namespace

class TestJobRunnerLaunch : public QObject, private hilum::tests::JobBench {
    Q_OBJECT

    path emptyFolder()
    {
        const path folder = fresh();
        std::filesystem::create_directories(folder);
        return folder;
    }
    static bool starts(const JobRunner& runner, const std::string& id) { return is(runner, id, JobState::Running) && runner.job(id)->starting; }

private Q_SLOTS:
    void aNewRunIsMadeWithoutWaitingForTheDisk() // the window stood still until the share had answered
    {
        JobRequest wanted = request("good");
        wanted.cache = emptyFolder();
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        Answer<std::string> started;
        HeldFile held(wanted.cache / "index.json");
        QVERIFY(held.made());
        runner.start(wanted, &started.receiver, started.slot());
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        QVERIFY(!started.got && runner.jobs().empty());
        held.comeBack(Index);
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_OK(*started.got);
        const std::string id = **started.got;
        QCOMPARE(runner.job(id)->run, wanted.run);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, id, JobState::Done), Wait);
        started.got.reset();
        runner.start(wanted, &started.receiver, started.slot()); // the folder has a run
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*started.got, ErrorCode::Busy);
        QCOMPARE(runner.jobs().size(), std::size_t(1));
    }

    void theyBeginOneAfterTheOtherAsTheyWereAskedFor()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        QObject here;
        Names asked(3), begun;
        bool together = false;
        connect(&runner, &JobRunner::jobChanged, &here, [&] {
            int active = 0;
            for (const JobStatus& job : runner.jobs())
                if (job.state == JobState::Running) {
                    ++active;
                    if (std::ranges::find(begun, job.id) == begun.end())
                        begun.push_back(job.id);
                }
            together |= active > 1;
        });
        for (std::string& id : asked)
            runner.start(request("good"), &here, [&id](const Result<std::string>& started) { id = started.value_or("none"); });
        QTRY_VERIFY_WITH_TIMEOUT(runner.jobs().size() == asked.size() && std::ranges::all_of(runner.jobs(), [](const JobStatus& job) { return job.state == JobState::Done; }), Wait);
        Names listed;
        for (const JobStatus& job : runner.jobs())
            listed.push_back(job.id);
        QCOMPARE(listed, asked);
        QCOMPARE(begun, asked);
        QVERIFY(!together);
    }

    void aWorkerBeginsWithoutWaitingForItsFolder()
    {
        const auto hung = makeQueued("hung"), next = makeQueued("next");
        HILUM_VERIFY_OK(hung);
        HILUM_VERIFY_OK(next);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*hung, *next};
        JobRunner runner(&library);
        runner.setPatience(quick());
        const auto file = readTextFile(hung->run / "job.json");
        HILUM_VERIFY_OK(file);
        HeldFile held(hung->run / "job.json");
        QVERIFY(held.made());
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        QVERIFY(starts(runner, "hung"));
        QVERIFY(is(runner, "next", JobState::Queued)); // it waits as for a job that is at work
        HILUM_VERIFY_ERROR(runner.resume("hung"), ErrorCode::Busy);
        HILUM_VERIFY_ERROR(forget(runner, "hung"), ErrorCode::Busy);
        QVERIFY(runner.toldBytes("hung") == std::uintmax_t(0));
        held.comeBack(*file);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "hung", JobState::Done), Wait);
        QVERIFY(!runner.job("hung")->starting);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "next", JobState::Done), Wait);
    }

    void whoIsCancelledBeforeItsFolderAnswersNeverBegins()
    {
        const auto hung = makeQueued("hung"), next = makeQueued("next");
        HILUM_VERIFY_OK(hung);
        HILUM_VERIFY_OK(next);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*hung, *next};
        JobRunner runner(&library);
        runner.setPatience(quick());
        const auto file = readTextFile(hung->run / "job.json");
        HILUM_VERIFY_OK(file);
        HeldFile held(hung->run / "job.json");
        QVERIFY(held.made());
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        HILUM_VERIFY_OK(runner.cancel("hung"));
        HILUM_VERIFY_OK(runner.cancel("hung"));
        QVERIFY(is(runner, "hung", JobState::Cancelling));
        QVERIFY(is(runner, "next", JobState::Queued));
        held.comeBack(*file);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "hung", JobState::Cancelled), Wait);
        const JobStatus s = *runner.job("hung");
        QCOMPARE(s.message, std::string("Taken out of the queue before it began"));
        QVERIFY(!s.starting && !s.resumable && s.phase.empty());
        QVERIFY(!std::filesystem::exists(hung->run / "events.jsonl"));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "next", JobState::Done), Wait);
    }

    void aWorkerThatBeginsAllTheSameIsAskedToStop()
    {
        JobRequest wanted = request("slow");
        std::filesystem::create_directories(wanted.run);
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        Answer<std::string> started;
        HeldFile held(wanted.run / "worker.log"); // the last thing before the worker's own code
        QVERIFY(held.made());
        runner.start(wanted, &started.receiver, started.slot());
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_OK(*started.got);
        const std::string id = **started.got;
        QTRY_VERIFY_WITH_TIMEOUT(hasChild(), Wait);
        QVERIFY(starts(runner, id));
        HILUM_VERIFY_OK(runner.cancel(id));
        held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, id, JobState::Cancelled), Wait);
        QVERIFY2(runner.job(id)->message.starts_with("Stopped at step"), runner.job(id)->message.c_str());
        QVERIFY(!hasChild());
    }

    void whatCannotBeginHasFailedAndCanBeResumed()
    {
        const auto next = makeQueued("next");
        HILUM_VERIFY_OK(next);
        hilum::tests::FakeLibrary library;
        library.jobRows = {makeRun("broken", "queued"), *next}; // its job file names no cache
        const path run = library.jobRows.front().run;
        JobRunner runner(&library);
        runner.setPatience(quick());
        HILUM_VERIFY_OK(makeFolder(run / "checkpoints"));
        HILUM_VERIFY_OK(writeFileAtomically(run / "checkpoints" / "latest", "step-2"));
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "broken", JobState::Failed), Wait);
        const JobStatus s = *runner.job("broken");
        QVERIFY2(s.message.starts_with("the job names its cache by"), s.message.c_str());
        QCOMPARE(s.lastCheckpoint, std::int64_t(2));
        QVERIFY(s.resumable && !s.starting && s.phase.empty());
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "next", JobState::Done), Wait);
    }

    void aJobThatBeginsIsNotReplacedByAnotherFolder() // two workers of one job
    {
        const auto row = makeQueued("twice");
        HILUM_VERIFY_OK(row);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        const path elsewhere = emptyFolder();
        const auto file = readTextFile(row->run / "job.json");
        HILUM_VERIFY_OK(file);
        HILUM_VERIFY_OK(writeFileAtomically(elsewhere / "job.json", *file));
        JobRunner runner(&library);
        runner.setPatience(quick());
        HeldFile held(row->run / "job.json");
        QVERIFY(held.made());
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        HILUM_VERIFY_OK(runner.adopt(elsewhere));
        QCOMPARE(runner.jobs().size(), std::size_t(1));
        QCOMPARE(runner.job("twice")->run, row->run);
        held.comeBack(*file);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "twice", JobState::Done), Wait);
    }

    void aJobIsTakenOutOfTheQueueWithoutAskingItsFolder()
    {
        const auto row = makeQueued("waiting");
        HILUM_VERIFY_OK(row);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        HILUM_VERIFY_OK(writeFileAtomically(row->run / "checkpoints" / "latest", "step-7"));
        JobRunner runner(&library);
        HeldFile held(row->run / "checkpoints" / "latest");
        QVERIFY(held.made());
        HILUM_VERIFY_OK(runner.cancel("waiting"));
        QVERIFY(is(runner, "waiting", JobState::Cancelled) && runner.job("waiting")->resumable);
        QCOMPARE(runner.job("waiting")->message, std::string("Taken out of the queue; the last checkpoint is of step 7"));
    }

    void aRunnerThatGoesLeavesALaunchBehind() // closing the window waited for the share
    {
        const auto row = makeQueued("hung");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        Patience hasty = quick();
        hasty.end = std::chrono::milliseconds(20);
        auto runner = std::make_unique<JobRunner>(library->get());
        runner->setPatience(hasty);
        const auto file = readTextFile(row->run / "job.json");
        HILUM_VERIFY_OK(file);
        HeldFile held(row->run / "job.json");
        QVERIFY(held.made());
        runner->runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        runner.reset();
        QVERIFY(WorkThreads::haveLeftAnyBehind());
        held.comeBack(*file);
        QTest::qWait(200);
        QVERIFY(!std::filesystem::exists(row->run / "events.jsonl")); // nobody would look at it
        const JobRunner again(library->get());
        QVERIFY(is(again, "hung", JobState::Queued)); // its turn comes with the next program
    }

    void aWorkerThatBeginsWhenItsRunnerIsGoneIsFoundAgain()
    {
        JobRequest wanted = request("slow");
        std::filesystem::create_directories(wanted.run);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        Patience hasty = quick();
        hasty.end = std::chrono::milliseconds(20);
        auto runner = std::make_unique<JobRunner>(library->get());
        runner->setPatience(hasty);
        Answer<std::string> started;
        HeldFile held(wanted.run / "worker.log");
        QVERIFY(held.made());
        runner->start(wanted, &started.receiver, started.slot());
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_OK(*started.got);
        const std::string id = **started.got;
        QTRY_VERIFY_WITH_TIMEOUT(hasChild(), Wait);
        runner.reset();
        held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(readTextFile(wanted.run / "events.jsonl").value_or("").find("\"metric\"") != std::string::npos, Wait);
        JobRunner again(library->get());
        again.setPatience(quick());
        QVERIFY2(is(again, id, JobState::Running), std::string(name(again.job(id)->state)).c_str());
        QVERIFY(!again.job(id)->starting && again.job(id)->pid > 0);
        HILUM_VERIFY_OK(again.cancel(id));
        QTRY_VERIFY_WITH_TIMEOUT(is(again, id, JobState::Cancelled), Wait);
    }

    void whatALastProgramLeftOnTheWayIsKnown_data()
    {
        QTest::addColumn<QByteArray>("recorded");
        QTest::addColumn<bool>("worked");
        QTest::addColumn<int>("state");
        QTest::addColumn<QString>("message");
        QTest::newRow("its worker began and was done") << QByteArray("queued") << true << int(JobState::Done) << QString();
        QTest::newRow("it never began") << QByteArray("queued") << false << int(JobState::Queued) << QString();
        QTest::newRow("it was cancelled before it began") << QByteArray("cancelling") << false << int(JobState::Cancelled) << QStringLiteral("Taken out of the queue before it began");
    }
    void whatALastProgramLeftOnTheWayIsKnown()
    {
        QFETCH(QByteArray, recorded);
        QFETCH(bool, worked);
        QFETCH(int, state);
        QFETCH(QString, message);
        auto row = makeQueued("left");
        HILUM_VERIFY_OK(row);
        row->state = recorded.toStdString();
        if (worked) {
            writeEvents(row->run);
            ProcessIdentity ended = thisProcess();
            ended.startedTicks += 1;
            HILUM_VERIFY_OK(writeFileAtomically(row->run / "worker.json", jsonLine(toJson(ended))));
        }
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        const JobRunner runner(&library);
        QCOMPARE(int(runner.job("left")->state), state);
        QCOMPARE(QString::fromStdString(runner.job("left")->message), message);
    }
};

QTEST_GUILESS_MAIN(TestJobRunnerLaunch)
#include "tst_job_runner_launch.moc"
