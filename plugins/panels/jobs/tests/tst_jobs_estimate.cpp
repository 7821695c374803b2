// What large configurations need is estimated by a worker that takes minutes: it makes room for jobs.
#include "plugins/panels/jobs/tests/jobs_desk.h"

#include "plugins/panels/jobs/tuning_form.h"

using namespace hilum;
using hilum::tests::Desk;
using hilum::tests::Wait;

class TestJobsEstimate : public QObject, private hilum::tests::JobsHome {
    Q_OBJECT
private:
    int asked() const
    {
        QFile file(QString::fromStdString(at("estimate.txt").string()));
        return file.open(QIODevice::ReadOnly) ? int(file.readAll().count('\n')) : 0;
    }
    /// The form for a new job with images and a configuration that is being estimated.
    void beginEstimate(const Desk& d, const path& images) const
    {
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "image_size"), Wait);
        d.option("jobForm", "image_size")->setText(QStringLiteral("1280"));
        if (images.filename() == "cache")
            d.chooseCache(images);
        else
            d.choose(images);
        QTRY_COMPARE_WITH_TIMEOUT(asked(), 1, Wait);
        QVERIFY(says(d, "Estimating"));
    }
    static bool says(const Desk& d, const char* words) { return d.find<QLabel>("jobEstimate")->text().contains(QLatin1String(words)); }
    void letGo() const { std::filesystem::remove(at("hold")); }

private Q_SLOTS:
    void init()
    {
        std::filesystem::remove(at("estimate.txt"));
        std::ofstream(at("hold")) << "until it goes";
        const Json needs = {{"schema", "hilum.estimate/1"}, {"memory_bytes", 12'000'000'000}, {"batch", 2}, {"largest_batch", 5}, {"suggested_batch", 2}, {"accumulation", 4}, {"steps", 20},
                            {"disk_bytes", 3'000'000'000}, {"run_seconds", 7200.0}};
        std::ofstream(at("estimate.json")) << needs.dump();
    }
    void cleanup() { letGo(); }

    void aJobAtWorkEndsTheEstimate() // one that was resumed trained beside it, and the numbers were kept
    {
        Desk d;
        beginEstimate(d, at("images"));
        d.open(makeRun("beside", false));
        QTRY_VERIFY_WITH_TIMEOUT(!says(d, "Estimating"), Wait);
        QVERIFY(d.tasks.running().isEmpty() || d.tasks.running().front().cancelling);
        letGo();
        QTest::qWait(1500); // a change is estimated after 0.6 s
        QVERIFY2(!says(d, "of memory at batch"), qPrintable(d.find<QLabel>("jobEstimate")->text()));
        QCOMPARE(asked(), 1);
    }

    void aStartEndsTheEstimateAndAsksAgain() // "Estimating..." stayed for as long as the job took
    {
        const path cache = at("cache");
        makeCache(cache);
        Desk d;
        beginEstimate(d, cache);
        auto* watch = d.find<QComboBox>("jobWatch");
        watch->setCurrentIndex(watch->findText(QStringLiteral("None")));
        d.find<QPushButton>("jobStart")->click();
        QVERIFY2(!says(d, "Estimating"), qPrintable(d.find<QLabel>("jobEstimate")->text()));
        letGo();
        QTRY_COMPARE_WITH_TIMEOUT(d.rows(), 1, Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.state().startsWith(QStringLiteral("Interrupted at step 0")), Wait); // this worker does nothing
        QTRY_VERIFY_WITH_TIMEOUT(says(d, "of memory at batch"), Wait);
        QCOMPARE(asked(), 2);
    }

    void theStartOfAClassifierEndsTheEstimate()
    {
        Desk d;
        beginEstimate(d, at("images"));
        std::filesystem::create_directories(at("labelled"));
        std::ofstream(at("labelled") / "table.csv") << "filename,finding\na.png,mass\nb.png,none\n";
        auto* tuning = d.find<hilum::jobs::TuningForm>("tuningForm");
        tuning->setData(at("labelled"));
        tuning->setModel(at("no model"));
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QComboBox>("tuningLabel")->count(), 1, Wait);
        QVERIFY(says(d, "Estimating"));
        tuning->start();
        QVERIFY2(!says(d, "Estimating"), qPrintable(d.find<QLabel>("jobEstimate")->text()));
        letGo();
        QTRY_VERIFY_WITH_TIMEOUT(!tuning->busy(), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(says(d, "of memory at batch"), Wait);
    }

    void aCancelledEstimateIsAskedAgainWhenItIsChosenAgain() // it was an error for as long as the program ran
    {
        Desk d;
        beginEstimate(d, at("images"));
        d.tasks.cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(says(d, "it was cancelled"), Wait);
        QTest::qWait(1500);
        QVERIFY(says(d, "it was cancelled")); // not again by itself
        QCOMPARE(asked(), 1);
        letGo();
        d.option("jobForm", "image_size")->setText(QStringLiteral("1792"));
        QTRY_COMPARE_WITH_TIMEOUT(asked(), 2, Wait);
        d.option("jobForm", "image_size")->setText(QStringLiteral("1280"));
        QTRY_VERIFY_WITH_TIMEOUT(says(d, "of memory at batch"), Wait);
        QCOMPARE(asked(), 3);
    }
};

QTEST_MAIN(TestJobsEstimate)
#include "tst_jobs_estimate.moc"
