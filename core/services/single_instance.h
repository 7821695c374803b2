#pragma once

#include "core/base/paths.h"

#include <QLocalServer>
#include <QObject>

#include <chrono>
#include <vector>

namespace hilum::services {

/// What a start of the program asks for.
struct OpenRequest {
    std::vector<path> paths; ///< absolute, any bytes; perhaps none (then only to come to the front)
    bool demo = false;       ///< the demo studies as well
    bool operator==(const OpenRequest&) const = default;
};

/// One window for one library folder: a second `hilum PATH...` hands its paths to the first and ends.
class SingleInstance : public QObject {
    Q_OBJECT
public:
    explicit SingleInstance(const path& library, QObject* parent = nullptr);

    /// Asks the first one to do as `request` says and to come to the front. True when it took it; false when there is none, or one that ends just now;
    /// Busy when there is one that does not answer within `patience`. Waits: call it before there is a window.
    static Result<bool> handOver(const path& library, const OpenRequest& request, std::chrono::milliseconds patience);

    /// Becomes the first one, before its window is made: what is asked meanwhile waits for `begin`. Busy when another is.
    Status listen();
    void begin(); ///< the window is there: what was asked so far, and from now on, is told
    void close(); ///< takes no more: who asks from now on finds none

Q_SIGNALS:
    /// From a second one.
    void requested(const hilum::services::OpenRequest& request);

private:
    static QString socketName(const path& library);
    void answer();
    void read(QLocalSocket* socket);

    path m_library;
    QLocalServer m_server;
    std::vector<OpenRequest> m_early; // before `begin`
    bool m_begun = false;
};

} // namespace hilum::services
