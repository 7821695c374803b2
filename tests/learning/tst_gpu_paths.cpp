#include <torch/types.h>

#include "core/learning/data/shard_reader.h"
#include "core/learning/describe.h"
#include "core/learning/downstream/labelled_cases.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/job.h"
#include "core/learning/train/memory_need.h"
#include "tests/support/compare.h"
#include "tests/support/make_mixed_cache.h"
#include "tests/support/make_volume_cache.h"
#include "tests/support/training_run.h"

#include <QFile>
#include <QProcess>
#include <QTemporaryDir>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

constexpr std::int64_t Steps = 3;

/// VoCo's crops cost minutes here: one step, and nothing of held-out images. Its network is that of DAE, which goes the whole way.
bool oneStep(const std::string& method) { return method == "voco"; }

/// The real worker on a stand-in for a GPU (tests/support/standin_gpu.cpp), or as it is.
struct Answer {
    int code = -1;
    QString out, err;
};

Answer worker(const QStringList& arguments)
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("LD_PRELOAD"), QString::fromLocal8Bit(HILUM_STANDIN_GPU));
    process.setProcessEnvironment(environment);
    process.setStandardInputFile(QProcess::nullDevice());
    process.start(QString::fromLocal8Bit(qgetenv("HILUM_BINARY_DIR")) + QStringLiteral("/bin/hilum-worker"), arguments);
    if (!process.waitForFinished(600000))
        process.kill();
    return {.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, .out = QString::fromUtf8(process.readAllStandardOutput()),
            .err = QString::fromUtf8(process.readAllStandardError())};
}

QString text(const path& file) { return QString::fromStdString(file.string()); }

#define HILUM_VERIFY_WORKED(...)                                                                                                     \
    do {                                                                                                                             \
        const Answer answer_ = worker(__VA_ARGS__);                                                                                  \
        QVERIFY2(answer_.code == 0, qPrintable(QString::number(answer_.code) + u' ' + answer_.out.right(1500) + answer_.err.right(1500))); \
    } while (false)

/// The metric lines of a run.
std::vector<Json> metrics(const path& run)
{
    std::vector<Json> out;
    JsonLineReader reader;
    if (const auto all = readTextFile(run / "events.jsonl", 1u << 30))
        for (const auto& line : reader.feed(*all))
            if (line && line->value("kind", "") == "metric")
                out.push_back(*line);
    return out;
}

/// Options of a method that make it small, on which its training runs through all that it has.
Json smallOptions(const std::string& method)
{
    Json out = {{"steps", Steps}, {"warmup_steps", 1}, {"batch", 4}, {"loader_threads", 1}, {"preview_every", Steps}, {"checkpoint_every", 2}, {"held_out_fraction", 0.3}, {"seed", 5},
                {"ema_decay", 0.9}, {"accumulation", 2}};
    if (method == "voco")
        out.update({{"grid", 2}, {"crop_size", 32}, {"crop_depth", 64}, {"crops", 1}, {"feature_size", 3}, {"projector_width", 32}, {"batch", 2}, {"accumulation", 1}, {"activation_checkpointing", true}, {"steps", 1},
                    {"warmup_steps", 0}, {"held_out_fraction", 0}, {"preview_every", 0}, {"ema_decay", 0}});
    else if (method == "dae")
        out.update({{"crop_size", {64, 32, 32}}, {"iso_spacing", 0}, {"depths", {1, 1, 1, 1}}, {"feature_size", 3}, {"activation_checkpointing", true}});
    else if (method == "unimedi")
        out.update({{"image_size", 32}, {"patch", 16}, {"volume_depth", 6}, {"volume_slab", 1}, {"width", 96}, {"depth", 2}, {"heads", 4}, {"vocabulary_size", 300}, {"slices", 3}, {"crop_margin", 4},
                    {"ema_decay", 0}});
    else
        out.update({{"image_size", 64}});
    if (method == "hdxray-mae")
        out.update({{"mask_ratio_inside", 0.7}, {"mask_ratio_outside", 0.5}});
    return out;
}

} // namespace

/// What the worker does for a GPU, on a device that has a GPU's name and rules and the CPU's arithmetic: nothing is left on the wrong side, and the numbers are the CPU's.
class TestGpuPaths : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    path at_(const std::string& name) const { return path(m_folder.path().toStdString()) / name; }

    /// The method's small options complete, and a cache for them.
    Json prepared(const std::string& method, path& cache) const
    {
        MethodRegistry registry;
        registerBuiltinMethods(registry);
        const auto entry = registry.find(method);
        const auto options = completeOptions(**entry, "tiny", smallOptions(method));
        if (!options)
            throw std::runtime_error(options.error().sentence() + jsonLine(options.error().details));
        const Json pipeline = (*entry)->pipelineFor(*options);
        cache = at_(method) / "cache";
        if ((*entry)->info.input == "volume") {
            const bool large = method == "voco";
            tests::makeVolumeCache(cache, pipeline, large ? 4 : 8, large ? std::array<std::int64_t, 3>{64, 64, 64} : std::array<std::int64_t, 3>{32, 32, 64});
        } else if ((*entry)->info.input == "mixed") {
            tests::makeMixedCache(cache, pipeline, 8, [](int n) { return std::string(n % 2 ? "A nodule is seen in lobe " : "The lungs are clear in patient ") + std::to_string(n); });
        } else {
            Json index = tests::makeCache(cache, {.patients = 20, .size = 64, .withRegion = method == "hdxray-mae"});
            index["pipeline"] = pipeline;
            tests::writeIndex(cache, index);
        }
        return *options;
    }

    void train(const path& run, const path& cache, const std::string& method, const Json& options, const char* device, const char* type) const
    {
        tests::writeTrainingJob(run, method, options);
        Json job = *parseJson(*readTextFile(run / "job.json"));
        job.update({{"device", device}, {"dtype", type}});
        HILUM_VERIFY_OK(writeFileAtomically(run / "job.json", job.dump(1)));
        HILUM_VERIFY_WORKED({QStringLiteral("train"), QStringLiteral("--run"), text(run), QStringLiteral("--cache"), text(cache)});
        const auto lines = metrics(run);
        QCOMPARE(lines.size(), oneStep(method) ? std::size_t{1} : static_cast<std::size_t>(Steps));
        QCOMPARE(QByteArray::fromStdString(lines.back().at("device")), QByteArray(device));
        QCOMPARE(QByteArray::fromStdString(lines.back().at("dtype")), QByteArray(type));
    }

    /// What is left of a run at its checkpoint of step 2 goes on there to the same weights.
    void goesOn(const path& whole, const path& cache) const
    {
        const path stopped = whole.parent_path() / "stopped";
        HILUM_VERIFY_OK(makeFolder(stopped / "checkpoints"));
        for (const char* file : {"job.json", "split.json"})
            std::filesystem::copy(whole / file, stopped / file);
        std::filesystem::copy(whole / "checkpoints" / "step-2", stopped / "checkpoints" / "step-2", std::filesystem::copy_options::recursive);
        HILUM_VERIFY_WORKED({QStringLiteral("train"), QStringLiteral("--run"), text(stopped), QStringLiteral("--cache"), text(cache), QStringLiteral("--resume")});
        QCOMPARE(tests::digestOfRun(stopped), tests::digestOfRun(whole));
    }

    /// What the model shows of its first two cases, and its attention where it has some, is there what it is on the CPU.
    void shows(const path& model, const path& cache) const
    {
        const auto reader = ShardReader::open(cache);
        HILUM_VERIFY_OK(reader);
        const bool attends = !openModel(model)->metadata.at("token_grid").empty();
        for (std::size_t n = 0; n < 2; ++n) {
            const path request = model / hilum::format("request-{}.safetensors", n);
            HILUM_VERIFY_OK(writeTensors(request, *reader->read(n)));
            for (const char* what : {"reconstruct", "attention"}) {
                if (!attends && std::string_view(what) == "attention")
                    continue;
                std::array<TensorMap, 2> shown;
                for (std::size_t d = 0; d < 2; ++d) {
                    const path out = model / hilum::format("{}-{}-{}", what, n, d);
                    QStringList arguments{QStringLiteral("infer"), QString::fromLatin1(what), QStringLiteral("--model"), text(model), QStringLiteral("--request"), text(request), QStringLiteral("--out"), text(out),
                                          QStringLiteral("--device"), d ? QStringLiteral("cuda:0") : QStringLiteral("cpu")};
                    if (std::string_view(what) == "attention")
                        arguments << QStringLiteral("--kind") << QStringLiteral("gradient") << QStringLiteral("--query") << QStringLiteral("1");
                    HILUM_VERIFY_WORKED(arguments);
                    const auto file = TensorFile::open(out / "tensors.safetensors");
                    HILUM_VERIFY_OK(file);
                    shown[d] = readTensors(*file);
                }
                QVERIFY(!shown[0].empty());
                QCOMPARE(shown[1].size(), shown[0].size());
                for (const auto& [name, expected] : shown[0]) {
                    const at::Tensor got = shown[1].at(name).to(at::kDouble), want = expected.to(at::kDouble);
                    QVERIFY2(got.sizes() == want.sizes() && got.sub(want).abs().max().item<double>() <= 1e-3 * std::max(1.0, want.abs().max().item<double>()), (std::string(what) + ' ' + name).c_str());
                }
            }
        }
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(QFile::exists(QString::fromLocal8Bit(HILUM_STANDIN_GPU)));
    }

    void aMethodWorksThere_data()
    {
        QTest::addColumn<QString>("method");
        MethodRegistry registry;
        registerBuiltinMethods(registry);
        for (const MethodEntry& entry : registry.entries())
            QTest::newRow(entry.info.id.c_str()) << QString::fromStdString(entry.info.id);
    }
    void aMethodWorksThere()
    {
        QFETCH(QString, method);
        const std::string id = method.toStdString();
        const auto room = availableMemory(at::kCPU);
        HILUM_VERIFY_OK(room);
        if (oneStep(id) && room->bytes < std::uint64_t{12} << 30) // of a GPU's memory its attention takes 4 GB, and here an operation's copies as much
            QSKIP("less than 12 GB of memory are free");
        path cache;
        const Json options = prepared(id, cache);
        const path onCpu = at_(id) / "cpu", onGpu = at_(id) / "gpu", half = at_(id) / "half";
        train(onCpu, cache, id, options, "cpu", "float32");
        if (QTest::currentTestFailed())
            return;
        train(onGpu, cache, id, options, "cuda:0", "float32");
        if (QTest::currentTestFailed())
            return;
        const auto expected = metrics(onCpu), got = metrics(onGpu);
        for (std::size_t n = 0; n < got.size(); ++n)
            for (const char* number : {"loss", "grad_norm"}) {
                const double want = expected[n].at(number), have = got[n].at(number);
                // the first update moves each weight by the sign of its gradient, also where that is rounding alone; norms over the two places of these small crops enlarge rounding before it
                const double most = n > 0 ? 2e-2 : oneStep(id) ? 1e-2 : 1e-3;
                QVERIFY2(std::abs(have - want) <= most * std::abs(want) + 1e-5, qPrintable(QStringLiteral("%1 of step %2: %3, on the CPU %4").arg(QString::fromLatin1(number)).arg(n + 1).arg(have).arg(want)));
            }
        QVERIFY(got.back().at("memory_bytes") > 0); // what the device holds
        if (!oneStep(id)) {
            const auto evaluated = readTextFile(onGpu / "evaluation.json"), reference = readTextFile(onCpu / "evaluation.json");
            HILUM_VERIFY_OK(evaluated);
            const Json mine = *parseJson(*evaluated), theirs = *parseJson(*reference);
            for (const auto& [key, value] : theirs.items())
                QVERIFY2(mine.contains(key), key.c_str());
        }

        // in bfloat16: CUDA's list of what is computed in which type
        train(half, cache, id, options, "cuda:0", "bfloat16");
        if (QTest::currentTestFailed() || oneStep(id))
            return;
        goesOn(onGpu, cache);
        if (QTest::currentTestFailed())
            return;
        shows(onGpu, cache);
    }

    void classifiersAreTrainedThere_data()
    {
        QTest::addColumn<QString>("mode");
        QTest::newRow("linear") << QStringLiteral("linear");
        QTest::newRow("full") << QStringLiteral("full");
    }
    void classifiersAreTrainedThere()
    {
        QFETCH(QString, mode);
        path cache;
        const Json options = prepared("mae", cache);
        const path model = at_("mae-model-" + mode.toStdString());
        train(model, cache, "mae", options, "cpu", "float32");
        if (QTest::currentTestFailed())
            return;
        const auto reader = ShardReader::open(cache);
        HILUM_VERIFY_OK(reader);
        Json labels = Json::object();
        for (const CacheCase& one : reader->cases())
            labels[one.key] = one.patient < "8" ? 0 : 1;
        std::array<Json, 2> results;
        for (const auto& [n, device] : {std::pair<std::size_t, const char*>{0, "cpu"}, {1, "cuda:0"}}) {
            const path run = at_(std::string("classifier-") + mode.toStdString() + (n ? "-gpu" : "-cpu"));
            HILUM_VERIFY_OK(makeFolder(run));
            Json job = {{"schema", protocol::JobSchema}, {"id", "test"}, {"command", "finetune"}, {"method", "mae"}, {"model", model.string()}, {"mode", mode.toStdString()}, {"device", device},
                        {"compare_untrained", true}, {"threads", 1}};
            if (mode == QStringLiteral("full"))
                job["options"] = {{"epochs", 2}, {"batch", 8}};
            HILUM_VERIFY_OK(writeFileAtomically(run / "job.json", job.dump(1)));
            HILUM_VERIFY_OK(writeFileAtomically(run / "labels.json", Json{{"schema", LabelsSchema}, {"column", "side"}, {"classes", {"a", "b"}}, {"labels", labels}}.dump()));
            HILUM_VERIFY_WORKED({QStringLiteral("finetune"), QStringLiteral("--run"), text(run), QStringLiteral("--cache"), text(cache)});
            const auto written = readTextFile(run / "evaluation.json");
            HILUM_VERIFY_OK(written);
            results[n] = *parseJson(*written);
            QCOMPARE(QByteArray::fromStdString(results[n].at("device")), QByteArray(device));
        }
        if (mode == QStringLiteral("linear")) // float32 on both
            QCOMPARE(results[1].at("trained").at("metrics").dump(), results[0].at("trained").at("metrics").dump());
    }

    void aStepIsMeasuredThere()
    {
        const QStringList of{QStringLiteral("--method"), QStringLiteral("mae"), QStringLiteral("--preset"), QStringLiteral("tiny"), QStringLiteral("--options"),
                             QStringLiteral(R"({"image_size": 64})"), QStringLiteral("--device"), QStringLiteral("cuda:0")};
        HILUM_VERIFY_WORKED(QStringList{QStringLiteral("bench")} + of + QStringList{QStringLiteral("--steps"), QStringLiteral("1"), QStringLiteral("--warmup"), QStringLiteral("0"), QStringLiteral("--json")});
        HILUM_VERIFY_WORKED(QStringList{QStringLiteral("estimate")} + of);
    }
};

QTEST_GUILESS_MAIN(TestGpuPaths)
#include "tst_gpu_paths.moc"
