#include "tests/learning/training_bench.h"

#include "core/learning/device.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/job.h"

#include <torch/cuda.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// This program as a worker: `--train RUN CACHE [--resume]`, as hilum-worker does it with the real methods.
int trainAsWorker(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    RunRequest request;
    request.run = argv[2];
    request.cache = argv[3];
    request.begin = argc > 4 && std::strcmp(argv[4], "--resume") == 0 ? RunRequest::Begin::Resume : RunRequest::Begin::Fresh;
    const auto result = runRecorded(toyRegistry(), request);
    return result ? 0 : static_cast<int>(result.error().code);
}

/// Trains as the toy does, and cannot be evaluated.
class WithoutTarget : public ToyMethod {
public:
    using ToyMethod::ToyMethod;
    MaskedTarget maskedTarget(const TensorMap&, Rng) override { throw std::runtime_error("no mask fits"); }
};

struct Child {
    pid_t pid = -1;
    int input = -1;
    int wait() const
    {
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
};

Child startWorker(const path& run, const path& cache, bool resume)
{
    int pipes[2];
    if (::pipe2(pipes, O_CLOEXEC) != 0)
        throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    std::string runText = run.string(), cacheText = cache.string(), self = "/proc/self/exe", train = "--train", flag = "--resume";
    self = std::filesystem::read_symlink(self).string();
    char* arguments[] = {self.data(), train.data(), runText.data(), cacheText.data(), resume ? flag.data() : nullptr, nullptr};
    Child child;
    if (::posix_spawn(&child.pid, self.c_str(), &actions, nullptr, arguments, environ) != 0)
        throw std::runtime_error("cannot start the worker");
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipes[0]);
    child.input = pipes[1];
    return child;
}

/// Waits until a run has told `step`; false after two minutes.
bool waitForStep(const path& run, std::int64_t step)
{
    for (int i = 0; i < 24000; ++i) {
        const auto losses = lossesOf(run);
        if (!losses.empty() && losses.rbegin()->first >= step)
            return true;
        ::usleep(5000);
    }
    return false;
}

} // namespace

/// A run from its start to its end, whatever happens on the way. What it is evaluated on, and what it begins with: tst_evaluation.
class TestTraining : public QObject, private TrainingBench {
    Q_OBJECT

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { m_folder.reset(); }

    void leavesACompleteRecord()
    {
        writeJob(at("run"), {{"steps", 60}, {"checkpoint_every", 20}});
        const auto result = runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache")));
        HILUM_VERIFY_OK(result);
        for (const char* file : {"events.jsonl", "worker.json", "split.json", "model.safetensors", "provenance.json", "evaluation.json", "checkpoints/latest"})
            QVERIFY2(std::filesystem::exists(at("run") / file), file);
        const auto losses = lossesOf(at("run"));
        QCOMPARE(losses.size(), std::size_t{60});
        QVERIFY(losses.at(60) < losses.at(1));

        const Json metric = eventsOf(at("run"), "metric").front();
        for (const char* key : {"loss", "lr", "weight_decay", "grad_norm", "images_per_s", "memory_bytes", "device", "dtype", "hidden_fraction"})
            QVERIFY2(metric.contains(key), key);
        QCOMPARE(eventsOf(at("run"), "hello").size(), std::size_t{1});
        QCOMPARE(eventsOf(at("run"), "checkpoint").back().at("reason"), Json("final"));
        const Json preview = eventsOf(at("run"), "preview").back();
        QVERIFY(std::filesystem::exists(at("run") / preview.at("file").get<std::string>()));

        const auto model = openModel(at("run"));
        HILUM_VERIFY_OK(model);
        for (const char* key : {"schema", "method", "preset", "options", "pipeline", "step", "weights_sha256", "licence", "split_sha256", "made_by", "encoder"})
            QVERIFY2(model->metadata.contains(key), key);
        QCOMPARE(weightsDigest(readTensorsOf(*model)), model->metadata.at("weights_sha256").get<std::string>());
        HILUM_VERIFY_OK(loadMethod(toyRegistry(), *model));

        const Json split = *parseJson(*readTextFile(at("run") / "split.json"));
        QCOMPARE(split.at("held_out_patients"), Json(2));
        QCOMPARE(split.at("held_out").size(), std::size_t{4});
        const Json evaluation = *parseJson(*readTextFile(at("run") / "evaluation.json"));
        QCOMPARE(evaluation.at("held_out_patients"), Json(2));
        QCOMPARE(evaluation.at("train_patients"), Json(8));
        QVERIFY(evaluation.at("held_out_loss") < evaluation.at("untrained_loss"));
        for (const char* key : {"held_out_loss", "untrained_loss", "mean_picture_loss", "visible_mean_loss", "swapped_loss"}) {
            const double value = evaluation.at(key).get<double>();
            QVERIFY(evaluation.at("intervals").at(key).at("low").get<double>() <= value && value <= evaluation.at("intervals").at(key).at("high").get<double>());
        }
        // the same numbers again from the finished run
        const auto again = runEvaluation(toyRegistry(), at("run"), at("cache"), at("again"), "cpu", "float32");
        HILUM_VERIFY_OK(again);
        QCOMPARE(again->at("held_out_loss"), evaluation.at("held_out_loss"));
        QCOMPARE(again->at("swapped_loss"), evaluation.at("swapped_loss"));
        QCOMPARE(again->at("untrained_loss"), evaluation.at("untrained_loss"));
    }

    void killedAtAnyStepItResumesBitEqually_data()
    {
        QTest::addColumn<int>("step");
        // three steps that are no checkpoint, other ones each day
        Rng rng(static_cast<std::uint64_t>(std::time(nullptr) / 86400));
        for (int i = 0; i < 3; ++i) {
            const int step = static_cast<int>(rng.integer(0, 3)) * 5 + static_cast<int>(rng.integer(1, 5)) + 1;
            QTest::newRow(("step " + std::to_string(step) + " draw " + std::to_string(i)).c_str()) << step;
        }
    }
    void killedAtAnyStepItResumesBitEqually()
    {
        QFETCH(int, step);
        Json options = {{"steps", 19}, {"checkpoint_every", 5}, {"accumulation", 2}, {"ema_decay", 0.9}, {"clip_norm", 0.5}, {"loader_threads", 3}, {"prefetch", 4}};
        writeJob(at("whole"), options);
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("whole"), at("cache"))));

        writeJob(at("killed"), options);
        qputenv("HILUM_TOY_HOLD", QByteArray::number(2 * step)); // two batches a step: it stops in the next one, however long we take to look
        const Child worker = startWorker(at("killed"), at("cache"), false);
        qunsetenv("HILUM_TOY_HOLD");
        QVERIFY(waitForStep(at("killed"), step));
        ::kill(worker.pid, SIGKILL);
        QCOMPARE(worker.wait(), 1000 + SIGKILL);
        ::close(worker.input);
        QVERIFY(!std::filesystem::exists(at("killed") / "model.safetensors"));

        const Child resumed = startWorker(at("killed"), at("cache"), true);
        QCOMPARE(resumed.wait(), 0);
        ::close(resumed.input);
        QCOMPARE(digestOfRun(at("killed")), digestOfRun(at("whole")));
        QVERIFY(lossesOf(at("killed")) == lossesOf(at("whole")));
        const auto evaluation = [&](const char* run) { return parseJson(*readTextFile(at(run) / "evaluation.json"))->at("held_out_loss"); };
        QCOMPARE(evaluation("killed"), evaluation("whole"));
        QCOMPARE(eventsOf(at("killed"), "hello").size(), std::size_t{2});
    }

    void cancelSavesAndTheRestIsTheSame_data()
    {
        QTest::addColumn<bool>("bySignal");
        QTest::newRow("SIGTERM") << true;
        QTest::newRow("cancel on standard input") << false;
    }
    void cancelSavesAndTheRestIsTheSame()
    {
        QFETCH(bool, bySignal);
        Json options = {{"steps", 9}, {"checkpoint_every", 100}};
        writeJob(at("whole"), options);
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("whole"), at("cache"))));

        options["slow_seconds"] = 0.5; // six more steps in which the request must arrive
        writeJob(at("cancelled"), options);
        const Child worker = startWorker(at("cancelled"), at("cache"), false);
        QVERIFY(waitForStep(at("cancelled"), 3));
        if (bySignal) {
            ::kill(worker.pid, SIGTERM);
        } else {
            const std::string line = "not json\n{\"kind\": \"cancel\"}\n";
            QCOMPARE(::write(worker.input, line.data(), line.size()), static_cast<ssize_t>(line.size()));
        }
        QCOMPARE(worker.wait(), 0);
        ::close(worker.input);
        const Json result = eventsOf(at("cancelled"), "result").back();
        QCOMPARE(result.at("cancelled"), Json(true));
        const auto done = result.at("step").get<std::int64_t>();
        QVERIFY(done >= 3 && done < 9);
        QCOMPARE(eventsOf(at("cancelled"), "checkpoint").back().at("reason"), Json("cancel"));
        // saving was told before the checkpoint was there
        bool said = false;
        for (const Json& progress : eventsOf(at("cancelled"), "progress"))
            said = said || progress.at("phase") == "saving";
        QVERIFY(said);
        QVERIFY(std::filesystem::exists(at("cancelled") / result.at("model").get<std::string>()));

        auto request = trainingRequest(at("cancelled"), at("cache"));
        request.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), request));
        QCOMPARE(digestOfRun(at("cancelled")), digestOfRun(at("whole")));
    }

    void heartbeatGoesOnDuringALongStep()
    {
        writeJob(at("run"), {{"steps", 1}, {"slow_seconds", 4.6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        int during = 0;
        for (const Json& progress : eventsOf(at("run"), "progress"))
            during += progress.at("phase") == "training" && progress.at("step") == 0;
        QVERIFY2(during >= 3, std::to_string(during).c_str()); // entering, and one each second
    }

    void numbersThatAreNoneEndTheRun()
    {
        writeJob(at("run"), {{"break_at", 6}});
        const auto result = runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Options);
        QCOMPARE(result.error().reason, std::string("not_finite"));
        QVERIFY2(result.error().message.find("became nan at step 7") != std::string::npos, result.error().message.c_str());
        QCOMPARE(eventsOf(at("run"), "error").back().at("name"), Json("options"));
        HILUM_VERIFY_OK(latestCheckpoint(at("run"))); // of step 4
    }

    void aResultThatCannotBeRecordedIsAnError()
    {
        writeJob(at("run"), {{"steps", 2}});
        std::filesystem::create_symlink("/dev/full", at("run") / "events.jsonl"); // a disk without room for the record alone
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))), ErrorCode::NoSpace);
        QVERIFY(std::filesystem::exists(at("run") / "model.safetensors"));
    }

    void previewsAreMadeOnlyWhereTheyAreWanted()
    {
        writeJob(at("run"), {{"steps", 2}, {"preview_every", 0}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        QVERIFY(!std::filesystem::exists(at("run") / "previews"));
        QCOMPARE(eventsOf(at("run"), "preview").size(), std::size_t{0});
    }

    void aCheckpointNeedsNoHeldOutLoss()
    {
        const Json options = {{"steps", 8}, {"checkpoint_every", 4}, {"ema_decay", 0.9}};
        writeJob(at("whole"), options);
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("whole"), at("cache"))));

        MethodEntry entry = toyRegistry().entries().front();
        entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> {
            ToyOptions o;
            if (const Status read = fromJson(json, o); !read)
                throw std::invalid_argument(read.error().sentence());
            return std::make_unique<WithoutTarget>(o, rng);
        };
        MethodRegistry registry;
        registry.add(std::move(entry));
        writeJob(at("run"), options);
        const auto result = runRecorded(registry, trainingRequest(at("run"), at("cache")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Internal); // of the evaluation, when all is written
        QVERIFY2(result.error().sentence().find("no mask fits") != std::string::npos, result.error().sentence().c_str());
        const auto checkpoints = eventsOf(at("run"), "checkpoint");
        QCOMPARE(checkpoints.size(), std::size_t{2});
        for (const Json& checkpoint : checkpoints)
            QVERIFY(!checkpoint.contains("held_out_loss"));
        int told = 0;
        for (const Json& warning : eventsOf(at("run"), "warning"))
            told += warning.at("code") == "no_held_out_loss" && warning.at("text").get<std::string>().find("no mask fits") != std::string::npos;
        QCOMPARE(told, 2);
        QCOMPARE(latestCheckpoint(at("run"))->filename().string(), std::string("step-8"));
        QCOMPARE(digestOfRun(at("run")), digestOfRun(at("whole"))); // the averaged weights are not left in the network
    }

    /// Measured again it may come out otherwise, and the paths round otherwise.
    void aResumedRunKeepsItsPathOfAttention()
    {
        const auto measured = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(measured);
        const std::string other = measured->attention == "plain" ? "fused" : "plain";
        writeJob(at("run"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        QCOMPARE(eventsOf(at("run"), "hello").back().at("attention"), Json(measured->attention)); // a new run measures
        const path state = *latestCheckpoint(at("run")) / "state.json";
        Json json = *parseJson(*readTextFile(state));
        json["placement"]["attention"] = other;
        HILUM_VERIFY_OK(writeFileAtomically(state, json.dump()));
        writeJob(at("run"), {{"steps", 8}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"), RunRequest::Begin::Resume)));
        QCOMPARE(eventsOf(at("run"), "hello").back().at("attention"), Json(other));
        QCOMPARE(parseJson(*readTextFile(*latestCheckpoint(at("run")) / "state.json"))->at("placement").at("attention"), Json(other)); // and again
    }

    void allFaultsOfAJobAtOnce()
    {
        writeJob(at("run"), {{"lr", -1}, {"step", 10}, {"clip_kind", "soft"}}, {{"device", "gpu"}});
        const auto result = runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Options);
        const std::string text = result.error().sentence();
        for (const char* part : {"lr = -1 is outside [0, 10]", "unknown option step (did you mean steps?)", "clip_kind = \"soft\" is none of global, per-tensor", "device = \"gpu\""})
            QVERIFY2(text.find(part) != std::string::npos, text.c_str());
    }

    void refusesWhatDoesNotBelongTogether()
    {
        writeJob(at("run"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        auto resume = trainingRequest(at("run"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;

        // a fresh start over a run, and its record stays as it was
        const auto eventsBefore = readTextFile(at("run") / "events.jsonl");
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))), ErrorCode::Usage);
        QCOMPARE(*readTextFile(at("run") / "events.jsonl"), *eventsBefore);

        writeJob(at("run"), {{"steps", 8}}, {{"method", "other"}});
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), resume), ErrorCode::Mismatch);
        writeJob(at("run"), {{"steps", 8}, {"width", 13}});
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), resume), ErrorCode::Mismatch);

        writeJob(at("run"), {{"steps", 8}});
        makeCache(at("other"), {.patients = 10, .imagesPerPatient = 2, .size = 16, .seed = 2});
        resume.cache = at("other");
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), resume), ErrorCode::Mismatch);
        makeCache(at("small"), {.patients = 10, .imagesPerPatient = 2, .size = 8});
        writeJob(at("fresh"), {{"steps", 2}});
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), trainingRequest(at("fresh"), at("small"))), ErrorCode::Mismatch); // another pipeline
    }

    void killedDuringTheEvaluationItEndsAsUsual()
    {
        writeJob(at("run"), {{"steps", 6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        const Json evaluation = *parseJson(*readTextFile(at("run") / "evaluation.json"));
        const std::string digest = digestOfRun(at("run"));
        for (const char* file : {"evaluation.json", "model.safetensors", "provenance.json"})
            std::filesystem::remove(at("run") / file);
        auto resume = trainingRequest(at("run"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), resume));
        QCOMPARE(digestOfRun(at("run")), digest);
        QCOMPARE(parseJson(*readTextFile(at("run") / "evaluation.json"))->at("swapped_loss"), evaluation.at("swapped_loss"));
    }

    void oneWorkerPerRun()
    {
        writeJob(at("run"), Json::object());
        const auto lock = RunLock::take(at("run"));
        HILUM_VERIFY_OK(lock);
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))), ErrorCode::Busy);
        QVERIFY(!std::filesystem::exists(at("run") / "events.jsonl"));
    }

    void memoryIsToldAsBenchTellsIt()
    {
        (void)at::full({64 << 20}, 1.0f); // 256 MB that are given back: seen, a metric told what the process held at that moment, on a GPU too
        const std::uint64_t before = memoryReport().peakBytes();
        writeJob(at("run"), Json::object());
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        for (const Json& metric : eventsOf(at("run"), "metric"))
            QVERIFY(metric.at("memory_bytes").get<std::uint64_t>() >= before);
        if (!torch::cuda::is_available())
            return;
        writeJob(at("gpu"), Json::object(), {{"device", "cuda:0"}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("gpu"), at("cache"))));
        const Json last = eventsOf(at("gpu"), "metric").back();
        QCOMPARE(last.at("device"), Json("cuda:0"));
        QVERIFY(last.at("memory_bytes").get<std::uint64_t>() > 0);
        QVERIFY(last.at("memory_bytes").get<std::uint64_t>() < (64u << 20)); // a toy's; the process has hundreds of megabytes
    }

    void aDeviceThatIsNotThere()
    {
        if (torch::cuda::is_available())
            QSKIP("there is a GPU here");
        writeJob(at("run"), Json::object(), {{"device", "cuda:0"}});
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))), ErrorCode::Device);
    }

    void keepsTheRightCheckpoints()
    {
        HILUM_VERIFY_OK(makeFolder(at("run")));
        const std::map<std::int64_t, double> losses{{1, 0.9}, {2, 0.3}, {3, 0.5}, {4, 0.6}, {5, 0.7}, {6, 0.8}};
        for (const auto& [step, loss] : losses) {
            Checkpoint checkpoint;
            checkpoint.step = step;
            checkpoint.weights["w"] = at::full({3}, static_cast<double>(step));
            checkpoint.model = {{"method", "toy"}, {"options", Json::object()}};
            checkpoint.state["held_out_loss"] = loss;
            HILUM_VERIFY_OK(writeCheckpoint(at("run"), checkpoint, {2, 3}));
        }
        std::vector<std::string> left;
        for (const auto& entry : std::filesystem::directory_iterator(at("run") / "checkpoints"))
            left.push_back(entry.path().filename().string());
        std::sort(left.begin(), left.end());
        QVERIFY((left == std::vector<std::string>{"latest", "step-2", "step-3", "step-5", "step-6"})); // best, every third, last two
        // a checkpoint that lost a file is passed over
        std::filesystem::remove(at("run") / "checkpoints" / "step-6" / "optimizer.safetensors");
        QCOMPARE(latestCheckpoint(at("run"))->filename().string(), std::string("step-5"));
        std::filesystem::create_directory(at("run") / "checkpoints" / ".new-step-7");
        removeLeftovers(at("run"));
        QVERIFY(!std::filesystem::exists(at("run") / "checkpoints" / ".new-step-7"));
        // killed between the two renames of a checkpoint that is written anew: the last good one comes back
        const path last = at("run") / "checkpoints" / "step-5";
        std::filesystem::rename(last, at("run") / "checkpoints" / ".old-step-5");
        std::filesystem::create_directory(at("run") / "checkpoints" / ".new-step-5");
        HILUM_VERIFY_OK(writeFileAtomically(at("run") / ".model.safetensors.0123ab.part", "half a file"));
        removeLeftovers(at("run"));
        QVERIFY(std::filesystem::exists(last / "model.safetensors") && !std::filesystem::exists(at("run") / "checkpoints" / ".old-step-5"));
        QVERIFY(!std::filesystem::exists(at("run") / "checkpoints" / ".new-step-5") && !std::filesystem::exists(at("run") / ".model.safetensors.0123ab.part"));
        QCOMPARE(latestCheckpoint(at("run"))->filename().string(), std::string("step-5"));
    }

    void diskIsCountedBeforeTheStart()
    {
        const TensorMap weights{{"w", at::zeros({1000})}};
        // two, the best and the one being written, each weights and two moments; and the model
        QCOMPARE(diskNeed(weights, 0, 100, {2, 0}), std::uint64_t{4 * 3 * 4000 + 4000});
        QCOMPARE(diskNeed(weights, 0, 100, {2, 50}), std::uint64_t{6 * 3 * 4000 + 4000});
        const Status refused = checkDiskSpace(m_folder->where(), std::uint64_t{1} << 60);
        HILUM_VERIFY_ERROR(refused, ErrorCode::NoSpace);
    }

    void checkpointsThatAreThereMakeRoomForNewOnes() // a run that had begun could not go on where its own checkpoints took the room
    {
        const auto free = freeSpace(m_folder->where());
        HILUM_VERIFY_OK(free);
        const std::uint64_t needed = *free + (std::uint64_t{32} << 30);
        HILUM_VERIFY_ERROR(checkDiskSpace(at("run"), needed), ErrorCode::NoSpace);
        std::filesystem::create_directories(at("run") / "checkpoints" / "step-1");
        HILUM_VERIFY_OK(writeFileAtomically(at("run") / "checkpoints" / "step-1" / "model.safetensors", ""));
        std::filesystem::resize_file(at("run") / "checkpoints" / "step-1" / "model.safetensors", std::uintmax_t{64} << 30); // holds no blocks
        HILUM_VERIFY_OK(checkDiskSpace(at("run"), needed));
    }
};

int main(int argc, char** argv)
{
    if (argc > 3 && std::strcmp(argv[1], "--train") == 0)
        return trainAsWorker(argc, argv);
    at::set_num_threads(1);
    TestTraining test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_training.moc"
