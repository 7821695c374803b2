#pragma once

#include "core/base/paths.h"

#include <QLocalServer>
#include <QObject>
#include <QStringList>

#include <chrono>

namespace hilum::services {

/// One window for one library folder: a second `hilum PATH...` hands its paths to the first and ends.
class SingleInstance : public QObject {
    Q_OBJECT
public:
    explicit SingleInstance(const path& library, QObject* parent = nullptr);

    /// Asks the first one to open `paths` and to come to the front. True when it took them, false when there is none;
    /// Busy when there is one that does not answer within `patience`. Waits: call it before there is a window.
    static Result<bool> handOver(const path& library, const QStringList& paths, std::chrono::milliseconds patience = std::chrono::seconds(3));

    /// Becomes the first one. Busy when another is.
    Status listen();

Q_SIGNALS:
    /// From a second one: absolute paths, perhaps none (then only to come to the front).
    void requested(const QStringList& paths);

private:
    static QString socketName(const path& library);
    void answer();

    path m_library;
    QLocalServer m_server;
};

} // namespace hilum::services
