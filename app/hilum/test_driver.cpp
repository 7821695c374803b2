#include "app/hilum/test_driver.h"

#include "app/hilum/test_events.h"
#include "app/hilum/test_probe.h"
#include "core/base/guard.h"

#include <QAction>
#include <QApplication>
#include <QContextMenuEvent>
#include <QMenu>
#include <QMenuBar>
#include <QProcess>
#include <QTest>
#include <QTimer>
#include <QWindow>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace hilum::app {

using namespace events;

namespace {

constexpr int TurnMilliseconds = 20;         // between steps: lets the window paint
constexpr int PollMilliseconds = 50;
constexpr std::int64_t DefaultTimeout = 15000;

/// How many times as long as a script says is waited: scripts name what a quick and idle computer takes at most.
std::int64_t patience() { return std::max(1, qEnvironmentVariableIntValue("HILUM_TEST_PATIENCE")); }

std::string describe(const Json& step)
{
    Json rest = step;
    rest.erase("do");
    rest.erase("note");
    std::string text = step.value("do", "");
    if (!rest.empty())
        text += " " + rest.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 220 ? text.substr(0, 220) + "..." : text;
}

} // namespace

TestDriver::TestDriver(Script script, QWidget* window, QObject* parent)
    : QObject(parent)
    , m_script(std::move(script))
    , m_window(window)
    , m_pauses(window)
{
}

TestDriver::~TestDriver() = default;

void TestDriver::start(std::function<void(int)> finished)
{
    m_finished = std::move(finished);
    schedule(TurnMilliseconds);
}

void TestDriver::schedule(int milliseconds)
{
    // a timer of its own each time: one that is being handled does not fire again in a nested event loop
    QTimer::singleShot(milliseconds, this, [this] { turn(); });
}

void TestDriver::turn()
{
    if (m_ended)
        return;
    if (m_next >= m_script.steps.size()) {
        end(0);
        return;
    }
    if (!m_waiting) {
        auto step = m_script.filled(m_script.steps[m_next]);
        if (!step) {
            m_step = m_script.steps[m_next];
            failStep(step.error());
            return;
        }
        m_step = *std::move(step);
        m_since.start();
    }
    const std::size_t mine = m_next;
    const auto done = guard("step", [&] { return act(m_step); });
    if (m_ended || m_next != mine)
        return; // a nested loop went on with the script while this step was acting
    const std::int64_t timeout = m_step.value("timeout_ms", DefaultTimeout) * patience();
    if (done && *done == Turn::Done) {
        pass(m_step.value("note", ""));
    } else if ((!done && done.error().code == ErrorCode::Usage) || m_since.elapsed() > timeout) {
        failStep(done ? Error{.code = ErrorCode::CheckFailed, .message = hilum::format("not within {} ms", timeout)} : done.error());
    } else {
        m_waiting = true;
        schedule(PollMilliseconds);
    }
}

Result<TestDriver::Turn> TestDriver::act(const Json& step)
{
    const std::string word = step.value("do", "");
    // what may open a dialog with its own event loop: the step counts as done before it acts, and the script goes on inside
    const auto once = [&](const std::function<void()>& action) -> Result<Turn> {
        pass(step.value("note", ""));
        action();
        return Turn::Done;
    };
    if (word == "expect" || word == "wait")
        return expect(step);
    if (word == "click" || word == "double_click" || word == "press" || word == "release" || word == "move") {
        HILUM_TRY(const Spot spot, spotOf(step, word == "click" || word == "double_click" ? Usable::Now : Usable::Maybe));
        return once([=] {
            QTest::mouseMove(spot.window, spot.inWindow);
            if (word == "press")
                QTest::mousePress(spot.window, button(step), modifiers(step), spot.inWindow);
            else if (word == "release")
                QTest::mouseRelease(spot.window, button(step), modifiers(step), spot.inWindow);
            else if (word == "double_click")
                QTest::mouseDClick(spot.window, button(step), modifiers(step), spot.inWindow);
            else if (word == "click")
                QTest::mouseClick(spot.window, button(step), modifiers(step), spot.inWindow);
            // most platforms send a context menu event after the release; synthetic events do not
            if (word == "click" && button(step) == Qt::RightButton && spot.widget) {
                QContextMenuEvent menu(QContextMenuEvent::Mouse, spot.inWidget, spot.widget->mapToGlobal(spot.inWidget));
                QApplication::sendEvent(spot.widget, &menu);
            }
        });
    }
    if (word == "wheel") {
        HILUM_TRY(const Spot spot, spotOf(step, Usable::Maybe));
        const int steps = step.value("steps", 1);
        for (int i = 0; i < std::abs(steps); ++i) // 120 = one notch, in eighths of a degree
            QTest::wheelEvent(spot.window, spot.inWindow, QPoint(0, steps > 0 ? 120 : -120), {}, modifiers(step));
        return Turn::Done;
    }
    if (word == "drag") {
        HILUM_TRY_STATUS(drag(step));
        return Turn::Done;
    }
    if (word == "drop") {
        HILUM_TRY_STATUS(drop(step));
        return Turn::Done;
    }
    if (word == "key") {
        HILUM_TRY(const QKeySequence sequence, keysOf(step));
        HILUM_TRY_STATUS(focusBack(m_window));
        return once([=, this] { pressKeys(step, sequence, m_window); });
    }
    if (word == "type") {
        HILUM_TRY_STATUS(typeText(step, m_window));
        return Turn::Done;
    }
    if (word == "set") {
        HILUM_TRY_STATUS(setValue(step, m_window));
        return Turn::Done;
    }
    if (word == "check") {
        HILUM_TRY(const Spot spot, spotOf(step, Usable::Now));
        if (spot.widget->property("checked").toBool() != step.value("on", true))
            return once([=] { QTest::mouseClick(spot.window, Qt::LeftButton, {}, spot.inWindow); });
        return Turn::Done;
    }
    if (word == "menu") {
        auto* bar = m_window->findChild<QMenuBar*>();
        HILUM_TRY(const QPoint point, placeIn(bar->actions(), QString::fromStdString(step.at("text").get<std::string>()), [bar](QAction* a) { return bar->actionGeometry(a); }));
        HILUM_TRY(const Spot spot, spotAt(bar, point));
        return once([=] { QTest::mouseClick(spot.window, Qt::LeftButton, {}, spot.inWindow); });
    }
    if (word == "pick") {
        QMenu* menu = openMenu();
        if (!menu)
            return fail(ErrorCode::CheckFailed, "no menu is open");
        HILUM_TRY(const QPoint point, placeIn(menu->actions(), QString::fromStdString(step.at("text").get<std::string>()), [menu](QAction* a) { return menu->actionGeometry(a); }));
        HILUM_TRY(const Spot spot, spotAt(menu, point));
        return once([=] {
            QTest::mouseMove(spot.window, spot.inWindow);
            QTest::mouseClick(spot.window, Qt::LeftButton, {}, spot.inWindow);
        });
    }
    if (word == "choose") {
        HILUM_TRY_STATUS(choose(step));
        return Turn::Done;
    }
    if (word == "remember") {
        HILUM_TRY(const Json value, probe::value(step));
        m_script.variables[step.at("as").get<std::string>()] = value.is_string() ? value.get<std::string>() : value.dump();
        return Turn::Done;
    }
    if (word == "let") {
        const Json& value = step.at("value");
        m_script.variables[step.at("name").get<std::string>()] = value.is_string() ? value.get<std::string>() : value.dump();
        return Turn::Done;
    }
    if (word == "screenshot") {
        HILUM_TRY_STATUS(screenshot(step));
        return Turn::Done;
    }
    if (word == "run")
        return runProgram(step);
    if (word == "kill") {
        const int pid = int(std::stol(step.at("pid").is_string() ? step["pid"].get<std::string>() : std::to_string(step["pid"].get<long>())));
        if (pid <= 1 || ::kill(pid, step.value("signal", SIGKILL)) != 0)
            return fail(ErrorCode::NotFound, "there is no process {}", pid);
        return Turn::Done;
    }
    if (word == "resize") {
        m_window->resize(step.at("width").get<int>(), step.at("height").get<int>());
        return Turn::Done;
    }
    if (word == "say")
        return Turn::Done;
    if (word == "pauses") {
        m_pauses.begin();
        return Turn::Done;
    }
    if (word == "quit")
        return once([this] { m_window->close(); });
    return fail(ErrorCode::Usage, "\"{}\" is no word of these scripts", word);
}

Result<TestDriver::Turn> TestDriver::expect(const Json& step)
{
    if (step.contains("ms"))
        return m_since.elapsed() >= step["ms"].get<std::int64_t>() ? Turn::Done : Turn::Again;
    auto found = probe::value(step);
    if (!found && found.error().code == ErrorCode::Usage)
        return std::unexpected(std::move(found).error());
    if (!found)
        return fail(ErrorCode::CheckFailed, "{}", found.error().sentence());
    HILUM_TRY_STATUS(compare(*found, step));
    return Turn::Done;
}

Result<TestDriver::Turn> TestDriver::runProgram(const Json& step)
{
    if (!m_process) {
        m_process = std::make_unique<QProcess>();
        QStringList arguments;
        for (const Json& one : step.value("arguments", Json::array()))
            arguments << QString::fromStdString(one.is_string() ? one.get<std::string>() : one.dump());
        const std::string program = step.value("program", QCoreApplication::applicationFilePath().toStdString());
        m_process->start(QString::fromStdString(program), arguments);
    }
    if (m_process->error() == QProcess::FailedToStart)
        return fail(ErrorCode::Usage, "{} does not start", m_process->program().toStdString());
    if (m_process->state() != QProcess::NotRunning)
        return Turn::Again;
    const std::unique_ptr<QProcess> process = std::move(m_process);
    const std::string output = process->readAllStandardOutput().toStdString();
    if (process->exitStatus() != QProcess::NormalExit || process->exitCode() != step.value("exit", 0))
        return fail(ErrorCode::Usage, "it ended with {}: {}", process->exitCode(), process->readAllStandardError().right(600).toStdString());
    if (step.contains("as")) {
        Json value = output;
        if (step.contains("pointer")) {
            HILUM_TRY(const Json json, parseJson(output));
            const Json::json_pointer pointer(step["pointer"].get<std::string>());
            if (!json.contains(pointer))
                return fail(ErrorCode::Usage, "the answer has no {}", step["pointer"].get<std::string>());
            value = json[pointer];
        }
        m_script.variables[step["as"].get<std::string>()] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    return Turn::Done;
}

Status TestDriver::screenshot(const Json& step)
{
    QWidget* widget = m_window;
    if (step.contains("target")) {
        HILUM_TRY(widget, probe::find(step["target"].get<std::string>()));
    }
    path file = step.at("file").get<std::string>();
    if (file.is_relative())
        file = m_script.out / file;
    if (file.has_parent_path()) {
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
    }
    const QImage image = probe::picture(widget);
    if (image.isNull() || !image.save(QString::fromStdString(file.string())))
        return fail(ErrorCode::Io, "cannot write {}", file.string());
    return {};
}

void TestDriver::pass(const std::string& note)
{
    std::printf("ok   %4zu  %6lld ms  %s%s%s\n", m_script.lines[m_next], static_cast<long long>(m_since.elapsed()), describe(m_step).c_str(), note.empty() ? "" : "  # ",
                note.c_str());
    std::fflush(stdout);
    ++m_next;
    m_waiting = false;
    m_pauses.endStep();
    schedule(TurnMilliseconds);
}

void TestDriver::failStep(const Error& error)
{
    const path file = m_script.out / hilum::format("failed-line-{}.png", m_script.lines[m_next]);
    const Status kept = m_window ? screenshot(Json{{"file", file.string()}}) : Status{};
    std::printf("FAIL %4zu  %s\n      %s%s\n", m_script.lines[m_next], describe(m_step).c_str(), error.sentence().c_str(),
                kept ? hilum::format("\n      the window then: {}", file.string()).c_str() : "");
    std::fflush(stdout);
    end(static_cast<int>(ErrorCode::CheckFailed));
}

void TestDriver::end(int code)
{
    if (std::exchange(m_ended, true))
        return;
    if (code == 0)
        std::printf("all %zu steps hold\n", m_script.steps.size());
    std::fflush(stdout);
    m_finished(code);
}

} // namespace hilum::app
