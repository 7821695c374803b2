#include "tests/learning/toy_method.h"

#include "core/learning/data/loader.h"
#include "core/learning/data/training_record.h"
#include "core/learning/device.h"
#include "core/learning/model_file.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/evaluation.h"
#include "core/learning/train/job.h"

#include "tests/support/compare.h"

#include <torch/cuda.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <spawn.h>
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

RunRequest quiet(const path& run, const path& cache)
{
    RunRequest request;
    request.run = run;
    request.cache = cache;
    request.echo = EventStream::Echo::None;
    request.listen = RunMonitor::Listen::Nothing;
    return request;
}

std::string digestOf(const path& run) { return openModel(run)->metadata.at("weights_sha256").get<std::string>(); }

} // namespace

class TestTraining : public QObject {
    Q_OBJECT

    std::optional<TemporaryFolder> m_folder;
    path at(const char* name) const { return m_folder->where() / name; }

private Q_SLOTS:
    void init()
    {
        m_folder.emplace(*TemporaryFolder::make());
        makeCache(at("cache"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
    }
    void cleanup() { m_folder.reset(); }

    void leavesACompleteRecord()
    {
        writeJob(at("run"), {{"steps", 60}, {"checkpoint_every", 20}});
        const auto result = runRecorded(toyRegistry(), quiet(at("run"), at("cache")));
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
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("whole"), at("cache"))));

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
        QCOMPARE(digestOf(at("killed")), digestOf(at("whole")));
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
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("whole"), at("cache"))));

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

        auto request = quiet(at("cancelled"), at("cache"));
        request.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), request));
        QCOMPARE(digestOf(at("cancelled")), digestOf(at("whole")));
    }

    void heartbeatGoesOnDuringALongStep()
    {
        writeJob(at("run"), {{"steps", 1}, {"slow_seconds", 4.6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))));
        int during = 0;
        for (const Json& progress : eventsOf(at("run"), "progress"))
            during += progress.at("phase") == "training" && progress.at("step") == 0;
        QVERIFY2(during >= 3, std::to_string(during).c_str()); // entering, and one each second
    }

    void numbersThatAreNoneEndTheRun()
    {
        writeJob(at("run"), {{"break_at", 6}});
        const auto result = runRecorded(toyRegistry(), quiet(at("run"), at("cache")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Options);
        QCOMPARE(result.error().reason, std::string("not_finite"));
        QVERIFY2(result.error().message.find("became nan at step 7") != std::string::npos, result.error().message.c_str());
        QCOMPARE(eventsOf(at("run"), "error").back().at("name"), Json("options"));
        HILUM_VERIFY_OK(latestCheckpoint(at("run"))); // of step 4
    }

    void allFaultsOfAJobAtOnce()
    {
        writeJob(at("run"), {{"lr", -1}, {"step", 10}, {"clip_kind", "soft"}}, {{"device", "gpu"}});
        const auto result = runRecorded(toyRegistry(), quiet(at("run"), at("cache")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Options);
        const std::string text = result.error().sentence();
        for (const char* part : {"lr = -1 is outside [0, 10]", "unknown option step (did you mean steps?)", "clip_kind = \"soft\" is none of global, per-tensor", "device = \"gpu\""})
            QVERIFY2(text.find(part) != std::string::npos, text.c_str());
    }

    void refusesWhatDoesNotBelongTogether()
    {
        writeJob(at("run"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))));
        auto resume = quiet(at("run"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;

        // a fresh start over a run, and its record stays as it was
        const auto eventsBefore = readTextFile(at("run") / "events.jsonl");
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))), ErrorCode::Usage);
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
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), quiet(at("fresh"), at("small"))), ErrorCode::Mismatch); // another pipeline
    }

    void killedDuringTheEvaluationItEndsAsUsual()
    {
        writeJob(at("run"), {{"steps", 6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))));
        const Json evaluation = *parseJson(*readTextFile(at("run") / "evaluation.json"));
        const std::string digest = digestOf(at("run"));
        for (const char* file : {"evaluation.json", "model.safetensors", "provenance.json"})
            std::filesystem::remove(at("run") / file);
        auto resume = quiet(at("run"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), resume));
        QCOMPARE(digestOf(at("run")), digest);
        QCOMPARE(parseJson(*readTextFile(at("run") / "evaluation.json"))->at("swapped_loss"), evaluation.at("swapped_loss"));
    }

    void oneWorkerPerRun()
    {
        writeJob(at("run"), Json::object());
        const auto lock = RunLock::take(at("run"));
        HILUM_VERIFY_OK(lock);
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))), ErrorCode::Busy);
        QVERIFY(!std::filesystem::exists(at("run") / "events.jsonl"));
    }

    void memoryIsToldAsBenchTellsIt()
    {
        (void)at::full({64 << 20}, 1.0f); // 256 MB that are given back: seen, a metric told what the process held at that moment, on a GPU too
        const std::uint64_t before = memoryReport().peakBytes();
        writeJob(at("run"), Json::object());
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))));
        for (const Json& metric : eventsOf(at("run"), "metric"))
            QVERIFY(metric.at("memory_bytes").get<std::uint64_t>() >= before);
        if (!torch::cuda::is_available())
            return;
        writeJob(at("gpu"), Json::object(), {{"device", "cuda:0"}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("gpu"), at("cache"))));
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
        HILUM_VERIFY_ERROR(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))), ErrorCode::Device);
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

    void aMethodsOwnNumbersStandBesideTheLoss()
    {
        struct Own : ToyMethod {
            using ToyMethod::ToyMethod;
            std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& batch, std::span<const Rng> streams) override
            {
                std::vector<std::map<std::string, double>> out;
                for (std::size_t i = 0; i < streams.size(); ++i)
                    out.push_back({{"brightness", batch.at("image")[static_cast<std::int64_t>(i)].mean().item<double>()}, {"drawn", Rng(streams[i]).uniform()}});
                for (auto& row : out)
                    if (row.at("drawn") < 0.5)
                        row["low"] = row.at("drawn"); // of some cases alone
                return out;
            }
            std::int64_t caseNumbersBatch() const override { return perCall; }
            std::int64_t perCall = 1;
        };
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        Own trained(ToyOptions{}, Rng(1)), untrained(ToyOptions{}, Rng(2));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        const auto evaluation = evaluateHeldOut(trained, &untrained, setup);
        HILUM_VERIFY_OK(evaluation);
        double mean = 0; // every patient has two images here: the mean over patients is that over images
        for (const std::size_t i : setup.split.heldOut)
            mean += ToyMethod::Views().makePlainView(*cache->read(i)).at("image").mean().item<double>() / static_cast<double>(setup.split.heldOut.size());
        QVERIFY(qAbs(evaluation->at("brightness").get<double>() - mean) < 1e-6);
        QCOMPARE(evaluation->at("untrained_drawn"), evaluation->at("drawn")); // the same streams
        QVERIFY(evaluation->at("intervals").contains("brightness") && evaluation->at("cases").front().contains("untrained_brightness"));
        double low = 0, lowCases = 0;
        for (const Json& one : evaluation->at("cases"))
            if (one.at("drawn") < 0.5) {
                QCOMPARE(one.at("low"), one.at("drawn"));
                low += one.at("drawn").get<double>();
                ++lowCases;
            } else {
                QVERIFY(!one.contains("low"));
            }
        QCOMPARE(evaluation->contains("low"), lowCases > 0);
        if (lowCases == 1) // else patients with one such image and with two count the same
            QVERIFY(qAbs(evaluation->at("low").get<double>() - low) < 1e-12);
        trained.perCall = untrained.perCall = 3; // more cases a call, the same numbers
        QCOMPARE(evaluateHeldOut(trained, &untrained, setup)->at("brightness"), evaluation->at("brightness"));
        QCOMPARE(evaluateHeldOut(trained, &untrained, setup)->at("drawn"), evaluation->at("drawn"));
        // a method without numbers of its own adds nothing
        ToyMethod plain(ToyOptions{}, Rng(1));
        QVERIFY(!evaluateHeldOut(plain, nullptr, setup)->contains("brightness"));
    }

    void beginsWithOtherWeights()
    {
        writeJob(at("first"), {{"steps", 6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("first"), at("cache"))));
        // a second run that learns nothing keeps what it began with
        const std::string file = (at("first") / "model.safetensors").string();
        writeJob(at("second"), {{"steps", 1}, {"lr", 0}, {"min_lr", 0}, {"weight_decay", 0}, {"weight_decay_end", 0}, {"start_from", file}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("second"), at("cache"))));
        const auto first = openModel(at("first")), second = openModel(at("second"));
        HILUM_VERIFY_OK(second);
        QVERIFY(at::equal(readTensorsOf(*first).at("blocks.0.weight"), readTensorsOf(*second).at("blocks.0.weight")));
        const Json started = second->metadata.at("started_from");
        QCOMPARE(started.at("part"), Json("network"));
        QCOMPARE(started.at("filled"), Json(4));
        QCOMPARE(started.at("weights_sha256"), first->metadata.at("weights_sha256"));
        QCOMPARE(started.at("file"), Json("model.safetensors")); // the name alone
        QVERIFY(second->metadata.dump().find(at("first").string()) == std::string::npos && readTextFile(at("second") / "provenance.json")->find(at("first").string()) == std::string::npos);
        QCOMPARE(eventsOf(at("second"), "warning").front().at("code"), Json("started_from"));
        // the untrained network of the evaluation is the one that the run began with
        const Json evaluation = *parseJson(*readTextFile(at("second") / "evaluation.json"));
        QCOMPARE(evaluation.at("untrained_loss"), evaluation.at("held_out_loss"));

        // an encoder alone, under its file's prefix, with a licence
        TensorMap encoder{{"weight", at::full({12, 256}, 0.5)}, {"bias", at::full({12}, 0.25)}, {"more", at::zeros({3})}};
        const Json metadata = {{"network", "test"}, {"licence", "CC0"}, {"origin", "imported"}, {"encoder", {{"architecture", {{"kind", "toy"}}}, {"prefix", ""}}}};
        HILUM_VERIFY_OK(writeModel(at("encoder.safetensors"), encoder, metadata));
        writeJob(at("third"), {{"steps", 1}, {"lr", 0}, {"weight_decay", 0}, {"weight_decay_end", 0}, {"start_from", at("encoder.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("third"), at("cache"))));
        const auto third = openModel(at("third"));
        QCOMPARE(readTensorsOf(*third).at("blocks.0.weight").mean().item<float>(), 0.5f);
        QCOMPARE(readTensorsOf(*third).at("blocks.0.bias").mean().item<float>(), 0.25f);
        QCOMPARE(third->metadata.at("licence"), Json("CC0"));
        QCOMPARE(third->metadata.at("started_from").at("part"), Json("encoder"));
        // resuming keeps the record
        std::filesystem::remove(at("third") / "model.safetensors");
        auto resume = quiet(at("third"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), resume));
        QCOMPARE(openModel(at("third"))->metadata.at("started_from").at("coverage"), Json(1.0));
    }

    void whomTheFirstWeightsSawIsNotHeldOut()
    {
        writeJob(at("first"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("first"), at("cache"))));
        const std::set<std::string> seen = patientsOf("first", "train"), kept = patientsOf("first", "held_out");
        QCOMPARE(seen.size(), std::size_t{8});
        // the same images under other names, another seed, half to be held out
        Json index = makeCache(at("moved"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
        for (Json& one : index["cases"])
            one["key"] = "moved" + one.at("key").get<std::string>();
        writeIndex(at("moved"), index);
        const std::string file = (at("first") / "model.safetensors").string();
        HILUM_VERIFY_OK(makeFolder(at("second")));
        std::filesystem::copy_file(at("first") / "split.json", at("second") / "split.json"); // what a refused start left
        writeJob(at("second"), {{"steps", 4}, {"seed", 9}, {"held_out_fraction", 0.5}, {"start_from", file}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("second"), at("moved"))));
        QVERIFY(patientsOf("second", "held_out") == kept);
        // a run from scratch with that seed would have tested some of them
        writeJob(at("scratch"), {{"steps", 1}, {"seed", 9}, {"held_out_fraction", 0.5}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("scratch"), at("moved"))));
        QVERIFY(patientsOf("scratch", "held_out") != kept);
        // the record goes on: of a model that began with scratch's weights, all whom either saw
        writeJob(at("third"), {{"steps", 1}, {"held_out_fraction", 0.1}, {"start_from", (at("scratch") / "model.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("third"), at("cache"))));
        std::filesystem::copy_file(at("third") / "model.safetensors", at("alone.safetensors"));
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        const auto record = trainingRecord(*openModel(at("alone.safetensors")), *cache);
        HILUM_VERIFY_OK(record);
        QVERIFY(record->known && record->complete);
        QCOMPARE(record->seen.patients.size(), std::size_t{9});
        QCOMPARE(record->heldOut.patients.size(), std::size_t{1});
        // nobody is left
        writeJob(at("all"), {{"steps", 1}, {"held_out_fraction", 0}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("all"), at("cache"))));
        writeJob(at("last"), {{"steps", 1}, {"start_from", (at("all") / "model.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("last"), at("moved"))));
        const auto warnings = eventsOf(at("last"), "warning");
        QVERIFY(std::ranges::any_of(warnings, [](const Json& one) { return one.at("code") == "all_seen"; }));
        QVERIFY(!std::filesystem::exists(at("last") / "evaluation.json"));
        HILUM_VERIFY_ERROR(runEvaluation(toyRegistry(), at("all"), at("moved"), at("out"), "cpu", "float32"), ErrorCode::Empty);
    }

    void evaluationTestsWhomTheTrainingDidNotSee()
    {
        writeJob(at("run"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), quiet(at("run"), at("cache"))));
        const auto evaluate = [&](const path& model, const char* cache) { return runEvaluation(toyRegistry(), model, at(cache), at("out"), "cpu", "float32"); };
        // half of these are the run's patients, under other names and with images of their own
        Json index = makeCache(at("mixed"), {.patients = 10, .imagesPerPatient = 2, .size = 16}), strangers = makeCache(at("strangers"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
        for (std::size_t n = 0; n < 20; ++n)
            for (auto [cases, first] : {std::pair<Json*, std::size_t>{&index["cases"], 10}, {&strangers["cases"], 0}}) {
                Json& one = (*cases)[n];
                one["key"] = "other" + one.at("key").get<std::string>();
                one["source_digest"] = sha256Hex("other " + one.at("source_digest").get<std::string>());
                if (n >= first)
                    one["patient"] = sha256Hex("other " + one.at("patient").get<std::string>());
            }
        writeIndex(at("mixed"), index);
        writeIndex(at("strangers"), strangers);
        std::filesystem::copy_file(at("run") / "model.safetensors", at("alone.safetensors"));
        const auto latest = latestCheckpoint(at("run"));
        HILUM_VERIFY_OK(latest);
        const std::set<std::string> seen = patientsOf("run", "train");
        for (const path& model : {at("run"), at("alone.safetensors"), *latest}) {
            const auto own = evaluate(model, "cache");
            HILUM_VERIFY_OK(own);
            QCOMPARE(own->at("held_out_patients"), Json(2));
            QCOMPARE(own->at("held_out"), Json("the patients that the training held out"));
            const auto mixed = evaluate(model, "mixed");
            HILUM_VERIFY_OK(mixed);
            const auto cases = ShardReader::open(at("mixed"));
            for (const auto& [key, numbers] : mixed->at("cases").items())
                QVERIFY(!seen.contains(cases->cases()[*cases->find(key)].patient));
            QVERIFY(mixed->at("held_out_patients").get<int>() >= 5 && mixed->at("held_out") != own->at("held_out"));
            const auto all = evaluate(model, "strangers");
            HILUM_VERIFY_OK(all);
            QCOMPARE(all->at("held_out_patients"), Json(10));
            QVERIFY(all->at("held_out").get<std::string>().starts_with("everybody; the training's record names none"));
            QVERIFY(!all->contains("mean_picture_loss") && all->contains("best_constant_loss")); // there is no training image
        }
        // a model that says nothing of its training
        const auto model = openModel(at("alone.safetensors"));
        Json metadata = model->metadata;
        for (const char* key : {"cache_digest", "split_sha256"})
            metadata.erase(key);
        HILUM_VERIFY_OK(writeModel(at("bare.safetensors"), readTensorsOf(*model), metadata));
        QCOMPARE(evaluate(at("bare.safetensors"), "cache")->at("held_out"), Json("everybody; whom the training saw is not known"));
        // an earlier version's, away from its run: its options draw the split again, where the cache is the one that it was trained on
        metadata["cache_digest"] = model->metadata.at("cache_digest");
        HILUM_VERIFY_OK(writeModel(at("earlier.safetensors"), readTensorsOf(*model), metadata));
        QCOMPARE(evaluate(at("earlier.safetensors"), "cache")->at("held_out_loss"), evaluate(at("run"), "cache")->at("held_out_loss"));
        QCOMPARE(evaluate(at("earlier.safetensors"), "mixed")->at("held_out"), Json("everybody; whom the training saw is not known"));
    }

    void refusesWeightsThatDoNotFit()
    {
        const auto refused = [&](const char* run, const path& file) {
            writeJob(at(run), {{"steps", 1}, {"start_from", file.string()}});
            const auto result = runRecorded(toyRegistry(), quiet(at(run), at("cache")));
            return result ? Error{} : result.error();
        };
        const auto write = [&](const char* name, const TensorMap& tensors, const Json& architecture) {
            HILUM_VERIFY_OK(writeModel(at(name), tensors, {{"network", "test"}, {"licence", "CC0"}, {"encoder", {{"architecture", architecture}, {"prefix", ""}}}}));
        };
        write("half.safetensors", {{"weight", at::zeros({12, 256})}}, {{"kind", "toy"}});
        const Error half = refused("half", at("half.safetensors"));
        QCOMPARE(half.code, ErrorCode::Mismatch);
        QVERIFY2(half.message.find("fills 1 of 2 tensors of the encoder (50.0 %)") != std::string::npos, half.message.c_str());
        write("other.safetensors", {{"weight", at::zeros({12, 256})}, {"bias", at::zeros({12})}}, {{"kind", "swin"}});
        QCOMPARE(refused("other", at("other.safetensors")).code, ErrorCode::Mismatch);
        HILUM_VERIFY_OK(writeFileAtomically(at("published.pt"), "no model of ours"));
        const Error foreign = refused("foreign", at("published.pt"));
        QVERIFY2(foreign.sentence().find("hilum import-weights") != std::string::npos, foreign.sentence().c_str());
        QCOMPARE(refused("absent", at("absent.safetensors")).code, ErrorCode::NotFound);
    }

    void constantGuessesAreWhatTheySay()
    {
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        ToyOptions options;
        ToyMethod method(options, Rng(1));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        setup.seed = 4;
        const auto evaluation = evaluateHeldOut(method, nullptr, setup);
        HILUM_VERIFY_OK(evaluation);
        QVERIFY(!evaluation->contains("untrained_loss"));
        // how far it is: the images that are held out for the loss, the method's own numbers and the guesses, those of the mean picture once
        std::int64_t seen = 0;
        bool counts = true;
        const auto looks = static_cast<std::int64_t>(3 * setup.split.heldOut.size() + setup.split.train.size());
        setup.progress = [&](std::int64_t done, std::int64_t total) { counts = counts && done == seen++ && total == looks; };
        HILUM_VERIFY_OK(evaluateHeldOut(method, nullptr, setup));
        QVERIFY(counts);
        QCOMPARE(seen, looks);

        // the same by hand, from the pixels
        const auto pixels = [&](std::size_t number) {
            const at::Tensor image = ToyMethod::Views().makePlainView(*cache->read(number)).at("image");
            return method.patches(image.unsqueeze(0))[0].to(at::kDouble).contiguous(); // [16, P]
        };
        const std::int64_t p = 16;
        at::Tensor mean = at::zeros({16, p}, at::kDouble);
        for (const std::size_t i : setup.split.train)
            mean += pixels(i) / static_cast<double>(setup.split.train.size());
        std::map<std::string, std::vector<std::array<double, 2>>> patients;
        for (const std::size_t i : setup.split.heldOut) {
            const at::Tensor t = pixels(i), mask = ToyMethod::drawMask(1, Rng(4).fork("held-out").fork(cache->cases()[i].sourceDigest))[0];
            double visibleSum = 0, picture = 0, constant = 0;
            for (int n = 0; n < 16; ++n)
                if (mask[n].item<float>() == 0)
                    visibleSum += t[n].sum().item<double>();
            const double visibleMean = visibleSum / (8.0 * static_cast<double>(p));
            for (int n = 0; n < 16; ++n)
                if (mask[n].item<float>() == 1) {
                    picture += (t[n] - mean[n]).square().mean().item<double>() / 8;
                    constant += (t[n] - visibleMean).square().mean().item<double>() / 8;
                }
            patients[cache->cases()[i].patient].push_back({picture, constant});
        }
        double picture = 0, constant = 0;
        for (const auto& [patient, rows] : patients)
            for (const auto& row : rows) {
                picture += row[0] / static_cast<double>(rows.size() * patients.size());
                constant += row[1] / static_cast<double>(rows.size() * patients.size());
            }
        // sums of some hundred doubles in another order
        QVERIFY(qAbs(evaluation->at("mean_picture_loss").get<double>() - picture) < 1e-9);
        QVERIFY(qAbs(evaluation->at("visible_mean_loss").get<double>() - constant) < 1e-9);
    }

private:
    std::set<std::string> patientsOf(const char* run, const char* part) const
    {
        const Json split = *parseJson(*readTextFile(at(run) / "split.json"));
        std::set<std::string> out;
        for (const Json& key : split.at(part))
            out.insert(split.at("cases").at(key.get<std::string>()).at("patient").get<std::string>());
        return out;
    }
    static TensorMap readTensorsOf(const ModelFile& model)
    {
        TensorMap out;
        for (const auto& [name, view] : model.file.tensors()) {
            at::Tensor t = at::empty(view.shape, at::kFloat);
            std::memcpy(t.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
            out[name] = t;
        }
        return out;
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
