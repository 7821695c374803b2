#include "plugins/panels/report/report_panel.h"

#include "core/base/paths.h"
#include "core/services/task_runner.h"
#include "tests/support/compare.h"
#include "tests/support/fake_library.h"
#include "widgets/shell/selection.h"

#include <QLabel>
#include <QTemporaryDir>
#include <QTextBlock>
#include <QTextBrowser>

using namespace hilum;
using namespace hilum::widgets;

class TestReportPanel : public QObject {
    Q_OBJECT
    static panels::ReportPanel* make(Selection& selection)
    {
        PanelContext context;
        context.services.selection = &selection;
        return new panels::ReportPanel(context);
    }

private Q_SLOTS:
    void sectionsAreHeadingsAndTextStaysText()
    {
        Selection selection;
        const std::unique_ptr<panels::ReportPanel> panel(make(selection));
        panel->showReport(Json::parse(R"({"title": "Chest radiograph", "verified": false, "sections": [
            {"title": "Findings", "text": "Nodule < 8 mm in the <b>left</b> upper lobe.\nHeart not enlarged."},
            {"title": "Impression", "text": "Follow up."}]})"),
                          QStringLiteral("SR"));
        const auto* text = panel->findChild<QTextBrowser*>(QStringLiteral("reportText"));
        QCOMPARE(text->toPlainText(), QStringLiteral("Chest radiograph\nFindings\nNodule < 8 mm in the <b>left</b> upper lobe.\nHeart not enlarged.\nImpression\nFollow up."));
        int bold = 0;
        for (QTextBlock block = text->document()->begin(); block.isValid(); block = block.next())
            bold += block.begin().fragment().charFormat().fontWeight() >= QFont::DemiBold ? 1 : 0;
        QVERIFY(bold >= 2);
        QCOMPARE(panel->findChild<QLabel*>(QStringLiteral("reportHeading"))->text(), QStringLiteral("SR · not verified"));
    }

    void oddReportsDoNoHarm()
    {
        Selection selection;
        const std::unique_ptr<panels::ReportPanel> panel(make(selection));
        for (const char* odd : {"{}", R"({"sections": 5})", R"({"sections": [1, {"title": 3}], "title": null})"})
            panel->showReport(Json::parse(odd), {});
        QVERIFY(panel->findChild<QTextBrowser*>(QStringLiteral("reportText"))->toPlainText().isEmpty());
    }

    void saysThatThereIsNone()
    {
        Selection selection;
        const std::unique_ptr<panels::ReportPanel> panel(make(selection));
        panel->showNone(QStringLiteral("No report in this study."));
        QCOMPARE(panel->findChild<QLabel*>(QStringLiteral("reportHeading"))->text(), QStringLiteral("No report in this study."));
    }

    void filmsOfOneFolderHaveTheirOwnReports()
    {
        // a folder of files that know no study is one study in the library; each film may be another person's
        QTemporaryDir home;
        const path folder = home.path().toStdString();
        tests::FakeLibrary library;
        for (const char* name : {"1", "2"}) {
            const path text = folder / (std::string(name) + ".txt");
            HILUM_VERIFY_OK(writeFileAtomically(text, std::string("Report of film ") + name + "."));
            library.rows.push_back({.id = library.rows.empty() ? 11 : 12, .study = 5, .kind = "report", .format = "text", .description = text.filename().string(), .files = {text}, .where = text});
        }
        services::TaskRunner runner;
        Selection selection;
        PanelContext context;
        context.services.selection = &selection;
        context.services.library = &library;
        context.services.runner = &runner;
        const panels::ReportPanel panel(context);
        const auto* text = panel.findChild<QTextBrowser*>(QStringLiteral("reportText"));
        const auto* heading = panel.findChild<QLabel*>(QStringLiteral("reportHeading"));
        const auto open = [&](project::RowId id, const char* name) { selection.setSeries(project::SeriesRow{.id = id, .study = 5, .kind = "image", .format = "png", .where = folder / name}); };
        open(1, "1.png");
        QTRY_VERIFY2(text->toPlainText().contains(QStringLiteral("Report of film 1.")), qPrintable(text->toPlainText()));
        open(2, "2.png");
        QVERIFY(!text->toPlainText().contains(QStringLiteral("film 1"))); // not for a moment
        QTRY_VERIFY2(text->toPlainText().contains(QStringLiteral("Report of film 2.")), qPrintable(text->toPlainText()));
        QCOMPARE(heading->text(), QStringLiteral("2.txt"));
        open(3, "3.png");
        QTRY_VERIFY2(heading->text().startsWith(QStringLiteral("No report")), qPrintable(heading->text()));
        QVERIFY(text->toPlainText().isEmpty());
        // a report that is opened by hand says that it is another image's, and goes with the next image
        Q_EMIT selection.reportRequested(library.rows[0]);
        QTRY_COMPARE(heading->text(), QStringLiteral("Not of the open image: 1.txt"));
        open(1, "1.png");
        QTRY_COMPARE(heading->text(), QStringLiteral("1.txt"));
        Q_EMIT selection.reportRequested(library.rows[0]);
        QTRY_COMPARE(heading->text(), QStringLiteral("1.txt"));
        // while the first slice of another image is shown already, the report of the one before is not beside it
        selection.setFirstLook(project::SeriesRow{.id = 2, .study = 5, .kind = "image", .format = "png", .where = folder / "2.png"});
        QVERIFY(text->toPlainText().isEmpty());
        selection.setFirstLook({});
        QTRY_VERIFY2(text->toPlainText().contains(QStringLiteral("Report of film 1.")), qPrintable(text->toPlainText()));
    }
};

QTEST_MAIN(TestReportPanel)
#include "tst_report_panel.moc"
