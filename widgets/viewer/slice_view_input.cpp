#include "widgets/viewer/slice_view_state.h"

#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {
constexpr double SmallestZoom = 0.1, LargestZoom = 100;
constexpr double ClickPixels = 3; ///< a right click that moved less asks for the menu
constexpr double OpacityPerPixel = 1 / 150.0;

unsigned held(Qt::KeyboardModifiers modifiers)
{
    return (modifiers.testFlag(Qt::ShiftModifier) ? view::ShiftHeld : 0u) | (modifiers.testFlag(Qt::ControlModifier) ? view::ControlHeld : 0u)
         | (modifiers.testFlag(Qt::AltModifier) ? view::AltHeld : 0u);
}

std::optional<view::MeasureKind> measureKind(Gesture gesture)
{
    switch (gesture) {
    case Gesture::Distance: return view::MeasureKind::Distance;
    case Gesture::Angle: return view::MeasureKind::Angle;
    case Gesture::Note: return view::MeasureKind::Note;
    default: return std::nullopt;
    }
}
} // namespace

QPointF SliceView::pointed(const QPointF& position) const
{
    // an event names the upper left corner of its pixel, the picture was sampled in the middle: between two voxels rounding would decide
    constexpr double Slack = 1e-3; // of a device pixel: 6.6667 at a ratio of 1.5 is pixel 10
    const double ratio = devicePixelRatioF();
    const auto middle = [&](double v) { return (std::floor(v * ratio + Slack) + 0.5) / ratio; };
    return {middle(position.x()), middle(position.y())};
}

Gesture SliceView::gestureOf(const State& state, Qt::MouseButton button, Qt::KeyboardModifiers modifiers)
{
    using view::MouseInput;
    if (button != Qt::LeftButton && button != Qt::MiddleButton && button != Qt::RightButton)
        return Gesture::None;
    const auto& instead = button == Qt::MiddleButton ? state.middle : state.right;
    if (button != Qt::LeftButton && instead && held(modifiers) == view::NoModifier)
        return *instead;
    const MouseInput input = button == Qt::LeftButton ? MouseInput::LeftDrag : button == Qt::MiddleButton ? MouseInput::MiddleDrag : MouseInput::RightDrag;
    const Gesture bound = state.profile.gesture(input, held(modifiers));
    return bound == Gesture::Tool ? state.tool : bound;
}

void SliceView::setMouseProfile(const view::MouseProfile& profile)
{
    stopMeasuring();
    m->profile = profile;
    m->tool = profile.tool;
    m->middle.reset();
    m->right.reset();
}

void SliceView::setGesture(Qt::MouseButton button, Gesture gesture)
{
    if (button == Qt::LeftButton) {
        if (gesture != m->tool)
            stopMeasuring();
        m->tool = gesture;
    } else if (button == Qt::MiddleButton) {
        m->middle = gesture;
    } else if (button == Qt::RightButton) {
        m->right = gesture;
    }
}

Gesture SliceView::gesture(Qt::MouseButton button) const
{
    return gestureOf(*m, button, Qt::NoModifier);
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
    const QPointF position = pointed(event->position());
    m->pressed = m->last = position;
    m->moved = false;
    m->button = event->button();
    m->scrollRest = 0;
    m->dragging = gestureOf(*m, event->button(), event->modifiers());
    const bool plainLeft = event->button() == Qt::LeftButton && held(event->modifiers()) == view::NoModifier;
    if (plainLeft && !m->begun && takeHold(position))
        m->dragging = Gesture::None;
    else if (const auto kind = measureKind(m->dragging))
        measurePress(position, *kind);
    else if (m->dragging == Gesture::WindowBox)
        m->box = QRectF(position, QSizeF(0, 0));
    else if (m->dragging == Gesture::Crosshair)
        moveCrosshair(worldAt(position));
    event->accept();
}

void SliceView::drag(const QPointF& position)
{
    const QPointF step = position - m->last;
    switch (m->dragging) {
    case Gesture::WindowLevel: {
        view::Transfer t = transfer();
        const bool percent = t.lut != nullptr;
        if (!percent && !m->range.whole && t.window.shape == view::WindowLevel::Shape::Linear)
            t.window.shape = view::WindowLevel::Shape::LinearExact; // LINEAR is a step at a width of 1, which is wide for real values
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
    case Gesture::OverlayOpacity:
        Q_EMIT overlayOpacityDragged(-step.y() * OpacityPerPixel);
        break;
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
    case Gesture::WindowBox:
        if (m->box) { // not given up meanwhile
            m->box = QRectF(m->pressed, position);
            update();
        }
        break;
    default: break;
    }
}

void SliceView::mouseMoveEvent(QMouseEvent* event)
{
    if (isEmpty())
        return;
    const QPointF position = pointed(event->position());
    if (event->buttons() == Qt::NoButton) {
        measureMove(position);
        updateCursor(position);
        if (m->profile.gesture(view::MouseInput::Move, held(event->modifiers())) == Gesture::Crosshair)
            moveCrosshair(worldAt(position));
    } else if (m->button != Qt::NoButton) {
        const QPointF way = position - m->pressed;
        m->moved = m->moved || std::hypot(way.x(), way.y()) >= ClickPixels;
        if (m->moved || m->button != Qt::RightButton) {
            if (m->grabbed != 0)
                dragGrabbed(position);
            else if (m->begun && m->button == Qt::LeftButton)
                measureMove(position);
            else
                drag(position);
            m->last = position;
        }
    }
    Q_EMIT probeChanged(QString::fromStdString(view::probeText(probeAt(position))));
}

void SliceView::mouseReleaseEvent(QMouseEvent* event)
{
    if (isEmpty() || event->button() != m->button)
        return;
    const bool click = event->button() == Qt::RightButton && !m->moved;
    if (m->button == Qt::LeftButton && m->begun && m->moved)
        measureRelease(pointed(event->position()));
    if (m->grabbed != 0 && m->moved)
        Q_EMIT measurementEdited();
    if (m->box) {
        windowFromBox(std::exchange(m->box, std::nullopt)->normalized());
        update();
    }
    m->grabbed = 0;
    m->dragging = Gesture::None;
    m->button = Qt::NoButton;
    if (click)
        Q_EMIT menuRequested(event->globalPosition().toPoint());
}

void SliceView::mouseDoubleClickEvent(QMouseEvent* event)
{
    const Gesture bound = m->profile.gesture(view::MouseInput::DoubleClick, held(event->modifiers()));
    if (event->button() != Qt::LeftButton || m->begun)
        mousePressEvent(event);
    else if (bound == Gesture::ResetWindow)
        Q_EMIT windowResetRequested();
    else if (bound == Gesture::Maximise)
        Q_EMIT maximiseRequested();
}

void SliceView::wheelEvent(QWheelEvent* event)
{
    event->accept();
    Q_EMIT activated();
    if (isEmpty())
        return;
    // some systems turn a wheel with a key held into a sideways wheel
    const int angle = event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x();
    const Gesture bound = m->profile.gesture(view::MouseInput::Wheel, held(event->modifiers()));
    if (bound == Gesture::Zoom) {
        zoomAt(pointed(event->position()), std::exp(angle / 120.0 * 0.18));
        return;
    }
    m->wheelRest += angle;
    const int steps = m->wheelRest / 120;
    m->wheelRest -= 120 * steps;
    if (bound == Gesture::TimePoint) {
        if (steps != 0)
            Q_EMIT timePointsTurned(steps);
        return;
    }
    scrollBy(steps);
    Q_EMIT probeChanged(QString::fromStdString(view::probeText(probeAt(pointed(event->position())))));
}

void SliceView::leaveEvent(QEvent* event)
{
    QWidget::leaveEvent(event);
    Q_EMIT probeChanged({});
}

bool SliceView::event(QEvent* event)
{
    if (event->type() == QEvent::NativeGesture) {
        auto* gesture = static_cast<QNativeGestureEvent*>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            zoomAt(pointed(gesture->position()), 1 + gesture->value());
            return true;
        }
    }
    if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut)
        update();
    return QWidget::event(event);
}

} // namespace hilum::widgets
