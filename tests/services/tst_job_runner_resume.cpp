// Jobs that go on while a run folder does not answer, as on a share that hangs: nobody waits for it, and what is refused leaves a job as it was.
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::Answer;
using hilum::tests::HeldFile;

namespace {

constexpr int Wait = 60000; // ms; ten times what a slow machine takes

} // namespace

class TestJobRunnerResume : public QObject, private hilum::tests::JobBench {
    Q_OBJECT
private Q_SLOTS:
    void resumingDoesNotWaitForTheRunFolder()
    {
        auto row = makeQueued("stopped");
        HILUM_VERIFY_OK(row);
        row->state = "cancelled";
        row->message = "Stopped at step 3, checkpoint saved";
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        HILUM_VERIFY_OK(writeFileAtomically(row->run / "checkpoints" / "latest", "step-3"));
        JobRunner runner(&library);
        runner.setPatience(quick());
        Answer<void> first, second;
        HeldFile held(row->run / "checkpoints" / "latest");
        QVERIFY(held.made());
        runner.resume("stopped", &first.receiver, first.slot());
        QVERIFY(is(runner, "stopped", JobState::Cancelled) && runner.job("stopped")->starting);
        QVERIFY(!runner.toldBytes("stopped"));
        runner.resume("stopped", &second.receiver, second.slot());
        QTRY_VERIFY_WITH_TIMEOUT(second.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*second.got, ErrorCode::Busy);
        HILUM_VERIFY_ERROR(forget(runner, "stopped"), ErrorCode::Busy);
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        QVERIFY(!first.got);
        held.comeBack("step-3");
        QTRY_VERIFY_WITH_TIMEOUT(first.got.has_value(), Wait);
        HILUM_VERIFY_OK(*first.got);
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, "stopped", JobState::Done), Wait);
        const auto events = runner.events("stopped");
        HILUM_VERIFY_OK(events);
        const auto step = std::ranges::find_if(*events, [](const Json& event) { return event.value("kind", "") == "metric"; });
        QVERIFY(step != events->end());
        QCOMPARE(step->value("step", 0), 4); // it went on from the checkpoint
    }

    void whatCannotBeResumedStaysAsItWas()
    {
        auto row = makeQueued("stopped");
        HILUM_VERIFY_OK(row);
        row->state = "cancelled";
        row->message = "Stopped at step 3, checkpoint saved";
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        JobRunner runner(&library);
        std::filesystem::remove(row->run / "job.json");
        Answer<void> answer;
        runner.resume("stopped", &answer.receiver, answer.slot());
        QTRY_VERIFY_WITH_TIMEOUT(answer.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*answer.got, ErrorCode::NotFound);
        QCOMPARE(answer.got->error().sentence(), std::string("the run folder of job stopped is gone"));
        QVERIFY(is(runner, "stopped", JobState::Cancelled) && !runner.job("stopped")->starting);
        QCOMPARE(runner.job("stopped")->message, row->message);
        answer.got.reset();
        runner.resume("nobody", &answer.receiver, answer.slot());
        QVERIFY(!answer.got); // through the event loop, whatever it is
        QTRY_VERIFY_WITH_TIMEOUT(answer.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*answer.got, ErrorCode::NotFound);
    }

    void anotherFolderOfAJobIsOpenedWhileItsOwnHangs()
    {
        auto row = makeQueued("moved");
        HILUM_VERIFY_OK(row);
        row->state = "cancelled";
        hilum::tests::FakeLibrary library;
        library.jobRows = {*row};
        const path elsewhere = fresh();
        HILUM_VERIFY_OK(makeFolder(elsewhere));
        std::filesystem::copy_file(row->run / "job.json", elsewhere / "job.json");
        HILUM_VERIFY_OK(makeFolder(row->run / "checkpoints"));
        JobRunner runner(&library);
        runner.setPatience(quick());
        Answer<void> answer;
        HeldFile held(row->run / "checkpoints" / "latest");
        QVERIFY(held.made());
        runner.resume("moved", &answer.receiver, answer.slot());
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        HILUM_VERIFY_OK(runner.adopt(elsewhere));
        QCOMPARE(runner.job("moved")->run, elsewhere);
        held.comeBack("step-3");
        QTRY_VERIFY_WITH_TIMEOUT(answer.got.has_value(), Wait);
        HILUM_VERIFY_ERROR(*answer.got, ErrorCode::Busy);
        QVERIFY(!is(runner, "moved", JobState::Queued) && !is(runner, "moved", JobState::Running));
    }

    void aJobThatWaitsToGoOnIsNotTakenForItsEarlierAttempt() // whose worker.json was there still
    {
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        std::string first, waiting;
        {
            JobRunner runner(library->get());
            runner.setPatience(quick());
            const auto refused = runner.start(request("crash"));
            HILUM_VERIFY_OK(refused);
            waiting = *refused;
            QTRY_VERIFY_WITH_TIMEOUT(is(runner, waiting, JobState::Lost), Wait);
            const auto slow = runner.start(request("slow"));
            HILUM_VERIFY_OK(slow);
            first = *slow;
            QTRY_VERIFY_WITH_TIMEOUT(runner.job(first)->step > 0, Wait); // it listens: one that is stopped before it does is lost to who is not its parent
            HILUM_VERIFY_OK(runner.resume(waiting));
            QVERIFY(is(runner, waiting, JobState::Queued));
        }
        JobRunner again(library->get());
        again.setPatience(quick());
        QVERIFY(is(again, waiting, JobState::Queued));
        HILUM_VERIFY_OK(again.cancel(first));
        QTRY_VERIFY_WITH_TIMEOUT(is(again, first, JobState::Cancelled), Wait);
    }

    void whatIsToldOfAJobThatWaitsBeginsBehindItsRecord() // of one whose folder was not there, all was skipped
    {
        auto row = makeRun("away", "cancelled");
        const path aside = fresh();
        std::filesystem::rename(row.run, aside);
        hilum::tests::FakeLibrary library;
        library.jobRows = {row};
        JobRunner runner(&library);
        runner.setPatience(quick());
        QVERIFY(is(runner, "away", JobState::Lost));
        std::filesystem::rename(aside, row.run);
        QObject here;
        std::optional<std::uintmax_t> bytes;
        connect(&runner, &JobRunner::jobChanged, &here, [&] {
            if (!bytes)
                bytes = runner.toldBytes("away"); // as soon as it is told at all: it waits
        });
        HILUM_VERIFY_OK(runner.resume("away"));
        QVERIFY(bytes == std::filesystem::file_size(row.run / "events.jsonl"));
    }

    void whatIsToldOfAResumedJobBeginsWhereItsRecordEnded()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step >= 3, Wait);
        HILUM_VERIFY_OK(runner.cancel(*id));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *id, JobState::Cancelled), Wait);
        const auto stopped = runner.job(*id)->step;
        std::vector<Json> told;
        std::optional<std::uintmax_t> bytes;
        Answer<void> answer;
        connect(&runner, &JobRunner::eventArrived, &answer.receiver, [&](const QString&, const Json& event) { told.push_back(event); });
        connect(&runner, &JobRunner::jobChanged, &answer.receiver, [&] {
            if (!bytes)
                bytes = runner.toldBytes(*id); // as soon as it is told at all
        });
        runner.resume(*id, &answer.receiver, answer.slot());
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step > stopped, Wait);
        HILUM_VERIFY_OK(*answer.got);
        HILUM_VERIFY_OK(runner.cancel(*id));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *id, JobState::Cancelled), Wait);
        const auto record = readTextFile(runner.job(*id)->run / "events.jsonl");
        HILUM_VERIFY_OK(record);
        QVERIFY(bytes.has_value() && *bytes > 0 && *bytes < record->size());
        std::vector<Json> after;
        JsonLineReader reader;
        for (const auto& line : reader.feed(std::string_view(*record).substr(*bytes)))
            after.push_back(*line);
        QCOMPARE(told.size(), after.size());
        QVERIFY(told == after);
    }
};

QTEST_GUILESS_MAIN(TestJobRunnerResume)
#include "tst_job_runner_resume.moc"
