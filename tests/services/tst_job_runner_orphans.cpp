// What a program leaves behind that ends while workers begin or are cancelled, and what the next one makes of it.
#include "core/base/process_identity.h"
#include "core/services/work_threads.h"
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/file.h>
#include <unistd.h>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::HeldFile;

namespace {

constexpr int Wait = 60000; // ms; ten times what a slow machine takes

/// A lock such as the library has one. Who gets its file, and keeps it, keeps the lock.
class Lock {
public:
    explicit Lock(const path& file) : m_file(::open(file.c_str(), O_RDWR | O_CREAT, 0600)), m_held(m_file >= 0 && ::flock(m_file, LOCK_EX | LOCK_NB) == 0) {}
    ~Lock()
    {
        if (m_file >= 0)
            ::close(m_file);
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    bool held() const { return m_held; }

private:
    int m_file;
    bool m_held;
};

} // namespace

class TestJobRunnerOrphans : public QObject, private hilum::tests::JobBench {
    Q_OBJECT

    static Patience hasty()
    {
        Patience patience = quick();
        patience.end = std::chrono::milliseconds(20);
        return patience;
    }

private Q_SLOTS:
    void aRunnerThatGoesLeavesALaunchBehind() // closing the window waited for the share
    {
        const auto row = makeQueued("hung");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        auto runner = std::make_unique<JobRunner>(library->get());
        runner->setPatience(hasty());
        const auto file = readTextFile(row->run / "job.json");
        HILUM_VERIFY_OK(file);
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        HeldFile held(row->run / "job.json"), latest(row->run / "checkpoints" / "latest"); // read by a launch without a worker
        QVERIFY(held.made() && latest.made());
        runner->runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        runner.reset();
        QVERIFY(WorkThreads::haveLeftAnyBehind());
        held.comeBack(*file);
        QTRY_VERIFY_WITH_TIMEOUT(latest.awaited(), Wait);
        QVERIFY(!hasChild()); // nobody would look at it
        QVERIFY(!std::filesystem::exists(row->run / "events.jsonl"));
        latest.comeBack("");
        const JobRunner again(library->get());
        QVERIFY(is(again, "hung", JobState::Queued)); // its turn comes with the next program
    }

    void aLaunchThatIsLeftBehindHoldsNoLockAndBeginsNoWorker() // a child that waited for its log had the window's locks, and trained when it opened
    {
        const auto row = makeQueued("hung");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        auto runner = std::make_unique<JobRunner>(library->get());
        runner->setPatience(hasty());
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        HILUM_VERIFY_OK(writeFileAtomically(row->run / "worker.json", "an earlier attempt's"));
        const path file = fresh();
        auto lock = std::make_unique<Lock>(file);
        QVERIFY(lock->held());
        HeldFile held(row->run / "worker.log"), latest(row->run / "checkpoints" / "latest"); // read by a launch without a worker
        QVERIFY(held.made() && latest.made());
        runner->runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(!std::filesystem::exists(row->run / "worker.json"), Wait); // only the log is in the way
        runner.reset();
        QVERIFY(WorkThreads::haveLeftAnyBehind());
        lock.reset();
        QVERIFY(Lock(file).held());
        QVERIFY(!hasChild());
        held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(latest.awaited(), Wait);
        QVERIFY(!hasChild());
        QVERIFY(!std::filesystem::exists(row->run / "events.jsonl"));
        latest.comeBack("");
        const JobRunner again(library->get());
        QVERIFY(is(again, "hung", JobState::Queued));
    }

    void aWorkerHasNothingOfTheWindowOpen()
    {
        const auto row = makeQueued("slow", "slow");
        HILUM_VERIFY_OK(row);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        JobRunner runner(&library);
        runner.setPatience(quick());
        const path file = fresh();
        auto lock = std::make_unique<Lock>(file);
        QVERIFY(lock->held());
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(runner.job("slow")->pid > 0, Wait);
        lock.reset();
        QVERIFY(Lock(file).held());
        const path files = path("/proc") / std::to_string(runner.job("slow")->pid) / "fd";
        QCOMPARE(std::filesystem::read_symlink(files / "0"), path("/dev/null"));
        QCOMPARE(std::filesystem::read_symlink(files / "1"), path("/dev/null"));
        QCOMPARE(std::filesystem::read_symlink(files / "2").filename(), path("worker.log"));
        HILUM_VERIFY_OK(runner.cancel("slow"));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "slow", JobState::Cancelled), Wait);
    }

    void aWorkerThatBeginsWhenItsRunnerGoesIsFoundAgain()
    {
        const auto row = makeQueued("slow", "slow");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        auto runner = std::make_unique<JobRunner>(library->get());
        runner->setPatience(quick());
        runner->runQueue();
        QVERIFY(unheard([&] { return says(row->run / "events.jsonl", "\"metric\""); }));
        QVERIFY(starts(*runner, "slow"));
        runner.reset();
        JobRunner again(library->get());
        again.setPatience(quick());
        QVERIFY2(is(again, "slow", JobState::Running), std::string(name(again.job("slow")->state)).c_str());
        QVERIFY(!again.job("slow")->starting && again.job("slow")->pid > 0);
        HILUM_VERIFY_OK(again.cancel("slow"));
        QTRY_VERIFY_WITH_TIMEOUT(is(again, "slow", JobState::Cancelled), Wait);
    }

    void aWorkerThatNobodyAskedToStopIsAskedByTheNextProgram() // it was killed half a minute later, without a checkpoint
    {
        auto row = makeQueued("slow", "slow");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        {
            JobRunner runner(library->get());
            runner.setPatience(quick());
            runner.runQueue();
            QTRY_VERIFY_WITH_TIMEOUT(runner.job("slow")->step >= 1, Wait);
        }
        row->state = "cancelling";
        HILUM_VERIFY_OK((*library)->putJob(*row));
        JobRunner again(library->get());
        again.setPatience(quick());
        QVERIFY(is(again, "slow", JobState::Cancelling));
        QTRY_VERIFY_WITH_TIMEOUT(is(again, "slow", JobState::Cancelled), Wait);
        QVERIFY2(again.job("slow")->message.ends_with("checkpoint saved"), again.job("slow")->message.c_str());
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

QTEST_GUILESS_MAIN(TestJobRunnerOrphans)
#include "tst_job_runner_orphans.moc"
