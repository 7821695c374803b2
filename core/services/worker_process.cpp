#include "core/services/worker_process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hilum::services {

namespace {

std::string endOf(const path& file, std::streamoff bytes)
{
    std::ifstream in(file, std::ios::binary);
    in.seekg(0, std::ios::end);
    const std::streamoff size = in.tellg();
    if (size <= 0)
        return {};
    in.seekg(std::max<std::streamoff>(0, size - bytes));
    return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Descriptor {
    int fd;
    ~Descriptor()
    {
        if (fd >= 0)
            ::close(fd);
    }
};

/// posix_spawn's two objects, released together.
struct SpawnSettings {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    SpawnSettings()
    {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings()
    {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

} // namespace

Result<WorkerProcess> WorkerProcess::start(const std::vector<std::string>& arguments, const path& run, const std::function<bool()>& stopped)
{
    HILUM_TRY(const path program, workerProgram());
    const std::string logFile = (run / "worker.log").string();
    // not in the child: one that waits there has no number yet by which it could be stopped, and holds this program's locks and sockets until it runs the worker
    const Descriptor opened{::open(logFile.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    if (opened.fd < 0)
        return std::unexpected(systemError("open", logFile, errno));
    if (stopped())
        return fail(ErrorCode::Cancelled, "stopped before it began");
    SpawnSettings settings;
    ::posix_spawn_file_actions_adddup2(&settings.actions, opened.fd, STDERR_FILENO); // first: it may have the number of one of the others
    ::posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&settings.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, 3);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&settings.attributes, &none);
    ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
    ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);

    WorkerProcess process;
    process.m_killsBefore = outOfMemoryKills();
    pid_t pid = 0;
    if (const int error = ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes, argv.data(), environ); error != 0)
        return std::unexpected(systemError("start", program.string(), error));
    process.m_identity = thisProcess();
    process.m_identity.pid = pid;
    process.m_identity.startedTicks = startedTicks(pid).value_or(0);
    process.m_run = run;
    process.m_child = true;
    return process;
}

WorkerProcess WorkerProcess::adopt(ProcessIdentity identity, const path& run)
{
    WorkerProcess process;
    process.m_identity = std::move(identity);
    process.m_run = run;
    process.m_killsBefore = outOfMemoryKills();
    return process;
}

Result<ProcessIdentity> WorkerProcess::identityIn(const path& run)
{
    HILUM_TRY(const std::string text, readTextFile(run / "worker.json", 65536));
    HILUM_TRY(const Json json, parseJson(text));
    return processFromJson(json);
}

bool WorkerProcess::isAtWork(const ProcessIdentity& identity, const path& run)
{
    if (const Alive alive = isAlive(identity); alive != Alive::Unknown)
        return alive == Alive::Yes;
    const int file = ::open((run / ".lock").c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0)
        return false;
    const bool held = ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(file);
    return held;
}

bool WorkerProcess::hasEnded()
{
    if (m_ended)
        return true;
    if (m_child) {
        siginfo_t seen{};
        const int failed = ::waitid(P_PID, static_cast<id_t>(m_identity.pid), &seen, WEXITED | WNOHANG | WNOWAIT);
        if ((failed == 0 && seen.si_pid == 0) || (failed != 0 && errno == EINTR))
            return false;
        m_end.known = failed == 0;
        if (m_end.known) {
            m_end.signalled = seen.si_code != CLD_EXITED;
            m_end.number = seen.si_status;
        }
    } else {
        if (isAtWork(m_identity, m_run))
            return false;
        m_end.known = false;
    }
    m_ended = true;
    const bool killed = !m_end.known || (m_end.signalled && m_end.number == SIGKILL);
    m_end.outOfMemory = killed && m_killsBefore >= 0 && outOfMemoryKills() > m_killsBefore;
    m_end.lastWords = lastWords(endOf(m_run / "worker.log", 8192));
    return true;
}

void WorkerProcess::reap() const
{
    if (m_child)
        ::waitpid(static_cast<pid_t>(m_identity.pid), nullptr, WNOHANG);
}

ProcessEnd WorkerProcess::end() const
{
    return m_end;
}

void WorkerProcess::terminate() const
{
    if (isAlive(m_identity) == Alive::Yes)
        ::kill(static_cast<pid_t>(m_identity.pid), SIGTERM);
}

void WorkerProcess::kill() const
{
    if (isAlive(m_identity) != Alive::Yes)
        return;
    const auto pid = static_cast<pid_t>(m_identity.pid);
    ::kill(::getpgid(pid) == pid ? -pid : pid, SIGKILL);
}

} // namespace hilum::services
