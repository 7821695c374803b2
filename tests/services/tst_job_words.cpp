#include "core/services/job_words.h"
#include "core/services/run_folder.h"

#include <QTest>

using namespace hilum;
using namespace hilum::services;

/// What a person reads while a job is at work, from the events of its worker.
class TestJobWords : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aTimeLeftIsOfStepsAlone_data()
    {
        QTest::addColumn<QByteArray>("progress"); // beside phase and steps
        QTest::addColumn<QByteArray>("phase");
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("steps") << QByteArray(R"({"seconds_left": 3.2})") << QByteArray("training") << QByteArray("training step 12 of 40, loss 0.5000, 12.5 images/s, 3 s left");
        QTest::newRow("steps, not known how long") << QByteArray(R"({"seconds_left": null})") << QByteArray("training")
                                                   << QByteArray("training step 12 of 40, loss 0.5000, 12.5 images/s, time left unknown");
        QTest::newRow("steps of a classifier") << QByteArray(R"({"seconds_left": 3.2})") << QByteArray("fine-tuning, untrained weights")
                                               << QByteArray("fine-tuning, untrained weights step 12 of 40, loss 0.5000, 12.5 images/s, 3 s left");
        QTest::newRow("a checkpoint") << QByteArray(R"({"seconds_left": 3.2})") << QByteArray("saving") << QByteArray("saving");
        QTest::newRow("an evaluation") << QByteArray(R"({"seconds_left": 0, "done": 12, "total": 40})") << QByteArray("evaluating") << QByteArray("evaluating 12 of 40");
        QTest::newRow("an evaluation that does not count") << QByteArray(R"({"seconds_left": null})") << QByteArray("evaluating") << QByteArray("evaluating");
        QTest::newRow("a classifier's test") << QByteArray(R"({"seconds_left": null})") << QByteArray("testing, pre-trained weights") << QByteArray("testing, pre-trained weights");
    }
    void aTimeLeftIsOfStepsAlone()
    {
        QFETCH(QByteArray, progress);
        QFETCH(QByteArray, phase);
        QFETCH(QByteArray, text);
        JobStatus job;
        applyEvent(job, {{"kind", "metric"}, {"step", 12}, {"loss", 0.5}});
        applyEvent(job, {{"kind", "progress"}, {"phase", "evaluating"}, {"done", 3}, {"total", 4}}); // counts of an earlier phase do not stay
        Json event = {{"kind", "progress"}, {"phase", phase.toStdString()}, {"step", 12}, {"steps", 40}, {"images_per_s", 12.5}};
        event.update(Json::parse(progress.toStdString()));
        applyEvent(job, event);
        QCOMPARE(QByteArray::fromStdString(progressText(job)), text);
        QCOMPARE(besideSteps(job).empty(), text.contains("step 12"));
    }
    void nothingIsSaidOfWhatHasEnded()
    {
        JobStatus job;
        job.phaseTotal = 40;
        QCOMPARE(besideSteps(job), std::string());
    }
};

QTEST_APPLESS_MAIN(TestJobWords)
#include "tst_job_words.moc"
