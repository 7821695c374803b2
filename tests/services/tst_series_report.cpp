#include "core/services/series_report.h"
#include "tests/support/compare.h"
#include "tests/support/fake_library.h"

#include <QTemporaryDir>

using namespace hilum;
using namespace hilum::services;
using project::SeriesRow;

namespace {

SeriesRow row(const char* kind, const char* studyUid, const path& where)
{
    return {.kind = kind, .studyUid = studyUid, .where = where};
}

} // namespace

class TestSeriesReport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whoseReportItIs_data()
    {
        QTest::addColumn<QString>("reportUid");
        QTest::addColumn<QString>("report");
        QTest::addColumn<QString>("seriesUid");
        QTest::addColumn<QString>("series");
        QTest::addColumn<bool>("same");
        QTest::newRow("of one study") << "1.2" << "/a/sr/report.dcm" << "1.2" << "/a/ct" << true;
        QTest::newRow("of another study") << "1.2" << "/a/sr/report.dcm" << "1.3" << "/a/ct" << false;
        QTest::newRow("of the same name") << "" << "/a/0001.txt" << "" << "/a/0001.png" << true;
        QTest::newRow("of the next one") << "" << "/a/0001.txt" << "" << "/a/0002.png" << false;
        QTest::newRow("of the same name elsewhere") << "" << "/a/0001.txt" << "" << "/b/0001.png" << false;
        QTest::newRow("of a name that goes on") << "" << "/a/1.txt" << "" << "/a/1.2.png" << false;
        QTest::newRow("two endings") << "" << "/a/ct.txt" << "" << "/a/ct.nii.gz" << true;
        QTest::newRow("one of them kept") << "" << "/a/ct.nii.txt" << "" << "/a/ct.nii.gz" << true;
        QTest::newRow("one ending") << "" << "/a/ct.txt" << "" << "/a/ct.nii" << true;
        QTest::newRow("a text beside a study") << "" << "/a/1.txt" << "1.2" << "/a/1.dcm" << false;
        QTest::newRow("a study beside a picture") << "1.2" << "/a/1.dcm" << "" << "/a/1.png" << false;
    }
    void whoseReportItIs()
    {
        QFETCH(QString, reportUid);
        QFETCH(QString, report);
        QFETCH(QString, seriesUid);
        QFETCH(QString, series);
        QFETCH(bool, same);
        const SeriesRow one = row("report", qPrintable(reportUid), report.toStdString()), other = row("image", qPrintable(seriesUid), series.toStdString());
        QCOMPARE(isReportOf(one, other), same);
        QVERIFY(!isReportOf(other, other)); // no report
    }

    void oneStudyUidOfTwoPatients()
    {
        SeriesRow report = row("report", "1.2", "/a/sr/report.dcm"), series = row("image", "1.2", "/a/cr");
        report.patientId = "P1";
        series.patientId = "P2";
        QVERIFY(!isReportOf(report, series));
        series.patientId = "P1";
        series.patientName = "Doe^Jane^"; // written another way
        QVERIFY(isReportOf(report, series));
        report.patientId = series.patientId = "";
        QVERIFY(!isReportOf(report, series));
    }

    void theFileOfASeriesGoesBeforeItsFolder()
    {
        SeriesRow stack = row("volume", "", "/a/stack");
        stack.files = {"/a/stack/1.png", "/a/stack/2.png"};
        QVERIFY(isReportOf(row("report", "", "/a/stack/1.txt"), stack)); // as a training finds it
        QVERIFY(!isReportOf(row("report", "", "/a/stack.txt"), stack));
    }

    void theFirstIsReadAndTheOthersAreCounted()
    {
        QTemporaryDir home;
        const path folder = home.path().toStdString();
        tests::FakeLibrary library;
        const auto add = [&](project::RowId id, const char* uid, const char* name) {
            const path file = folder / name;
            QVERIFY(writeFileAtomically(file, std::string("Text of ") + name + "."));
            library.rows.push_back({.id = id, .study = 5, .kind = "report", .format = "text", .studyUid = uid, .files = {file}, .where = file});
        };
        add(1, "1.2", "other.txt");
        add(2, "1.3", "first.txt");
        add(3, "1.3", "second.txt");
        const auto found = reportOf(library, row("image", "1.3", folder / "film.dcm"), {});
        HILUM_VERIFY_OK(found);
        QVERIFY(found->has_value());
        QCOMPARE((*found)->row.id, project::RowId(2));
        QCOMPARE((*found)->others, std::int64_t(1));
        QVERIFY(jsonLine((*found)->report).find("Text of first.txt.") != std::string::npos);
        const auto none = reportOf(library, row("image", "1.4", folder / "film.dcm"), {});
        HILUM_VERIFY_OK(none);
        QVERIFY(!none->has_value());
    }
};

QTEST_APPLESS_MAIN(TestSeriesReport)
#include "tst_series_report.moc"
