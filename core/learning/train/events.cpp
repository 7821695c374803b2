#include "core/learning/train/events.h"

#include "core/base/job_protocol.h"
#include "core/base/process_identity.h"
#include "core/learning/train/stop_wishes.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

namespace hilum::learning {

namespace {

constexpr std::chrono::milliseconds Beat{1000};

/// Ends a line that was cut off.
void closeLastLine(int file)
{
    char last = '\n';
    if (const off_t end = ::lseek(file, 0, SEEK_END); end > 0 && ::pread(file, &last, 1, end - 1) == 1 && last != '\n')
        [[maybe_unused]] const auto written = ::write(file, "\n", 1);
}

} // namespace

Result<std::unique_ptr<EventStream>> EventStream::open(const path& run, Echo echo)
{
    const path name = run / "events.jsonl";
    const int file = ::open(name.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return std::unexpected(systemError("open", name.string(), errno));
    closeLastLine(file);
    return std::unique_ptr<EventStream>(new EventStream(file, name, echo));
}

Result<std::unique_ptr<EventStream>> EventStream::nowhere()
{
    const int file = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return std::unexpected(systemError("open", "/dev/null", errno));
    return std::unique_ptr<EventStream>(new EventStream(file, "/dev/null", Echo::None));
}

EventStream::EventStream(int file, path name, Echo echo) : m_file(file), m_name(std::move(name)), m_echo(echo) {}

EventStream::~EventStream() { ::close(m_file); }

void EventStream::emit(std::string_view kind, Json fields)
{
    const std::string line = jsonLine(protocol::message(kind, std::move(fields))) + "\n";
    const std::scoped_lock lock(m_mutex);
    const bool wasFine = m_last.has_value();
    if (!wasFine)
        closeLastLine(m_file); // where the half could not be taken back
    const off_t before = ::lseek(m_file, 0, SEEK_END);
    m_last = writeAll(m_file, std::as_bytes(std::span(line)), m_name);
    if (!m_last && before >= 0)
        [[maybe_unused]] const int undone = ::ftruncate(m_file, before); // half an event would spoil the next one, too
    if (!m_last && wasFine)
        std::fprintf(stderr, "%s\n", m_last.error().sentence().c_str());
    if (m_echo == Echo::StandardOutput && (std::fputs(line.c_str(), stdout) < 0 || std::fflush(stdout) != 0))
        m_echo = Echo::None; // its reader is gone: events.jsonl goes on
}

Status EventStream::lastWrite() const
{
    const std::scoped_lock lock(m_mutex);
    return m_last;
}

Json RunProgress::json() const
{
    Json out = {{"phase", phase}, {"step", step}, {"steps", steps}, {"epoch", epoch}, {"images_per_s", imagesPerSecond}};
    out["seconds_left"] = secondsLeft < 0 ? Json() : Json(secondsLeft);
    if (total > 0)
        out.update({{"done", done}, {"total", total}});
    return out;
}

RunMonitor::RunMonitor(EventStream& events, Listen listen) : m_events(events)
{
    if (::pipe2(m_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        throw std::runtime_error("no pipe for the monitor of the run");
    if (listen == Listen::SignalsAndInput) {
        // reading a terminal from the background would stop the process
        if (!::isatty(STDIN_FILENO))
            m_input = STDIN_FILENO;
        passStopWishes(m_pipe[1]);
        m_signals = true;
    }
    m_thread = std::thread([this] { work(); });
}

RunMonitor::~RunMonitor()
{
    if (m_signals)
        forgetStopWishes();
    stop();
    ::close(m_pipe[0]);
    ::close(m_pipe[1]);
}

void RunMonitor::stop()
{
    m_stopping = true;
    [[maybe_unused]] const auto written = ::write(m_pipe[1], "q", 1);
    if (m_thread.joinable())
        m_thread.join();
}

void RunMonitor::finish(Json result)
{
    stop(); // readers of the record look at its last line
    m_events.emit(protocol::Done, std::move(result));
}

void RunMonitor::say()
{
    Json progress;
    {
        const std::scoped_lock lock(m_mutex);
        progress = m_progress.json();
    }
    m_events.emit(protocol::Progress, std::move(progress));
}

void RunMonitor::enter(const std::string& phase)
{
    {
        const std::scoped_lock lock(m_mutex);
        if (m_cancelled && m_progress.phase == "saving")
            return;
        m_progress.phase = phase;
        m_progress.done = m_progress.total = 0;
    }
    say();
}

void RunMonitor::within(std::int64_t done, std::int64_t total)
{
    const std::scoped_lock lock(m_mutex);
    if (m_progress.phase == "saving")
        return; // a wish to stop has ended the phase that counts
    m_progress.done = done;
    m_progress.total = total;
}

void RunMonitor::update(std::int64_t step, std::int64_t steps, double epoch, double secondsLeft, double imagesPerSecond)
{
    const std::scoped_lock lock(m_mutex);
    m_progress.step = step;
    m_progress.steps = steps;
    m_progress.epoch = epoch;
    m_progress.secondsLeft = secondsLeft;
    m_progress.imagesPerSecond = imagesPerSecond;
}

void RunMonitor::requestCancel() { [[maybe_unused]] const auto written = ::write(m_pipe[1], "c", 1); m_cancelled = true; }

void RunMonitor::readInput()
{
    char buffer[4096];
    const auto count = ::read(m_input, buffer, sizeof buffer);
    if (count <= 0) {
        m_input = -1; // closed: only signals can stop the run now
        return;
    }
    for (const Result<Json>& line : m_lines.feed({buffer, static_cast<std::size_t>(count)}))
        if (line && line->is_object() && line->value("kind", Json()) == protocol::Cancel)
            [[maybe_unused]] const auto written = ::write(m_pipe[1], "c", 1);
}

void RunMonitor::work()
{
    auto next = std::chrono::steady_clock::now() + Beat;
    while (!m_stopping) {
        pollfd wait[2] = {{m_pipe[0], POLLIN, 0}, {m_input, POLLIN, 0}};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - std::chrono::steady_clock::now()).count();
        ::poll(wait, m_input >= 0 ? 2 : 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (m_input >= 0 && wait[1].revents != 0)
            readInput();
        char word = 0;
        bool wished = false;
        while (::read(m_pipe[0], &word, 1) == 1)
            wished = wished || word == 'c';
        if (m_stopping)
            return;
        if (wished) {
            {
                const std::scoped_lock lock(m_mutex);
                m_progress.phase = "saving";
                m_progress.done = m_progress.total = 0;
            }
            m_cancelled = true;
            say();
        }
        if (std::chrono::steady_clock::now() >= next) {
            say();
            next = std::chrono::steady_clock::now() + Beat;
        }
    }
}

Status writeWorkerFile(const path& run)
{
    return writeFileAtomically(run / "worker.json", jsonLine(toJson(thisProcess())) + "\n");
}

Result<RunLock> RunLock::take(const path& run)
{
    const path name = run / ".lock";
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return std::unexpected(systemError("open", name.string(), errno));
    // network file systems without locks must not keep a person from training
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(file);
        return fail(ErrorCode::Busy, "another worker is at work in {}", run.string());
    }
    return RunLock(file);
}

RunLock::~RunLock()
{
    if (m_file >= 0)
        ::close(m_file);
}

} // namespace hilum::learning
