// The list of jobs: read in the background, with run folders that do not answer; runs are opened and jobs forgotten without waiting for disk or database.
#include "core/base/process_identity.h"
#include "core/services/job_runner.h"
#include "core/services/work_threads.h"
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <QScopeGuard>
#include <QSignalSpy>

#include <semaphore>

using namespace hilum;
using namespace hilum::services;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;
using hilum::tests::HeldRunner;

constexpr int Wait = 60000; // ms; ten times what a slow machine takes

/// Forgets a job when it is let, and answers as it is told.
struct BusyLibrary : hilum::tests::FakeLibrary {
    std::counting_semaphore<> go{0};
    Status answer;

    Status removeJob(const std::string&) override
    {
        go.acquire();
        return answer;
    }
};

Names ids(const JobRunner& runner)
{
    Names out;
    for (const JobStatus& job : runner.jobs())
        out.push_back(job.id);
    return out;
}

} // namespace

class TestJobRunnerList : public QObject, private hilum::tests::JobBench {
    Q_OBJECT
private Q_SLOTS:
    void jobsComeAsTheyAreReadInTheLibrarysOrder() // the constructor read them all: no window until the last share had answered
    {
        HeldRunner list({makeRun("first", "done"), makeRun("second", "done"), makeRun("third", "done")}, quick());
        QVERIFY(list.held.made());
        JobRunner& runner = *list.runner;
        QVERIFY(runner.jobs().empty() && !runner.isComplete());
        QSignalSpy changed(&runner, &JobRunner::jobChanged), complete(&runner, &JobRunner::listComplete);
        QTRY_COMPARE_WITH_TIMEOUT(ids(runner), (Names{"second", "third"}), Wait);
        QCOMPARE(runner.job("second")->step, std::int64_t(3));
        QVERIFY(!runner.isComplete());
        QCOMPARE(complete.count(), 0);
        list.held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(runner.isComplete(), Wait);
        QCOMPARE(ids(runner), (Names{"first", "second", "third"}));
        QCOMPARE(complete.count(), 1);
        QCOMPARE(changed.count(), 3);
    }

    void whoAsksForAllGetsAll()
    {
        hilum::tests::FakeLibrary library;
        library.jobRows = {makeRun("first", "done"), makeRun("second", "done")};
        const JobRunner runner(&library);
        QVERIFY(runner.isComplete());
        QCOMPARE(ids(runner), (Names{"first", "second"}));
        QCOMPARE(runner.job("second")->step, std::int64_t(3));
    }

    void nothingStartsBesideAJobThatMayBeAtWork()
    {
        const auto queued = makeQueued("waiting");
        HILUM_VERIFY_OK(queued);
        HeldRunner list({makeRun("unread", "running"), *queued}, quick());
        QVERIFY(list.held.made());
        JobRunner& runner = *list.runner;
        runner.runQueue();
        QTRY_COMPARE_WITH_TIMEOUT(ids(runner), Names{"waiting"}, Wait);
        const auto asked = runner.start(request("good"));
        HILUM_VERIFY_OK(asked);
        QVERIFY(is(runner, "waiting", JobState::Queued));
        QVERIFY(is(runner, *asked, JobState::Queued));
        list.held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "unread", JobState::Lost), Wait); // nobody works in its folder
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "waiting", JobState::Done), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *asked, JobState::Done), Wait);
        QCOMPARE(ids(runner), (Names{"unread", "waiting", *asked}));
    }

    void anEndedJobDoesNotHoldUpTheQueue()
    {
        const auto queued = makeQueued("waiting");
        HILUM_VERIFY_OK(queued);
        HeldRunner list({makeRun("unread", "done"), *queued}, quick());
        QVERIFY(list.held.made());
        JobRunner& runner = *list.runner;
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "waiting", JobState::Done), Wait);
        QVERIFY(!runner.isComplete());
    }

    void runningJobsAreFoundAgainInTheBackground()
    {
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        std::string id;
        std::int64_t pid = 0;
        {
            JobRunner runner(library->get());
            runner.setPatience(quick());
            id = *runner.start(request("slow"));
            QTRY_VERIFY_WITH_TIMEOUT(runner.job(id)->step > 0, Wait);
            pid = runner.job(id)->pid;
        }
        JobRunner runner(library->get(), Loading::InBackground);
        runner.setPatience(quick());
        QSignalSpy changed(&runner, &JobRunner::jobChanged);
        int arrived = 0;
        connect(&runner, &JobRunner::eventArrived, &runner, [&] { ++arrived; });
        QTRY_VERIFY_WITH_TIMEOUT(runner.isComplete(), Wait);
        QVERIFY(is(runner, id, JobState::Running));
        QCOMPARE(runner.job(id)->pid, pid);
        QVERIFY(changed.count() > 0);
        const auto step = runner.job(id)->step;
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(id)->step > step && arrived > 0, Wait);
        HILUM_VERIFY_OK(runner.cancel(id));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, id, JobState::Cancelled), Wait);
    }

    void aRunThatIsOpenedMeanwhileStays()
    {
        HeldRunner list({makeRun("moved", "done"), makeRun("other", "done")}, quick());
        QVERIFY(list.held.made());
        JobRunner& runner = *list.runner;
        QTRY_COMPARE_WITH_TIMEOUT(ids(runner), Names{"other"}, Wait);
        const path elsewhere = fresh();
        std::filesystem::create_directories(elsewhere);
        std::filesystem::copy_file(list.library.jobRows.front().run / "job.json", elsewhere / "job.json");
        writeEvents(elsewhere);
        HILUM_VERIFY_OK(runner.adopt(elsewhere));
        QCOMPARE(ids(runner), (Names{"other", "moved"}));
        QCOMPARE(runner.job("moved")->run, elsewhere);
        QCOMPARE(runner.job("moved")->title, std::string("title of moved")); // not in its folder
        QVERIFY(is(runner, "moved", JobState::Done));
        QVERIFY(runner.isComplete()); // nobody waits for its old place
    }

    void aWaitingRunThatIsOpenedMeanwhileWaitsOn() // it was taken for one whose worker had gone
    {
        const auto queued = makeQueued("waiting");
        HILUM_VERIFY_OK(queued);
        HeldRunner list({*queued, makeRun("other", "done")}, quick());
        QVERIFY(list.held.made());
        JobRunner& runner = *list.runner;
        QTRY_COMPARE_WITH_TIMEOUT(ids(runner), Names{"other"}, Wait);
        const path elsewhere = fresh();
        std::filesystem::create_directories(elsewhere);
        std::filesystem::copy_file(queued->run / "job.json", elsewhere / "job.json");
        HILUM_VERIFY_OK(runner.adopt(elsewhere));
        QVERIFY(is(runner, "waiting", JobState::Queued));
        runner.runQueue();
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "waiting", JobState::Done), Wait);
        QCOMPARE(runner.job("waiting")->run, elsewhere);
    }

    void aWaitingRunThatIsOpenedElsewhereWaitsInTheNextProgramToo() // the worker.json of its earlier attempt was taken for that of a new worker
    {
        const auto row = makeQueued("waiting");
        HILUM_VERIFY_OK(row);
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->putJob(*row));
        const path elsewhere = fresh();
        std::filesystem::create_directories(elsewhere);
        std::filesystem::copy_file(row->run / "job.json", elsewhere / "job.json");
        ProcessIdentity ended = thisProcess();
        ended.startedTicks += 1;
        HILUM_VERIFY_OK(writeFileAtomically(elsewhere / "worker.json", jsonLine(toJson(ended))));
        {
            JobRunner runner(library->get());
            HILUM_VERIFY_OK(runner.adopt(elsewhere));
            QVERIFY(is(runner, "waiting", JobState::Queued));
        }
        const JobRunner again(library->get());
        QCOMPARE(again.job("waiting")->run, elsewhere);
        QVERIFY2(is(again, "waiting", JobState::Queued), again.job("waiting")->message.c_str());
    }

    void runsAreOpenedWithoutWaitingForTheirFolder()
    {
        const path run = makeRun("slow", "done").run;
        std::unique_ptr<JobRunner> runner;
        hilum::tests::HeldFile held(run / "events.jsonl");
        QVERIFY(held.made());
        runner = std::make_unique<JobRunner>(nullptr);
        std::optional<Result<std::string>> answer;
        QObject here;
        const auto done = [&](Result<std::string> id) { answer = std::move(id); };
        runner->adopt(run, &here, done);
        QVERIFY(runner->jobs().empty() && !answer);
        held.letGo();
        QTRY_VERIFY_WITH_TIMEOUT(answer.has_value(), Wait);
        HILUM_VERIFY_OK(*answer);
        QCOMPARE(**answer, std::string("slow"));
        QCOMPARE(ids(*runner), Names{"slow"});
        answer.reset();
        runner->adopt(fresh(), &here, done);
        QTRY_VERIFY_WITH_TIMEOUT(answer.has_value(), Wait);
        HILUM_VERIFY_ERROR(*answer, ErrorCode::NotFound);
        QCOMPARE(ids(*runner), Names{"slow"});
    }

    void forgettingDoesNotWaitForTheDatabase() // an import that was writing held the window
    {
        BusyLibrary library;
        library.jobRows = {makeRun("a", "done"), makeRun("b", "done"), makeRun("c", "done")};
        JobRunner runner(&library);
        const auto atLast = qScopeGuard([&] { library.go.release(3); }); // a test that fails must end
        std::optional<Status> answer;
        QObject here;
        const auto done = [&](const Status& status) { answer = status; };
        runner.forget("b", &here, done);
        QCOMPARE(ids(runner), (Names{"a", "c"}));
        QVERIFY(!answer);
        library.go.release();
        QTRY_VERIFY_WITH_TIMEOUT(answer.has_value(), Wait);
        HILUM_VERIFY_OK(*answer);
        QCOMPARE(ids(runner), (Names{"a", "c"}));
        // what the database keeps comes back to its place
        answer.reset();
        library.answer = fail(ErrorCode::Io, "the disk is gone");
        runner.forget("a", &here, done);
        QCOMPARE(ids(runner), Names{"c"});
        library.go.release();
        QTRY_VERIFY_WITH_TIMEOUT(answer.has_value(), Wait);
        HILUM_VERIFY_ERROR(*answer, ErrorCode::Io);
        QCOMPARE(ids(runner), (Names{"a", "c"}));
    }

    void aRunnerThatGoesWaitsForTheDatabaseAsLongAsItIsTold() // a library on a share that was gone kept the program from ending
    {
        static auto* const library = new BusyLibrary; // stays, for who is left behind with it
        library->jobRows = {makeRun("a", "done")};
        const auto atLast = qScopeGuard([] { library->go.release(); });
        auto runner = std::make_unique<JobRunner>(library);
        runner->setPatience({.record = std::chrono::milliseconds(20)});
        QObject here;
        bool answered = false;
        runner->forget("a", &here, [&](const Status&) { answered = true; });
        runner.reset();
        QVERIFY(WorkThreads::haveLeftAnyBehind());
        QVERIFY(!answered);
    }

    void forgettingRefusesWhatHasNotEnded()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto running = runner.start(request("slow")), queued = runner.start(request("good"));
        HILUM_VERIFY_OK(running);
        HILUM_VERIFY_OK(queued);
        for (const auto& [id, state] : {std::pair(*running, "running"), std::pair(*queued, "queued")}) {
            const Status refused = forget(runner, id);
            HILUM_VERIFY_ERROR(refused, ErrorCode::Busy);
            QCOMPARE(refused.error().sentence(), hilum::format("job {} is {}: cancel it first", id, state));
        }
        HILUM_VERIFY_ERROR(forget(runner, "nobody"), ErrorCode::NotFound);
        QCOMPARE(ids(runner), (Names{*running, *queued}));
        HILUM_VERIFY_OK(runner.cancel(*queued));
        HILUM_VERIFY_OK(forget(runner, *queued));
        QCOMPARE(ids(runner), Names{*running});
        HILUM_VERIFY_OK(runner.cancel(*running));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *running, JobState::Cancelled), Wait);
    }

    void isForgottenAfterWhatIsWrittenAboutIt()
    {
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        const path run = makeRun("gone", "done").run;
        JobRunner runner(library->get());
        HILUM_VERIFY_OK(runner.adopt(run));
        HILUM_VERIFY_OK(forget(runner, "gone"));
        QVERIFY(runner.jobs().empty());
        const auto rows = (*library)->jobs();
        HILUM_VERIFY_OK(rows);
        QVERIFY(rows->empty());
        QVERIFY(std::filesystem::exists(run / "job.json"));
    }
};

QTEST_GUILESS_MAIN(TestJobRunnerList)
#include "tst_job_runner_list.moc"
