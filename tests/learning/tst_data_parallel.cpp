#include <torch/types.h>

#include "core/base/error.h"
#include "core/base/tensor_file.h"
#include "core/learning/describe.h"
#include "core/learning/method.h"
#include "core/learning/train/process_group.h"
#include "tests/support/compare.h"
#include "tests/support/make_cache.h"
#include "tests/support/make_volume_cache.h"
#include "tests/support/training_run.h"

#include <QFile>
#include <QProcess>
#include <QScopeGuard>
#include <QTemporaryDir>

#include <csignal>
#include <cstring>
#include <map>
#include <ranges>

using namespace hilum;
using namespace hilum::learning;

namespace {

QString workerFile() { return QString::fromLocal8Bit(qgetenv("HILUM_BINARY_DIR")) + QStringLiteral("/bin/hilum-worker"); }

/// One start of the worker on a run folder, alone or as one of several.
struct Started {
    std::unique_ptr<QProcess> process = std::make_unique<QProcess>();
    void start(const path& run, const path& cache, int rank, int size, bool resume = false)
    {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        if (size > 1) {
            environment.insert(QStringLiteral("RANK"), QString::number(rank));
            environment.insert(QStringLiteral("WORLD_SIZE"), QString::number(size));
        }
        process->setProcessEnvironment(environment);
        process->setStandardInputFile(QProcess::nullDevice());
        QStringList arguments{QStringLiteral("train"), QStringLiteral("--run"), QString::fromStdString(run.string()), QStringLiteral("--cache"), QString::fromStdString(cache.string())};
        if (resume)
            arguments << QStringLiteral("--resume");
        process->start(workerFile(), arguments);
    }
    int end()
    {
        if (process->state() != QProcess::NotRunning && !process->waitForFinished(120000)) {
            process->kill();
            process->waitForFinished();
            return -1;
        }
        return process->exitStatus() == QProcess::NormalExit ? process->exitCode() : -2;
    }
};

std::vector<Json> events(const path& run)
{
    std::vector<Json> out;
    const auto text = readTextFile(run / "events.jsonl", 1u << 30);
    if (!text)
        return out;
    std::size_t at = 0;
    while (at < text->size()) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        if (const auto json = parseJson(text->substr(at, end - at)))
            out.push_back(*json);
        at = end + 1;
    }
    return out;
}

/// AdamW's mean of gradients after the first step is (1 - beta1) times the gradient: the gradients of a run as it made them.
std::map<std::string, std::vector<float>> firstGradients(const path& run)
{
    std::map<std::string, std::vector<float>> out;
    const auto file = TensorFile::open(run / "checkpoints" / "step-1" / "optimizer.safetensors");
    if (!file)
        return out;
    for (const auto& [name, tensor] : file->tensors())
        if (name.starts_with("mean."))
            if (const auto values = tensor.as<float>())
                out[name].assign(values->begin(), values->end());
    return out;
}

} // namespace

class TestDataParallel : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    path m_cache, m_regions, m_volumes;

    static Json options(const std::string& method, const Json& more)
    {
        MethodRegistry registry;
        registerBuiltinMethods(registry);
        const auto entry = registry.find(method);
        Json own = {{"steps", 1}, {"warmup_steps", 0}, {"loader_threads", 1}, {"preview_every", 0}, {"checkpoint_cases", 0}, {"clip_norm", 0}, {"held_out_fraction", 0.2},
                    {"seed", 5}};
        if ((*entry)->info.input == "radiograph")
            own["image_size"] = 32;
        own.update(more);
        return *completeOptions(**entry, "tiny", own);
    }

    /// Crops of 64 x 32 x 32, one block a stage, no cross-modal term.
    static Json smallDae() { return {{"cmcl", "none"}, {"crop_size", {64, 32, 32}}, {"iso_spacing", 0}, {"depths", {1, 1, 1, 1}}, {"feature_size", 3}}; }

    static bool carries(const std::string& method)
    {
        MethodRegistry registry;
        registerBuiltinMethods(registry);
        return registry.find(method).has_value();
    }

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(QFile::exists(workerFile()));
        m_cache = path(m_folder.path().toStdString()) / "cache";
        m_regions = path(m_folder.path().toStdString()) / "regions";
        tests::makeCache(m_cache, {});
        tests::makeCache(m_regions, {.withRegion = true});
        if (carries("dae")) {
            MethodRegistry registry;
            registerBuiltinMethods(registry);
            m_volumes = path(m_folder.path().toStdString()) / "volumes";
            tests::makeVolumeCache(m_volumes, (*registry.find("dae"))->pipelineFor(options("dae", smallDae())), 11, {32, 32, 64}); // nine to train on
        }
    }

    void placesAreReadFromTheLauncher_data()
    {
        QTest::addColumn<QString>("variables");
        QTest::addColumn<int>("rank");
        QTest::addColumn<int>("size");
        QTest::addColumn<int>("local");
        QTest::addColumn<QString>("launcher");
        QTest::newRow("alone") << "" << 0 << 1 << 0 << "";
        QTest::newRow("one of one") << "RANK=0 WORLD_SIZE=1" << 0 << 1 << 0 << "";
        QTest::newRow("torchrun") << "RANK=3 WORLD_SIZE=4 LOCAL_RANK=1" << 3 << 4 << 1 << "torchrun";
        QTest::newRow("mpirun, Open MPI") << "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1" << 1 << 2 << 1 << "mpirun";
        QTest::newRow("mpirun, PMI") << "PMI_RANK=0 PMI_SIZE=2" << 0 << 2 << 0 << "mpirun";
        QTest::newRow("srun") << "SLURM_PROCID=5 SLURM_NTASKS=8 SLURM_LOCALID=1 SLURM_JOB_ID=77 SLURM_STEP_ID=2" << 5 << 8 << 1 << "srun";
        QTest::newRow("a rank without a number of them") << "RANK=1" << 0 << 1 << 0 << "";
        QTest::newRow("nonsense") << "RANK=4 WORLD_SIZE=4 LOCAL_RANK=x" << -1 << 0 << 0 << "";
    }
    void placesAreReadFromTheLauncher()
    {
        QFETCH(QString, variables);
        QFETCH(int, rank);
        QFETCH(int, size);
        QFETCH(int, local);
        QFETCH(QString, launcher);
        std::map<std::string, std::string> environment;
        for (const QString& one : variables.split(u' ', Qt::SkipEmptyParts))
            environment[one.section(u'=', 0, 0).toStdString()] = one.section(u'=', 1).toStdString();
        const auto place = rankPlace([&](const char* name) { const auto it = environment.find(name); return it == environment.end() ? nullptr : it->second.c_str(); });
        if (rank < 0) {
            HILUM_VERIFY_ERROR(place, ErrorCode::Usage);
            QVERIFY(place.error().sentence().find("RANK = 4 is outside [0, 3]") != std::string::npos);
            QVERIFY(place.error().sentence().find("LOCAL_RANK = x") != std::string::npos); // all faults at once
            return;
        }
        HILUM_VERIFY_OK(place);
        QCOMPARE(place->has_value(), size > 1);
        if (size > 1) {
            QCOMPARE((*place)->rank, rank);
            QCOMPARE((*place)->size, size);
            QCOMPARE((*place)->localRank, local);
            QCOMPARE((*place)->launcher, launcher.toStdString());
        }
    }

    /// Two processes with half the batch each make the gradients of one with the whole batch, within 1e-6 of the largest.
    void twoProcessesMakeTheGradientsOfOne_data()
    {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("more");
        QTest::addColumn<bool>("regions");
        QTest::newRow("mae") << "mae" << R"({"tokeniser_strides": [8]})" << false;
        QTest::newRow("hdxray-mae: shares of unequal weight") << "hdxray-mae" << R"({"tokeniser_strides": [2, 2, 1]})" << true;
        QTest::newRow("dae without cmcl") << "dae" << QString::fromStdString(jsonLine(smallDae())) << false;
        QTest::newRow("spcxr, noise only") << "spcxr" << R"({"patch": 8, "align": 8, "alien_probability": 0, "largest_group": 0.8, "pixel_std": [0.5]})" << false;
    }
    void twoProcessesMakeTheGradientsOfOne()
    {
        QFETCH(QString, method);
        QFETCH(QString, more);
        QFETCH(bool, regions);
        if (!carries(method.toStdString()))
            QSKIP("this build does not carry the method (HILUM_METHODS)");
        Json whole = *parseJson(more.toStdString()), half = whole;
        whole["batch"] = 8;
        half["batch"] = 4;
        const path base = path(m_folder.path().toStdString()) / method.toStdString(), cache = method == QStringLiteral("dae") ? m_volumes : regions ? m_regions : m_cache;
        tests::writeTrainingJob(base / "one", method.toStdString(), options(method.toStdString(), whole));
        tests::writeTrainingJob(base / "two", method.toStdString(), options(method.toStdString(), half));
        // oneDNN's AVX-512 weight gradient of a 3-D convolution adds up a whole sample in float32: eight samples round otherwise than twice four, by 1e-5 of the largest
        const auto tidy = qScopeGuard([] { qunsetenv("ONEDNN_MAX_CPU_ISA"); });
        if (method == QStringLiteral("dae"))
            qputenv("ONEDNN_MAX_CPU_ISA", "AVX2");
        Started alone, first, second;
        alone.start(base / "one", cache, 0, 1);
        QCOMPARE(alone.end(), 0);
        first.start(base / "two", cache, 0, 2);
        second.start(base / "two", cache, 1, 2);
        const int ends[] = {first.end(), second.end()};
        QVERIFY2(ends[0] == 0 && ends[1] == 0, (first.process->readAllStandardError() + second.process->readAllStandardError()).constData());
        const auto expected = firstGradients(base / "one"), got = firstGradients(base / "two");
        QVERIFY(expected.size() > 10);
        QCOMPARE(got.size(), expected.size());
        double largest = 0, difference = 0;
        std::string where;
        for (const auto& [name, values] : expected) {
            QCOMPARE(got.at(name).size(), values.size());
            for (std::size_t i = 0; i < values.size(); ++i) {
                largest = std::max(largest, std::abs(static_cast<double>(values[i])));
                if (const double d = std::abs(static_cast<double>(values[i]) - got.at(name)[i]); d > difference)
                    difference = d, where = name;
            }
        }
        QVERIFY(largest > 0);
        QVERIFY2(difference <= 1e-6 * largest, qPrintable(QStringLiteral("%1 of %2 at %3").arg(difference).arg(largest).arg(QString::fromStdString(where))));
        const auto record = events(base / "two");
        QCOMPARE(record.front()["processes"].get<int>(), 2); // one process keeps the record
        QCOMPARE(std::ranges::count_if(record, [](const Json& e) { return e["kind"] == "hello"; }), 1);
        QVERIFY(std::filesystem::exists(base / "two" / "evaluation.json"));
        for (const auto& entry : std::filesystem::directory_iterator(base / "two"))
            QVERIFY2(!entry.path().filename().string().starts_with(".meeting"), entry.path().c_str());
    }

    void aKilledProcessEndsTheRunWithAUsableCheckpoint()
    {
        const path run = path(m_folder.path().toStdString()) / "killed";
        tests::writeTrainingJob(run, "mae", options("mae", {{"tokeniser_strides", {8}}, {"batch", 4}, {"steps", 100000}, {"checkpoint_every", 100000}}));
        Started first, second;
        first.start(run, m_cache, 0, 2);
        second.start(run, m_cache, 1, 2);
        QTRY_VERIFY_WITH_TIMEOUT(std::ranges::any_of(events(run), [](const Json& e) { return e["kind"] == "metric" && e["step"] >= 3; }), 60000);
        second.process->kill();
        QCOMPARE(first.end(), int(ErrorCode::WorkerLost));
        second.end();
        const auto record = events(run);
        const std::string said = record.back().value("message", "");
        QCOMPARE(record.back()["kind"].get<std::string>(), std::string("error"));
        QVERIFY2(said.find("process 0 of 2 lost another one") != std::string::npos && said.find("--resume goes on") != std::string::npos, said.c_str());
        const auto latest = readTextFile(run / "checkpoints" / "latest");
        HILUM_VERIFY_OK(latest);
        QVERIFY(std::filesystem::exists(run / "checkpoints" / QString::fromStdString(*latest).trimmed().toStdString() / "model.safetensors"));

        // both again, to a whole end; asked to stop, both stop at one step
        Started again, other;
        again.start(run, m_cache, 0, 2, true);
        other.start(run, m_cache, 1, 2, true);
        const std::size_t before = record.size();
        QTRY_VERIFY_WITH_TIMEOUT(std::ranges::any_of(events(run) | std::views::drop(before), [](const Json& e) { return e["kind"] == "metric"; }), 60000);
        ::kill(static_cast<pid_t>(other.process->processId()), SIGTERM); // the one that keeps no record
        QCOMPARE(again.end(), 0);
        QCOMPARE(other.end(), 0);
        const Json last = events(run).back();
        QVERIFY2(last.value("cancelled", false), last.dump().c_str());
    }

    void anEnvironmentThatMakesNoSenseIsRefused()
    {
        const path run = path(m_folder.path().toStdString()) / "nonsense";
        tests::writeTrainingJob(run, "mae", options("mae", {{"tokeniser_strides", {8}}, {"batch", 4}}));
        Started one;
        one.start(run, m_cache, 7, 2);
        QCOMPARE(one.end(), int(ErrorCode::Usage));
        QVERIFY(!std::filesystem::exists(run / "events.jsonl"));
    }
};

QTEST_GUILESS_MAIN(TestDataParallel)
#include "tst_data_parallel.moc"
