#pragma once

#include <QIcon>
#include <QString>

namespace hilum::widgets {

/// Icon of resources/icons, drawn sharp at any size in the theme's colours (rest, disabled, checked). Null for an unknown name.
QIcon icon(const QString& name);

} // namespace hilum::widgets
