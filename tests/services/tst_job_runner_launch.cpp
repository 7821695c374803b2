// Jobs that begin and are cancelled while a run folder does not answer, as on a share that hangs: nobody waits for it but the queue.
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <algorithm>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::Answer;
using hilum::tests::HeldFile;

namespace {

using Names = std::vector<std::string>;

constexpr int Wait = 60000; // ms; ten times what a slow machine takes
constexpr std::string_view Index = R"({"schema": "hilum.cache/1", "digest": "d1"})"; // of a prepared cache

} // namespace

class TestJobRunnerLaunch : public QObject, private hilum::tests::JobBench {
    Q_OBJECT

    path emptyFolder()
    {
        const path folder = fresh();
        std::filesystem::create_directories(folder);
        return folder;
    }

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

    void aNewRunThatHangsHoldsUpNoOther()
    {
        JobRequest wanted = request("good");
        wanted.cache = emptyFolder();
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        Answer<std::string> hung, other;
        HeldFile held(wanted.cache / "index.json");
        QVERIFY(held.made());
        runner.start(wanted, &hung.receiver, hung.slot());
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        runner.start(request("good"), &other.receiver, other.slot());
        QTRY_VERIFY_WITH_TIMEOUT(other.got.has_value(), Wait);
        HILUM_VERIFY_OK(*other.got);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, **other.got, JobState::Done), Wait);
        QVERIFY(!hung.got);
        held.comeBack(Index);
        QTRY_VERIFY_WITH_TIMEOUT(hung.got.has_value(), Wait);
        HILUM_VERIFY_OK(*hung.got);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, **hung.got, JobState::Done), Wait);
    }

    void aNewRunThatIsStoppedIsNotMade()
    {
        JobRequest wanted = request("good");
        wanted.cache = emptyFolder();
        JobRunner runner(nullptr);
        Answer<std::string> started;
        std::stop_source stop;
        HeldFile held(wanted.cache / "index.json");
        QVERIFY(held.made());
        runner.start(wanted, &started.receiver, started.slot(), stop.get_token());
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        stop.request_stop();
        held.comeBack(Index);
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*started.got, ErrorCode::Cancelled);
        QVERIFY(runner.jobs().empty());
        QVERIFY(!std::filesystem::exists(wanted.run));
    }

    void aNewRunThatIsStoppedTooLateDoesNotBegin()
    {
        const JobRequest wanted = request("good");
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        Answer<std::string> started;
        std::stop_source stop;
        runner.start(wanted, &started.receiver, started.slot(), stop.get_token());
        QVERIFY(unheard([&] { return std::filesystem::exists(wanted.run / "job.json"); }));
        stop.request_stop();
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_OK(*started.got);
        QVERIFY(is(runner, **started.got, JobState::Cancelled)); // it is in the list: its folder is there
        QCOMPARE(runner.job(**started.got)->message, std::string("Taken out of the queue before it began"));
        QVERIFY(!std::filesystem::exists(wanted.run / "worker.log"));
    }

    void aNewRunWhoseFolderIsOpenedAtOnceIsOneJob() // two of one number stood in the list
    {
        const JobRequest wanted = request("good");
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        Answer<std::string> started;
        runner.start(wanted, &started.receiver, started.slot());
        QVERIFY(unheard([&] { return std::filesystem::exists(wanted.run / "job.json"); }));
        HILUM_VERIFY_OK(runner.adopt(wanted.run));
        QCOMPARE(runner.jobs().size(), std::size_t(1));
        QTRY_VERIFY_WITH_TIMEOUT(started.got.has_value(), Wait);
        HILUM_VERIFY_OK(*started.got);
        QCOMPARE(runner.jobs().size(), std::size_t(1));
        QCOMPARE(runner.jobs().front().title, std::string("a title"));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, **started.got, JobState::Done), Wait);
    }

    void theyBeginOneAfterTheOtherAsTheyStandInTheList()
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
        QVERIFY(std::ranges::is_permutation(listed, asked));
        QCOMPARE(begun, listed);
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
        const auto row = makeQueued("slow", "slow");
        HILUM_VERIFY_OK(row);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        JobRunner runner(&library);
        runner.setPatience(quick());
        runner.runQueue();
        QVERIFY(unheard([&] { return says(row->run / "events.jsonl", "hello"); })); // from now on it can be asked
        QVERIFY(starts(runner, "slow"));
        HILUM_VERIFY_OK(runner.cancel("slow"));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "slow", JobState::Cancelled), Wait);
        QVERIFY2(runner.job("slow")->message.ends_with("checkpoint saved"), runner.job("slow")->message.c_str());
        QVERIFY(!hasChild());
    }

    void whoIsCancelledBeforeItsLogOpensNeverBegins() // a child waited for it, which nobody could stop
    {
        const auto row = makeQueued("hung");
        HILUM_VERIFY_OK(row);
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        JobRunner runner(&library);
        runner.setPatience(quick());
        HILUM_VERIFY_OK(writeFileAtomically(row->run / "worker.json", "an earlier attempt's"));
        HeldFile held(row->run / "worker.log");
        QVERIFY(held.made());
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(!std::filesystem::exists(row->run / "worker.json"), Wait); // only the log is in the way
        HILUM_VERIFY_OK(runner.cancel("hung"));
        QVERIFY(!hasChild());
        held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "hung", JobState::Cancelled), Wait);
        QCOMPARE(runner.job("hung")->message, std::string("Taken out of the queue before it began"));
        QVERIFY(!std::filesystem::exists(row->run / "events.jsonl"));
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

    void aLaunchThatFailsKeepsTheKnownCheckpoint() // the share could not be read, and the job began anew
    {
        const auto row = makeQueued("broken");
        HILUM_VERIFY_OK(row);
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        HILUM_VERIFY_OK(writeFileAtomically(row->run / "checkpoints" / "latest", "step-2"));
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        JobRunner runner(&library);
        runner.setPatience(quick());
        QCOMPARE(runner.job("broken")->lastCheckpoint, std::int64_t(2));
        std::filesystem::remove_all(row->run);
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "broken", JobState::Failed), Wait);
        QCOMPARE(runner.job("broken")->lastCheckpoint, std::int64_t(2));
        QVERIFY(runner.job("broken")->resumable);
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
};

QTEST_GUILESS_MAIN(TestJobRunnerLaunch)
#include "tst_job_runner_launch.moc"
