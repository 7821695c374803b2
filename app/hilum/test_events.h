#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <QKeySequence>
#include <QList>
#include <QPoint>

#include <functional>

class QAction;
class QMenu;
class QRect;
class QWidget;
class QWindow;

/// What a script does with mouse and keys: events that go through the window system's entry, as real ones do. A target that cannot be
/// used yet is an error that says why; the driver then tries the step again.
namespace hilum::app::events {

/// A widget to act on, and the point in it: in the window that holds it, so that the events take the way that real ones take.
struct Spot {
    QWidget* widget = nullptr;
    QPoint inWidget, inWindow;
    QWindow* window = nullptr;
};

enum class Usable { Now, Maybe }; ///< whether a disabled target is refused

Qt::KeyboardModifiers modifiers(const Json& step);
Qt::MouseButton button(const Json& step);
Result<Spot> spotAt(QWidget* widget, QPoint point);
Result<Spot> spotOf(const Json& step, Usable usable);

Status drag(const Json& step);
Status drop(const Json& step);
/// Without a window manager nothing gives the focus back when a dialog or a list closes, and a new dialog gets it late: asked for here, and the step is tried again.
Status focusBack(QWidget* window);
Result<QKeySequence> keysOf(const Json& step);
void pressKeys(const Json& step, const QKeySequence& sequence, QWidget* window);
Status typeText(const Json& step, QWidget* window);
Status setValue(const Json& step, QWidget* window);

QMenu* openMenu();
/// The middle of the entry with this text; the error lists what is there.
Result<QPoint> placeIn(const QList<QAction*>& actions, const QString& text, const std::function<QRect(QAction*)>& rect);
Status choose(const Json& step);

} // namespace hilum::app::events
