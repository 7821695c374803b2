#include "plugins/panels/lab/random_crop.h"

#include "plugins/panels/lab/crop_boxes.h"

#include <QMouseEvent>
#include <QPainter>

namespace hilum::lab {

void CropOverlay::setView(PatchView* view)
{
    if (view == m_view)
        return;
    if (m_view)
        m_view->disconnect(this);
    m_view = view;
    setParent(view);
    connect(view, &PatchView::placeChanged, this, &CropOverlay::place);
}

void CropOverlay::setRect(const QRectF& pixels)
{
    m_rect = pixels;
    place();
}

void CropOverlay::place()
{
    setGeometry(QRectF(m_view->toWidget(m_rect.topLeft()), m_view->toWidget(m_rect.bottomRight())).toRect());
}

BaseCrop::BaseCrop(PatchView* view, std::size_t number)
{
    setObjectName(QStringLiteral("baseCrop%1").arg(number));
    setAccessibleName(tr("base crop %1").arg(number));
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setView(view);
}

RandomCrop::RandomCrop(PatchView* view, int number) : m_number(number)
{
    setObjectName(number == 0 ? QStringLiteral("randomCrop") : QStringLiteral("randomCrop%1").arg(number + 1));
    setCursor(Qt::SizeAllCursor);
    setMouseTracking(true); // what it does not use goes to the view below
    setToolTip(tr("Random crop %1: drag it; near the middle of a base crop it snaps there, with Alt it does not").arg(number + 1));
    setView(view);
}

void RandomCrop::setDraggable(bool draggable)
{
    setAttribute(Qt::WA_TransparentForMouseEvents, !draggable);
}

QString RandomCrop::crop() const
{
    const QRectF& r = cropRect();
    return QStringLiteral("%1 %2 %3 %4").arg(r.left() + 0.5).arg(r.top() + 0.5).arg(r.right() + 0.5).arg(r.bottom() + 0.5);
}

void RandomCrop::place()
{
    CropOverlay::place();
    update();
}

void RandomCrop::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), QColor(0x7F, 0xC8, 0xFF, m_dragging ? 50 : 24));
    painter.setPen(QPen(CropColour, 3));
    painter.drawRect(rect().adjusted(1, 1, -2, -2));
    QFont bold = font();
    bold.setBold(true);
    painter.setFont(bold);
    painter.setPen(CropColour);
    painter.drawText(rect().adjusted(8, 6, -8, -6), Qt::AlignRight | Qt::AlignBottom, m_number == 0 ? tr("crop") : tr("crop %1").arg(m_number + 1));
}

void RandomCrop::mousePressEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton) {
        event->ignore();
        return;
    }
    m_dragging = true;
    m_pressed = event->globalPosition();
    m_middleThen = cropRect().center();
    update();
}

void RandomCrop::mouseMoveEvent(QMouseEvent* event)
{
    if (!m_dragging) {
        event->ignore();
        return;
    }
    const QPointF way = event->globalPosition() - m_pressed, origin = view().toPixel(QPointF(0, 0));
    Q_EMIT moved(m_middleThen + view().toPixel(way) - origin, !(event->modifiers() & Qt::AltModifier));
}

void RandomCrop::mouseReleaseEvent(QMouseEvent* event)
{
    if (!m_dragging) {
        event->ignore();
        return;
    }
    if (event->button() == Qt::LeftButton) {
        m_dragging = false;
        update();
    }
}

} // namespace hilum::lab
