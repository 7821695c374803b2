#pragma once

#include "tests/support/compare.h"
#include "tests/widgets/letter_phantom.h"
#include "widgets/viewer/slice_view.h"

#include <QWheelEvent>

#include <cmath>
#include <memory>

namespace hilum::tests {

using namespace hilum::widgets;
using view::Plane;

inline const view::Transfer Wide{{2400, 0, view::WindowLevel::Shape::LinearExact}, {}, false, "test"};

inline int expectedGrey(double value, const view::Transfer& t = Wide) { return static_cast<int>(std::lround(255 * view::grey(t, value))); }

inline std::unique_ptr<SliceView> viewOf(const imaging::Volume& volume, Plane plane, const std::shared_ptr<view::ViewerState>& state, QSize size = {301, 251})
{
    auto view = std::make_unique<SliceView>();
    view->resize(size);
    view->setState(state);
    view->setVolume(volume, plane);
    return view;
}

inline std::shared_ptr<view::ViewerState> stateFor(const imaging::Volume& volume)
{
    auto state = std::make_shared<view::ViewerState>();
    state->reset(view::patientSpace(volume.header().frameOfReferenceUid, volume.header().seriesUid), volume.geometry().centreLps(), Wide);
    return state;
}

inline void drag(SliceView& view, Qt::MouseButton button, const QPoint& from, const QPoint& to, Qt::KeyboardModifiers modifiers = {})
{
    QTest::mousePress(&view, button, modifiers, from);
    for (int i = 1; i <= 5; ++i) {
        const QPointF at = QPointF(from) + (QPointF(to) - QPointF(from)) * i / 5.0;
        QMouseEvent move(QEvent::MouseMove, at, view.mapToGlobal(at), Qt::NoButton, button, modifiers);
        QCoreApplication::sendEvent(&view, &move);
    }
    QTest::mouseRelease(&view, button, modifiers, to);
}

inline void wheel(SliceView& view, const QPointF& at, int steps, Qt::KeyboardModifiers modifiers = {})
{
    QWheelEvent event(at, view.mapToGlobal(at), {}, QPoint(0, 120 * steps), Qt::NoButton, modifiers, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(&view, &event);
}

} // namespace hilum::tests
