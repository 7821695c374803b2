#pragma once

#include "core/base/job_protocol.h"
#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/learning/model_file.h"
#include "core/learning/train/job.h"

#include <QTest>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

/// Runs of a method in a test: here, or in a process of its own that is killed.
namespace hilum::tests {

/// RUN/job.json of a training on one thread of the CPU.
inline void writeTrainingJob(const path& run, const std::string& method, const Json& options)
{
    const Json job = {{"schema", protocol::JobSchema}, {"id", "test"}, {"command", "train"}, {"method", method}, {"preset", "tiny"}, {"options", options}, {"device", "cpu"},
                      {"dtype", "float32"}, {"threads", 1}, {"watch_case", nullptr}};
    if (!makeFolder(run) || !writeFileAtomically(run / "job.json", job.dump(1)))
        throw std::runtime_error("the job could not be written");
}

/// Without a word on standard output, deaf to signals.
inline learning::RunRequest trainingRequest(const path& run, const path& cache, learning::RunRequest::Begin begin = learning::RunRequest::Begin::Fresh)
{
    return {.run = run, .cache = cache, .begin = begin, .echo = learning::EventStream::Echo::None, .listen = learning::RunMonitor::Listen::Nothing};
}

/// SHA-256 of the weights of a run.
inline std::string digestOfRun(const path& run) { return learning::openModel(run)->metadata.at("weights_sha256").get<std::string>(); }

/// A whole run. \return the digest of its weights, or what went wrong
inline std::string digestOfNewRun(const learning::MethodRegistry& registry, const std::string& method, const path& run, const path& cache, const Json& options)
{
    writeTrainingJob(run, method, options);
    const auto result = learning::runRecorded(registry, trainingRequest(run, cache));
    return result ? digestOfRun(run) : result.error().sentence();
}

/// The last step that a run has told; 0 before the first.
inline std::int64_t lastStep(const path& run)
{
    std::int64_t step = 0;
    JsonLineReader reader;
    if (const auto text = readTextFile(run / "events.jsonl"))
        for (const auto& line : reader.feed(*text))
            if (line && line->value("kind", "") == "metric")
                step = std::max(step, line->at("step").get<std::int64_t>());
    return step;
}

/// Runs the job of RUN in a process of its own, this program again (runTestOrTraining), and kills it with SIGKILL once it has told `step`.
/// \return whether it got there and was running still
inline bool killTrainingAt(const path& run, const path& cache, std::int64_t step)
{
    std::string self = std::filesystem::read_symlink("/proc/self/exe").string(), train = "--train", runText = run.string(), cacheText = cache.string();
    char* arguments[] = {self.data(), train.data(), runText.data(), cacheText.data(), nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, self.c_str(), nullptr, nullptr, arguments, ::environ) != 0)
        throw std::runtime_error("cannot start the worker");
    for (int i = 0; i < 120000 && lastStep(run) < step; ++i)
        ::usleep(1000);
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && lastStep(run) >= step;
}

/// What main() of a test does that calls killTrainingAt: with `--train RUN CACHE` it is the process that trains, else the test.
template <class Test>
int runTestOrTraining(int argc, char** argv, const learning::MethodRegistry& registry)
{
    if (argc == 4 && std::strcmp(argv[1], "--train") == 0) {
        const auto result = learning::runRecorded(registry, trainingRequest(argv[2], argv[3]));
        return result ? 0 : static_cast<int>(result.error().code);
    }
    Test test;
    return QTest::qExec(&test, argc, argv);
}

} // namespace hilum::tests
