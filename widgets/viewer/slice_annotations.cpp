#include "widgets/viewer/slice_annotations.h"

#include <QFontMetricsF>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {

const QColor TextColour(225, 225, 225);

/// Text that can be read on any picture: light with a dark rim.
void drawText(QPainter& painter, const QRectF& box, Qt::Alignment alignment, const QString& text, const QColor& colour = TextColour)
{
    const int flags = static_cast<int>(alignment) | Qt::TextDontClip;
    painter.setPen(QColor(0, 0, 0, 200));
    for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}})
        painter.drawText(box.translated(dx, dy), flags, text);
    painter.setPen(colour);
    painter.drawText(box, flags, text);
}

/// One line of the crosshair: where plane `other` cuts this view.
void drawCut(QPainter& painter, const QRectF& area, const QPointF& at, const Vec3& otherNormal, view::Plane other, const view::Viewport& port)
{
    // the cut runs at a right angle to the other plane's normal
    const bool upright = std::abs(dot(otherNormal, port.frame.right)) > std::abs(dot(otherNormal, port.frame.down));
    QColor colour = planeColour(other);
    colour.setAlpha(190);
    painter.setPen(QPen(colour, 1));
    constexpr double Gap = 9;
    const QString letter = other == view::Plane::Image ? QString() : QString(QChar::fromLatin1(view::letter(other)));
    if (upright) {
        painter.drawLine(QPointF(at.x(), area.top()), QPointF(at.x(), at.y() - Gap));
        painter.drawLine(QPointF(at.x(), at.y() + Gap), QPointF(at.x(), area.bottom()));
        if (!letter.isEmpty())
            drawText(painter, QRectF(at.x() + 3, area.top() + 20, 14, 14), Qt::AlignLeft | Qt::AlignTop, letter, planeColour(other));
    } else {
        painter.drawLine(QPointF(area.left(), at.y()), QPointF(at.x() - Gap, at.y()));
        painter.drawLine(QPointF(at.x() + Gap, at.y()), QPointF(area.right(), at.y()));
        if (!letter.isEmpty())
            drawText(painter, QRectF(area.left() + 22, at.y() - 16, 14, 14), Qt::AlignLeft | Qt::AlignTop, letter, planeColour(other));
    }
}

} // namespace

QColor planeColour(view::Plane plane)
{
    switch (plane) {
    case view::Plane::Axial: return QColor(0xF3, 0x4A, 0x33);
    case view::Plane::Sagittal: return QColor(0xED, 0xD5, 0x4C);
    case view::Plane::Coronal: return QColor(0x6E, 0xB0, 0x4B);
    default: return QColor(190, 190, 190);
    }
}

void paintAnnotations(QPainter& painter, const QRect& areaInPixels, const SliceAnnotations& notes)
{
    const QRectF area(areaInPixels);
    painter.setRenderHint(QPainter::TextAntialiasing);

    if (notes.crosshair) {
        const view::PixelPoint p = notes.port.pixelOf(*notes.crosshair);
        const QPointF at(p[0], p[1]);
        if (notes.plane == view::Plane::Image) {
            drawCut(painter, area, at, notes.port.frame.right, view::Plane::Image, notes.port);
            drawCut(painter, area, at, notes.port.frame.down, view::Plane::Image, notes.port);
        } else {
            // the other two planes by this view's own axes: right and down of each plane run along the third one's normal
            using view::Plane;
            const Plane alongRight = notes.plane == Plane::Sagittal ? Plane::Coronal : Plane::Sagittal;
            const Plane alongDown = notes.plane == Plane::Axial ? Plane::Coronal : Plane::Axial;
            drawCut(painter, area, at, notes.planeFrame.right, alongRight, notes.port);
            drawCut(painter, area, at, notes.planeFrame.down, alongDown, notes.port);
        }
    }

    QFont font = painter.font();
    const QFont plain = font;
    font.setBold(true);
    font.setPointSizeF(std::max(plain.pointSizeF(), 9.0) * 1.15);
    painter.setFont(font);
    const QRectF inner = area.adjusted(6, 4, -6, -4);
    const auto letter = [](const std::string& text) { return QString::fromStdString(text); };
    drawText(painter, inner, Qt::AlignLeft | Qt::AlignVCenter, letter(notes.letters.left));
    drawText(painter, inner, Qt::AlignRight | Qt::AlignVCenter, letter(notes.letters.right));
    drawText(painter, inner, Qt::AlignHCenter | Qt::AlignTop, letter(notes.letters.top));
    drawText(painter, inner, Qt::AlignHCenter | Qt::AlignBottom, letter(notes.letters.bottom));
    painter.setFont(plain);

    if (notes.cornersVisible) {
        QString heading = notes.topLeft.join(QStringLiteral("  "));
        drawText(painter, inner, Qt::AlignLeft | Qt::AlignTop, heading, planeColour(notes.plane).lighter(115));
        // the middle of the upper edge belongs to its letter: a long badge stands below it
        const QFontMetricsF metrics(plain);
        constexpr double LetterWidth = 44;
        QString badge = notes.topRight.join(QStringLiteral("  "));
        const bool beside = metrics.horizontalAdvance(badge) < (inner.width() - LetterWidth) / 2;
        const double room = beside ? inner.width() : inner.width() - 16; // of the crosshair's letters on the left
        badge = metrics.elidedText(badge, Qt::ElideRight, room);
        drawText(painter, beside ? inner : inner.adjusted(0, metrics.height() + 2, 0, 0), Qt::AlignRight | Qt::AlignTop, badge);
        drawText(painter, inner, Qt::AlignLeft | Qt::AlignBottom, notes.bottomLeft.join(QLatin1Char('\n')));
        const view::ScaleBar bar = view::scaleBar(notes.port.pixelsPerMm, std::clamp(area.width() / 4, 30.0, 160.0), notes.meaning);
        const QPointF end(inner.right(), inner.bottom() - 4);
        const QPointF begin(end.x() - bar.pixels, end.y());
        painter.setPen(QPen(QColor(0, 0, 0, 200), 4));
        painter.drawLine(begin, end);
        painter.setPen(QPen(TextColour, 2));
        painter.drawLine(begin, end);
        painter.drawLine(begin - QPointF(0, 4), begin);
        painter.drawLine(end - QPointF(0, 4), end);
        drawText(painter, QRectF(inner.left(), inner.bottom() - 26, inner.width(), 16), Qt::AlignRight | Qt::AlignBottom, QString::fromStdString(bar.text));
    }

    if (notes.mirrored) {
        painter.setPen(QPen(QColor(0xFF, 0xD0, 0x00), 3));
        painter.drawRect(area.adjusted(1.5, 1.5, -1.5, -1.5));
    } else if (notes.active) {
        painter.setPen(QPen(QColor(120, 120, 120), 1));
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5));
    }
}

} // namespace hilum::widgets
