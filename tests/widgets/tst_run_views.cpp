#include "widgets/jobs/classification_view.h"
#include "widgets/jobs/job_table_model.h"
#include "widgets/jobs/preview_strip.h"
#include "widgets/jobs/run_curves.h"

#include "core/base/paths.h"
#include "core/base/tensor_file.h"
#include "tests/support/compare.h"
#include "widgets/plot/plot_view.h"

#include <QAbstractItemModelTester>
#include <QLabel>
#include <QSignalSpy>
#include <QSlider>
#include <QTableWidget>
#include <QTest>

using namespace hilum;
using namespace hilum::widgets;
using services::JobState;
using services::JobStatus;

namespace {

Json metric(int step, double loss)
{
    return {{"kind", "metric"}, {"step", step}, {"loss", loss}, {"lr", 1e-3}, {"grad_norm", 2.0}, {"images_per_s", 12.5}, {"loss_inside", 2 * loss}, {"memory_bytes", 1000000}, {"device", "cpu"}};
}

Status writePreview(const path& file, float grey)
{
    const std::vector<float> picture(64, grey), opposite(64, 1 - grey);
    const std::vector<std::uint8_t> mask{1, 0, 0, 1};
    TensorFileWriter writer;
    for (const char* name : {"input", "corrupted", "error"})
        writer.add<float>(name, {1, 8, 8}, picture);
    writer.add<float>("reconstruction", {1, 8, 8}, opposite);
    writer.add<std::uint8_t>("mask", {2, 2}, mask);
    return writer.write(file);
}

} // namespace

class TestRunViews : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void curvesComeFromEvents()
    {
        RunCurves curves;
        for (int i = 1; i <= 30; ++i)
            curves.addEvent(metric(i, 1.0 / i));
        curves.addEvent({{"kind", "checkpoint"}, {"step", 30}, {"held_out_loss", 0.25}, {"bytes", 5}});
        curves.addEvent({{"kind", "progress"}, {"step", 31}, {"loss", 9.0}}); // not a metric
        curves.addEvent({{"kind", "metric"}, {"loss", 9.0}});                 // without a step
        curves.addEvent(Json::array());
        const PlotView* loss = curves.loss();
        QCOMPARE(loss->objectName(), QStringLiteral("lossCurve"));
        QCOMPARE(loss->property("pointCount").toInt(), 30);
        QCOMPARE(curves.lastStep(), 30);
        QCOMPARE(loss->curveCount(), 3); // loss, its term, held out
        QStringList titles;
        for (int i = 0; i < loss->curveCount(); ++i)
            titles << loss->curveTitle(i);
        QVERIFY(titles.contains(QStringLiteral("held-out loss")) && titles.contains(QStringLiteral("loss inside")));
        QCOMPARE(curves.findChild<PlotView*>(QStringLiteral("speedCurve"))->data(0).points().back().y, 12.5);
        curves.addEvent(metric(21, 7)); // resumed at the checkpoint of step 20
        QCOMPARE(loss->property("pointCount").toInt(), 21);
        curves.clear();
        QCOMPARE(curves.lastStep(), -1);
    }
    void aRecordIsDrawnAsItsEventsAre()
    {
        RunCurves fromEvents, fromRecord;
        view::RunRecord record;
        for (int i = 1; i <= 30; ++i) {
            fromEvents.addEvent(metric(i, 1.0 / i));
            record.add(metric(i, 1.0 / i));
        }
        fromRecord.addRecord(record.curves, record.lastStep);
        for (RunCurves* curves : {&fromEvents, &fromRecord})
            curves->addEvent(metric(31, 0.5)); // told meanwhile
        QCOMPARE(fromRecord.lastStep(), 31);
        QCOMPARE(fromRecord.loss()->curveCount(), fromEvents.loss()->curveCount());
        for (const char* name : {"lossCurve", "rateCurve", "gradientCurve", "speedCurve"}) {
            const auto* wanted = fromEvents.findChild<PlotView*>(QLatin1String(name));
            const auto* drawn = fromRecord.findChild<PlotView*>(QLatin1String(name));
            QVERIFY2(drawn->data(0).size() == 31 && drawn->data(0).points() == wanted->data(0).points(), name);
        }
    }
    void curvesOfTwoNetworksLieOverEachOther()
    {
        RunCurves curves;
        for (int i = 1; i <= 8; ++i) {
            Json event = metric(i, 1.0 / i);
            event["weights"] = i <= 4 ? "pre-trained" : "untrained";
            event["own_step"] = i <= 4 ? i : i - 4;
            event.erase("loss_inside");
            curves.addEvent(event);
        }
        QCOMPARE(curves.lastStep(), 8);
        QCOMPARE(curves.loss()->curveCount(), 2);
        for (int curve = 0; curve < 2; ++curve) {
            QCOMPARE(curves.loss()->data(curve).size(), std::size_t{4});
            QCOMPARE(curves.loss()->data(curve).points().front().x, 1.0);
        }
        QCOMPARE(curves.loss()->curveTitle(1), QStringLiteral("loss, untrained"));
        QCOMPARE(curves.loss()->data(1).points().back().y, 1.0 / 8);
    }
    void aClassifiersResultIsShown()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path run = folder->where() / "classifier";
        const auto interval = [](double v) { return Json{{"estimate", v}, {"low", v - 0.1}, {"high", v + 0.1}}; };
        Json metrics, gain;
        for (const char* name : {"auroc", "average_precision", "accuracy", "f1"}) {
            metrics[name] = interval(0.75);
            gain[name] = interval(0.25);
        }
        HILUM_VERIFY_OK(makeFolder(run));
        const Json evaluation = {{"schema", "hilum.classification/1"}, {"label_column", "effusion"}, {"classes", {{{"name", "0"}}, {{"name", "1"}}}}, {"positive_class", "1"}, {"train_images", 40},
                                 {"train_patients", 20}, {"held_out_images", 4}, {"held_out_patients", 4}, {"held_out", "drawn by the seed"}, {"trained", {{"metrics", metrics}}},
                                 {"untrained", {{"metrics", metrics}}}, {"difference", gain}};
        HILUM_VERIFY_OK(writeFileAtomically(run / "evaluation.json", evaluation.dump()));
        // scores of the positive class: 0.9 and 0.4 of positives, 0.6 and 0.1 of negatives
        HILUM_VERIFY_OK(writeFileAtomically(run / "predictions.csv", "case,patient,class,\"trained 0\",\"trained 1\",\"untrained 0\",\"untrained 1\"\n"
                                                                      "a,p,\"1\",0.1,0.9,0.5,0.5\nb,q,\"1\",0.6,0.4,0.5,0.5\nc,r,\"0\",0.4,0.6,0.5,0.5\nd,s,\"0\",0.9,0.1,0.5,0.5\n"));
        services::TaskRunner runner;
        ClassificationView view(&runner);
        view.setRun(run, false);
        QVERIFY(!view.shown());
        view.setRun(run, true);
        QTRY_VERIFY(view.shown());
        const auto* said = view.findChild<QLabel*>(QStringLiteral("classificationSaid"));
        QVERIFY2(said->text().contains(QStringLiteral("effusion, class 1: trained on 40 images of 20 patients, tested on 4")), qPrintable(said->text()));
        QVERIFY(said->text().contains(QStringLiteral("pre-training helps here")));
        const auto* table = view.findChild<QTableWidget*>(QStringLiteral("classificationTable"));
        QCOMPARE(table->item(0, 2)->text(), QStringLiteral("0.250 (0.150 to 0.350)"));
        // (0, 0), 0.9: (0, 1/2), 0.6: (1/2, 1/2), 0.4: (1/2, 1), 0.1: (1, 1): no step is drawn aslant
        const auto points = view.findChild<PlotView*>(QStringLiteral("rocCurve"))->data(0).points();
        const std::vector<std::pair<double, double>> expected{{0, 0}, {0, 0.5}, {0.5, 0.5}, {0.5, 1}, {1, 1}};
        QCOMPARE(points.size(), expected.size());
        for (std::size_t i = 0; i < points.size(); ++i)
            QVERIFY(std::abs(points[i].x - expected[i].first) < 1e-8 && std::abs(points[i].y - expected[i].second) < 1e-12);
        // what does not fit together is said and not drawn
        HILUM_VERIFY_OK(writeFileAtomically(run / "predictions.csv", "case,patient,class\n"));
        view.setRun({}, false);
        view.setRun(run, true);
        QTRY_VERIFY2(said->text().contains(QStringLiteral("does not fit")), qPrintable(said->text()));
        QVERIFY(!view.shown());
    }
    void tableSaysWhatAPersonReads_data()
    {
        QTest::addColumn<int>("state");
        QTest::addColumn<QString>("text");
        QTest::newRow("running") << int(JobState::Running) << QStringLiteral("Running");
        QTest::newRow("stopping") << int(JobState::Cancelling) << QStringLiteral("Stopping…");
        QTest::newRow("stopped") << int(JobState::Cancelled) << QStringLiteral("Stopped at step 20, checkpoint saved");
        QTest::newRow("interrupted") << int(JobState::Lost) << QStringLiteral("Interrupted, checkpoint of step 15 is there");
        QTest::newRow("done") << int(JobState::Done) << QStringLiteral("Done");
    }
    void tableSaysWhatAPersonReads()
    {
        QFETCH(int, state);
        QFETCH(QString, text);
        JobTableModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        JobStatus job;
        job.id = "a";
        job.state = static_cast<JobState>(state);
        job.step = 20;
        job.steps = 40;
        job.lastCheckpoint = 15;
        job.pid = 4711;
        model.setJobs({job});
        QCOMPARE(model.index(0, JobTableModel::State).data().toString(), text);
        QCOMPARE(model.index(0, JobTableModel::Step).data().toString(), QStringLiteral("20 of 40"));
        const bool alive = job.state == JobState::Running || job.state == JobState::Cancelling;
        QCOMPARE(model.index(0, JobTableModel::Pid).data().toString(), alive ? QStringLiteral("4711") : QString());
    }
    void aJobWhoseFolderHasNotAnsweredStarts()
    {
        JobStatus job;
        job.id = "a";
        job.starting = true;
        for (const JobState state : {JobState::Running, JobState::Cancelled, JobState::Lost}) { // begins; goes on
            job.state = state;
            QCOMPARE(stateText(job), QStringLiteral("Starting…"));
        }
        job.state = JobState::Cancelling;
        QCOMPARE(stateText(job), QStringLiteral("Stopping…"));
        JobTableModel model;
        job.message = "the worker was killed";
        for (const JobState state : {JobState::Failed, JobState::Lost}) { // what became of it is no news while it goes on
            job.state = state;
            job.starting = false;
            model.setJobs({job});
            const QModelIndex cell = model.index(0, JobTableModel::State);
            QVERIFY(cell.data(Qt::ForegroundRole).isValid());
            QCOMPARE(cell.data(Qt::ToolTipRole).toString(), QStringLiteral("the worker was killed"));
            job.starting = true;
            model.setJobs({job});
            QVERIFY(!cell.data(Qt::ForegroundRole).isValid());
            QCOMPARE(cell.data(Qt::ToolTipRole).toString(), QStringLiteral("Starting…"));
        }
    }
    void whatIsDoneInsteadOfStepsIsSaid()
    {
        JobStatus job;
        job.id = "a";
        job.state = JobState::Running;
        job.step = job.steps = 40;
        job.secondsLeft = 7;
        job.phase = "training";
        JobTableModel model;
        const auto shown = [&](int column) {
            model.setJobs({job});
            return model.index(0, column).data().toString();
        };
        QCOMPARE(shown(JobTableModel::State), QStringLiteral("Running"));
        QCOMPARE(shown(JobTableModel::TimeLeft), QStringLiteral("7 s"));
        job.phase = "evaluating"; // it is not the steps' time that is left
        job.phaseDone = 12;
        job.phaseTotal = 30;
        QCOMPARE(shown(JobTableModel::State), QStringLiteral("Running: evaluating 12 of 30"));
        QCOMPARE(shown(JobTableModel::TimeLeft), QString());
        job.phase = "saving";
        job.phaseDone = job.phaseTotal = 0;
        QCOMPARE(shown(JobTableModel::State), QStringLiteral("Running: saving"));
        QCOMPARE(shown(JobTableModel::TimeLeft), QString());
    }
    void newJobsComeFirstAndRowsStay()
    {
        JobTableModel model;
        JobStatus a, b;
        a.id = "a";
        a.createdUtc = "2026-01-01T00:00:00Z";
        b.id = "b";
        b.createdUtc = "2026-01-02T00:00:00Z";
        model.setJobs({a, b});
        QCOMPARE(model.rowOf("b"), 0);
        QSignalSpy reset(&model, &QAbstractItemModel::modelReset);
        a.step = 5;
        a.steps = 10;
        model.setJobs({b, a});
        QCOMPARE(reset.count(), 0); // the same jobs: the selection of a view stays
        QCOMPARE(model.index(1, JobTableModel::Step).data().toString(), QStringLiteral("5 of 10"));
        b.createdUtc = a.createdUtc; // within the same second
        JobTableModel other;
        other.setJobs({a, b});
        QCOMPARE(other.rowOf("b"), 0);
    }
    void previewsFollowTheNewestStep()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        services::TaskRunner runner;
        PreviewStrip strip(&runner);
        strip.resize(600, 250);
        strip.show();
        strip.setRun(folder->where());
        for (const int step : {0, 10, 20}) {
            const path name = path("previews") / ("step-" + std::to_string(step)) / "case.safetensors";
            HILUM_VERIFY_OK(makeFolder((folder->where() / name).parent_path()));
            HILUM_VERIFY_OK(writePreview(folder->where() / name, static_cast<float>(step) / 20));
            strip.addEvent({{"kind", "preview"}, {"step", step}, {"case", "case"}, {"file", name.string()}, {"numbers", {{"loss", 0.5}}}});
        }
        strip.addEvent({{"kind", "preview"}, {"step", 30}, {"file", "../../elsewhere.safetensors"}}); // outside of the run
        QCOMPARE(strip.property("previewCount").toInt(), 3);
        QTRY_COMPARE(strip.shownStep(), 20);
        QCOMPARE(strip.findChild<QLabel*>(QStringLiteral("previewText"))->text(), QStringLiteral("step 20 · loss 0.5"));
        strip.findChild<QSlider*>(QStringLiteral("previewSlider"))->setValue(0);
        QTRY_COMPARE(strip.shownStep(), 0);
        const QImage black = strip.grab().toImage();
        QVERIFY(black.pixelColor(100, 110).lightness() < 20);
        strip.findChild<QSlider*>(QStringLiteral("previewSlider"))->setValue(2);
        QTRY_COMPARE(strip.shownStep(), 20);
        const QImage white = strip.grab().toImage();
        QVERIFY(white.pixelColor(100, 110).lightness() > 230); // the white one of step 20
        QVERIFY(white.pixelColor(450, 70).lightness() < 20);  // hidden: what the model made of it
        QVERIFY(white.pixelColor(550, 70).lightness() > 230); // visible: the image itself, not the noise that a network says there
        QCOMPARE(strip.captions(), (QStringList{QStringLiteral("Original"), QStringLiteral("Disrupted"), QStringLiteral("Pasted back")}));
    }
    void previewsOfVolumesSayWhatTheyAre()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const std::vector<float> voxels(5 * 4 * 4, 0.5f);
        TensorFileWriter writer;
        for (const char* name : {"input", "corrupted", "reconstruction", "error"})
            writer.add<float>(name, {1, 5, 4, 4}, voxels);
        HILUM_VERIFY_OK(writer.write(folder->where() / "case.safetensors"));
        services::TaskRunner runner;
        PreviewStrip strip(&runner);
        strip.setRun(folder->where());
        strip.addEvent({{"kind", "preview"}, {"step", 10}, {"file", "case.safetensors"}, {"numbers", {{"loss", 0.5}}}});
        QTRY_COMPARE(strip.shownStep(), 10);
        QCOMPARE(strip.captions(), (QStringList{QStringLiteral("Original, slice 3 of 5"), QStringLiteral("Disrupted, slice 3 of 5"), QStringLiteral("Reconstruction, slice 3 of 5")}));
        QCOMPARE(strip.findChild<QLabel*>(QStringLiteral("previewText"))->text(), QStringLiteral("step 10 · loss 0.5"));
        strip.setRun(folder->where() / "other");
        QVERIFY(strip.captions().isEmpty());
    }
};

QTEST_MAIN(TestRunViews)
#include "tst_run_views.moc"
