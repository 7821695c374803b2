#include "plugins/panels/report/report_panel.h"

#include "tests/support/compare.h"
#include "widgets/shell/selection.h"

#include <QLabel>
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
};

QTEST_MAIN(TestReportPanel)
#include "tst_report_panel.moc"
