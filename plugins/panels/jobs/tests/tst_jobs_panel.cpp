// Forms, list, curves and buttons of the panel.
#include "plugins/panels/jobs/tests/jobs_desk.h"

#include "core/base/numbers.h"

#include <QSignalSpy>
#include <QTabWidget>

#include <mutex>

using namespace hilum;
using namespace hilum::widgets;
using hilum::tests::Desk;
using hilum::tests::Wait;

class TestJobsPanel : public QObject, private hilum::tests::JobsHome {
    Q_OBJECT
private:
    QStringList measured(const char* by = "bench.txt") const
    {
        QFile file(QString::fromStdString(at(by).string()));
        return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()).split(u'\n', Qt::SkipEmptyParts) : QStringList();
    }

private Q_SLOTS:
    void init()
    {
        for (const char* file : {"bench.txt", "estimate.txt"})
            QFile::remove(QString::fromStdString(at(file).string()));
    }

    void measuresNothingForWhoOnlyLooks()
    {
        Desk d;
        d.panel->workspaceShown();
        auto* estimate = d.find<QLabel>("jobEstimate");
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("once images are chosen")), Wait);
        d.option("jobForm", "image_size")->setText(QStringLiteral("80"));
        QTest::qWait(1500); // a change is measured after 0.6 s
        QVERIFY(measured().isEmpty());
        QVERIFY2(estimate->text().contains(QStringLiteral("once images are chosen")), qPrintable(estimate->text()));
        d.find<QPushButton>("jobMeasure")->click();
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("Measured on this computer: 10 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":80")));
        d.option("jobForm", "image_size")->setText(QStringLiteral("96"));
        QTest::qWait(1500);
        QCOMPARE(measured().size(), 1);
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), at("images")));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 20 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":96")));
    }

    void measuresEachConfigurationForItself()
    {
        // it was measured by method, preset and batch alone: another image size or device got the same numbers
        Desk d;
        d.panel->workspaceShown();
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), at("images")));
        auto* estimate = d.find<QLabel>("jobEstimate");
        auto* device = d.find<QComboBox>("jobDevice");
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("Measured on this computer: 10 images/s")), Wait);
        QCOMPARE(measured().size(), 1);
        QVERIFY2(measured().last().contains(QStringLiteral("--options {\"batch\":2,\"image_size\":64,\"steps\":20}")), qPrintable(measured().last()));
        QVERIFY(measured().last().contains(QStringLiteral("--device auto")));

        d.option("jobForm", "image_size")->setText(QStringLiteral("128"));
        QVERIFY2(!estimate->text().contains(QStringLiteral("Measured")), qPrintable(estimate->text()));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 20 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":128")));

        device->setCurrentIndex(device->findData(QStringLiteral("cpu")));
        QVERIFY2(!estimate->text().contains(QStringLiteral("Measured")), qPrintable(estimate->text()));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 30 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("--device cpu")));

        // what was measured is known at once, and the number of steps needs no measurement
        d.option("jobForm", "steps")->setText(QStringLiteral("80"));
        QVERIFY(estimate->text().contains(QStringLiteral(": 30 images/s")) && estimate->text().contains(QStringLiteral("for 80 steps")));
        device->setCurrentIndex(device->findData(QStringLiteral("auto")));
        QVERIFY(estimate->text().contains(QStringLiteral(": 20 images/s")));
        d.option("jobForm", "image_size")->setText(QStringLiteral("64"));
        QVERIFY(estimate->text().contains(QStringLiteral(": 10 images/s")));
        QCOMPARE(measured().size(), 3);
    }

    void saysWhatPublishedSizesNeedBeforeTheyAreStarted() // "not measured yet" until Measure was pressed, and the disk never
    {
        Json needs = {{"schema", "hilum.estimate/1"}, {"memory_bytes", 12'000'000'000}, {"batch", 2}, {"largest_batch", 5}, {"suggested_batch", 2}, {"accumulation", 4}, {"steps", 20},
                      {"available_bytes", 30'000'000'000}, {"disk_bytes", 3'000'000'000}, {"run_seconds", 7200.0}};
        const auto answer = [&] { std::ofstream(at("estimate.json")) << needs.dump(); };
        answer();
        Desk d;
        d.panel->workspaceShown();
        auto* estimate = d.find<QLabel>("jobEstimate");
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "image_size"), Wait);
        d.option("jobForm", "image_size")->setText(QStringLiteral("1280"));
        QTest::qWait(1500);
        QVERIFY(measured("estimate.txt").isEmpty()); // who only looks asks for nothing
        d.choose(at("images"));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QString::fromStdString(byteSize(12'000'000'000))), Wait);
        QVERIFY2(estimate->text().contains(QStringLiteral("up to 5 images a batch fit")), qPrintable(estimate->text()));
        QVERIFY(estimate->text().contains(QStringLiteral("checkpoints take ") + QString::fromStdString(byteSize(3'000'000'000))));
        QVERIFY(estimate->text().contains(QStringLiteral("for 20 steps")));
        QVERIFY(measured().isEmpty());
        QCOMPARE(measured("estimate.txt").size(), 1);
        QVERIFY2(measured("estimate.txt").last().contains(QStringLiteral("\"image_size\":1280")), qPrintable(measured("estimate.txt").last()));

        needs["largest_batch"] = 1;
        needs["suggested_batch"] = 1;
        answer();
        d.option("jobForm", "image_size")->setText(QStringLiteral("1792"));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("it does not fit; batch 1 with accumulation 8 does")), Wait);
        // what is known is said at once
        d.option("jobForm", "image_size")->setText(QStringLiteral("1280"));
        QVERIFY2(estimate->text().contains(QStringLiteral("up to 5 images a batch fit")), qPrintable(estimate->text()));
        QCOMPARE(measured("estimate.txt").size(), 2);
    }

    void buttonsOfTheFormsTellTheirKeys()
    {
        Desk d;
        for (const auto& [button, action] : {std::pair("jobStart", "actionJobStart"), std::pair("jobMeasure", "actionJobMeasure"), std::pair("jobReset", "actionJobReset"),
                                             std::pair("tuningStart", "actionJobStart"), std::pair("tuningReset", "actionJobReset")})
            QVERIFY2(d.find<QPushButton>(button)->toolTip().endsWith(QStringLiteral("[%1]").arg(d.action(action)->shortcut().toString(QKeySequence::NativeText))), button);
    }

    void theNewestImagesAreTaken() // the library's list came after a folder had been chosen, and replaced it
    {
        Desk d;
        d.library.rows.push_back({.id = 1, .kind = "image", .files = {"/pictures/a.png"}, .where = "/pictures/a.png"});
        auto* data = d.find<QComboBox>("jobData");
        auto* note = d.find<QLabel>("jobDataNote");
        std::unique_lock slow(d.library.mutex);
        Q_EMIT data->activated(data->findData(QStringLiteral("library")));
        QVERIFY(note->text().startsWith(QStringLiteral("Listing")));
        d.choose(at("images"));
        slow.unlock();
        d.settle();
        QVERIFY2(note->text().endsWith(QStringLiteral("images")), qPrintable(note->text()));
        // and the other way round
        Q_EMIT data->activated(data->findData(QStringLiteral("library")));
        QTRY_COMPARE_WITH_TIMEOUT(note->text(), QStringLiteral("/pictures/a.png"), Wait);
    }

    // a method of volumes was offered the films of the library
    void imagesOfTheLibraryAreOfTheMethodsKind_data()
    {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("note");
        QTest::newRow("radiographs") << "m" << "2 radiographs of the library";
        QTest::newRow("volumes") << "v" << "1 volume of the library";
        QTest::newRow("both") << "b" << "2 radiographs and 1 volume of the library";
    }
    void imagesOfTheLibraryAreOfTheMethodsKind()
    {
        QFETCH(QString, method);
        QFETCH(QString, note);
        Desk d;
        d.library.rows.push_back({.id = 1, .kind = "image", .files = {"/pictures/a.png"}, .where = "/pictures/a.png"});
        d.library.rows.push_back({.id = 2, .kind = "image", .files = {"/pictures/b.png"}, .where = "/pictures/b.png"});
        d.library.rows.push_back({.id = 3, .kind = "volume", .files = {"/ct/1.dcm", "/ct/2.dcm", "/ct/3.dcm"}, .where = "/ct"});
        d.library.rows.push_back({.id = 4, .kind = "segmentation", .files = {"/seg.dcm"}, .where = "/seg.dcm"});
        d.selection.proposeJob({{"method", method.toStdString()}, {"preset", "tiny"}, {"images", "library"}});
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QLabel>("jobDataNote")->text(), note, Wait);
        QCOMPARE(d.find<QComboBox>("jobMethod")->currentData().toString(), method);
        // by hand
        auto* data = d.find<QComboBox>("jobData");
        Q_EMIT data->activated(data->findData(QStringLiteral("library-both")));
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QLabel>("jobDataNote")->text(), QStringLiteral("2 radiographs and 1 volume of the library"), Wait);
    }

    void goesBackToThePreset()
    {
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.option("tuningForm", "steps"), Wait);
        QAction* action = d.action("actionJobReset");
        auto* reset = d.find<QPushButton>("jobReset");
        QLineEdit* steps = d.option("jobForm", "steps");
        QCOMPARE(steps->text(), QStringLiteral("20"));
        QVERIFY(!reset->isEnabled() && !action->isEnabled());
        steps->setText(QStringLiteral("7"));
        QVERIFY(reset->isEnabled() && action->isEnabled());
        action->trigger();
        QCOMPARE(steps->text(), QStringLiteral("20"));
        QVERIFY(!reset->isEnabled() && !action->isEnabled());
        steps->setText(QStringLiteral("8"));

        // the other page has settings of its own
        d.find<QTabWidget>("jobKinds")->setCurrentIndex(1);
        QVERIFY(!action->isEnabled() && !d.action("actionJobMeasure")->isEnabled());
        auto* mode = d.find<QComboBox>("tuningMode");
        mode->setCurrentIndex(mode->findData(QStringLiteral("full")));
        d.option("tuningForm", "steps")->setText(QStringLiteral("9"));
        QVERIFY(action->isEnabled() && d.find<QPushButton>("tuningReset")->isEnabled());
        d.find<QPushButton>("tuningReset")->click();
        QCOMPARE(d.option("tuningForm", "steps")->text(), QStringLiteral("40"));
        QVERIFY(!action->isEnabled());
        QCOMPARE(steps->text(), QStringLiteral("8"));
    }

    void opensRunFoldersMadeElsewhere()
    {
        Desk d;
        QVERIFY(d.drop(d.panel.get(), makeRun("run1", true)));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run1"), Wait);
        QCOMPARE(d.rows(), 1);
        QCOMPARE(d.state(), QStringLiteral("Done"));
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 3, Wait);
        // on the form for images too: a run holds none
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), makeRun("run2", true)));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run2"), Wait);
        QCOMPARE(d.rows(), 2);
        QVERIFY(d.find<QLabel>("jobDataNote")->text().startsWith(QStringLiteral("Choose the images")));
        d.open(at("run1"));
        QCOMPARE(d.rows(), 2);
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 3, Wait);
        QVERIFY(d.errors.empty());

        const path none = at("no run");
        std::filesystem::create_directories(none);
        QSignalSpy imported(&d.imports, &widgets::StudyImport::finished);
        QVERIFY(d.drop(d.panel.get(), none)); // no run: it goes to the library
        QVERIFY(imported.wait(Wait));
        QCOMPARE(d.library.rows.size(), 1u);
        d.panel->openRun(none);
        QTRY_COMPARE_WITH_TIMEOUT(d.errors, std::vector<std::string>{none.string() + " is no run folder: it holds no job.json"}, Wait);
        QCOMPARE(d.rows(), 2);
    }

    void jobsAppearAsTheyAreRead()
    {
        std::vector<project::Library::JobRow> known;
        for (const char* id : {"slow", "older", "newer"})
            known.push_back({.id = id, .run = makeRun(id, true), .method = "m", .preset = "tiny", .title = id, .state = "done",
                             .createdUtc = hilum::format("2026-01-31T1{}:00:00Z", known.size()), .message = {}});
        std::unique_ptr<Desk> d;
        tests::HeldFile held(known.front().run / "events.jsonl");
        QVERIFY(held.made());
        d = std::make_unique<Desk>(known, hilum::services::Loading::InBackground);
        QTRY_COMPARE_WITH_TIMEOUT(d->rows(), 2, Wait);
        const auto titles = [&] {
            QStringList out;
            for (int row = 0; row < d->rows(); ++row)
                out << d->find<QTableView>("jobTable")->model()->index(row, 0).data().toString();
            return out;
        };
        QCOMPARE(titles(), QStringList({QStringLiteral("newer"), QStringLiteral("older")}));
        QVERIFY(d->panel->currentJob().empty()); // the newest of all is chosen, and they are not all there
        held.letGo();
        QTRY_COMPARE_WITH_TIMEOUT(d->panel->currentJob(), std::string("newer"), Wait);
        QCOMPARE(titles(), QStringList({QStringLiteral("newer"), QStringLiteral("older"), QStringLiteral("slow")}));
        // and their models can be fine-tuned
        auto* models = d->find<QComboBox>("tuningModel");
        for (const auto& row : known)
            QVERIFY2(models->findData(QString::fromStdString(row.run.string())) >= 0, row.id.c_str());
    }

    void removesEndedJobsFromTheList()
    {
        Desk d;
        QAction* remove = d.action("actionJobRemove");
        QVERIFY(!remove->isEnabled());
        const path run = makeRun("run3", true);
        d.open(makeRun("run4", true));
        d.open(run);
        QVERIFY(remove->isEnabled());
        QString said;
        d.confirmSoon(&said);
        remove->trigger();
        QCOMPARE(said, QStringLiteral("Its run folder stays where it is: %1").arg(QString::fromStdString(run.string())));
        QCOMPARE(d.rows(), 1);
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run4"), Wait);
        QVERIFY(std::filesystem::exists(run / "job.json"));
        d.confirmSoon(&said);
        remove->trigger();
        QCOMPARE(d.rows(), 0);
        QCOMPARE(d.find<QLabel>("jobTitle")->text(), QStringLiteral("No job is chosen"));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string(), Wait);
        QVERIFY(!remove->isEnabled());
        QVERIFY(d.errors.empty());
    }

    void keepsARunningJobInTheList()
    {
        Desk d;
        d.open(makeRun("run5", false));
        QCOMPARE(d.state(), QStringLiteral("Running"));
        QVERIFY(!d.action("actionJobRemove")->isEnabled());
        d.action("actionJobRemove")->trigger();
        QCOMPARE(d.rows(), 1);
    }

    void aPointIsDrawnOnce() // the record was read beyond what had been told, and then that was told too
    {
        Desk d;
        const path run = makeRun("run8", false);
        d.open(run);
        d.open(makeRun("run9", true));
        int told = 0;
        connect(&d.runs, &hilum::services::JobRunner::eventArrived, this, [&] { ++told; });
        const auto say = [&](int step) { std::ofstream(run / "events.jsonl", std::ios::app) << jsonLine(protocol::message(protocol::Metric, {{"step", step}, {"loss", 0.1}})) << '\n'; };
        say(4);
        auto* table = d.find<QTableView>("jobTable");
        table->selectRow(1 - table->currentIndex().row());
        QCOMPARE(d.panel->currentJob(), std::string("run8"));
        QTRY_COMPARE_WITH_TIMEOUT(told, 1, Wait);
        say(5);
        QTRY_COMPARE_WITH_TIMEOUT(told, 2, Wait);
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 5, Wait);
    }

    void buttonsAndActionsAgree()
    {
        Desk d;
        const std::pair<const char*, const char*> pairs[] = {{"jobCancel", "actionJobCancel"}, {"jobResume", "actionJobResume"}, {"jobOpenInLab", "actionJobOpenInLab"}, {"jobTune", "actionJobTune"},
                                                             {"jobOpenRun", "actionJobOpenRun"}, {"jobStart", "actionJobStart"}, {"jobMeasure", "actionJobMeasure"}, {"jobReset", "actionJobReset"}};
        const auto check = [&] {
            for (const auto& [button, action] : pairs)
                QVERIFY2(d.find<QPushButton>(button)->isEnabled() == d.action(action)->isEnabled(), button);
        };
        check();
        QVERIFY(!d.action("actionJobOpenInLab")->isEnabled());
        d.open(makeRun("run6", true));
        check();
        QVERIFY(d.action("actionJobOpenInLab")->isEnabled());
        d.open(makeRun("run7", false));
        check();
        QVERIFY(d.action("actionJobCancel")->isEnabled());
        d.action("actionJobTune")->trigger(); // not of a job without a model
        QCOMPARE(d.find<QTabWidget>("jobKinds")->currentIndex(), 0);
        d.open(at("run6"));
        d.find<QPushButton>("jobTune")->click();
        QCOMPARE(d.find<QTabWidget>("jobKinds")->currentIndex(), 1);
    }
};

QTEST_MAIN(TestJobsPanel)
#include "tst_jobs_panel.moc"
