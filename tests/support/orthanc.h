#pragma once

#include "core/base/format.h"

#include <QFile>
#include <QProcess>
#include <QTest>

#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <signal.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace hilum::tests {

/// A port of the loopback that was free a moment ago, another one each time. The system gives none of these to a caller, so nobody takes it before
/// its server does, and no caller meets itself there.
inline int freePort()
{
    constexpr int First = 10000, Count = 6000;
    static int next = ::getpid();
    for (int i = 0; i < Count; ++i) {
        const int port = First + next++ % Count;
        const int s = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(static_cast<std::uint16_t>(port));
        const bool ok = ::bind(s, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
        ::close(s);
        if (ok)
            return port;
    }
    return 0;
}

/// Something listens on this port of the loopback: now, or at the latest after `seconds`.
inline bool listens(int port, int seconds = 120)
{
    for (int i = 0; i == 0 || i < seconds * 20; ++i) {
        const int s = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(static_cast<std::uint16_t>(port));
        const bool ok = ::connect(s, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
        ::close(s);
        if (ok)
            return true;
        ::usleep(50000);
    }
    return false;
}

/// A program of the test's own on the loopback, killed with it.
class Server {
public:
    ~Server() { kill(); }
    bool start(const QString& program, const QStringList& arguments, int port)
    {
        m_process.setProcessChannelMode(QProcess::MergedChannels);
        m_process.start(program, arguments);
        return m_process.waitForStarted() && listens(port);
    }
    void kill()
    {
        if (m_process.state() == QProcess::NotRunning)
            return;
        ::kill(static_cast<pid_t>(m_process.processId()), SIGKILL);
        m_process.waitForFinished();
    }
    /// From any thread: the process is gone when this returns to its caller's next system call.
    void killNow() const { ::kill(static_cast<pid_t>(m_process.processId()), SIGKILL); }
    QString said() { return QString::fromUtf8(m_process.readAll()); }

private:
    QProcess m_process;
};

/// An Orthanc server with a configuration and a storage of its own; it knows HILUM at `movePort`.
class Orthanc : public Server {
public:
    static constexpr const char* Program = "/usr/sbin/Orthanc";
    static bool installed() { return QFile::exists(Program); }
    bool run(const std::filesystem::path& folder, const std::string& more = {})
    {
        port = freePort();
        movePort = freePort();
        std::filesystem::create_directories(folder / "storage");
        std::ofstream(folder / "orthanc.json") << hilum::format(
            R"({{"Name": "test", "StorageDirectory": "{0}/storage", "IndexDirectory": "{0}/storage", "Plugins": [], "SyncStorageArea": false, "HttpServerEnabled": false, "DicomServerEnabled": true, "DicomAet": "ORTHANC",
"DicomPort": {1}, "DicomCheckCalledAet": true, "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowFind": true, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true, "DicomAlwaysAllowStore": true,
"DicomModalities": {{"hilum": ["HILUM", "127.0.0.1", {2}]}}, "DicomScuTimeout": 30{3}}})", folder.string(), port, movePort, more);
        return start(Program, {QString::fromStdString((folder / "orthanc.json").string())}, port);
    }
    int port = 0, movePort = 0;
};

} // namespace hilum::tests

#define HILUM_NEED_ORTHANC()                                                                                                       \
    do {                                                                                                                         \
        if (!hilum::tests::Orthanc::installed())                                                                                 \
            QSKIP("Orthanc is not installed (Debian package orthanc)");                                                          \
    } while (false)

#define HILUM_NEED_PROGRAM(name)                                                                                                   \
    do {                                                                                                                         \
        if (QStandardPaths::findExecutable(name).isEmpty())                                                                      \
            QSKIP(name " is not installed");                                                                                     \
    } while (false)
