#include "app/worker/keep_awake.h"

#include "core/base/log.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace hilum::worker {

using namespace std::chrono_literals;

KeepAwake::KeepAwake(const std::string& why)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return;
    std::vector<std::string> words{"systemd-inhibit", "--what=sleep:idle", "--mode=block", "--who=Hilum", "--why=" + why, "cat"};
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    // what it has to say is no business of the job's record
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, "systemd-inhibit", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    if (error != 0) {
        log::info("worker", "the machine may go to sleep during this job: systemd-inhibit: {}", std::strerror(error));
        ::close(ends[1]);
        return;
    }
    m_pipe = ends[1];
    m_child = child;
}

KeepAwake::~KeepAwake()
{
    if (m_pipe < 0)
        return;
    ::close(m_pipe);
    int status = 0;
    const auto until = std::chrono::steady_clock::now() + 2s;
    pid_t seen = 0;
    while ((seen = ::waitpid(m_child, &status, WNOHANG)) == 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(5ms);
    if (seen == 0) { // still asking for permission
        ::kill(m_child, SIGKILL);
        while (::waitpid(m_child, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log::info("worker", "the machine was free to go to sleep during this job: systemd-inhibit ended with {}", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

} // namespace hilum::worker
