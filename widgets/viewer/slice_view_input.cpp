#include "widgets/viewer/slice_view_state.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {
constexpr double SmallestZoom = 0.1, LargestZoom = 100;
constexpr double ClickPixels = 3; ///< a right click that moved less asks for the menu
} // namespace

void SliceView::setGesture(Qt::MouseButton button, Gesture gesture)
{
    if (button == Qt::LeftButton)
        m->left = gesture;
    else if (button == Qt::MiddleButton)
        m->middle = gesture;
    else if (button == Qt::RightButton)
        m->right = gesture;
}

Gesture SliceView::gesture(Qt::MouseButton button) const
{
    return button == Qt::LeftButton ? m->left : button == Qt::MiddleButton ? m->middle : button == Qt::RightButton ? m->right : Gesture::None;
}

void SliceView::zoomAt(const QPointF& position, double factor)
{
    if (isEmpty())
        return;
    const view::Viewport port = viewport();
    const double zoom = std::clamp(m->pose().zoom * factor, SmallestZoom, LargestZoom);
    const view::Viewport zoomed = port.zoomedAt({position.x(), position.y()}, port.pixelsPerMm * zoom / m->pose().zoom);
    const Vec3 moved = zoomed.centreLps - port.centreLps;
    m->poseProperty().modify([&](view::Pose& pose) {
        pose.zoom = zoom;
        pose.panMm[0] += dot(moved, port.frame.right);
        pose.panMm[1] += dot(moved, port.frame.down);
    });
}

void SliceView::scrollBy(std::int64_t slices)
{
    if (slices != 0)
        scrollTo(slice() + slices);
}

void SliceView::mousePressEvent(QMouseEvent* event)
{
    Q_EMIT activated();
    if (isEmpty())
        return;
    m->pressed = m->last = event->position();
    m->moved = false;
    m->button = event->button();
    m->scrollRest = 0;
    m->dragging = gesture(event->button());
    if (event->button() == Qt::LeftButton && event->modifiers().testFlag(Qt::AltModifier))
        m->dragging = Gesture::Crosshair;
    if (m->dragging == Gesture::Crosshair)
        moveCrosshair(worldAt(event->position()));
    Q_EMIT mousePressed(imagePointAt(event->position()), event->button(), event->modifiers());
    event->accept();
}

void SliceView::drag(const QPointF& position)
{
    const QPointF step = position - m->last;
    switch (m->dragging) {
    case Gesture::WindowLevel: {
        view::Transfer t = transfer();
        const bool percent = t.lut != nullptr;
        t.window = view::dragged(t.window, step.x(), step.y(), percent ? 100 : m->range.high - m->range.low,
                                 percent || m->range.whole ? 1 : std::max(1e-12, (m->range.high - m->range.low) / 10000));
        if (!percent) {
            t.source = "by hand";
            m->viewer->userWindow = t.window;
        }
        setTransfer(t);
        Q_EMIT transferChanged();
        break;
    }
    case Gesture::Crosshair:
        moveCrosshair(worldAt(position));
        break;
    case Gesture::Pan: {
        const double perMm = viewport().pixelsPerMm;
        m->poseProperty().modify([&](view::Pose& pose) {
            pose.panMm[0] -= step.x() / perMm;
            pose.panMm[1] -= step.y() / perMm;
        });
        break;
    }
    case Gesture::Zoom:
        zoomAt(m->pressed, std::exp(-step.y() * 0.008));
        break;
    case Gesture::Scroll: {
        constexpr double PixelsPerSlice = 6;
        m->scrollRest -= step.y() / PixelsPerSlice;
        const double whole = std::trunc(m->scrollRest);
        m->scrollRest -= whole;
        scrollBy(static_cast<std::int64_t>(whole));
        break;
    }
    default: break;
    }
}

void SliceView::mouseMoveEvent(QMouseEvent* event)
{
    if (isEmpty())
        return;
    const QPointF position = event->position();
    if (event->buttons() == Qt::NoButton) {
        if (event->modifiers().testFlag(Qt::ShiftModifier))
            moveCrosshair(worldAt(position));
    } else if (m->button != Qt::NoButton) {
        const QPointF way = position - m->pressed;
        m->moved = m->moved || std::hypot(way.x(), way.y()) >= ClickPixels;
        if (m->moved || m->button != Qt::RightButton) {
            drag(position);
            m->last = position;
        }
    }
    Q_EMIT mouseMoved(imagePointAt(position), event->buttons(), event->modifiers());
    Q_EMIT probeChanged(QString::fromStdString(view::probeText(probeAt(position))));
}

void SliceView::mouseReleaseEvent(QMouseEvent* event)
{
    if (isEmpty() || event->button() != m->button)
        return;
    const bool click = event->button() == Qt::RightButton && !m->moved && m->dragging != Gesture::External;
    m->dragging = Gesture::None;
    m->button = Qt::NoButton;
    Q_EMIT mouseReleased(imagePointAt(event->position()), event->button(), event->modifiers());
    if (click)
        Q_EMIT menuRequested(event->globalPosition().toPoint());
}

void SliceView::mouseDoubleClickEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton && m->left != Gesture::External)
        Q_EMIT maximiseRequested();
    else
        mousePressEvent(event);
}

void SliceView::wheelEvent(QWheelEvent* event)
{
    event->accept();
    Q_EMIT activated();
    if (isEmpty())
        return;
    // some systems turn Shift+wheel into a sideways wheel
    const int angle = event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x();
    if (event->modifiers().testFlag(Qt::ControlModifier)) {
        zoomAt(event->position(), std::exp(angle / 120.0 * 0.18));
        return;
    }
    m->wheelRest += angle;
    const int steps = m->wheelRest / 120;
    m->wheelRest -= 120 * steps;
    if (event->modifiers().testFlag(Qt::ShiftModifier)) {
        if (steps != 0)
            Q_EMIT shiftWheel(steps);
        return;
    }
    scrollBy(steps);
    Q_EMIT probeChanged(QString::fromStdString(view::probeText(probeAt(event->position()))));
}

void SliceView::keyPressEvent(QKeyEvent* event)
{
    const bool plain = !(event->modifiers() & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier));
    const std::int64_t page = event->modifiers().testFlag(Qt::ShiftModifier) ? 5 : 1;
    if (isEmpty() || !plain)
        return QWidget::keyPressEvent(event);
    switch (event->key()) {
    case Qt::Key_Up: scrollBy(1); break;
    case Qt::Key_Down: scrollBy(-1); break;
    case Qt::Key_PageUp: scrollBy(page); break;
    case Qt::Key_PageDown: scrollBy(-page); break;
    case Qt::Key_Home: scrollTo(0); break;
    case Qt::Key_End: scrollTo(stack().count - 1); break;
    default: QWidget::keyPressEvent(event); return;
    }
    event->accept();
}

void SliceView::leaveEvent(QEvent* event)
{
    QWidget::leaveEvent(event);
    Q_EMIT mouseLeft();
    Q_EMIT probeChanged({});
}

bool SliceView::event(QEvent* event)
{
    if (event->type() == QEvent::NativeGesture) {
        auto* gesture = static_cast<QNativeGestureEvent*>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            zoomAt(gesture->position(), 1 + gesture->value());
            return true;
        }
    }
    if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut)
        update();
    return QWidget::event(event);
}

} // namespace hilum::widgets
