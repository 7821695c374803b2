#include "plugins/panels/lab/hit_rate_view.h"

#include "plugins/panels/lab/lab_form.h"

#include <QSignalBlocker>
#include <QVBoxLayout>

namespace hilum::lab {

HitRateView::HitRateView(QWidget* parent) : QWidget(parent)
{
    m_pool = named(new QComboBox, "poolCombo", tr("What is searched through: radiographs, CT, or both together"));
    m_pool->addItems({tr("2-D (radiographs)"), tr("3-D (CT)"), tr("Both")});
    m_text = new QLabel;
    m_text->setObjectName(QStringLiteral("hitRates"));
    m_text->setTextFormat(Qt::PlainText);
    m_text->setWordWrap(true);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_pool);
    column->addWidget(m_text);
    connect(m_pool, &QComboBox::currentIndexChanged, this, [this] {
        m_chosen = true;
        showPool();
    });
    showPool();
}

void HitRateView::setEvaluation(const Json& evaluation, const QString& note)
{
    m_evaluation = evaluation;
    m_note = note;
    showPool();
}

void HitRateView::setReason(const QString& sentence)
{
    m_evaluation = nullptr;
    m_note = sentence;
    showPool();
}

void HitRateView::follow(services::RetrievalPool pool)
{
    if (m_chosen)
        return;
    const QSignalBlocker quiet(m_pool);
    m_pool->setCurrentIndex(static_cast<int>(pool));
    showPool();
}

void HitRateView::showPool()
{
    QStringList lines;
    if (!m_note.isEmpty())
        lines << m_note;
    if (!m_evaluation.is_null())
        lines << QString::fromStdString(services::hitRateText(m_evaluation, static_cast<services::RetrievalPool>(m_pool->currentIndex())));
    m_text->setText(lines.join(QLatin1Char('\n')));
    m_pool->setEnabled(!m_evaluation.is_null());
}

} // namespace hilum::lab
