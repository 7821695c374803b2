// Reports and sentences in the Lab of a method that compares images with them, and how often its model finds reports.
#include "plugins/panels/lab/tests/lab_bench.h"

#include "core/base/tensor_file.h"

#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>

#include <filesystem>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;

class TestLabTexts : public QObject, tests::LabBench {
    Q_OBJECT

    path written(const char* name, const std::string& text) const
    {
        const path file = path(m_home.path().toStdString()) / name;
        std::filesystem::create_directories(file.parent_path());
        if (!writeFileAtomically(file, text))
            qFatal("no file");
        return file;
    }
    void chooseReports(const path& file)
    {
        answerDialog(file);
        find<QPushButton>("reportsButton")->click();
    }
    void open(const project::SeriesRow& row, const imaging::Volume& image) const
    {
        m_selection->setSeries(row);
        m_selection->setVolume(image);
    }
    QStringList nearest() const
    {
        QStringList out;
        const auto* list = find<QListWidget>("textBest");
        for (int n = 0; n < list->count(); ++n)
            out << list->item(n)->text();
        return out;
    }
    QString cosines() const { return find<QWidget>("textSimilarity")->property("values").toString(); }
    bool quiet() const { return !m_panel->property("waiting").toBool(); }
    static constexpr const char* Table = "filename,impression,findings\na.png,,A nodule.\nb.png,cardiomegaly.,The  heart is large.\nc.png,,A cyst.\nd.png,,a NODULE.\n";

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init()
    {
        m_library.rows.clear();
        start();
    }
    void cleanup() { stop(); }

    void theOwnReportHasItsPlaceAmongCandidates()
    {
        // of a report in sections the impression and the findings are compared, as a training reads them
        const path own = written("own.txt", "INDICATION: Cough.\nFINDINGS: The heart is large.\nIMPRESSION: Cardiomegaly.\n");
        m_library.rows.push_back({.id = 2, .study = 7, .kind = "report", .format = "text", .files = {own}, .where = own});
        open({.id = 1, .study = 7, .kind = "volume", .format = "nifti", .where = own.parent_path() / "own.nii.gz"}, ct());
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_COMPARE_WITH_TIMEOUT(cosines(), QStringLiteral("-0.50"), Wait);
        QCOMPARE(nearest(), (QStringList{QStringLiteral("1. -0.500  the study's report")}));
        QVERIFY(!find<QWidget>("ownReport")->isVisibleTo(m_panel));
        QVERIFY(!find<QWidget>("forgetReportsButton")->isVisibleTo(m_panel));

        chooseReports(written("reports.csv", Table));
        QTRY_COMPARE_WITH_TIMEOUT(label("ownReport"), QStringLiteral("own report: 3rd of 3, in the first 5: yes"), Wait);
        QVERIFY(find<QWidget>("ownReport")->isVisibleTo(m_panel));
        QCOMPARE(label("reportsNote"), QStringLiteral("4 reports of reports.csv"));
        QCOMPARE(cosines(), QStringLiteral("-0.50")); // candidates are in the list alone, each of equal ones once
        QCOMPARE(nearest(), (QStringList{QStringLiteral("1. 0.400  d.png: a NODULE."), QStringLiteral("2. 0.300  c.png: A cyst."),
                                         QStringLiteral("3. 0.200  the study's report, b.png: cardiomegaly. The heart is large.")}));
        QVERIFY(find<QListWidget>("textBest")->item(2)->toolTip().contains(QStringLiteral("The  heart is large.")));

        auto* sentence = find<QLineEdit>("textQuery");
        m_window->activateWindow(); // a dialog was before it
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
        sentence->setFocus();
        sentence->setText(QStringLiteral("a tube"));
        QTest::keyClick(sentence, Qt::Key_Return);
        QTRY_COMPARE_WITH_TIMEOUT(cosines(), QStringLiteral("-0.50 0.50"), Wait);
        QCOMPARE(nearest().value(0), QStringLiteral("1. 0.500  a tube"));
        QCOMPARE(label("ownReport"), QStringLiteral("own report: 3rd of 3, in the first 5: yes")); // a sentence is no report

        // a figure's request has the candidates: it can be made again
        const path figure = path(m_home.path().toStdString()) / "figure.png";
        answerDialog(figure);
        press("Ctrl+E");
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(m_home.filePath(QStringLiteral("figure.json"))), Wait);
        const auto request = TensorFile::open(path(figure).replace_extension(".safetensors"));
        HILUM_VERIFY_OK(request);
        QVERIFY(request->tensors().contains("text_3") && !request->tensors().contains("text_4"));

        find<QPushButton>("forgetReportsButton")->click();
        QTRY_COMPARE_WITH_TIMEOUT(cosines(), QStringLiteral("-0.50 0.10"), Wait);
        QVERIFY(!find<QWidget>("ownReport")->isVisibleTo(m_panel));
        QVERIFY(label("reportsNote").isEmpty());
    }
    void filmsOfOneFolderHaveTheirOwnReports()
    {
        // one folder is one study in the library, and each of its films may be another person's
        for (const char* name : {"1", "2"}) {
            const path text = written((std::string("films/") + name + ".txt").c_str(), std::string("Report of film ") + name + ".");
            m_library.rows.push_back({.id = m_library.rows.empty() ? 11 : 12, .study = 5, .kind = "report", .format = "text", .files = {text}, .where = text});
        }
        const path films = m_library.rows.front().where.parent_path();
        const auto film = [&](project::RowId id, const char* name) { return project::SeriesRow{.id = id, .study = 5, .kind = "image", .format = "png", .where = films / name}; };
        const auto told = [&] { return find<QListWidget>("textBest")->count() == 1 ? find<QListWidget>("textBest")->item(0)->toolTip() : QString(); };
        open(film(1, "1.png"), ramp());
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_VERIFY2_WITH_TIMEOUT(told().contains(QStringLiteral("Report of film 1.")), qPrintable(told()), Wait);
        open(film(2, "2.png"), ramp());
        QTRY_VERIFY2_WITH_TIMEOUT(told().contains(QStringLiteral("Report of film 2.")), qPrintable(told()), Wait);
        open(film(3, "3.png"), ramp()); // it has none
        QTRY_VERIFY2_WITH_TIMEOUT(quiet() && cosines().isEmpty() && told().isEmpty(), qPrintable(told()), Wait);
    }
    void aTableNamesTheReportOfAFilm()
    {
        open({.id = 3, .study = 8, .kind = "image", .format = "png", .where = "/films/c.png"}, ramp());
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
        chooseReports(written("reports.csv", Table));
        QTRY_COMPARE_WITH_TIMEOUT(label("ownReport"), QStringLiteral("own report: 2nd of 3, in the first 5: yes"), Wait);
        QVERIFY(cosines().isEmpty());
        QCOMPARE(nearest().value(1), QStringLiteral("2. 0.300  the study's report, c.png: A cyst."));
        open({.id = 4, .study = 9, .kind = "image", .format = "png", .where = "/films/z.png"}, ramp());
        QTRY_VERIFY2_WITH_TIMEOUT(quiet() && label("ownReport").startsWith(QStringLiteral("own report: not known")), qPrintable(label("ownReport")), Wait);
        QCOMPARE(nearest().value(1), QStringLiteral("2. 0.300  c.png: A cyst."));
    }
    void aTableWithoutReportsIsRefused()
    {
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_VERIFY_WITH_TIMEOUT(quiet() && find<QPushButton>("reportsButton")->isVisible(), Wait);
        chooseReports(written("labels/labels.csv", "filename,effusion\na.png,1\n"));
        QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").contains(QStringLiteral("labels.csv has no column of reports (impression, findings,")), qPrintable(label("labStatus")), Wait);
        QVERIFY(label("reportsNote").isEmpty());
        QVERIFY(nearest().isEmpty());
    }
    void hitRatesComeFromTheRunsEvaluation()
    {
        Json evaluation = {{"schema", "hilum.evaluation/1"}, {"held_out_patients", 60}, {"step", 400}, {"weights_sha256", std::string(64, 'a')},
                           {"recall_at_1_image_to_report_radiograph", 0.25}, {"recall_at_1_image_to_report_volume", 0.5}};
        const path run = written("run/unimedi/evaluation.json", evaluation.dump()).parent_path();
        evaluation["weights_sha256"] = std::string(64, 'b');
        const path other = written("other/unimedi/evaluation.json", evaluation.dump()).parent_path();
        const path silent = written("silent/unimedi/job.json", "{}").parent_path();
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("UniMedI"));
        auto* pool = find<QComboBox>("poolCombo");
        QTRY_VERIFY_WITH_TIMEOUT(quiet() && pool->isVisibleTo(m_panel), Wait);
        QVERIFY2(label("hitRates").startsWith(QStringLiteral("These weights are untrained")), qPrintable(label("hitRates")));
        QVERIFY(!pool->isEnabled());

        m_selection->setModel({.model = run}); // the pool follows what is open
        QTRY_COMPARE_WITH_TIMEOUT(label("hitRates"), QStringLiteral("image to report, first: 50 %\n60 held-out patients"), Wait);
        pool->setCurrentIndex(0);
        QCOMPARE(label("hitRates"), QStringLiteral("image to report, first: 25 %\n60 held-out patients"));
        pool->setCurrentIndex(2);
        QVERIFY2(label("hitRates").startsWith(QStringLiteral("No hit rates of both kinds together")), qPrintable(label("hitRates")));
        pool->setCurrentIndex(0);
        m_selection->setModel({.model = other}); // and stays as it was chosen
        QTRY_COMPARE_WITH_TIMEOUT(label("hitRates"), QStringLiteral("Of the weights at step 400, not of those shown:\nimage to report, first: 25 %\n60 held-out patients"), Wait);
        m_selection->setModel({.model = silent});
        QTRY_VERIFY2_WITH_TIMEOUT(label("hitRates").startsWith(QStringLiteral("unimedi holds no evaluation.json")), qPrintable(label("hitRates")), Wait);
        find<QComboBox>("modelCombo")->setCurrentIndex(0); // untrained weights
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_VERIFY_WITH_TIMEOUT(quiet() && find<QWidget>("overlapBars")->isVisibleTo(m_panel), Wait);
        QVERIFY(!pool->isVisibleTo(m_panel));
    }
};

QTEST_MAIN(TestLabTexts)
#include "tst_lab_texts.moc"
