#pragma once

#include <QCoreApplication>
#include <QString>

namespace hilum::lab {

/// Words of the Lab outside its classes.
inline QString tr(const char* text) { return QCoreApplication::translate("Lab", text); }

} // namespace hilum::lab
