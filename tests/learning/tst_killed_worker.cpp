#include <torch/types.h>

#include "core/base/random.h"
#include "core/learning/describe.h"
#include "core/learning/train/checkpoint.h"
#include "tests/support/compare.h"
#include "tests/support/make_cache.h"
#include "tests/support/training_run.h"

#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QThread>

using namespace hilum;
using namespace hilum::learning;

namespace {

QString workerFile() { return QString::fromLocal8Bit(qgetenv("HILUM_BINARY_DIR")) + QStringLiteral("/bin/hilum-worker"); }

std::unique_ptr<QProcess> start(const path& run, const path& cache, bool resume)
{
    auto process = std::make_unique<QProcess>();
    process->setStandardInputFile(QProcess::nullDevice());
    QStringList arguments{QStringLiteral("train"), QStringLiteral("--run"), QString::fromStdString(run.string()), QStringLiteral("--cache"), QString::fromStdString(cache.string())};
    if (resume)
        arguments << QStringLiteral("--resume");
    process->start(workerFile(), arguments);
    return process;
}

bool endsWell(QProcess& process)
{
    const bool well = process.waitForFinished(600000) && process.exitStatus() == QProcess::NormalExit && process.exitCode() == 0;
    if (!well)
        qWarning().noquote() << process.exitCode() << process.readAllStandardOutput().right(600) << process.readAllStandardError().right(600);
    return well;
}

/// Step -> loss of a run's curve so far; of a step that was done twice the later one.
std::map<std::int64_t, double> losses(const path& run)
{
    std::map<std::int64_t, double> out;
    const auto text = readTextFile(run / "events.jsonl", 1u << 30);
    for (std::size_t at = 0; text && at < text->size();) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        if (const auto json = parseJson(text->substr(at, end - at)); json && json->value("kind", "") == "metric")
            out[json->value("step", std::int64_t{0})] = json->value("loss", 0.0);
        at = end + 1;
    }
    return out;
}

/// The step of a run's newest checkpoint; 0 before the first.
std::int64_t lastKept(const path& run)
{
    if (const auto folder = latestCheckpoint(run))
        if (const auto text = readTextFile(*folder / "state.json"))
            if (const auto state = parseJson(*text))
                return state->value("step", std::int64_t{0});
    return 0;
}

} // namespace

/// The real worker with the real methods, killed three times between checkpoints.
class TestKilledWorker : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void killedBetweenCheckpointsItResumesBitEqually_data()
    {
        QTest::addColumn<QString>("method");
        for (const char* method : {"mae", "spcxr", "hdxray-mae"})
            QTest::newRow(method) << QString::fromLatin1(method);
    }
    void killedBetweenCheckpointsItResumesBitEqually()
    {
        QFETCH(QString, method);
        QVERIFY(QFile::exists(workerFile()));
        MethodRegistry registry;
        registerBuiltinMethods(registry);
        const auto entry = registry.find(method.toStdString());
        HILUM_VERIFY_OK(entry);
        constexpr std::int64_t Steps = 40, Every = 5;
        Json chosen = {{"image_size", 64}, {"steps", Steps}, {"batch", 4}, {"warmup_steps", 2}, {"checkpoint_every", Every}, {"seed", 4},
            {"loader_threads", 2}, {"prefetch", 4}, {"crop_scale_min", 0.5}, {"flip_probability", 0.5}}; // crops and mirror images, made ahead of the steps that a kill loses
        if (method == QStringLiteral("hdxray-mae")) // of 16 tokens its own ratios would leave none visible
            chosen.update({{"mask_ratio_inside", 0.7}, {"mask_ratio_outside", 0.5}});
        const auto options = completeOptions(**entry, "tiny", chosen);
        HILUM_VERIFY_OK(options);
        const QTemporaryDir folder;
        const path root = folder.path().toStdString(), cache = root / "cache";
        Json index = tests::makeCache(cache, {.size = 64, .withRegion = method == QStringLiteral("hdxray-mae")});
        index["pipeline"] = (*entry)->pipelineFor(*options);
        tests::writeIndex(cache, index);
        for (const char* run : {"whole", "killed"})
            tests::writeTrainingJob(root / run, method.toStdString(), *options);
        QVERIFY(endsWell(*start(root / "whole", cache, false)));

        const path killed = root / "killed";
        Rng draw = Rng(23).fork(method.toStdString());
        int kills = 0;
        for (bool resume = false; kills < 3; resume = true) {
            // past the next checkpoint by at least one step, and not as far as the one after it
            const std::int64_t step = lastKept(killed) + Every + draw.integer(1, Every);
            QVERIFY2(step < Steps, "this machine looks too late: too few kills fell between checkpoints");
            const auto worker = start(killed, cache, resume);
            for (int i = 0; i < 120000 && tests::lastStep(killed) < step && worker->state() != QProcess::NotRunning; ++i)
                QThread::msleep(2), QCoreApplication::processEvents();
            worker->kill();
            QVERIFY(worker->waitForFinished(60000));
            QCOMPARE(worker->exitStatus(), QProcess::CrashExit);
            QVERIFY(!std::filesystem::exists(killed / "model.safetensors"));
            const std::int64_t told = tests::lastStep(killed), kept = lastKept(killed);
            qInfo("to be killed at step %lld, killed at %lld; %lld steps are lost", static_cast<long long>(step), static_cast<long long>(told), static_cast<long long>(told - kept));
            kills += told > kept ? 1 : 0; // a busy machine may look too late and hit a checkpoint: nothing is lost, and it does not count
        }

        QVERIFY(endsWell(*start(killed, cache, true)));
        QCOMPARE(tests::digestOfRun(killed), tests::digestOfRun(root / "whole"));
        QCOMPARE(losses(root / "whole").size(), static_cast<std::size_t>(Steps));
        QVERIFY(losses(killed) == losses(root / "whole"));
    }
};

QTEST_GUILESS_MAIN(TestKilledWorker)
#include "tst_killed_worker.moc"
