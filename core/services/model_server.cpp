#include "core/services/model_server.h"

#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"

#include <QProcess>
#include <QTimer>

#include <algorithm>
#include <csignal>
#include <deque>
#include <optional>
#include <sys/prctl.h>

namespace hilum::services {

namespace {

constexpr std::chrono::minutes IdleTime{5};
constexpr std::int64_t KeptFiles = 256;     // newest files of requests and answers; older ones are removed
constexpr std::size_t KeptErrorBytes = 16384;
constexpr int LastWaitMs = 300; // for a process whose owner goes
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

bool isCount(const Json& message, const char* key)
{
    const auto field = message.find(key);
    return field == message.end() || field->is_number_integer(); // where it is missing, it is 0
}

/// The object of a process that was asked to end and is not waited for. It must not go before its process, for which ~QProcess waits half a minute: one that hangs in the kernel keeps it for ever.
QProcess* letGo(std::unique_ptr<QProcess> process)
{
    QProcess* leaving = process.release();
    QObject::connect(leaving, &QProcess::finished, leaving, &QObject::deleteLater);
    if (leaving->state() == QProcess::NotRunning)
        leaving->deleteLater();
    return leaving;
}

} // namespace

struct ModelServer::State {
    ModelServer* server;
    ModelChoice choice;
    bool chosen = false;           // setModel was called
    Json loaded;                   // metadata; null until the worker has loaded `choice`
    bool loading = false;          // the message in flight is our own load
    std::unique_ptr<QProcess> process;
    JsonLineReader reader;
    std::string errors;            // end of standard error
    std::int64_t nextId = 1, nextRequest = 1;
    std::int64_t inFlightId = 0;   // 0: nothing is in flight
    std::string kindInFlight;      // of the message in flight
    std::optional<Waiting> inFlight; // none for a load, and where nobody waits for the answer any more
    std::deque<Waiting> waiting;   // at most one of each kind
    std::int64_t killsBefore = -1;
    std::chrono::milliseconds idleTime = IdleTime;
    QTimer idle, patience;         // the latter with a request that was given up
    bool wasBusy = false;
    std::int64_t toldOf = 0;       // the message that workChanged told of; 0: none
    std::optional<TemporaryFolder> folder;
    std::int64_t files = 0;

    bool busy() const { return inFlightId != 0 || !waiting.empty(); }
    bool givenUp() const { return inFlightId != 0 && !loading && !inFlight; }
    void tellBusy();
    void tellWork();
    void giveUp();
    Status start();
    void send(const std::string& kind, Json fields);
    void sendLoad();
    void next();
    void read();
    void onAnswer(const Json& message);
    void onEnd();
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
    else if (process)
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
    process->write(QByteArray::fromStdString(jsonLine(protocol::message(protocol::Cancel, {{"target", inFlightId}})) + "\n"));
    patience.start(CancelTime);
    tellWork();
}

Status ModelServer::State::start()
{
    HILUM_TRY(const path program, workerProgram());
    process = std::make_unique<QProcess>();
    reader = JsonLineReader();
    errors.clear();
    loaded = nullptr;
    killsBefore = outOfMemoryKills();
    process->setProgram(QString::fromStdString(program.string()));
    process->setArguments({"serve"});
    process->setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGTERM); }); // no window, no use for it
    QObject::connect(process.get(), &QProcess::readyReadStandardOutput, server, [this] { read(); });
    QObject::connect(process.get(), &QProcess::readyReadStandardError, server, [this] {
        errors += process->readAllStandardError().toStdString();
        if (errors.size() > 2 * KeptErrorBytes)
            errors.erase(0, errors.size() - KeptErrorBytes);
    });
    // queued: the process object is let go there
    QObject::connect(process.get(), &QProcess::finished, server, [this] { onEnd(); }, Qt::QueuedConnection);
    QObject::connect(process.get(), &QProcess::errorOccurred, server, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart)
            onEnd();
    }, Qt::QueuedConnection);
    process->start();
    return {};
}

void ModelServer::State::send(const std::string& kind, Json fields)
{
    inFlightId = nextId++;
    kindInFlight = kind;
    fields["id"] = inFlightId;
    process->write(QByteArray::fromStdString(jsonLine(protocol::message(kind, std::move(fields))) + "\n"));
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
    if (inFlightId == 0 && (!waiting.empty() || (chosen && loaded.is_null() && process))) {
        if (!process)
            if (const auto started = start(); !started) {
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

void ModelServer::State::read()
{
    for (const auto& line : reader.feed(process->readAllStandardOutput().toStdString())) {
        const auto kind = line ? protocol::kindOf(*line) : Result<std::string>(std::unexpected(line.error()));
        if (!kind || (*kind == protocol::Progress && !(isCount(*line, "done") && isCount(*line, "total"))))
            log::warning("services.model", "the serving worker said something that cannot be understood");
        else if ((*kind == protocol::Done || *kind == protocol::Failed) && line->value("id", Json()) == inFlightId)
            onAnswer(*line);
        else if (*kind == protocol::Progress && line->value("id", Json()) == inFlightId && !givenUp())
            Q_EMIT server->progressed(line->value("done", std::int64_t{0}), line->value("total", std::int64_t{0}));
    }
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
void ModelServer::State::onEnd()
{
    if (!process || process->state() != QProcess::NotRunning)
        return;
    const std::unique_ptr<QProcess> ended = std::move(process);
    idle.stop();
    patience.stop();
    loaded = nullptr;
    loading = false;
    if (ended->error() == QProcess::FailedToStart) {
        failAll({.code = ErrorCode::NotFound, .message = std::format("cannot start {}: {}", ended->program().toStdString(), ended->errorString().toStdString())});
        return;
    }
    errors += ended->readAllStandardError().toStdString();
    const bool signalled = ended->exitStatus() == QProcess::CrashExit;
    if (!busy() && !signalled)
        return; // it was idle and left
    ProcessEnd end{.signalled = signalled, .number = ended->exitCode(), .lastWords = lastWords(errors)};
    end.outOfMemory = signalled && end.number == SIGKILL && killsBefore >= 0 && outOfMemoryKills() > killsBefore;
    failAll(lostWorker(end));
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
    if (!process)
        return;
    process->disconnect(server);
    process->closeWriteChannel();
    process->terminate();
    QProcess* leaving = letGo(std::move(process));
    QTimer::singleShot(5000, leaving, [leaving] { leaving->kill(); });
}

ModelServer::ModelServer(QObject* parent) : QObject(parent), m_state(std::make_unique<State>())
{
    m_state->server = this;
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

ModelServer::~ModelServer()
{
    State& s = *m_state;
    if (!s.process)
        return;
    s.process->disconnect(this);
    s.process->closeWriteChannel();
    s.process->terminate();
    s.process->waitForFinished(LastWaitMs);
    if (s.process->state() == QProcess::NotRunning)
        return;
    s.process->kill(); // nobody needs its answer any more
    log::warning("services.model", "left behind, because it did not end in time: the serving worker, process {}", s.process->processId());
    letGo(std::move(s.process));
}

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
    if (!s.process)
        if (const auto started = s.start(); !started) {
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

std::int64_t ModelServer::pid() const { return m_state->process ? m_state->process->processId() : 0; }

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
