#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <QObject>

#include <cstdint>
#include <memory>
#include <string>

class QProcess;

namespace hilum::services {

/// The `hilum-worker serve` process of a ModelServer, while there is one: lines of JSON to it and from it, and how it ended. What was asked, and who waits, is the
/// server's matter. All signals come through the event loop.
class ServingProcess : public QObject {
    Q_OBJECT
public:
    enum class End {
        NotStarted, ///< the program is there and cannot be run
        Exited,
        Signalled, ///< it crashed or was killed
    };

    ServingProcess();
    ~ServingProcess() override; ///< ends it; waits 300 ms for it, then it is killed and left behind

    bool isThere() const { return m_process != nullptr; }
    std::int64_t pid() const; ///< 0 where there is none
    /// Starts one where there is none. \return NotFound without the worker's program; what fails later is told by `ended`
    Status start();
    void write(const Json& message); ///< there must be one
    void drop();                     ///< ends it without a word to anyone; one that goes on is killed five seconds later

Q_SIGNALS:
    void said(const hilum::Json& message); ///< it has a kind; what cannot be understood is left out, with a line in the log
    /// There is none any more. \param why  for whoever waited for it
    void ended(hilum::services::ServingProcess::End how, const hilum::Error& why);

private:
    void read();
    void onEnd();

    std::unique_ptr<QProcess> m_process;
    JsonLineReader m_reader;
    std::string m_errors; // end of standard error
    std::int64_t m_killsBefore = -1;
};

} // namespace hilum::services
