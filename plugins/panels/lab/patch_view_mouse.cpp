// What the mouse does in a PatchView. The rest is in patch_view.cpp.
#include "plugins/panels/lab/patch_view.h"

#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace hilum::lab {

namespace {

constexpr double ClickSlack = 3; // pixels of movement that still are a click

unsigned held(Qt::KeyboardModifiers modifiers)
{
    return (modifiers & Qt::ShiftModifier ? view::ShiftHeld : 0u) | (modifiers & Qt::ControlModifier ? view::ControlHeld : 0u) | (modifiers & Qt::AltModifier ? view::AltHeld : 0u);
}

/// Notches of a wheel, of 120; what is less waits in `rest`.
int wholeSteps(int& rest, int turned)
{
    rest += turned;
    const int steps = rest / 120;
    rest -= 120 * steps;
    return steps;
}

} // namespace

PatchView::Drag PatchView::dragOf(Qt::MouseButton button, Qt::KeyboardModifiers modifiers) const
{
    using view::MouseInput;
    const MouseInput input = button == Qt::LeftButton ? MouseInput::LeftDrag : button == Qt::MiddleButton ? MouseInput::MiddleDrag : MouseInput::RightDrag;
    switch (m_profile->gesture(input, held(modifiers))) {
    case view::Gesture::Tool:
    case view::Gesture::Crosshair: return Drag::Cross;
    case view::Gesture::Pan: return Drag::Pan;
    case view::Gesture::WindowLevel: // what a model sees has no window: the hand zooms
    case view::Gesture::Zoom: return Drag::Zoom;
    case view::Gesture::Scroll: return m_slices ? Drag::Scroll : Drag::Zoom;
    case view::Gesture::OverlayOpacity: return Drag::Opacity;
    default: return Drag::Nothing;
    }
}

PatchView::Drag PatchView::handleAt(const QPointF& position) const
{
    if (m_content.second.isNull())
        return Drag::None;
    if (m_content.over == Over::Wipe && std::abs(position.x() - m_wipe * width()) < 6)
        return Drag::Wipe;
    return m_content.over == Over::Fade && fadeBar().contains(position) ? Drag::Fade : Drag::None;
}

void PatchView::showCursor(const QPointF& position)
{
    const Qt::CursorShape shape = handleAt(position) != Drag::None ? Qt::SizeHorCursor : m_brush ? Qt::BlankCursor : Qt::CrossCursor;
    if (cursor().shape() != shape)
        setCursor(shape);
}

void PatchView::mousePressEvent(QMouseEvent* event)
{
    m_pressed = m_last = event->position();
    m_moved = false;
    const unsigned keys = held(event->modifiers());
    const Drag handle = event->button() == Qt::LeftButton ? handleAt(event->position()) : Drag::None;
    if (handle != Drag::None) {
        m_drag = handle;
        if (handle == Drag::Fade)
            Q_EMIT fadeChanged(fadeAt(event->position().x())); // a click on the bar is enough
    } else if (m_brush && keys == view::NoModifier && (event->button() == Qt::LeftButton || event->button() == Qt::RightButton)) {
        m_drag = Drag::Paint;
        Q_EMIT strokeBegan(event->button() == Qt::LeftButton ? view::MaskModel::Stroke::Hide : view::MaskModel::Stroke::Reveal, toPixel(event->position()));
    } else {
        m_drag = m_brush && event->button() == Qt::LeftButton && keys == view::AltHeld ? Drag::Cross : dragOf(event->button(), event->modifiers()); // Alt+left while painting
        m_scrollRest = 0;
        if (m_drag == Drag::Cross)
            Q_EMIT pointed(toPixel(event->position()));
    }
    m_button = event->button();
    event->accept();
}

void PatchView::mouseMoveEvent(QMouseEvent* event)
{
    const QPointF at = event->position();
    m_moved |= (at - m_pressed).manhattanLength() > ClickSlack;
    m_pointer = at;
    switch (m_drag) {
    case Drag::None:
        showCursor(at);
        if (m_profile->gesture(view::MouseInput::Move, held(event->modifiers())) == view::Gesture::Crosshair)
            Q_EMIT pointed(toPixel(at));
        break;
    case Drag::Nothing: break;
    case Drag::Opacity: Q_EMIT opacityStepped((m_last.y() - at.y()) * 0.005); break;
    case Drag::Scroll: {
        m_scrollRest += (m_last.y() - at.y()) / 8; // eight pixels a slice
        const int steps = static_cast<int>(m_scrollRest);
        m_scrollRest -= steps;
        if (steps != 0)
            Q_EMIT sliceStepped(steps);
        break;
    }
    case Drag::Cross: Q_EMIT pointed(toPixel(at)); break;
    case Drag::Paint: Q_EMIT strokeMoved(toPixel(at)); break;
    case Drag::Wipe: Q_EMIT wipeChanged(std::clamp(at.x() / std::max(1, width()), 0.0, 1.0)); break;
    case Drag::Fade: Q_EMIT fadeChanged(fadeAt(at.x())); break;
    case Drag::Pan: {
        ViewPose pose = m_pose;
        if (pose.zoom <= 0) {
            pose.centre = toPixel(canvas().center());
            pose.zoom = scale();
        }
        const QPointF way = (at - m_last) / pose.zoom;
        pose.centre -= QPointF(way.x(), way.y() / m_aspect);
        changePose(pose);
        break;
    }
    case Drag::Zoom:
        if (m_moved)
            zoomAt(m_pressed, std::exp((m_last.y() - at.y()) * 0.01));
        break;
    }
    m_last = at;
    Q_EMIT hovered(toPixel(at));
    if (m_brush)
        update();
}

void PatchView::mouseReleaseEvent(QMouseEvent* event)
{
    const Drag ended = m_drag;
    m_drag = Drag::None;
    const Qt::MouseButton button = std::exchange(m_button, Qt::NoButton);
    if (ended == Drag::Paint)
        Q_EMIT strokeEnded();
    else if (button == Qt::LeftButton && ended == Drag::Cross && !m_moved)
        Q_EMIT clicked(toPixel(event->position()));
    else if (button == Qt::RightButton && !m_moved)
        Q_EMIT menuAsked(event->globalPosition().toPoint());
}

void PatchView::mouseDoubleClickEvent(QMouseEvent* event)
{
    const bool onBar = handleAt(event->position()) == Drag::Fade; // two clicks there are two shares
    if (event->button() == Qt::LeftButton && !m_brush && !onBar && m_profile->gesture(view::MouseInput::DoubleClick, held(event->modifiers())) == view::Gesture::Maximise)
        Q_EMIT maximiseAsked();
    else
        mousePressEvent(event);
}

void PatchView::wheelEvent(QWheelEvent* event)
{
    // Shift turns the wheel sideways on some systems
    const int turned = event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x();
    const view::Gesture bound = m_profile->gesture(view::MouseInput::Wheel, held(event->modifiers()));
    if (m_brush && event->modifiers() & Qt::ShiftModifier) {
        if (const int steps = wholeSteps(m_radiusRest, turned); steps != 0)
            Q_EMIT radiusStepped(steps);
    } else if (m_slices && bound == view::Gesture::Scroll) {
        if (const int steps = wholeSteps(m_wheelRest, turned); steps != 0)
            Q_EMIT sliceStepped(steps);
    } else if (bound == view::Gesture::Zoom || bound == view::Gesture::Scroll) { // a single picture has no slices
        zoomAt(event->position(), std::pow(1.15, turned / 120.0));
    }
    event->accept();
}

void PatchView::leaveEvent(QEvent*)
{
    m_pointer.reset();
    update();
    Q_EMIT left();
}

bool PatchView::event(QEvent* event)
{
    if (event->type() == QEvent::NativeGesture) {
        const auto* gesture = static_cast<QNativeGestureEvent*>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            zoomAt(gesture->position(), 1 + gesture->value());
            return true;
        }
    }
    return QWidget::event(event);
}

} // namespace hilum::lab
