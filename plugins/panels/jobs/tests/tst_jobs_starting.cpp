// Jobs that are begun and resumed in the panel while the disk does not answer, and devices that are not here.
#include "core/base/digest.h"
#include "plugins/panels/jobs/tests/jobs_desk.h"

using namespace hilum;
using hilum::tests::Desk;
using hilum::tests::HeldFile;
using hilum::tests::Wait;

class TestJobsStarting : public QObject, private hilum::tests::JobsHome {
    Q_OBJECT

private Q_SLOTS:
    void aDeviceThatIsNotHereIsRefusedBeforeImagesArePrepared() // they were prepared, for hours, and then the worker refused
    {
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        d.choose(at("images"));
        auto* device = d.find<QComboBox>("jobDevice");
        device->setCurrentIndex(device->findData(QStringLiteral("cuda:0")));
        auto* start = d.find<QPushButton>("jobStart");
        start->click();
        QVERIFY(!start->isEnabled());
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QLabel>("jobSaid")->text(), QStringLiteral("this computer has no cuda:0"), Wait);
        QVERIFY(start->isEnabled());

        std::filesystem::create_directories(at("labelled"));
        std::ofstream(at("labelled") / "table.csv") << "filename,finding\na.png,mass\nb.png,none\n";
        auto* tuning = d.find<hilum::jobs::TuningForm>("tuningForm");
        tuning->setData(at("labelled"));
        tuning->setModel(at("no model"));
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QComboBox>("tuningLabel")->count(), 1, Wait);
        device = d.find<QComboBox>("tuningDevice");
        device->setCurrentIndex(device->findData(QStringLiteral("cuda:0")));
        tuning->start();
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QLabel>("tuningSaid")->text(), QStringLiteral("this computer has no cuda:0"), Wait);
        QCOMPARE(d.rows(), 0);
    }

    void startingDoesNotWaitForTheDisk() // the window stood still until it had answered
    {
        const path cache = at("cache");
        const std::string text = makeCache(cache);
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        d.chooseCache(cache);
        auto* watch = d.find<QComboBox>("jobWatch");
        watch->setCurrentIndex(watch->findText(QStringLiteral("None")));
        auto* start = d.find<QPushButton>("jobStart");
        auto* cancel = d.find<QPushButton>("jobPrepareCancel");
        HeldFile opened(cache / "index.json");
        QVERIFY(opened.made());
        start->click();
        QTRY_VERIFY_WITH_TIMEOUT(opened.awaited(), Wait);
        QVERIFY(!cancel->isHidden());
        HeldFile named(cache / "index.json"); // read again for the job file
        QVERIFY(named.made());
        opened.answer(text);
        QTRY_VERIFY_WITH_TIMEOUT(named.awaited(), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.panel->aboutToClose().startsWith(QStringLiteral("A job is being started")), Wait); // the images are there
        QVERIFY(!start->isEnabled() && !d.action("actionJobStart")->isEnabled());
        QVERIFY(!cancel->isHidden());
        QCOMPARE(d.rows(), 0);
        named.comeBack(text);
        QTRY_COMPARE_WITH_TIMEOUT(d.rows(), 1, Wait);
        QTRY_VERIFY_WITH_TIMEOUT(start->isEnabled() && d.action("actionJobStart")->isEnabled(), Wait);
        QVERIFY(!d.panel->currentJob().empty());
        QTRY_VERIFY_WITH_TIMEOUT(d.state().startsWith(QStringLiteral("Interrupted at step 0")), Wait); // this worker does nothing
        QVERIFY(d.errors.empty());
    }

    void aStartThatTheDiskHoldsUpCanBeGivenUp() // the form was busy until the disk had answered
    {
        const path cache = at("given up");
        const std::string text = makeCache(cache);
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        d.chooseCache(cache);
        auto* watch = d.find<QComboBox>("jobWatch");
        watch->setCurrentIndex(watch->findText(QStringLiteral("None")));
        auto* start = d.find<QPushButton>("jobStart");
        auto* cancel = d.find<QPushButton>("jobPrepareCancel");
        HeldFile opened(cache / "index.json");
        QVERIFY(opened.made());
        start->click();
        QTRY_VERIFY_WITH_TIMEOUT(opened.awaited(), Wait);
        HeldFile named(cache / "index.json"); // read again for the job file
        QVERIFY(named.made());
        opened.answer(text);
        QTRY_VERIFY_WITH_TIMEOUT(named.awaited(), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.panel->aboutToClose().startsWith(QStringLiteral("A job is being started")), Wait);
        cancel->click();
        QVERIFY(cancel->isHidden() && start->isEnabled() && d.panel->aboutToClose().isEmpty());
        QVERIFY(d.find<QLabel>("jobSaid")->text().startsWith(QStringLiteral("Stopped")));
        named.comeBack(text);
        start->click();
        QTRY_COMPARE_WITH_TIMEOUT(d.rows(), 1, Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.state().startsWith(QStringLiteral("Interrupted at step 0")), Wait); // this worker does nothing
        QCOMPARE(d.rows(), 1);
        QVERIFY(start->isEnabled() && d.errors.empty());
    }

    void theCurrentImageIsWatched_data()
    {
        QTest::addColumn<int>("files");
        QTest::newRow("one file") << 1;
        QTest::newRow("a series of slices") << 3; // it was said not to be among the images
    }
    void theCurrentImageIsWatched()
    {
        QFETCH(int, files);
        project::SeriesRow row{.id = 1, .kind = "volume"};
        Sha256 all;
        std::string digest;
        for (int n = 0; n < files; ++n) {
            const std::string content = hilum::format("slice {}", n);
            row.files.push_back(at(hilum::format("slice-{}", n)));
            std::ofstream(row.files.back()) << content;
            digest = sha256Hex(content);
            all.update(digest);
        }
        if (files > 1)
            digest = all.finishHex();
        const path cache = at(hilum::format("cache-{}", files));
        makeCache(cache, Json::array({{{"key", "other"}, {"patient", "a"}, {"source_digest", sha256Hex("other")}}, {{"key", "mine"}, {"patient", "b"}, {"source_digest", digest}}}));
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        d.selection.setSeries(row);
        d.chooseCache(cache);
        auto* watch = d.find<QComboBox>("jobWatch");
        watch->setCurrentIndex(watch->findText(QStringLiteral("Current image")));
        d.find<QPushButton>("jobStart")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!d.panel->currentJob().empty(), Wait);
        QCOMPARE(d.find<QLabel>("jobSaid")->text(), QStringLiteral("2 images of 2 patients"));
        const auto job = d.runs.job(d.panel->currentJob());
        QVERIFY(job);
        QCOMPARE(Json::parse(*readTextFile(job->run / "job.json"))["watch_case"], Json("mine"));
        QTRY_VERIFY_WITH_TIMEOUT(d.state().startsWith(QStringLiteral("Interrupted at step 0")), Wait); // this worker does nothing
    }

    void resumingDoesNotWaitForTheRunFolder()
    {
        const path run = makeRun("run10", true), latest = run / "checkpoints" / "latest"; // its job file names no cache
        std::filesystem::create_directories(latest.parent_path());
        std::ofstream(latest) << "step-3";
        std::vector<project::Library::JobRow> known;
        known.push_back({.id = "run10", .run = run, .method = "m", .preset = "tiny", .title = "Ten", .state = "cancelled", .createdUtc = "2026-01-31T10:00:00Z", .message = "Stopped at step 3, checkpoint saved"});
        Desk d(known);
        QCOMPARE(d.panel->currentJob(), std::string("run10"));
        QCOMPARE(d.state(), QStringLiteral("Stopped at step 3, checkpoint saved"));
        auto* resume = d.find<QPushButton>("jobResume");
        QVERIFY(resume->isEnabled());
        HeldFile held(latest);
        QVERIFY(held.made());
        resume->click();
        QCOMPARE(d.state(), QStringLiteral("Starting…"));
        for (const char* off : {"actionJobResume", "actionJobCancel", "actionJobRemove"})
            QVERIFY2(!d.action(off)->isEnabled(), off);
        QTRY_VERIFY_WITH_TIMEOUT(held.awaited(), Wait);
        held.comeBack("step-3");
        QTRY_VERIFY_WITH_TIMEOUT(d.state().startsWith(QStringLiteral("Failed: the job names its cache by")), Wait);
        QVERIFY(resume->isEnabled() && d.errors.empty());
        const QString failed = d.state();
        std::filesystem::remove(run / "job.json");
        resume->click();
        QTRY_COMPARE_WITH_TIMEOUT(d.errors, std::vector<std::string>{"the run folder of job run10 is gone"}, Wait);
        QCOMPARE(d.state(), failed);
        QVERIFY(resume->isEnabled());
    }
};

QTEST_MAIN(TestJobsStarting)
#include "tst_jobs_starting.moc"
