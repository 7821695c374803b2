#include "core/services/model_server.h"

#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/services/serving_process.h"
#include "core/services/task_runner.h"

#include <QTimer>

#include <algorithm>
#include <deque>
#include <optional>

namespace hilum::services {

namespace {

constexpr std::chrono::minutes IdleTime{5};
constexpr std::int64_t KeptFiles = 256;     // newest files of requests and answers; older ones are removed
constexpr std::chrono::seconds CancelTime{1}; // until a process that goes on with what was given up is ended

struct Waiting {
    std::string kind;
    Json fields;
    Relay receiver;
    ModelServer::Done done;
    std::int64_t number = 0; // of ModelServer::request

    void answer(Result<Json> result) const
    {
        receiver.post([done = done, result = std::move(result)]() mutable {
            if (done)
                done(std::move(result));
        });
    }
};

std::unexpected<Error> withdrawn() { return fail(ErrorCode::Cancelled, "given up"); }
std::unexpected<Error> replaced() { return fail(ErrorCode::Cancelled, "a newer request took its place"); }

} // namespace

struct ModelServer::State {
    ModelServer* server;
    ModelChoice choice;
    bool chosen = false;           // setModel was called
    Json loaded;                   // metadata; null until the worker has loaded `choice`
    bool loading = false;          // the message in flight is our own load
    std::int64_t nextId = 1, nextRequest = 1;
    std::int64_t inFlightId = 0;   // 0: nothing is in flight
    std::string kindInFlight;      // of the message in flight
    std::optional<Waiting> inFlight; // none for a load, and where nobody waits for the answer any more
    std::deque<Waiting> waiting;   // at most one of each kind
    std::chrono::milliseconds idleTime = IdleTime;
    QTimer idle, patience;         // the latter with a request that was given up
    bool wasBusy = false;
    std::int64_t toldOf = 0;       // the message that workChanged told of; 0: none
    std::optional<TemporaryFolder> folder;
    std::int64_t files = 0;
    ServingProcess process;        // the last one: it ends before the folder of its files goes

    bool busy() const { return inFlightId != 0 || !waiting.empty(); }
    bool givenUp() const { return inFlightId != 0 && !loading && !inFlight; }
    void tellBusy();
    void tellWork();
    void giveUp();
    void send(const std::string& kind, Json fields);
    void sendLoad();
    void next();
    void onMessage(const Json& message);
    void onAnswer(const Json& message);
    void onEnd(ServingProcess::End how, const Error& why);
    void failAll(const Error& error);
    void drop();
};

void ModelServer::State::tellBusy()
{
    if (busy() == wasBusy)
        return;
    wasBusy = !wasBusy;
    if (wasBusy)
        idle.stop();
    else if (process.isThere())
        idle.start(idleTime);
    Q_EMIT server->busyChanged(wasBusy);
}

void ModelServer::State::tellWork()
{
    if (const std::int64_t now = givenUp() ? 0 : inFlightId; now != std::exchange(toldOf, now))
        Q_EMIT server->workChanged();
}

/// Nobody waits for what is in flight any more. The process is told, and ended unless it is done with it soon.
void ModelServer::State::giveUp()
{
    if (inFlight)
        std::exchange(inFlight, std::nullopt)->answer(withdrawn());
    process.write(protocol::message(protocol::Cancel, {{"target", inFlightId}}));
    patience.start(CancelTime);
    tellWork();
}

void ModelServer::State::send(const std::string& kind, Json fields)
{
    inFlightId = nextId++;
    kindInFlight = kind;
    fields["id"] = inFlightId;
    process.write(protocol::message(kind, std::move(fields)));
}

void ModelServer::State::sendLoad()
{
    Json fields = Json::object();
    if (const path& model = choice.checkpoint.empty() ? choice.model : choice.checkpoint; !model.empty())
        fields["model"] = model.string();
    else
        fields = {{"method", choice.method}, {"preset", choice.preset}, {"options", choice.options}, {"seed", choice.seed}};
    loading = true;
    send(protocol::Load, std::move(fields));
}

/// Sends what is due when nothing is in flight.
void ModelServer::State::next()
{
    if (inFlightId == 0 && (!waiting.empty() || (chosen && loaded.is_null() && process.isThere()))) {
        if (const auto started = process.start(); !started) {
            failAll(started.error());
            return;
        }
        if (chosen && loaded.is_null()) {
            sendLoad();
        } else if (!waiting.empty()) {
            inFlight = std::move(waiting.front());
            waiting.pop_front();
            send(inFlight->kind, inFlight->fields);
        }
    }
    tellBusy();
    tellWork();
}

void ModelServer::State::onMessage(const Json& message)
{
    if (message.value("id", Json()) != inFlightId)
        return;
    const Json& kind = message["kind"];
    if (kind == protocol::Done || kind == protocol::Failed)
        onAnswer(message);
    else if (kind == protocol::Progress && !givenUp())
        Q_EMIT server->progressed(message.value("done", std::int64_t{0}), message.value("total", std::int64_t{0}));
}

void ModelServer::State::onAnswer(const Json& message)
{
    const Result<Json> answer = message["kind"] == protocol::Done ? Result<Json>(message) : Result<Json>(std::unexpected(protocol::errorFrom(message)));
    patience.stop();
    inFlightId = 0;
    if (loading) {
        loading = false;
        if (!answer) {
            failAll(answer.error());
            return;
        }
        loaded = answer->value("model", Json::object());
        next(); // at work again before receivers ask for more
        Q_EMIT server->modelReady(loaded);
        return;
    }
    const std::optional<Waiting> done = std::exchange(inFlight, std::nullopt);
    next();
    if (done) // nobody waits for what was given up
        done->answer(answer);
}

/// The process is gone: everything open fails with what is known.
void ModelServer::State::onEnd(ServingProcess::End how, const Error& why)
{
    idle.stop();
    patience.stop();
    loaded = nullptr;
    loading = false;
    if (how != ServingProcess::End::Exited || busy()) // else it was idle and left
        failAll(why);
}

void ModelServer::State::failAll(const Error& error)
{
    std::deque<Waiting> open = std::exchange(waiting, {});
    if (inFlight)
        open.push_front(*std::exchange(inFlight, std::nullopt));
    inFlightId = 0;
    loading = false;
    tellBusy();
    tellWork();
    for (const Waiting& one : open)
        one.answer(std::unexpected(error));
    if (error.code != ErrorCode::Cancelled)
        Q_EMIT server->failed(QString::fromStdString(error.sentence()));
}

/// Ends the process without a word to anyone.
void ModelServer::State::drop()
{
    idle.stop();
    patience.stop();
    loaded = nullptr;
    process.drop();
}

ModelServer::ModelServer(QObject* parent) : QObject(parent), m_state(std::make_unique<State>())
{
    m_state->server = this;
    connect(&m_state->process, &ServingProcess::said, this, [this](const Json& message) { m_state->onMessage(message); });
    connect(&m_state->process, &ServingProcess::ended, this, [this](ServingProcess::End how, const Error& why) { m_state->onEnd(how, why); });
    m_state->idle.setSingleShot(true);
    connect(&m_state->idle, &QTimer::timeout, this, [this] {
        log::info("services.model", "the serving worker was idle and is ended");
        m_state->drop();
    });
    m_state->patience.setSingleShot(true);
    connect(&m_state->patience, &QTimer::timeout, this, [this] {
        log::info("services.model", "the serving worker goes on with a request that was given up, and is ended");
        m_state->drop();
        m_state->inFlightId = 0;
        m_state->next(); // what waits begins with another process
    });
}

ModelServer::~ModelServer() = default;

void ModelServer::setModel(const ModelChoice& choice)
{
    State& s = *m_state;
    if (s.chosen && choice == s.choice && (!s.loaded.is_null() || s.loading))
        return;
    s.choice = choice;
    s.chosen = true;
    s.loaded = nullptr;
    // answers of the former model are of no use
    for (const Waiting& one : std::exchange(s.waiting, {}))
        one.answer(replaced());
    if (s.inFlightId != 0) {
        // what is in flight belongs to the former model: begin anew rather than wait for it
        if (s.inFlight)
            std::exchange(s.inFlight, std::nullopt)->answer(replaced());
        s.loading = false;
        s.inFlightId = 0;
        s.drop();
    }
    if (const auto started = s.process.start(); !started) {
        s.failAll(started.error());
        return;
    }
    s.next();
}

const Json& ModelServer::model() const { return m_state->loaded; }

std::int64_t ModelServer::request(const std::string& kind, Json fields, QObject* receiver, Done done)
{
    State& s = *m_state;
    const std::int64_t number = s.nextRequest++;
    Waiting fresh{kind, std::move(fields), Relay(receiver), std::move(done), number};
    if (!s.chosen) {
        fresh.answer(fail(ErrorCode::Usage, "no model is chosen"));
        return number;
    }
    if (const auto older = std::ranges::find(s.waiting, kind, &Waiting::kind); older != s.waiting.end()) {
        older->answer(replaced());
        s.waiting.erase(older);
    }
    s.waiting.push_back(std::move(fresh));
    s.next();
    return number;
}

void ModelServer::withdraw(std::int64_t number)
{
    State& s = *m_state;
    if (s.inFlight && s.inFlight->number == number) {
        s.giveUp();
    } else if (const auto one = std::ranges::find(s.waiting, number, &Waiting::number); one != s.waiting.end()) {
        one->answer(withdrawn());
        s.waiting.erase(one);
        s.tellBusy();
    }
}

path ModelServer::newFile(const std::string& suffix)
{
    State& s = *m_state;
    if (!s.folder) {
        auto made = TemporaryFolder::make("hilum-model");
        if (!made) {
            log::error("services.model", "no folder for requests: {}", made.error().sentence());
            return {};
        }
        s.folder.emplace(*std::move(made));
    }
    const auto name = [&](std::int64_t n) { return s.folder->where() / std::to_string(n); };
    if (std::error_code ignored; s.files >= KeptFiles) // of any suffix: each number has a folder of its own
        std::filesystem::remove_all(name(s.files - KeptFiles), ignored);
    const path home = name(s.files++);
    if (const auto folder = makeFolder(home); !folder)
        log::error("services.model", "no folder for requests: {}", folder.error().sentence());
    return home / ("file" + suffix);
}

void ModelServer::cancel()
{
    State& s = *m_state;
    if (s.loading)
        stop(); // there is nothing to ask of it then
    else if (s.inFlight)
        s.giveUp();
}

std::string ModelServer::atWorkOn() const { return m_state->inFlightId == 0 || m_state->givenUp() ? std::string() : m_state->kindInFlight; }

bool ModelServer::busy() const { return m_state->busy(); }

std::int64_t ModelServer::pid() const { return m_state->process.pid(); }

void ModelServer::setIdleTime(std::chrono::milliseconds idle)
{
    m_state->idleTime = idle;
    if (m_state->idle.isActive())
        m_state->idle.start(idle);
}

void ModelServer::stop()
{
    m_state->drop();
    m_state->failAll({.code = ErrorCode::Cancelled, .message = "the serving worker was ended"});
}

} // namespace hilum::services
