#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <QObject>

#include <chrono>
#include <functional>
#include <memory>

namespace hilum::services {

/// Which weights: a model file or run folder, or a method with a preset and untrained weights.
struct ModelChoice {
    path model;
    std::string method, preset;
    Json options = Json::object(); ///< overrides, untrained only
    std::uint64_t seed = 0;
    path checkpoint; ///< a checkpoint folder of a run, instead of `model`
    bool operator==(const ModelChoice&) const = default;
};

/// One `hilum-worker serve` process for one choice of weights, used by the Lab and by `hilum reconstruct`. Starts at the first
/// request, ends after five idle minutes, starts again when needed. Of several waiting requests of one kind the newest wins: the
/// others' `done` is called with Cancelled. All callbacks come through the event loop.
class ModelServer : public QObject {
    Q_OBJECT
public:
    explicit ModelServer(QObject* parent = nullptr);
    ~ModelServer() override; ///< ends the process; waits 300 ms for it, then it is killed and left behind

    void setModel(const ModelChoice& choice); ///< asks for `load`; modelReady or failed follows
    const Json& model() const;                ///< metadata of the loaded model; null before
    using Done = std::function<void(Result<Json>)>;
    /// \return number of the request, for `withdraw`; never 0
    std::int64_t request(const std::string& kind, Json fields, QObject* receiver, Done done);
    /// Takes one request back: whoever asked hears Cancelled. One that waits is not begun; one that the worker is at is given up, as `cancel` does. Nothing where it is done, or not known.
    void withdraw(std::int64_t number);
    /// A fresh file name for a request or an answer in this server's temporary folder.
    path newFile(const std::string& suffix);
    /// Gives up what the worker is at, a load with everything that waits for it: whoever asked hears Cancelled at once. The worker is told; one that is not done a second later
    /// is ended, and starts anew with the next request. Nothing where it is at nothing.
    void cancel();
    std::string atWorkOn() const; ///< kind of the request that the worker is at; empty: none, or one that was given up
    bool busy() const;
    std::int64_t pid() const;
    void setIdleTime(std::chrono::milliseconds idle); ///< five minutes unless said otherwise
    void stop();                                      ///< ends the process; open requests get Cancelled

Q_SIGNALS:
    void modelReady(const hilum::Json& metadata);
    void failed(const QString& sentence);
    void busyChanged(bool busy);
    void workChanged(); ///< the worker began with another request, or is at none: atWorkOn
    void progressed(qint64 done, qint64 total); ///< of the request that the worker is at, in its parts

private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace hilum::services
