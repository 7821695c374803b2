#include "core/services/single_instance.h"

#include "core/base/digest.h"
#include "core/base/jsonl.h"

#include <QDir>
#include <QLocalSocket>

#include <memory>
#include <unistd.h>

namespace hilum::services {

namespace {

constexpr char Open[] = "open";
constexpr char Taken[] = "taken";

} // namespace

QString SingleInstance::socketName(const path& library)
{
    // the same folder by whatever path; one socket a user
    std::error_code none; // not made yet: its path as given must do
    path folder = std::filesystem::weakly_canonical(library, none);
    if (none)
        folder = std::filesystem::absolute(library);
    const std::string digest = sha256Hex(std::format("{}:{}", ::getuid(), folder.string())).substr(0, 24);
    const QString runtime = qEnvironmentVariable("XDG_RUNTIME_DIR");
    return (runtime.isEmpty() ? QDir::tempPath() : runtime) + "/hilum-" + QString::fromStdString(digest);
}

SingleInstance::SingleInstance(const path& library, QObject* parent) : QObject(parent), m_library(library)
{
    m_server.setSocketOptions(QLocalServer::UserAccessOption);
    connect(&m_server, &QLocalServer::newConnection, this, &SingleInstance::answer);
}

Result<bool> SingleInstance::handOver(const path& library, const QStringList& paths, std::chrono::milliseconds patience)
{
    const int ms = static_cast<int>(patience.count());
    QLocalSocket socket;
    socket.connectToServer(socketName(library));
    if (!socket.waitForConnected(ms))
        return false; // nobody, or the socket of one that was killed
    Json request = {{"kind", Open}, {"paths", Json::array()}};
    for (const QString& p : paths)
        request["paths"].push_back(std::filesystem::absolute(p.toStdString()).lexically_normal().string());
    socket.write(QByteArray::fromStdString(jsonLine(request) + "\n"));
    QByteArray reply;
    while (!reply.contains('\n') && socket.waitForReadyRead(ms))
        reply += socket.readAll();
    if (const auto answered = parseJson(reply.trimmed().toStdString()); answered && answered->is_object() && answered->value("kind", Json()) == Taken)
        return true;
    return fail(ErrorCode::Busy, "another window has the library in {} open, and does not answer: look for it, or end it first", library.string());
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

void SingleInstance::answer()
{
    while (QLocalSocket* socket = m_server.nextPendingConnection()) {
        connect(socket, &QLocalSocket::disconnected, socket, &QObject::deleteLater);
        auto reader = std::make_shared<JsonLineReader>(1u << 20);
        const auto read = [this, socket, reader] {
            for (const auto& line : reader->feed(socket->readAll().toStdString())) {
                if (!line || line->value("kind", Json()) != Open)
                    continue;
                QStringList paths;
                if (const Json list = line->value("paths", Json::array()); list.is_array())
                    for (const Json& p : list)
                        if (p.is_string())
                            paths << QString::fromStdString(p.get<std::string>());
                socket->write(QByteArray::fromStdString(jsonLine({{"kind", Taken}}) + "\n"));
                socket->flush();
                Q_EMIT requested(paths);
            }
        };
        connect(socket, &QLocalSocket::readyRead, this, read);
        read(); // what came before the connect above
    }
}

} // namespace hilum::services
