#include "plugins/panels/lab/method_widgets.h"

#include "core/view/colour_map.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

const QColor TrueColour(0xE4, 0xE4, 0xE4), PredictedColour(0x7F, 0xC8, 0xFF), TrackColour(255, 255, 255, 22), ChosenColour(0xED, 0xD5, 0x4C);

QString listed(const std::vector<double>& values)
{
    QStringList out;
    for (const double v : values)
        out << QString::number(v, 'f', 3);
    return out.join(QLatin1Char(' '));
}

QFont smallFont(const QWidget* widget)
{
    QFont font = widget->font();
    font.setPixelSize(11);
    return font;
}

} // namespace

OverlapBars::OverlapBars(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void OverlapBars::setValues(std::vector<double> truth, std::vector<double> predicted)
{
    m_true = std::move(truth);
    m_predicted = std::move(predicted);
    m_stale = false;
    setAccessibleDescription(tr("true overlap %1; predicted %2").arg(trueBars(), predictedBars()));
    update();
}

void OverlapBars::setTruth(std::vector<double> truth)
{
    m_true = std::move(truth);
    m_stale = true;
    setAccessibleDescription(tr("true overlap %1").arg(trueBars()));
    update();
}

QString OverlapBars::trueBars() const
{
    return listed(m_true);
}

QString OverlapBars::predictedBars() const
{
    return listed(m_predicted);
}

void OverlapBars::paintEvent(QPaintEvent*)
{
    if (m_true.empty())
        return;
    QPainter painter(this);
    painter.setFont(smallFont(this));
    const int line = painter.fontMetrics().height();
    // the legend stands above the bars
    painter.fillRect(QRect(0, line / 2 - 4, 10, 8), TrueColour);
    painter.setPen(palette().color(QPalette::WindowText));
    painter.drawText(QPoint(14, line - 4), tr("true"));
    const int second = 24 + painter.fontMetrics().horizontalAdvance(tr("true"));
    painter.fillRect(QRect(second, line / 2 - 4, 10, 8), PredictedColour);
    painter.drawText(QPoint(second + 14, line - 4), m_stale ? tr("predicted (asking…)") : tr("predicted"));
    const double top = line + 6 + line, bottom = height() - line - 4, step = static_cast<double>(width()) / static_cast<double>(m_true.size());
    for (std::size_t n = 0; n < m_true.size(); ++n) {
        const double left = static_cast<double>(n) * step, bar = std::max(3.0, std::min(14.0, step * 0.36));
        const auto draw = [&](double x, double value, QColor colour) {
            painter.fillRect(QRectF(x, top, bar, bottom - top), TrackColour);
            const double h = std::clamp(value, 0.0, 1.0) * (bottom - top);
            painter.fillRect(QRectF(x, bottom - h, bar, h), colour);
        };
        const double middle = left + step / 2;
        draw(middle - bar - 1, m_true[n], TrueColour);
        QColor predicted = PredictedColour;
        if (m_stale)
            predicted.setAlpha(90);
        draw(middle + 1, n < m_predicted.size() ? m_predicted[n] : 0, predicted);
        painter.setPen(palette().color(QPalette::WindowText));
        painter.drawText(QRectF(left, bottom + 2, step, line), Qt::AlignCenter, QString::number(n));
        if (m_true[n] > 0.0005 && step >= 26)
            painter.drawText(QRectF(left, top - line - 1, step, line), Qt::AlignCenter, QString::number(m_true[n], 'f', 2));
    }
}

bool OverlapBars::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip && !m_true.empty()) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const auto n = static_cast<std::size_t>(std::clamp(help->pos().x() * static_cast<int>(m_true.size()) / std::max(1, width()), 0, static_cast<int>(m_true.size()) - 1));
        QToolTip::showText(help->globalPos(), tr("base crop %1: true %2, predicted %3").arg(n).arg(m_true[n], 0, 'f', 3)
                                                  .arg(n < m_predicted.size() ? QString::number(m_predicted[n], 'f', 3) : tr("none")), this);
        return true;
    }
    return QWidget::event(event);
}

ChannelBar::ChannelBar(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void ChannelBar::setMask(std::vector<std::uint8_t> mask)
{
    m_mask = std::move(mask);
    setAccessibleDescription(tr("%1 of %2 channels are zeroed").arg(zeroed()).arg(m_mask.size()));
    setToolTip(tr("Channels of the embedding, the same at every place: dark ones are set to zero (%1 of %2)").arg(zeroed()).arg(m_mask.size()));
    update();
}

QString ChannelBar::channels() const
{
    QString out;
    for (const std::uint8_t one : m_mask)
        out += one != 0 ? QLatin1Char('1') : QLatin1Char('0');
    return out;
}

int ChannelBar::zeroed() const
{
    return static_cast<int>(std::ranges::count_if(m_mask, [](std::uint8_t v) { return v != 0; }));
}

void ChannelBar::paintEvent(QPaintEvent*)
{
    if (m_mask.empty())
        return;
    QPainter painter(this);
    painter.setFont(smallFont(this));
    const double step = static_cast<double>(width()) / static_cast<double>(m_mask.size()), gap = step > 4 ? 1 : 0;
    for (std::size_t n = 0; n < m_mask.size(); ++n)
        painter.fillRect(QRectF(static_cast<double>(n) * step, 0, step - gap, 20), m_mask[n] != 0 ? QColor(0x3A, 0x3A, 0x3A) : PredictedColour);
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(QRect(0, 20, width(), 14), Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("1"));
    painter.drawText(QRect(0, 20, width(), 14), Qt::AlignRight | Qt::AlignVCenter, QString::number(m_mask.size()));
}

MatrixView::MatrixView(QWidget* parent) : QWidget(parent)
{
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void MatrixView::setMatrix(view::Matrix matrix, double low, double high, QStringList rows, QStringList columns)
{
    m_matrix = std::move(matrix);
    m_low = low;
    m_high = high;
    m_rows = std::move(rows);
    m_columns = std::move(columns);
    setAccessibleDescription(values());
    updateGeometry();
    update();
}

QString MatrixView::values() const
{
    QStringList rows;
    for (std::int64_t r = 0; r < m_matrix.rows; ++r) {
        QStringList row;
        for (std::int64_t c = 0; c < m_matrix.columns; ++c)
            row << QString::number(m_matrix.at(r, c), 'f', 2);
        rows << row.join(QLatin1Char(' '));
    }
    return rows.join(QLatin1Char(';'));
}

double MatrixView::cellSize(int width) const
{
    return m_matrix.columns > 0 ? std::min(46.0, (width - 24.0) / static_cast<double>(m_matrix.columns)) : 0;
}

int MatrixView::heightForWidth(int width) const
{
    return m_matrix.isEmpty() ? 0 : static_cast<int>(std::lround(18 + static_cast<double>(m_matrix.rows) * std::min(46.0, std::max(16.0, cellSize(width)))));
}

QSize MatrixView::sizeHint() const
{
    return {220, heightForWidth(300)};
}

void MatrixView::paintEvent(QPaintEvent*)
{
    if (m_matrix.isEmpty())
        return;
    QPainter painter(this);
    painter.setFont(smallFont(this));
    const double cell = std::max(8.0, std::min(cellSize(width()), (height() - 18.0) / static_cast<double>(m_matrix.rows))), left = 24, top = 18;
    const QColor words = palette().color(QPalette::PlaceholderText);
    for (std::int64_t c = 0; c < m_matrix.columns; ++c) {
        painter.setPen(words);
        painter.drawText(QRectF(left + static_cast<double>(c) * cell, 0, cell, 16), Qt::AlignCenter, m_columns.value(static_cast<qsizetype>(c)));
    }
    for (std::int64_t r = 0; r < m_matrix.rows; ++r) {
        painter.setPen(words);
        painter.drawText(QRectF(0, top + static_cast<double>(r) * cell, left - 4, cell), Qt::AlignRight | Qt::AlignVCenter, m_rows.value(static_cast<qsizetype>(r)));
        for (std::int64_t c = 0; c < m_matrix.columns; ++c) {
            const double t = m_high > m_low ? std::clamp((m_matrix.at(r, c) - m_low) / (m_high - m_low), 0.0, 1.0) : 0;
            const view::Rgb colour = view::colour(view::ColourMap::Attention, t);
            const QRectF box(left + static_cast<double>(c) * cell, top + static_cast<double>(r) * cell, cell - 1, cell - 1);
            painter.fillRect(box, QColor(colour[0], colour[1], colour[2]));
            if (cell >= 28) {
                painter.setPen(t > 0.6 ? Qt::black : Qt::white);
                painter.drawText(box, Qt::AlignCenter, QString::number(m_matrix.at(r, c), 'f', 2));
            }
        }
    }
}

bool MatrixView::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip && !m_matrix.isEmpty()) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const double cell = std::max(8.0, std::min(cellSize(width()), (height() - 18.0) / static_cast<double>(m_matrix.rows)));
        const auto c = static_cast<std::int64_t>(std::floor((help->pos().x() - 24) / cell)), r = static_cast<std::int64_t>(std::floor((help->pos().y() - 18) / cell));
        if (c >= 0 && r >= 0 && c < m_matrix.columns && r < m_matrix.rows)
            QToolTip::showText(help->globalPos(), QStringLiteral("%1 – %2: %3").arg(m_rows.value(static_cast<qsizetype>(r)), m_columns.value(static_cast<qsizetype>(c)))
                                                      .arg(m_matrix.at(r, c), 0, 'f', 4), this);
        return true;
    }
    return QWidget::event(event);
}

SliceWeights::SliceWeights(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Expanding);
    setToolTip(tr("Weight of each slice, the head on top; yellow slices are those that the model chose. A click shows a slice."));
}

void SliceWeights::setScores(std::vector<double> scores, std::vector<std::int64_t> chosen)
{
    m_scores = std::move(scores);
    m_chosen = std::move(chosen);
    setAccessibleDescription(tr("chosen slices: %1").arg(this->chosen()));
    update();
}

void SliceWeights::setSlice(std::int64_t slice)
{
    m_slice = slice;
    update();
}

QString SliceWeights::chosen() const
{
    QStringList out;
    for (const std::int64_t slice : m_chosen)
        out << QString::number(slice + 1);
    return out.join(QLatin1Char(' '));
}

std::int64_t SliceWeights::sliceAt(double y) const
{
    const auto count = static_cast<std::int64_t>(m_scores.size());
    return std::clamp<std::int64_t>(count - 1 - static_cast<std::int64_t>(y * static_cast<double>(count) / std::max(1, height())), 0, count - 1);
}

void SliceWeights::paintEvent(QPaintEvent*)
{
    if (m_scores.empty())
        return;
    QPainter painter(this);
    painter.fillRect(rect(), palette().color(QPalette::Window));
    const double most = std::max(1e-12, std::ranges::max(m_scores)), row = static_cast<double>(height()) / static_cast<double>(m_scores.size());
    for (std::size_t k = 0; k < m_scores.size(); ++k) {
        const double top = static_cast<double>(m_scores.size() - 1 - k) * row;
        const bool chosen = std::ranges::find(m_chosen, static_cast<std::int64_t>(k)) != m_chosen.end();
        painter.fillRect(QRectF(2, top + 0.5, (width() - 6) * std::max(0.0, m_scores[k]) / most, std::max(1.0, row - 1)), chosen ? ChosenColour : PredictedColour);
        if (static_cast<std::int64_t>(k) == m_slice) {
            painter.setPen(QPen(Qt::white, 1));
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(QRectF(0.5, top, width() - 2, std::max(2.0, row)));
        }
    }
}

void SliceWeights::mousePressEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton && !m_scores.empty())
        Q_EMIT sliceAsked(sliceAt(event->position().y()));
}

void SliceWeights::mouseMoveEvent(QMouseEvent* event)
{
    if (event->buttons() & Qt::LeftButton && !m_scores.empty())
        Q_EMIT sliceAsked(sliceAt(event->position().y()));
}

} // namespace hilum::lab
