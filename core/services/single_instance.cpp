#include "core/services/single_instance.h"

#include "core/base/digest.h"
#include "core/base/jsonl.h"
#include "core/base/log.h"
#include "core/base/numbers.h"

#include <QDeadlineTimer>
#include <QDir>
#include <QLocalSocket>

#include <memory>
#include <unistd.h>
#include <utility>

namespace hilum::services {

namespace {

constexpr char Path[] = "path";
constexpr char Open[] = "open";
constexpr char Taken[] = "taken";
constexpr std::size_t LongestLine = 1u << 20; // of one path, escaped

/// Names of files are bytes, JSON is text.
std::string escaped(const path& file)
{
    return QByteArray::fromStdString(file.string()).toPercentEncoding("/").toStdString();
}

path unescaped(const std::string& text)
{
    return QByteArray::fromPercentEncoding(QByteArray::fromStdString(text)).toStdString();
}

void send(QLocalSocket& socket, const Json& line)
{
    socket.write(QByteArray::fromStdString(jsonLine(line) + "\n"));
}

} // namespace

QString SingleInstance::socketName(const path& library)
{
    // the same folder by whatever path; one socket a user
    std::error_code none; // not made yet: its path as given must do
    path folder = std::filesystem::weakly_canonical(library, none);
    if (none)
        folder = std::filesystem::absolute(library);
    const std::string digest = sha256Hex(hilum::format("{}:{}", ::getuid(), folder.string())).substr(0, 24);
    const QString runtime = qEnvironmentVariable("XDG_RUNTIME_DIR");
    return (runtime.isEmpty() ? QDir::tempPath() : runtime) + "/hilum-" + QString::fromStdString(digest);
}

SingleInstance::SingleInstance(const path& library, QObject* parent) : QObject(parent), m_library(library)
{
    m_server.setSocketOptions(QLocalServer::UserAccessOption);
    connect(&m_server, &QLocalServer::newConnection, this, &SingleInstance::answer);
}

Result<bool> SingleInstance::handOver(const path& library, const OpenRequest& request, std::chrono::milliseconds patience)
{
    const QDeadlineTimer deadline(patience);
    QLocalSocket socket;
    socket.connectToServer(socketName(library));
    if (!socket.waitForConnected(int(deadline.remainingTime())))
        return false; // nobody, or the socket of one that was killed
    // a line each: there may be any number of them
    for (const path& one : request.paths)
        send(socket, {{"kind", Path}, {"path", escaped(std::filesystem::absolute(one).lexically_normal())}});
    send(socket, {{"kind", Open}, {"demo", request.demo}});
    QByteArray reply;
    while (!reply.contains('\n') && socket.waitForReadyRead(int(deadline.remainingTime())))
        reply += socket.readAll();
    if (const auto answered = parseJson(reply.trimmed().toStdString()); answered && answered->is_object() && answered->value("kind", Json()) == Taken)
        return true;
    if (socket.state() != QLocalSocket::ConnectedState)
        return false; // it ended before it took anything
    return fail(ErrorCode::Busy, "another window has the library in {} open, and does not answer within {} s: look for it, or end it first", library.string(),
                shortest(std::chrono::duration<double>(patience).count()));
}

Status SingleInstance::listen()
{
    const QString name = socketName(m_library);
    // Qt puts its socket in the place of another one without asking
    QLocalSocket probe;
    probe.connectToServer(name);
    if (probe.waitForConnected(1000))
        return fail(ErrorCode::Busy, "another window has the library in {} open", m_library.string());
    QLocalServer::removeServer(name); // left behind by one that was killed
    if (!m_server.listen(name))
        return fail(ErrorCode::Io, "cannot listen at {}: {}", name.toStdString(), m_server.errorString().toStdString());
    return {};
}

void SingleInstance::begin()
{
    m_begun = true;
    for (const OpenRequest& one : std::exchange(m_early, {}))
        Q_EMIT requested(one);
}

void SingleInstance::close()
{
    m_server.close();
    for (QLocalSocket* socket : m_server.findChildren<QLocalSocket*>())
        socket->abort(); // one that has not been answered asks again
}

void SingleInstance::answer()
{
    while (QLocalSocket* socket = m_server.nextPendingConnection()) {
        connect(socket, &QLocalSocket::disconnected, socket, &QObject::deleteLater);
        read(socket);
    }
}

void SingleInstance::read(QLocalSocket* socket)
{
    const auto reader = std::make_shared<JsonLineReader>(LongestLine);
    const auto request = std::make_shared<OpenRequest>();
    const auto take = [this, socket, reader, request] {
        for (const auto& line : reader->feed(socket->readAll().toStdString())) {
            if (!line) {
                log::warning("services.instance", "a second start was not understood: {}", name(line.error().code));
                continue;
            }
            const Json kind = line->value("kind", Json());
            if (kind == Path && line->contains("path") && (*line)["path"].is_string())
                request->paths.push_back(unescaped((*line)["path"].get<std::string>()));
            if (kind != Open)
                continue;
            request->demo = line->value("demo", Json()) == true;
            send(*socket, {{"kind", Taken}});
            socket->flush();
            const OpenRequest asked = std::exchange(*request, {});
            if (m_begun)
                Q_EMIT requested(asked);
            else
                m_early.push_back(asked);
        }
    };
    connect(socket, &QLocalSocket::readyRead, this, take);
    take(); // what came before the connect above
}

} // namespace hilum::services
