#include "app/hilum/test_driver.h"

#include "app/hilum/test_probe.h"
#include "core/base/guard.h"

#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QDropEvent>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QPointer>
#include <QProcess>
#include <QTest>
#include <QTimer>
#include <QUrl>
#include <QWindow>

#include <csignal>
#include <cstdio>

namespace hilum::app {

namespace {

constexpr int TurnMilliseconds = 20;         // between steps: lets the window paint
constexpr int PollMilliseconds = 50;
constexpr std::int64_t DefaultTimeout = 15000;

Qt::KeyboardModifiers modifiers(const Json& step)
{
    Qt::KeyboardModifiers keys;
    const QString text = QString::fromStdString(step.value("modifiers", ""));
    for (const QString& one : text.split(QLatin1Char('+'), Qt::SkipEmptyParts))
        keys |= one == QLatin1String("ctrl") ? Qt::ControlModifier : one == QLatin1String("shift") ? Qt::ShiftModifier : one == QLatin1String("alt") ? Qt::AltModifier : Qt::NoModifier;
    return keys;
}

Qt::MouseButton button(const Json& step)
{
    const std::string name = step.value("button", "left");
    return name == "right" ? Qt::RightButton : name == "middle" ? Qt::MiddleButton : Qt::LeftButton;
}

/// A widget to act on, and the point in it: in the window that holds it, so that the events take the way that real ones take.
struct Spot {
    QWidget* widget = nullptr;
    QPoint inWidget, inWindow;
    QWindow* window = nullptr;
};

Result<Spot> spotAt(QWidget* widget, QPoint point)
{
    if (!widget->isVisible())
        return fail(ErrorCode::CheckFailed, "{} is not visible", widget->objectName().toStdString());
    Spot spot{widget, point, widget->mapTo(widget->window(), point), widget->window()->windowHandle()};
    if (!spot.window)
        return fail(ErrorCode::CheckFailed, "{} is in no window", widget->objectName().toStdString());
    return spot;
}

Result<Spot> spotOf(const Json& step, bool mustBeEnabled = true)
{
    HILUM_TRY(QWidget * widget, probe::find(step.value("target", "")));
    if (mustBeEnabled && !widget->isEnabled())
        return fail(ErrorCode::CheckFailed, "{} is disabled", widget->objectName().toStdString());
    HILUM_TRY(const QPoint point, probe::place(widget, step));
    return spotAt(widget, point);
}

Status drag(const Json& step)
{
    HILUM_TRY(QWidget * widget, probe::find(step.value("target", "")));
    Json points = step.value("path", Json::array());
    if (points.empty())
        points = Json::array({step.at("from"), step.at("to")});
    const char* key = step.value("pixels", false) ? "pos" : "at";
    std::vector<QPoint> way;
    for (const Json& point : points) {
        QWidget* inner = widget;
        HILUM_TRY(const QPoint place, probe::place(inner, Json{{key, point}}));
        HILUM_TRY(const Spot spot, spotAt(inner, place));
        way.push_back(spot.inWindow);
    }
    QWindow* window = widget->window()->windowHandle();
    const Qt::MouseButton with = button(step);
    const Qt::KeyboardModifiers keys = modifiers(step);
    const int pieces = step.value("steps", 10);
    QTest::mouseMove(window, way.front());
    QTest::mousePress(window, with, keys, way.front());
    for (std::size_t i = 1; i < way.size(); ++i)
        for (int piece = 1; piece <= pieces; ++piece) {
            const QPoint at = way[i - 1] + (way[i] - way[i - 1]) * piece / pieces;
            // QTest keeps the pressed button for moves, but not the keys
            QTest::mouseMove(window, at, step.value("ms", 0) / pieces);
        }
    QTest::mouseRelease(window, with, keys, way.back());
    return {};
}

Status drop(const Json& step)
{
    HILUM_TRY(QWidget * widget, probe::find(step.value("target", "mainWindow")));
    QMimeData data;
    QList<QUrl> urls;
    for (const Json& file : step.at("files")) {
        const QFileInfo info(QString::fromStdString(file.get<std::string>()));
        if (!info.exists())
            return fail(ErrorCode::NotFound, "{} is not there", info.filePath().toStdString());
        urls.append(QUrl::fromLocalFile(info.absoluteFilePath()));
    }
    data.setUrls(urls);
    HILUM_TRY(QPoint point, probe::place(widget, step));
    // as the desktop does: to the innermost widget under the cursor that takes drops
    QWidget* takes = widget;
    while (takes && !takes->acceptDrops()) {
        point = takes->mapToParent(point);
        takes = takes->parentWidget();
    }
    if (!takes)
        return fail(ErrorCode::CheckFailed, "nothing there takes drops");
    QDragEnterEvent enter(point, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(takes, &enter);
    if (!enter.isAccepted())
        return fail(ErrorCode::CheckFailed, "{} refused the files", takes->objectName().toStdString());
    QDragMoveEvent move(point, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(takes, &move);
    QDropEvent event(QPointF(point), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(takes, &event);
    return {};
}

/// Keys go where the window system would send them: to the window with the focus.
QWindow* keyWindow(QWidget* fallback)
{
    if (QWidget* popup = QApplication::activePopupWidget())
        return popup->windowHandle();
    if (QWindow* focus = QGuiApplication::focusWindow())
        return focus;
    return fallback->window()->windowHandle();
}

/// Without a window manager nothing gives the focus back when a dialog or a list closes: asked for here, and the step is tried again.
Status focusBack(QWidget* window)
{
    const QWidget* active = QApplication::activeWindow();
    const QWindow* focus = QGuiApplication::focusWindow();
    if (QApplication::activePopupWidget() || (active && active->isVisible() && focus && focus->isVisible()))
        return {};
    window->window()->activateWindow();
    return fail(ErrorCode::CheckFailed, "no window has the focus");
}

Status key(const Json& step, QWidget* window)
{
    const auto sequence = QKeySequence::fromString(QString::fromStdString(step.at("key").get<std::string>()), QKeySequence::PortableText);
    if (sequence.isEmpty() || sequence[0].key() == Qt::Key_unknown)
        return fail(ErrorCode::Usage, "\"{}\" is no key", step.at("key").get<std::string>());
    HILUM_TRY_STATUS(focusBack(window));
    for (int i = 0; i < step.value("times", 1); ++i)
        for (int k = 0; k < sequence.count(); ++k) {
            const QPointer<QWindow> to = keyWindow(window);
            const std::string how = step.value("how", "click");
            if (how != "release")
                QTest::keyPress(to, sequence[uint(k)].key(), sequence[uint(k)].keyboardModifiers());
            if (how != "press" && to) // the key may have closed it
                QTest::keyRelease(to, sequence[uint(k)].key(), sequence[uint(k)].keyboardModifiers());
        }
    return {};
}

Status typeText(const Json& step, QWidget* window)
{
    if (step.contains("target")) {
        HILUM_TRY(QWidget * widget, probe::find(step["target"].get<std::string>()));
        if (!widget->isEnabled() || !widget->isVisible())
            return fail(ErrorCode::CheckFailed, "{} takes no text now", widget->objectName().toStdString());
        widget->setFocus(Qt::MouseFocusReason);
    }
    HILUM_TRY_STATUS(focusBack(window));
    QWindow* to = keyWindow(window);
    if (step.value("clear", false)) {
        QTest::keyClick(to, Qt::Key_A, Qt::ControlModifier);
        QTest::keyClick(to, Qt::Key_Delete);
    }
    for (const QChar letter : QString::fromStdString(step.at("text").get<std::string>()))
        QTest::sendKeyEvent(QTest::Click, to, Qt::Key(letter.toUpper().unicode()), QString(letter), letter.isUpper() ? Qt::ShiftModifier : Qt::NoModifier);
    if (step.value("enter", false))
        QTest::keyClick(to, Qt::Key_Return);
    return {};
}

Status setValue(const Json& step, QWidget* window)
{
    HILUM_TRY(QWidget * widget, probe::find(step.at("target").get<std::string>()));
    if (!widget->isEnabled())
        return fail(ErrorCode::CheckFailed, "{} is disabled", widget->objectName().toStdString());
    if (auto* slider = qobject_cast<QAbstractSlider*>(widget)) {
        slider->setValue(step.at("value").get<int>());
        slider->triggerAction(QAbstractSlider::SliderMove);
        return {};
    }
    const std::string text = step.at("value").is_string() ? step["value"].get<std::string>() : step["value"].dump();
    return typeText(Json{{"target", step["target"]}, {"text", text}, {"clear", true}, {"enter", step.value("enter", true)}}, window);
}

QMenu* openMenu()
{
    return qobject_cast<QMenu*>(QApplication::activePopupWidget());
}

QString plain(QString text)
{
    return text.remove(QLatin1Char('&')).section(QLatin1Char('\t'), 0, 0);
}

Result<QPoint> placeIn(const QList<QAction*>& actions, const QString& text, const std::function<QRect(QAction*)>& rect)
{
    QStringList there;
    for (QAction* action : actions) {
        if (!action->isSeparator() && action->isVisible())
            there << plain(action->text());
        if (plain(action->text()) != text || !action->isVisible())
            continue;
        if (!action->isEnabled())
            return fail(ErrorCode::CheckFailed, "\"{}\" is disabled", text.toStdString());
        return rect(action).center();
    }
    return fail(ErrorCode::NotFound, "there is no \"{}\" in this menu: {}", text.toStdString(), there.join(QStringLiteral(", ")).toStdString());
}

Status choose(const Json& step)
{
    HILUM_TRY(QWidget * widget, probe::find(step.at("target").get<std::string>()));
    auto* box = qobject_cast<QComboBox*>(widget);
    if (!box)
        return fail(ErrorCode::Usage, "{} is no list to choose from", widget->objectName().toStdString());
    const QString text = QString::fromStdString(step.at("text").get<std::string>());
    const int row = box->findText(text);
    if (row < 0) {
        box->hidePopup();
        QStringList there;
        for (int i = 0; i < box->count(); ++i)
            there << box->itemText(i);
        return fail(ErrorCode::NotFound, "{} offers no \"{}\": {}", box->objectName().toStdString(), text.toStdString(), there.join(QStringLiteral(", ")).toStdString());
    }
    if (!box->view()->isVisible())
        return fail(ErrorCode::CheckFailed, "the list of {} did not open", box->objectName().toStdString());
    const QModelIndex item = box->model()->index(row, box->modelColumn(), box->rootModelIndex());
    box->view()->scrollTo(item);
    HILUM_TRY(const Spot spot, spotAt(box->view()->viewport(), box->view()->visualRect(item).center()));
    QTest::mouseMove(spot.window, spot.inWindow);
    QTest::mouseClick(spot.window, Qt::LeftButton, {}, spot.inWindow);
    return {};
}

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
    const std::int64_t timeout = m_step.value("timeout_ms", DefaultTimeout);
    if (done && *done == Turn::Done) {
        pass(m_step.value("note", ""));
    } else if ((!done && done.error().code == ErrorCode::Usage) || m_since.elapsed() > timeout) {
        failStep(done ? Error{.code = ErrorCode::CheckFailed, .message = std::format("not within {} ms", timeout)} : done.error());
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
        HILUM_TRY(const Spot spot, spotOf(step, word == "click" || word == "double_click"));
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
        HILUM_TRY(const Spot spot, spotOf(step, false));
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
    if (word == "key")
        return once([&, step] { (void)key(step, m_window); });
    if (word == "type") {
        HILUM_TRY_STATUS(typeText(step, m_window));
        return Turn::Done;
    }
    if (word == "set") {
        HILUM_TRY_STATUS(setValue(step, m_window));
        return Turn::Done;
    }
    if (word == "check") {
        HILUM_TRY(const Spot spot, spotOf(step));
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
    schedule(TurnMilliseconds);
}

void TestDriver::failStep(const Error& error)
{
    const path file = m_script.out / std::format("failed-line-{}.png", m_script.lines[m_next]);
    const Status kept = m_window ? screenshot(Json{{"file", file.string()}}) : Status{};
    std::printf("FAIL %4zu  %s\n      %s%s\n", m_script.lines[m_next], describe(m_step).c_str(), error.sentence().c_str(),
                kept ? std::format("\n      the window then: {}", file.string()).c_str() : "");
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
