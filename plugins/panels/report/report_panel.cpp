#include "plugins/panels/report/report_panel.h"

#include "core/imaging/read.h"
#include "core/services/importer.h"
#include "core/services/series_report.h"
#include "core/services/task_runner.h"
#include "widgets/shell/selection.h"
#include "widgets/style/theme.h"

#include <QLabel>
#include <QTextBrowser>
#include <QTextCursor>
#include <QVBoxLayout>

namespace hilum::panels {

namespace {

QString textOf(const Json& object, const char* key)
{
    if (!object.is_object())
        return {};
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? QString::fromStdString(found->get<std::string>()) : QString();
}

} // namespace

ReportPanel::ReportPanel(const widgets::PanelContext& context, QWidget* parent)
    : Panel(parent), m_context(context), m_heading(new QLabel(this)), m_text(new QTextBrowser(this))
{
    m_heading->setObjectName(QStringLiteral("reportHeading"));
    m_heading->setWordWrap(true);
    m_heading->setFont(widgets::theme::smallFont());
    m_text->setObjectName(QStringLiteral("reportText"));
    m_text->setOpenLinks(false);
    m_text->setFrameShape(QFrame::NoFrame);
    auto* rows = new QVBoxLayout(this);
    rows->setContentsMargins(8, 8, 8, 8);
    rows->addWidget(m_heading);
    rows->addWidget(m_text, 1);
    widgets::Selection* selection = context.services.selection;
    connect(selection, &widgets::Selection::seriesChanged, this, &ReportPanel::follow);
    connect(selection, &widgets::Selection::firstLookChanged, this, &ReportPanel::follow);
    connect(selection, &widgets::Selection::reportRequested, this, &ReportPanel::read);
    showNone(tr("No image is open."));
    follow();
}

ReportPanel::~ReportPanel() = default;

void ReportPanel::showNone(const QString& sentence)
{
    m_heading->setText(sentence);
    m_text->clear();
}

void ReportPanel::showReport(const Json& report, const QString& source)
{
    QStringList heading{source};
    if (const QString date = textOf(report, "date"); !date.isEmpty())
        heading << date;
    if (report.is_object() && report.contains("verified") && report["verified"].is_boolean())
        heading << (report["verified"].get<bool>() ? tr("verified") : tr("not verified"));
    heading.removeAll(QString());
    m_heading->setText(heading.join(QStringLiteral(" · ")));
    m_text->clear();
    QTextCursor cursor(m_text->document());
    QTextCharFormat plain, title, section;
    title.setFont(widgets::theme::headingFont());
    section.setFontWeight(QFont::Bold);
    QTextBlockFormat block, spaced;
    spaced.setTopMargin(10);
    bool first = true;
    const auto add = [&](const QString& text, const QTextCharFormat& how, const QTextBlockFormat& gap) {
        if (text.isEmpty())
            return;
        if (first) {
            cursor.setBlockFormat(gap);
            cursor.setCharFormat(how);
            first = false;
        } else {
            cursor.insertBlock(gap, how);
        }
        cursor.insertText(text, how); // plain text: nothing in a report is markup
    };
    add(textOf(report, "title"), title, block);
    if (report.is_object() && report.contains("sections") && report["sections"].is_array())
        for (const Json& part : report["sections"]) {
            add(textOf(part, "title"), section, spaced);
            add(textOf(part, "text").trimmed(), plain, block);
        }
    m_text->moveCursor(QTextCursor::Start);
}

void ReportPanel::read(const project::SeriesRow& row)
{
    const quint64 number = ++m_request;
    const auto& series = m_context.services.selection->series();
    const bool foreign = series && !services::isReportOf(row, *series);
    if (foreign)
        m_of.clear(); // the next series has its own again
    m_context.services.runner->run<Json>(
        this, [row](const Work&) { return imaging::readReport(services::itemOf(row)); },
        [this, number, row, foreign](Result<Json> report) {
            if (number != m_request)
                return;
            if (report)
                showReport(*report, foreign ? tr("Not of the open image: %1").arg(QString::fromStdString(row.description)) : QString::fromStdString(row.description));
            else
                showNone(QString::fromStdString(report.error().sentence()));
        });
}

void ReportPanel::follow()
{
    const auto& series = m_context.services.selection->series();
    if (!series || !m_context.services.library) {
        m_of.clear();
        ++m_request;
        return showNone(tr("No image is open."));
    }
    const std::string whose = services::reportKey(*series);
    if (const auto& look = m_context.services.selection->firstLook(); look && services::reportKey(*look) != whose) {
        m_of.clear(); // Read shows that one already
        ++m_request;
        return showNone(tr("The report follows when the image is read."));
    }
    if (whose == m_of)
        return; // another series with the same report: it stays
    m_of = whose;
    const quint64 number = ++m_request;
    showNone({}); // that of the image before is not this one's
    m_context.services.runner->run<std::optional<services::SeriesReport>>(
        this, [library = m_context.services.library, series = *series](const Work& work) { return services::reportOf(*library, series, work); },
        [this, number, alone = series->studyUid.empty()](Result<std::optional<services::SeriesReport>> read) {
            if (number != m_request)
                return;
            if (!read)
                return showNone(QString::fromStdString(read.error().sentence()));
            const std::optional<services::SeriesReport>& found = *read;
            if (!found)
                return showNone(alone ? tr("No report: the library has no text file of this image's name in its folder.") : tr("No report in this study."));
            QString source = QString::fromStdString(found->row.description);
            if (found->others > 0)
                source += tr(" (%n more in this study)", nullptr, static_cast<int>(found->others));
            showReport(found->report, source);
        });
}

} // namespace hilum::panels
