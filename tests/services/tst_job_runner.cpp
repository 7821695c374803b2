#include "core/base/job_protocol.h"
#include "core/base/process_identity.h"
#include "core/services/cache_places.h"
#include "core/services/job_runner.h"
#include "core/services/worker_process.h"
#include "tests/support/compare.h"
#include "tests/support/job_bench.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace hilum;
using namespace hilum::services;
using namespace std::chrono_literals;

class TestJobRunner : public QObject, private hilum::tests::JobBench {
    Q_OBJECT
    static Patience impatient() { return {.silent = 400ms, .stop = 600ms, .leave = 30s, .look = 20ms}; }
    static bool gone(std::int64_t pid) { return !startedTicks(pid).has_value(); }
    static std::string messageOf(const JobRunner& runner, const std::string& id) { return runner.job(id)->message; }

#define WAIT_FOR(runner, id, wanted) \
    QTRY_VERIFY2_WITH_TIMEOUT((runner).job(id)->state == JobState::wanted, (std::string(name((runner).job(id)->state)) + ": " + (runner).job(id)->message).c_str(), 60000)

private Q_SLOTS:
    void runsToItsEnd()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        std::vector<std::string> kinds;
        connect(&runner, &JobRunner::eventArrived, this, [&](const QString&, const Json& event) { kinds.push_back(event["kind"]); });
        const auto id = runner.start(request("good"));
        HILUM_VERIFY_OK(id);
        QVERIFY(runner.job(*id)->state == JobState::Running);
        WAIT_FOR(runner, *id, Done);
        const JobStatus s = *runner.job(*id);
        QCOMPARE(s.step, std::int64_t(10));
        QCOMPARE(s.steps, std::int64_t(10));
        QCOMPARE(s.lastCheckpoint, std::int64_t(10));
        QCOMPARE(s.loss, 0.1);
        QCOMPARE(s.imagesPerSecond, 12.5);
        QCOMPARE(s.device, std::string("cpu"));
        QVERIFY(!s.resumable);
        QCOMPARE(kinds.front(), std::string("hello"));
        QCOMPARE(kinds.back(), std::string("result"));
        QCOMPARE(runner.events(*id)->size(), kinds.size());
        HILUM_VERIFY_ERROR(runner.resume(*id), ErrorCode::Usage);
    }

    void jobFileIsComplete()
    {
        JobRunner runner(nullptr);
        auto wanted = request("good");
        wanted.threads = 3;
        const auto id = runner.start(wanted);
        HILUM_VERIFY_OK(id);
        const Json job = Json::parse(*readTextFile(wanted.run / "job.json"));
        QCOMPARE(job["schema"].get<std::string>(), std::string(protocol::JobSchema));
        QCOMPARE(job["id"].get<std::string>(), *id);
        QCOMPARE(job["cache"], (Json{{"name", "prepared"}, {"digest", "abc123"}}));
        QCOMPARE(job["threads"].get<int>(), 3);
        QVERIFY(job["watch_case"].is_null());
        QVERIFY(job["options"].contains("steps"));
        QVERIFY(job.dump().find(m_home.where()) == std::string::npos);
        WAIT_FOR(runner, *id, Done);
        HILUM_VERIFY_ERROR(runner.start(wanted), ErrorCode::Busy); // the folder has a run
    }

    void aClassifierIsAJobToo()
    {
        auto wanted = request("slow");
        wanted.options = {{"epochs", 4}};
        wanted.classifier = ClassifierRequest{.model = "somewhere/run", .mode = "full", .labels = {{"schema", "hilum.labels/1"}, {"column", "finding"}, {"classes", {"a", "b"}}, {"labels", {{"k1", 0}}}},
                                              .fraction = 0.25, .seed = 7, .compareUntrained = true};
        std::string id;
        {
            JobRunner runner(nullptr);
            runner.setPatience(quick());
            const auto started = runner.start(wanted);
            HILUM_VERIFY_OK(started);
            id = *started;
            const Json job = Json::parse(*readTextFile(wanted.run / "job.json"));
            const Json expected = {{"command", "finetune"}, {"mode", "full"}, {"label_column", "finding"}, {"fraction", 0.25}, {"seed", 7}, {"compare_untrained", true}, {"options", wanted.options}};
            for (const auto& [key, value] : expected.items())
                QCOMPARE(job[key], value);
            QVERIFY(path(job["model"].get<std::string>()).is_absolute());
            QVERIFY(!job.contains("watch_case"));
            QCOMPARE(Json::parse(*readTextFile(wanted.run / "labels.json")), wanted.classifier->labels);
            HILUM_VERIFY_OK(runner.cancel(id)); // before its first step: there is no checkpoint
            WAIT_FOR(runner, id, Cancelled);
            QVERIFY(runner.job(id)->resumable);
        }
        JobRunner again(nullptr);
        again.setPatience(quick());
        HILUM_VERIFY_OK(again.adopt(wanted.run));
        QCOMPARE(again.job(id)->command, std::string("finetune"));
        HILUM_VERIFY_OK(again.resume(id));
        QTRY_VERIFY(again.job(id)->step > 0);
        const std::string arguments = *readTextFile(hilum::format("/proc/{}/cmdline", again.job(id)->pid));
        QVERIFY(arguments.find("finetune") != std::string::npos && arguments.find("--resume") != std::string::npos);
        HILUM_VERIFY_OK(again.cancel(id));
        WAIT_FOR(again, id, Cancelled);
    }

    void workerIsASessionOfItsOwn()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY(runner.job(*id)->step > 0);
        const auto pid = static_cast<pid_t>(runner.job(*id)->pid);
        QCOMPARE(::getsid(pid), pid);
        HILUM_VERIFY_OK(runner.cancel(*id));
        WAIT_FOR(runner, *id, Cancelled);
    }

    void cancelSavesAndResumeGoesOn()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("slow"));
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY(runner.job(*id)->step >= 3);
        const auto pid = runner.job(*id)->pid;
        HILUM_VERIFY_OK(runner.cancel(*id));
        QVERIFY(runner.job(*id)->state == JobState::Cancelling);
        WAIT_FOR(runner, *id, Cancelled);
        QVERIFY(gone(pid));
        const JobStatus stopped = *runner.job(*id);
        QCOMPARE(stopped.message, hilum::format("Stopped at step {}, checkpoint saved", stopped.step));
        QVERIFY(stopped.resumable);
        HILUM_VERIFY_OK(runner.resume(*id));
        QTRY_VERIFY(runner.job(*id)->step > stopped.step);
        QVERIFY(runner.job(*id)->state == JobState::Running);
        HILUM_VERIFY_OK(runner.cancel(*id));
        WAIT_FOR(runner, *id, Cancelled);
    }

    void readsOnPastGarbage()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("garbage"));
        WAIT_FOR(runner, *id, Done);
        QCOMPARE(runner.job(*id)->step, std::int64_t(10));
    }

    void crashIsOneClearSentence()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("crash"));
        WAIT_FOR(runner, *id, Lost);
        const JobStatus s = *runner.job(*id);
        for (const char* part : {"Interrupted at step 7", "signal 6", "a tensor has gone wrong at step 7", "the last checkpoint is of step 5"})
            QVERIFY2(s.message.find(part) != std::string::npos, s.message.c_str());
        QVERIFY(s.resumable);
        QCOMPARE(s.lastCheckpoint, std::int64_t(5));
        HILUM_VERIFY_OK(runner.resume(*id));
        WAIT_FOR(runner, *id, Done);
    }

    void workersOwnErrorIsShown()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("refuse"));
        WAIT_FOR(runner, *id, Failed);
        QCOMPARE(messageOf(runner, *id), std::string("the cache is for another method"));
    }

    void endWithoutAWordIsLost()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("mute"));
        WAIT_FOR(runner, *id, Lost);
        QVERIFY2(messageOf(runner, *id).find("exit code 0") != std::string::npos, messageOf(runner, *id).c_str());
    }

    void killFromOutsideIsInterrupted()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto id = runner.start(request("slow"));
        QTRY_VERIFY(runner.job(*id)->lastCheckpoint >= 5);
        ::kill(static_cast<pid_t>(runner.job(*id)->pid), SIGKILL);
        WAIT_FOR(runner, *id, Lost);
        QVERIFY2(messageOf(runner, *id).find("killed (signal 9)") != std::string::npos, messageOf(runner, *id).c_str());
        QVERIFY(runner.job(*id)->resumable);
    }

    void silenceIsNoticedAndCanBeEnded()
    {
        JobRunner runner(nullptr);
        runner.setPatience(impatient());
        const auto id = runner.start(request("silent"));
        QTRY_VERIFY(runner.job(*id)->silent);
        QVERIFY(runner.job(*id)->state == JobState::Running);
        HILUM_VERIFY_OK(runner.cancel(*id)); // it does not answer that either
        WAIT_FOR(runner, *id, Cancelled);
        QVERIFY(!runner.job(*id)->silent);
    }

    void stubbornWorkerIsKilled()
    {
        JobRunner runner(nullptr);
        runner.setPatience(impatient());
        const auto id = runner.start(request("stubborn"));
        QTRY_VERIFY(runner.job(*id)->lastCheckpoint >= 5);
        const auto pid = runner.job(*id)->pid;
        HILUM_VERIFY_OK(runner.cancel(*id));
        WAIT_FOR(runner, *id, Cancelled);
        QVERIFY(gone(pid));
        QVERIFY2(messageOf(runner, *id).starts_with("Killed at step"), messageOf(runner, *id).c_str());
        QVERIFY(runner.job(*id)->resumable);
    }

    void oneAtATimeInOrder()
    {
        JobRunner runner(nullptr);
        runner.setPatience(quick());
        const auto first = runner.start(request("slow")), second = runner.start(request("good")), third = runner.start(request("good"));
        QVERIFY(runner.job(*first)->state == JobState::Running);
        QVERIFY(runner.job(*second)->state == JobState::Queued);
        HILUM_VERIFY_OK(runner.cancel(*third));
        QVERIFY(runner.job(*third)->state == JobState::Cancelled);
        QTRY_VERIFY(runner.job(*first)->step > 0);
        QVERIFY(runner.job(*second)->state == JobState::Queued);
        HILUM_VERIFY_OK(runner.cancel(*first));
        WAIT_FOR(runner, *second, Done);
        QVERIFY(runner.job(*third)->state == JobState::Cancelled);
        QCOMPARE(runner.jobs().size(), std::size_t(3));
    }

    void aMissingCacheIsSaid()
    {
        JobRunner runner(nullptr);
        auto wanted = request("good");
        wanted.cache = fresh();
        HILUM_VERIFY_ERROR(runner.start(wanted), ErrorCode::NotFound);
        // gone between queueing and start
        const path other = *cachesFolder() / "other";
        std::filesystem::copy(m_cache, other);
        wanted = request("slow");
        const auto first = runner.start(wanted);
        wanted = request("good");
        wanted.cache = other;
        const auto second = runner.start(wanted);
        HILUM_VERIFY_OK(second);
        std::ofstream(other / "index.json") << jsonLine({{"schema", protocol::CacheSchema}, {"digest", "changed"}});
        HILUM_VERIFY_OK(runner.cancel(*first));
        WAIT_FOR(runner, *second, Failed);
        QVERIFY2(messageOf(runner, *second).find("prepared anew") != std::string::npos, messageOf(runner, *second).c_str());
    }

    void cachesElsewhereAreFoundWithoutTheirPath()
    {
        const path elsewhere = path(m_home.where()) / "Doe^John" / "cache";
        std::filesystem::create_directories(elsewhere);
        std::ofstream(elsewhere / "index.json") << jsonLine({{"schema", protocol::CacheSchema}, {"digest", "d00d"}});
        const auto record = cacheRecord(elsewhere);
        HILUM_VERIFY_OK(record);
        QVERIFY(record->dump().find("Doe") == std::string::npos);
        const auto found = findCache(*record);
        HILUM_VERIFY_OK(found);
        QCOMPARE(*found, elsewhere);
        HILUM_VERIFY_ERROR(findCache({{"name", "../../etc"}, {"digest", "x"}}), ErrorCode::BadData);
    }

    void runningJobsAreFoundAgain()
    {
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        std::string running, queued, ended;
        std::int64_t pid = 0;
        {
            JobRunner runner(library->get());
            runner.setPatience(quick());
            ended = *runner.start(request("good"));
            running = *runner.start(request("slow"));
            queued = *runner.start(request("good"));
            WAIT_FOR(runner, ended, Done);
            QTRY_VERIFY(runner.job(running)->lastCheckpoint >= 5);
            pid = runner.job(running)->pid;
        }
        QVERIFY2(!gone(pid), "the worker must outlive the program that started it");
        JobRunner runner(library->get());
        runner.setPatience(quick());
        runner.runQueue();
        QCOMPARE(runner.jobs().size(), std::size_t(3));
        QVERIFY(runner.job(ended)->state == JobState::Done);
        QVERIFY(runner.job(queued)->state == JobState::Queued);
        QVERIFY(runner.job(running)->state == JobState::Running);
        QCOMPARE(runner.job(running)->pid, pid);
        QCOMPARE(runner.job(running)->title, std::string("a title"));
        QCOMPARE(runner.job(running)->device, std::string("cpu"));
        const auto step = runner.job(running)->step;
        QVERIFY(step >= 5);
        QTRY_VERIFY(runner.job(running)->step > step);
        HILUM_VERIFY_OK(runner.cancel(running));
        WAIT_FOR(runner, running, Cancelled);
        WAIT_FOR(runner, queued, Done);
    }

    void whoOnlyLooksLaunchesNothing() // `hilum jobs list` started what waited
    {
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        const auto wanted = makeQueued("waiting");
        HILUM_VERIFY_OK(wanted);
        HILUM_VERIFY_OK((*library)->putJob(*wanted));
        {
            JobRunner looking(library->get());
            looking.setPatience(quick());
            QTest::qWait(200);
            QVERIFY(looking.job("waiting")->state == JobState::Queued);
            QVERIFY(!std::filesystem::exists(wanted->run / "events.jsonl"));
        }
        JobRunner runner(library->get());
        runner.setPatience(quick());
        runner.runQueue();
        WAIT_FOR(runner, "waiting", Done);
    }

    void deathDuringAbsenceIsInterrupted()
    {
        auto library = project::Library::open(fresh());
        std::string id;
        std::int64_t pid = 0;
        {
            JobRunner runner(library->get());
            runner.setPatience(quick());
            id = *runner.start(request("slow"));
            QTRY_VERIFY(runner.job(id)->lastCheckpoint >= 5);
            pid = runner.job(id)->pid;
        }
        ::kill(static_cast<pid_t>(pid), SIGKILL);
        QTRY_VERIFY(gone(pid));
        JobRunner runner(library->get());
        QVERIFY(runner.job(id)->state == JobState::Lost);
        QVERIFY(runner.job(id)->resumable);
        QVERIFY2(messageOf(runner, id).starts_with("Interrupted at step"), messageOf(runner, id).c_str());
        ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
    }

    void endDuringAbsenceIsRead()
    {
        auto library = project::Library::open(fresh());
        std::string id;
        {
            JobRunner runner(library->get());
            id = *runner.start(request("good"));
        }
        const path events = library->get()->jobs()->front().run / "events.jsonl";
        QTRY_VERIFY(readTextFile(events).value_or("").find("\"result\"") != std::string::npos);
        QTest::qWait(100);
        JobRunner runner(library->get());
        runner.setPatience(quick());
        WAIT_FOR(runner, id, Done);
    }

    void aResultWrittenWhileTheRunIsTakenOverCounts() // the run was called interrupted: its words were read before the process was looked for
    {
        const auto wanted = makeQueued("late");
        HILUM_VERIFY_OK(wanted);
        std::ofstream(wanted->run / "events.jsonl") << jsonLine(protocol::message(protocol::Progress, {{"step", 9}, {"steps", 10}})) << "\n";
        QCOMPARE(::mkfifo((wanted->run / "worker.json").c_str(), 0600), 0);
        ProcessIdentity ended = thisProcess();
        ended.startedTicks += 1;
        std::jthread worker([&] {
            std::ofstream identity(wanted->run / "worker.json"); // opens when the runner asks who is at work
            std::ofstream(wanted->run / "events.jsonl", std::ios::app) << jsonLine(protocol::message(protocol::Done, {{"step", 10}, {"cancelled", false}})) << "\n";
            identity << jsonLine(toJson(ended)) << "\n";
        });
        JobRunner runner(nullptr);
        HILUM_VERIFY_OK(runner.adopt(wanted->run));
        QVERIFY2(runner.job("late")->state == JobState::Done, messageOf(runner, "late").c_str());
        QCOMPARE(runner.job("late")->step, std::int64_t(10));
    }

    void theLastWordOfAnEarlierAttemptKillsNobody()
    {
        const auto wanted = makeQueued("again");
        HILUM_VERIFY_OK(wanted);
        std::ofstream events(wanted->run / "events.jsonl");
        events << jsonLine(protocol::message(protocol::Done, {{"step", 5}, {"cancelled", true}})) << "\n" << std::flush;
        const pid_t child = ::fork();
        if (child == 0) {
            ::sleep(600);
            ::_exit(0);
        }
        QVERIFY(child > 0);
        ProcessIdentity identity = thisProcess();
        identity.pid = child;
        identity.startedTicks = startedTicks(child).value_or(0);
        std::ofstream(wanted->run / "worker.json") << jsonLine(toJson(identity)) << "\n";
        JobRunner runner(nullptr);
        runner.setPatience({.silent = 400ms, .stop = 30s, .leave = 0ms, .look = 20ms});
        bool greeted = false;
        connect(&runner, &JobRunner::eventArrived, this, [&](const QString&, const Json&) { greeted = true; });
        const Status adopted = runner.adopt(wanted->run); // before the resumed worker has said anything
        events << jsonLine(protocol::message(protocol::Hello, {{"pid", child}})) << "\n" << std::flush;
        const bool heard = QTest::qWaitFor([&] { return greeted; }, 60000);
        ::kill(child, SIGUSR1);
        int end = 0;
        QCOMPARE(::waitpid(child, &end, 0), child);
        HILUM_VERIFY_OK(adopted);
        QVERIFY(heard);
        QVERIFY(WIFSIGNALED(end));
        QCOMPARE(WTERMSIG(end), SIGUSR1); // ours: the runner would have killed it with 9
    }

    void runFoldersMadeElsewhereCanBeAdopted()
    {
        auto wanted = request("good");
        std::string id;
        {
            JobRunner other(nullptr);
            id = *other.start(wanted);
            WAIT_FOR(other, id, Done);
        }
        JobRunner runner(nullptr);
        HILUM_VERIFY_OK(runner.adopt(wanted.run));
        QVERIFY(runner.job(id)->state == JobState::Done);
        QCOMPARE(runner.job(id)->step, std::int64_t(10));
        std::ofstream(fresh()) << "";
        HILUM_VERIFY_ERROR(runner.adopt(m_cache), ErrorCode::NotFound);
        std::ofstream(m_cache / "job.json") << "{\"schema\": \"hilum.job/9\"}";
        HILUM_VERIFY_ERROR(runner.adopt(m_cache), ErrorCode::WrongVersion);
        std::filesystem::remove(m_cache / "job.json");
    }

    void adoptedRunsStayInTheLibrary()
    {
        const auto wanted = request("good");
        std::string id;
        {
            JobRunner other(nullptr);
            id = *other.start(wanted);
            WAIT_FOR(other, id, Done);
        }
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        {
            JobRunner runner(library->get());
            for (const path& same : {wanted.run, wanted.run, wanted.run / "", wanted.run / ".." / wanted.run.filename()})
                HILUM_VERIFY_OK(runner.adopt(same));
            QCOMPARE(runner.jobs().size(), std::size_t(1));
            const path none = fresh();
            std::filesystem::create_directories(none);
            const Status refused = runner.adopt(none);
            HILUM_VERIFY_ERROR(refused, ErrorCode::NotFound);
            QCOMPARE(refused.error().sentence(), none.string() + " is no run folder: it holds no job.json");
        }
        const auto rows = (*library)->jobs();
        HILUM_VERIFY_OK(rows);
        QCOMPARE(rows->size(), std::size_t(1));
        QCOMPARE(rows->front().run, wanted.run);
        JobRunner again(library->get());
        QVERIFY(again.job(id) && again.job(id)->state == JobState::Done);
        HILUM_VERIFY_OK(again.adopt(wanted.run));
        QCOMPARE(again.jobs().size(), std::size_t(1));
        // moved: the row follows
        const path elsewhere = fresh();
        std::filesystem::rename(wanted.run, elsewhere);
        HILUM_VERIFY_OK(again.adopt(elsewhere));
        QCOMPARE(again.jobs().size(), std::size_t(1));
        QCOMPARE(again.job(id)->run, elsewhere);
    }
    void aWorkerOfAnotherHostIsKnownByItsLock() // a container that is started anew has another name: its job was "running" for ever, and nothing else was
    {
        const path run = fresh();
        std::filesystem::create_directories(run);
        ProcessIdentity other = thisProcess();
        other.host += "-elsewhere";
        QVERIFY(!WorkerProcess::isAtWork(other, run));
        const int file = ::open((run / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        QVERIFY(file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0);
        QVERIFY(WorkerProcess::isAtWork(other, run));
        ::close(file);
        QVERIFY(!WorkerProcess::isAtWork(other, run));
        QVERIFY(WorkerProcess::isAtWork(thisProcess(), run)); // of this host the process itself is asked
    }
};

QTEST_GUILESS_MAIN(TestJobRunner)
#include "tst_job_runner.moc"
