#include "plugins/panels/lab/text_side.h"

#include "core/view/report_rank.h"
#include "plugins/panels/lab/lab_form.h"
#include "plugins/panels/lab/method_widgets.h"

#include <QListWidget>
#include <QTextDocument>
#include <QVBoxLayout>

namespace hilum::lab {

namespace {

constexpr std::size_t NearestTexts = 5; // that are listed
constexpr qsizetype LongestBeginning = 80; // characters of a report that stand behind its name

QString titleOf(const ComparedTexts& told, std::int64_t column)
{
    const QString text = told.text(column);
    const services::NamedText* candidate = told.candidate(column);
    if (!candidate)
        return column < told.firstSentence() ? TextSide::tr("the study's report") : text;
    const QString name = QString::fromStdString(candidate->name);
    const bool own = told.own >= 0 && told.says[static_cast<std::size_t>(column)] == told.says[static_cast<std::size_t>(told.own)];
    return QStringLiteral("%1: %2").arg(own ? TextSide::tr("the study's report, %1").arg(name) : name, text.simplified().left(LongestBeginning));
}

} // namespace

TextSide::TextSide(QWidget* parent) : QWidget(parent)
{
    m_table = named(new MatrixView, "textSimilarity", {});
    m_own = new QLabel;
    m_own->setObjectName(QStringLiteral("ownReport"));
    m_own->setTextFormat(Qt::PlainText);
    m_own->setWordWrap(true);
    m_own->setToolTip(tr("Place of the study's own report among the candidates, the nearest is the 1st. Equal reports count as one, and another one that is as near counts as nearer."));
    m_nearest = named(new QListWidget, "textBest", {});
    m_nearest->setSelectionMode(QAbstractItemView::NoSelection);
    m_nearest->setFocusPolicy(Qt::TabFocus); // a click leaves the arrow keys to the slices
    m_nearest->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_table);
    column->addWidget(m_own);
    column->addWidget(new QLabel(tr("Nearest, with the cosine:")));
    column->addWidget(m_nearest);
}

void TextSide::showSession(const LabSession& session)
{
    const view::Matrix& values = session.answer().similarity;
    if (values.isEmpty()) { // nothing is compared: the part is folded away
        m_table->setMatrix({}, -1, 1, {}, {});
        m_nearest->clear();
        m_own->clear();
        return;
    }
    const ComparedTexts told = session.compared();
    showTable(values, told);
    showOwn(values, told);
    showNearest(values, told);
}

void TextSide::showTable(const view::Matrix& values, const ComparedTexts& told)
{
    std::vector<std::int64_t> columns; // candidates are in the list alone: there may be thousands
    QStringList names;
    if (!told.report.isEmpty()) {
        columns.push_back(0);
        names << QStringLiteral("R");
    }
    for (qsizetype n = 0; n < told.sentences.size(); ++n) {
        columns.push_back(told.firstSentence() + n);
        names << QString::number(n + 1);
    }
    view::Matrix some{values.rows, static_cast<std::int64_t>(columns.size()), {}};
    QStringList rows;
    for (std::int64_t row = 0; row < values.rows; ++row) {
        for (const std::int64_t column : columns)
            some.values.push_back(values.at(row, column));
        rows << (values.rows > 1 ? QString::number(row + 1) : QString());
    }
    m_table->setVisible(!columns.empty());
    m_table->setMatrix(std::move(some), -1, 1, rows, names);
}

void TextSide::showOwn(const view::Matrix& values, const ComparedTexts& told)
{
    if (told.reports && told.own >= 0)
        m_own->setText(QString::fromStdString(view::rankText(view::rankOf(values, 0, told.own, told.says))));
    else
        m_own->setText(tr("own report: not known, the study has none and no candidate is named as its file"));
    m_own->setVisible(told.reports != nullptr);
}

void TextSide::showNearest(const view::Matrix& values, const ComparedTexts& told)
{
    m_nearest->clear();
    for (const std::int64_t column : view::nearestDifferent(values, 0, NearestTexts, told.says)) {
        auto* item = new QListWidgetItem(QStringLiteral("%1. %2  %3").arg(QString::number(m_nearest->count() + 1), QString::number(values.at(0, column), 'f', 3), titleOf(told, column)), m_nearest);
        item->setToolTip(Qt::convertFromPlainText(told.text(column), Qt::WhiteSpaceNormal)); // the whole text, its lines broken
    }
    m_nearest->setFixedHeight(m_nearest->count() * m_nearest->sizeHintForRow(0) + 2 * m_nearest->frameWidth());
}

} // namespace hilum::lab
