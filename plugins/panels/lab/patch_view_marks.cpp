// What lies over the pictures of a PatchView beside masks: a second picture, groups, frames, another image, letters. The rest is in patch_view.cpp.
#include "plugins/panels/lab/patch_view.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

constexpr double KnobRadius = 6;
const QColor LineColour(255, 255, 255, 200), ShadowColour(0, 0, 0, 160);
const QColor FrameColour(0xED, 0xD5, 0x4C), GroupColour(0xFF, 0xB4, 0x54);

/// Words on a dark ground, so that they can be read over any picture. `at` is the upper left corner.
QRectF drawWords(QPainter& painter, const QPointF& at, const QString& words, const QColor& colour)
{
    const QRectF box(at, QSizeF(painter.fontMetrics().horizontalAdvance(words) + 8, painter.fontMetrics().height() + 2));
    painter.fillRect(box, QColor(0, 0, 0, 150));
    painter.setPen(colour);
    painter.drawText(box, Qt::AlignCenter, words);
    return box;
}

} // namespace

void PatchView::toPixels(QPainter& painter, const QRectF& where) const
{
    painter.translate(where.topLeft());
    painter.scale(scale(), scale() * m_aspect);
}

void PatchView::drawSecond(QPainter& painter, const QRectF& where) const
{
    if (m_content.second.isNull())
        return;
    const QRectF canvas = this->canvas();
    painter.save();
    switch (m_content.over) {
    case Over::Wipe: {
        const double line = m_wipe * width();
        painter.setClipRect(QRectF(line, canvas.top(), width() - line, canvas.height()));
        painter.drawImage(where, m_content.second);
        painter.setClipRect(canvas);
        painter.setPen(QPen(LineColour, 1));
        painter.drawLine(QPointF(line, canvas.top()), QPointF(line, canvas.bottom()));
        break;
    }
    case Over::Fade:
        painter.setOpacity(m_fade);
        painter.drawImage(where, m_content.second);
        break;
    case Over::Lens: {
        if (!m_pointed)
            break;
        QPainterPath circle;
        circle.addEllipse(toWidget(*m_pointed), LensRadius, LensRadius);
        painter.setClipPath(circle, Qt::IntersectClip);
        painter.drawImage(where, m_content.second);
        painter.setClipRect(canvas);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(ShadowColour, 3));
        painter.drawPath(circle);
        painter.setPen(QPen(LineColour, 1));
        painter.drawPath(circle);
        break;
    }
    }
    painter.restore();
}

QRectF PatchView::fadeBar() const
{
    const QRectF canvas = this->canvas();
    return {canvas.left() + 12, canvas.bottom() - 18, std::max(1.0, canvas.width() - 24), 16};
}

double PatchView::fadeAt(double x) const
{
    const QRectF bar = fadeBar();
    return std::clamp((x - bar.left()) / bar.width(), 0.0, 1.0);
}

void PatchView::drawFadeBar(QPainter& painter) const
{
    if (m_content.second.isNull() || m_content.over != Over::Fade)
        return;
    const QRectF bar = fadeBar();
    const QPointF knob(bar.left() + m_fade * bar.width(), bar.center().y());
    painter.setRenderHint(QPainter::Antialiasing);
    for (const QPen& pen : {QPen(ShadowColour, 4), QPen(LineColour, 2)}) {
        painter.setPen(pen);
        painter.drawLine(QPointF(bar.left(), knob.y()), QPointF(bar.right(), knob.y()));
    }
    painter.setPen(QPen(ShadowColour, 1));
    painter.setBrush(QColor(Qt::white));
    painter.drawEllipse(knob, KnobRadius, KnobRadius);
    const QString words = tr("%1 %").arg(std::lround(100 * m_fade));
    const double half = painter.fontMetrics().horizontalAdvance(words) / 2.0 + 4;
    const double middle = std::max(bar.left() + half, std::min(knob.x(), bar.right() - half));
    drawWords(painter, QPointF(middle - half, bar.top() - painter.fontMetrics().height() - 4), words, QColor(230, 230, 230));
}

void PatchView::drawHatch(QPainter& painter, const QRectF& where) const
{
    const Hatch& hatch = m_content.hatch;
    if (hatch.area.isEmpty())
        return;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    QTransform pixels;
    pixels.translate(where.left(), where.top());
    pixels.scale(scale(), scale() * m_aspect);
    QBrush brush(GroupColour, hatch.style); // the pattern keeps its size when the picture is zoomed
    painter.setBrush(brush);
    painter.setPen(Qt::NoPen);
    painter.setOpacity(0.8);
    painter.drawPath(pixels.map(hatch.area));
    painter.setOpacity(1);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(GroupColour, 1.5));
    painter.drawPath(pixels.map(hatch.border));
    painter.restore();
    // what the pattern means
    const QRectF canvas = this->canvas();
    const QRectF swatch(canvas.left() + 8, canvas.top() + 8, 26, 18);
    painter.fillRect(swatch, QColor(0, 0, 0, 150));
    painter.setPen(QPen(GroupColour, 1));
    painter.setBrush(brush);
    painter.drawRect(swatch);
    drawWords(painter, swatch.topRight() + QPointF(4, 0), hatch.name, GroupColour);
}

void PatchView::drawFrames(QPainter& painter) const
{
    for (const Frame& frame : m_content.frames) {
        const QRectF box(toWidget(frame.pixels.topLeft()), toWidget(frame.pixels.bottomRight()));
        painter.setRenderHint(QPainter::Antialiasing, false);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(FrameColour, 1));
        painter.drawRect(box);
        drawWords(painter, box.topLeft() + QPointF(4, 4), frame.name, FrameColour);
    }
}

void PatchView::drawThumbnail(QPainter& painter) const
{
    if (m_content.thumbnail.isNull())
        return;
    const QRectF canvas = this->canvas();
    const double side = std::clamp(canvas.width() * 0.28, 60.0, 150.0);
    const QSizeF size = QSizeF(m_content.thumbnail.size()).scaled(side, side, Qt::KeepAspectRatio);
    const QRectF box(canvas.left() + 8, canvas.bottom() - size.height() - 8, size.width(), size.height());
    painter.setRenderHint(QPainter::SmoothPixmapTransform);
    painter.drawImage(box, m_content.thumbnail);
    painter.setPen(QPen(GroupColour, 1.5));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(box);
    drawWords(painter, box.topLeft() - QPointF(0, painter.fontMetrics().height() + 3), m_content.thumbnailName, GroupColour);
    if (m_content.hatch.area.isEmpty())
        return;
    // from where the pixels come to where they went
    const QRectF area = m_content.hatch.area.boundingRect();
    const QPointF to = toWidget(area.center() - QPointF(0.5, 0.5)), from = box.topRight() + QPointF(-6, 6);
    QLineF arrow(from, to);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(GroupColour, 1.5));
    painter.drawLine(arrow);
    for (const double turn : {150.0, -150.0}) {
        QLineF head(to, to + QPointF(9, 0));
        head.setAngle(arrow.angle() + turn);
        painter.drawLine(head);
    }
}

QString PatchView::letters() const
{
    const view::EdgeLetters& edges = m_content.letters;
    return QString::fromStdString(edges.left + ' ' + edges.right + ' ' + edges.top + ' ' + edges.bottom).trimmed();
}

void PatchView::drawLetters(QPainter& painter) const
{
    const view::EdgeLetters& edges = m_content.letters;
    const QRectF canvas = this->canvas();
    const double height = painter.fontMetrics().height() + 2, bar = m_content.high > m_content.low ? 14 : 0, fade = m_content.second.isNull() || m_content.over != Over::Fade ? 0 : 22;
    const auto put = [&](const std::string& letters, double across, double down) {
        if (letters.empty())
            return;
        const QString words = QString::fromStdString(letters);
        const double width = painter.fontMetrics().horizontalAdvance(words) + 8;
        drawWords(painter, QPointF(canvas.left() + 4 + across * (canvas.width() - width - 8 - (across == 1 ? 2 * bar : 0)), canvas.top() + 4 + down * (canvas.height() - height - 8 - (down == 1 ? fade : 0))), words,
                  QColor(230, 230, 230));
    };
    put(edges.left, 0, 0.5);
    put(edges.right, 1, 0.5); // left of the colour bar
    put(edges.top, 0.5, 0);
    put(edges.bottom, 0.5, 1); // above the bar of a fade
}

} // namespace hilum::lab
