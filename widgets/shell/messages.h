#pragma once

#include "core/base/error.h"

#include <QObject>
#include <QString>

namespace hilum::widgets {

/// Where panels put what a person must know. The window shows errors as a banner (what, why, what to do, Copy details) and notes
/// as a short line that goes away. Cancelled is no error and is dropped. GUI thread only.
class Messages : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;
    /// \param doing  what failed, as a phrase: "Opening series 4"; may be empty
    void error(const Error& error, const QString& doing = {});
    void note(const QString& text);

Q_SIGNALS:
    void errorReported(const hilum::Error& error, const QString& doing);
    void noteReported(const QString& text);
};

} // namespace hilum::widgets
