#include <torch/types.h>

#include "core/learning/describe.h"
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

} // namespace

/// The real worker with the real methods, killed between two checkpoints.
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
        Json chosen = {{"image_size", 64}, {"steps", 40}, {"batch", 4}, {"warmup_steps", 2}, {"checkpoint_every", 5}, {"loader_threads", 2}, {"seed", 4}};
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

        const auto worker = start(root / "killed", cache, false);
        for (int i = 0; i < 120000 && tests::lastStep(root / "killed") < 7 && worker->state() != QProcess::NotRunning; ++i)
            QThread::msleep(2), QCoreApplication::processEvents();
        worker->kill();
        QVERIFY(worker->waitForFinished(60000));
        QCOMPARE(worker->exitStatus(), QProcess::CrashExit);
        QVERIFY(!std::filesystem::exists(root / "killed" / "model.safetensors"));

        QVERIFY(endsWell(*start(root / "killed", cache, true)));
        QCOMPARE(tests::digestOfRun(root / "killed"), tests::digestOfRun(root / "whole"));
        QCOMPARE(losses(root / "whole").size(), std::size_t{40});
        QVERIFY(losses(root / "killed") == losses(root / "whole"));
    }
};

QTEST_GUILESS_MAIN(TestKilledWorker)
#include "tst_killed_worker.moc"
