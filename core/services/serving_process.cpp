#include "core/services/serving_process.h"

#include "core/base/format.h"
#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/services/worker_program.h"

#include <QProcess>
#include <QTimer>

#include <csignal>
#include <sys/prctl.h>

namespace hilum::services {

namespace {

constexpr std::size_t KeptErrorBytes = 16384;
constexpr int LastWaitMs = 300; // for a process whose owner goes

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

ServingProcess::ServingProcess() = default;

ServingProcess::~ServingProcess()
{
    if (!m_process)
        return;
    m_process->disconnect(this);
    m_process->closeWriteChannel();
    m_process->terminate();
    m_process->waitForFinished(LastWaitMs);
    if (m_process->state() == QProcess::NotRunning)
        return;
    m_process->kill(); // nobody needs its answer any more
    log::warning("services.model", "left behind, because it did not end in time: the serving worker, process {}", m_process->processId());
    letGo(std::move(m_process));
}

std::int64_t ServingProcess::pid() const { return m_process ? m_process->processId() : 0; }

Status ServingProcess::start()
{
    if (m_process)
        return {};
    HILUM_TRY(const path program, workerProgram());
    m_process = std::make_unique<QProcess>();
    m_reader = JsonLineReader();
    m_errors.clear();
    m_killsBefore = outOfMemoryKills();
    m_process->setProgram(QString::fromStdString(program.string()));
    m_process->setArguments({"serve"});
    m_process->setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGTERM); }); // no window, no use for it
    connect(m_process.get(), &QProcess::readyReadStandardOutput, this, &ServingProcess::read);
    connect(m_process.get(), &QProcess::readyReadStandardError, this, [this] {
        m_errors += m_process->readAllStandardError().toStdString();
        if (m_errors.size() > 2 * KeptErrorBytes)
            m_errors.erase(0, m_errors.size() - KeptErrorBytes);
    });
    // queued: the process object is let go there
    connect(m_process.get(), &QProcess::finished, this, &ServingProcess::onEnd, Qt::QueuedConnection);
    connect(m_process.get(), &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart)
            onEnd();
    }, Qt::QueuedConnection);
    m_process->start();
    return {};
}

void ServingProcess::write(const Json& message)
{
    m_process->write(QByteArray::fromStdString(jsonLine(message) + "\n"));
}

void ServingProcess::drop()
{
    if (!m_process)
        return;
    m_process->disconnect(this);
    m_process->closeWriteChannel();
    m_process->terminate();
    QProcess* leaving = letGo(std::move(m_process));
    QTimer::singleShot(5000, leaving, [leaving] { leaving->kill(); });
}

void ServingProcess::read()
{
    for (const auto& line : m_reader.feed(m_process->readAllStandardOutput().toStdString())) {
        const auto kind = line ? protocol::kindOf(*line) : Result<std::string>(std::unexpected(line.error()));
        if (!kind || (*kind == protocol::Progress && !(isCount(*line, "done") && isCount(*line, "total"))))
            log::warning("services.model", "the serving worker said something that cannot be understood");
        else
            Q_EMIT said(*line);
    }
}

void ServingProcess::onEnd()
{
    if (!m_process || m_process->state() != QProcess::NotRunning)
        return;
    const std::unique_ptr<QProcess> process = std::move(m_process);
    if (process->error() == QProcess::FailedToStart) {
        Q_EMIT ended(End::NotStarted, {.code = ErrorCode::NotFound, .message = hilum::format("cannot start {}: {}", process->program().toStdString(), process->errorString().toStdString())});
        return;
    }
    m_errors += process->readAllStandardError().toStdString();
    const bool signalled = process->exitStatus() == QProcess::CrashExit;
    ProcessEnd end{.signalled = signalled, .number = process->exitCode(), .lastWords = lastWords(m_errors)};
    end.outOfMemory = signalled && end.number == SIGKILL && m_killsBefore >= 0 && outOfMemoryKills() > m_killsBefore;
    Q_EMIT ended(signalled ? End::Signalled : End::Exited, lostWorker(end));
}

} // namespace hilum::services
