// The look at workers: the run folder of one may be on a share that hangs. Nobody waits for it, and what was said meanwhile is told once, in order.
#include "core/base/process_identity.h"
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <csignal>
#include <memory>
#include <optional>
#include <vector>

using namespace hilum;
using namespace hilum::services;

namespace {

constexpr int Wait = 60000; // ms; ten times what a slow machine takes

/// The events of a run on a share that stops answering, and is back with all that was written meanwhile. To be declared after who reads them.
class HungEvents {
public:
    explicit HungEvents(const path& run) : m_file(run / "events.jsonl"), m_aside(run / "aside.jsonl")
    {
        std::filesystem::rename(m_file, m_aside); // the worker writes on into it
        m_held.emplace(m_file);
    }
    bool made() const { return m_held->made(); }
    void comeBack()
    {
        m_held->letGo();
        std::filesystem::rename(m_aside, m_file);
    }

private:
    path m_file, m_aside;
    std::optional<hilum::tests::HeldFile> m_held;
};

} // namespace

class TestJobRunnerLook : public QObject, private hilum::tests::JobBench {
    Q_OBJECT
private Q_SLOTS:
    void aFolderThatDoesNotAnswerIsNotWaitedFor() // the window stood still until the share was back
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        std::vector<Json> told;
        connect(&runner, &JobRunner::eventArrived, this, [&](const QString&, const Json& event) { told.push_back(event); });
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step > 0, Wait);
        HungEvents events(runner.job(*id)->run);
        QVERIFY(events.made());
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->silent, Wait);
        QVERIFY(is(runner, *id, JobState::Running));
        const auto step = runner.job(*id)->step;
        events.comeBack();
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step > step && !runner.job(*id)->silent, Wait);
        HILUM_VERIFY_OK(runner.cancel(*id));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *id, JobState::Cancelled), Wait);
        const auto all = runner.events(*id);
        HILUM_VERIFY_OK(all);
        QCOMPARE(told.size(), all->size());
        QVERIFY(told == *all);
    }

    void aWorkerIsAskedToStopWhileItsFolderHangs()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step > 0, Wait);
        const auto pid = runner.job(*id)->pid;
        HungEvents events(runner.job(*id)->run);
        QVERIFY(events.made());
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->silent, Wait);
        HILUM_VERIFY_OK(runner.cancel(*id));
        QVERIFY(is(runner, *id, JobState::Cancelling));
        QTRY_VERIFY_WITH_TIMEOUT(!startedTicks(pid).has_value(), Wait); // it has ended; who waits for its last word does not know
        QVERIFY(is(runner, *id, JobState::Cancelling));
    }

    void theRecordAndWhatIsToldAreAllEventsOnce() // who read the record of a job at work was told its last events again
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        std::vector<Json> told;
        connect(&runner, &JobRunner::eventArrived, this, [&](const QString&, const Json& event) { told.push_back(event); });
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->step >= 3, Wait);
        const auto bytes = runner.toldBytes(*id);
        QVERIFY(bytes.has_value());
        told.clear();
        const auto record = readTextFile(runner.job(*id)->run / "events.jsonl");
        HILUM_VERIFY_OK(record);
        std::vector<Json> all;
        JsonLineReader reader;
        for (const auto& line : reader.feed(std::string_view(*record).substr(0, *bytes)))
            all.push_back(*line);
        QVERIFY(!all.empty());
        HILUM_VERIFY_OK(runner.cancel(*id));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *id, JobState::Cancelled), Wait);
        all.insert(all.end(), told.begin(), told.end());
        const auto events = runner.events(*id);
        HILUM_VERIFY_OK(events);
        QCOMPARE(all.size(), events->size());
        QVERIFY(all == *events);
        QVERIFY(!runner.toldBytes(*id));
    }

    void oneFolderThatHangsHoldsUpNoOther()
    {
        JobRunner first(nullptr), second(nullptr), runner(nullptr);
        for (JobRunner* one : {&first, &second, &runner})
            one->setPatience(quick());
        const auto hung = first.start(request("slow")), well = second.start(request("slow"));
        HILUM_VERIFY_OK(hung);
        HILUM_VERIFY_OK(well);
        QTRY_VERIFY_WITH_TIMEOUT(first.job(*hung)->step > 0 && second.job(*well)->step > 0, Wait);
        HILUM_VERIFY_OK(runner.adopt(first.job(*hung)->run));
        HILUM_VERIFY_OK(runner.adopt(second.job(*well)->run));
        HungEvents events(first.job(*hung)->run);
        QVERIFY(events.made());
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*hung)->silent, Wait);
        const auto step = runner.job(*well)->step;
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*well)->step > step, Wait);
        events.comeBack();
        HILUM_VERIFY_OK(runner.cancel(*hung));
        HILUM_VERIFY_OK(runner.cancel(*well));
        QTRY_VERIFY_WITH_TIMEOUT(is(runner, *hung, JobState::Cancelled) && is(runner, *well, JobState::Cancelled), Wait);
    }

    void aRunnerThatGoesDoesNotWaitForAWorkersFolder() // closing the window did
    {
        Patience hasty = quick();
        hasty.end = std::chrono::milliseconds(20);
        auto runner = std::make_unique<JobRunner>(nullptr);
        runner->setPatience(hasty);
        const auto id = runner->start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner->job(*id)->step > 0, Wait);
        const auto pid = runner->job(*id)->pid;
        HungEvents events(runner->job(*id)->run);
        QVERIFY(events.made());
        QTRY_VERIFY_WITH_TIMEOUT(runner->job(*id)->silent, Wait);
        runner.reset();
        QVERIFY2(startedTicks(pid).has_value(), "the worker must outlive the program that started it");
        ::kill(static_cast<pid_t>(pid), SIGKILL);
    }

    void aRunnerThatGoesDoesNotWaitForTheFoldersOfItsList()
    {
        Patience hasty = quick();
        hasty.end = std::chrono::milliseconds(20);
        hilum::tests::HeldRunner list({makeRun("hung", "done"), makeRun("other", "done")}, hasty);
        QVERIFY(list.held.made());
        QTRY_VERIFY_WITH_TIMEOUT(list.runner->job("other").has_value(), Wait);
        QVERIFY(!list.runner->job("hung").has_value());
        list.runner.reset();
    }
};

QTEST_GUILESS_MAIN(TestJobRunnerLook)
#include "tst_job_runner_look.moc"
