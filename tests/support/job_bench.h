#pragma once

#include "core/base/format.h"
#include "core/base/job_protocol.h"
#include "core/services/cache_places.h"
#include "core/services/job_runner.h"
#include "tests/support/fake_library.h"
#include "tests/support/fake_worker.h"
#include "tests/support/held_file.h"

#include <QDeadlineTimer>
#include <QTest>
#include <QThread>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hilum::tests {

/// What a runner answers through the event loop.
template <class T>
struct Answer {
    std::optional<Result<T>> got;
    QObject receiver;

    auto slot()
    {
        return [this](Result<T> answer) { got = std::move(answer); };
    }
};

/// What a test of jobs stands on: a home with a prepared cache, the fake worker, and folders of runs. To be derived from.
class JobBench {
protected:
    using Row = project::Library::JobRow;

    JobBench()
    {
        std::filesystem::create_directories(m_cache);
        std::ofstream(m_cache / "index.json") << jsonLine({{"schema", protocol::CacheSchema}, {"digest", "abc123"}});
    }

    /// A place where nothing is.
    path fresh() { return path(m_home.where()) / hilum::format("place{}", m_number++); }
    /// A job that the fake worker does, well or badly.
    services::JobRequest request(const char* behaviour)
    {
        return {.method = behaviour, .preset = "tiny", .title = "a title", .options = {{"steps", 10}}, .cache = m_cache, .run = fresh()};
    }
    // quick to look, slow to kill: on a busy machine a worker needs a while for its last checkpoint
    static services::Patience quick()
    {
        return {.silent = std::chrono::milliseconds(400), .stop = std::chrono::seconds(30), .leave = std::chrono::seconds(30), .look = std::chrono::milliseconds(20)};
    }
    static bool is(const services::JobRunner& runner, const std::string& id, services::JobState state)
    {
        const auto job = runner.job(id);
        return job && job->state == state;
    }
    /// Whether its run folder has not answered yet, as far as the runner has heard.
    static bool starts(const services::JobRunner& runner, const std::string& id) { return is(runner, id, services::JobState::Running) && runner.job(id)->starting; }
    /// Whether that comes true while the event loop stands still: what other threads answer meanwhile is not heard.
    static bool unheard(const std::function<bool()>& holds)
    {
        for (const QDeadlineTimer limit(60000); !limit.hasExpired(); QThread::msleep(5))
            if (holds())
                return true;
        return false;
    }
    static bool says(const path& file, std::string_view word) { return readTextFile(file).value_or(std::string()).find(word) != std::string::npos; }
    /// Whether this program has a child that lives.
    static bool hasChild()
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
    /// Forgets a job, and waits for the answer.
    static Status forget(services::JobRunner& runner, const std::string& id)
    {
        Answer<void> answer;
        runner.forget(id, &answer.receiver, answer.slot());
        if (!QTest::qWaitFor([&] { return answer.got.has_value(); }, 60000))
            return fail(ErrorCode::CheckFailed, "there was no answer");
        return *answer.got;
    }

    static void writeEvents(const path& run)
    {
        std::ofstream events(run / "events.jsonl");
        for (int step = 1; step <= 3; ++step)
            events << jsonLine(protocol::message(protocol::Metric, {{"step", step}, {"loss", 1.0 / step}})) << '\n';
        events << jsonLine(protocol::message(protocol::Done, {{"step", 3}, {"cancelled", false}, {"model", "model.safetensors"}})) << '\n';
    }
    /// The folder of a run that was done, and its row of the library.
    Row makeRun(const std::string& id, const char* state)
    {
        const path run = fresh();
        std::filesystem::create_directories(run);
        std::ofstream(run / "job.json") << jsonLine({{"schema", protocol::JobSchema}, {"id", id}, {"created_utc", "2026-01-01T00:00:00Z"}, {"command", "train"}, {"method", "m"}, {"preset", "tiny"}});
        writeEvents(run);
        return {.id = id, .run = run, .method = "m", .preset = "tiny", .title = "title of " + id, .state = state, .createdUtc = "2026-01-01T00:00:00Z", .message = {}};
    }
    /// The folder of a job that the fake worker can do and has not begun, and its row of the library.
    Result<Row> makeQueued(const std::string& id, const char* behaviour = "good")
    {
        const services::JobRequest wanted = request(behaviour);
        HILUM_TRY_STATUS(makeFolder(wanted.run));
        HILUM_TRY_STATUS(services::JobRunner::writeJobFile(wanted, id, wanted.run));
        return Row{.id = id, .run = wanted.run, .method = behaviour, .preset = "tiny", .title = {}, .state = "queued", .createdUtc = "2026-01-01T00:00:00Z", .message = {}};
    }

    TestHome m_home;
    path m_cache = *services::cachesFolder() / "prepared";
    int m_number = 0;
};

/// A runner that reads its list in the background, and the folder of the first job in it does not answer.
struct HeldRunner {
    FakeLibrary library;
    std::unique_ptr<services::JobRunner> runner;
    HeldFile held; // after who reads it

    HeldRunner(std::vector<project::Library::JobRow> rows, const services::Patience& patience) : held(rows.front().run / "events.jsonl")
    {
        library.jobRows = std::move(rows);
        runner = std::make_unique<services::JobRunner>(&library, services::Loading::InBackground);
        runner->setPatience(patience);
    }
};

} // namespace hilum::tests
