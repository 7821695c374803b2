#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <QImage>
#include <QModelIndex>
#include <QPoint>
#include <QWidget>

class QAbstractItemView;

/// What a script may look at, and where things are on the screen.
namespace hilum::app::probe {

/// "name", or "outer/inner" for a descendant; "name#2" for the second of several. All windows are searched, visible widgets first.
/// NotFound lists similar names.
Result<QWidget*> find(const std::string& target);
/// An action by its object name, or null.
QAction* findAction(const std::string& name);

/// The item that `row` (a path of numbers) or `text` (of any column, anywhere) of the step names. Rows are fetched and expanded.
Result<QModelIndex> findItem(QAbstractItemView* view, const Json& step);
/// Where the step acts within the widget, in its pixels: "pos" [x, y], "at" [fraction, fraction], an item, a tab; else the middle.
Result<QPoint> place(QWidget*& widget, const Json& step);

/// Scrolls the areas around a widget until it can be seen, as a person does before using it.
void scrollTo(QWidget* widget);

/// The value that `what` names: text, value, number property, rows, leaves, cell, visible, ...; with `after` what follows these words.
Result<Json> value(const Json& step);

/// The widget, or the window with all that lies over it (dialogs, menus), as on the screen; OpenGL content included.
QImage picture(QWidget* widget);

} // namespace hilum::app::probe
