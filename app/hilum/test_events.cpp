#include "app/hilum/test_events.h"

#include "app/hilum/test_probe.h"

#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDropEvent>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>
#include <QPointer>
#include <QTest>
#include <QUrl>
#include <QWindow>

namespace hilum::app::events {

namespace {

/// Keys go where the window system would send them: to the window with the focus.
QWindow* keyWindow(QWidget* fallback)
{
    if (QWidget* popup = QApplication::activePopupWidget())
        return popup->windowHandle();
    if (QWindow* focus = QGuiApplication::focusWindow())
        return focus;
    return fallback->window()->windowHandle();
}

QString plain(QString text)
{
    return text.remove(QLatin1Char('&')).section(QLatin1Char('\t'), 0, 0);
}

} // namespace

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

Result<Spot> spotAt(QWidget* widget, QPoint point)
{
    if (!widget->isVisible())
        return fail(ErrorCode::CheckFailed, "{} is not visible", widget->objectName().toStdString());
    Spot spot{widget, point, widget->mapTo(widget->window(), point), widget->window()->windowHandle()};
    if (!spot.window)
        return fail(ErrorCode::CheckFailed, "{} is in no window", widget->objectName().toStdString());
    return spot;
}

Result<Spot> spotOf(const Json& step, Usable usable)
{
    HILUM_TRY(QWidget * widget, probe::find(step.value("target", "")));
    if (usable == Usable::Now && !widget->isEnabled())
        return fail(ErrorCode::CheckFailed, "{} is disabled", widget->objectName().toStdString());
    probe::scrollTo(widget);
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
    HILUM_TRY(QWidget * end, probe::find(step.value("onto", step.value("target", ""))));
    for (std::size_t n = 0; n < points.size(); ++n) {
        const Json& point = points[n];
        QWidget* inner = n + 1 == points.size() && n > 0 ? end : widget;
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

Status focusBack(QWidget* window)
{
    const QWidget* active = QApplication::activeWindow();
    const QWindow* focus = QGuiApplication::focusWindow();
    // a dialog that has just opened gets the focus a moment later
    if (QWidget* dialog = QApplication::activeModalWidget(); dialog && !QApplication::activePopupWidget() && dialog->isVisible() && focus != dialog->windowHandle()) {
        dialog->activateWindow();
        return fail(ErrorCode::CheckFailed, "{} does not have the focus yet", dialog->objectName().toStdString());
    }
    if (QApplication::activePopupWidget() || (active && active->isVisible() && focus && focus->isVisible()))
        return {};
    window->window()->activateWindow();
    return fail(ErrorCode::CheckFailed, "no window has the focus");
}

Result<QKeySequence> keysOf(const Json& step)
{
    const auto sequence = QKeySequence::fromString(QString::fromStdString(step.at("key").get<std::string>()), QKeySequence::PortableText);
    if (sequence.isEmpty() || sequence[0].key() == Qt::Key_unknown)
        return fail(ErrorCode::Usage, "\"{}\" is no key", step.at("key").get<std::string>());
    return sequence;
}

void pressKeys(const Json& step, const QKeySequence& sequence, QWidget* window)
{
    for (int i = 0; i < step.value("times", 1); ++i)
        for (int k = 0; k < sequence.count(); ++k) {
            const QPointer<QWindow> to = keyWindow(window);
            const std::string how = step.value("how", "click");
            if (how != "release")
                QTest::keyPress(to, sequence[uint(k)].key(), sequence[uint(k)].keyboardModifiers());
            if (how != "press" && to) // the key may have closed it
                QTest::keyRelease(to, sequence[uint(k)].key(), sequence[uint(k)].keyboardModifiers());
        }
}

Status typeText(const Json& step, QWidget* window)
{
    if (step.contains("target")) {
        HILUM_TRY(QWidget * widget, probe::find(step["target"].get<std::string>()));
        if (!widget->isEnabled() || !widget->isVisible())
            return fail(ErrorCode::CheckFailed, "{} takes no text now", widget->objectName().toStdString());
        probe::scrollTo(widget);
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
    const bool byKey = step.contains("key"); // what the program calls it, whatever is shown
    const QString text = QString::fromStdString(step.at(byKey ? "key" : "text").get<std::string>());
    const int row = byKey ? box->findData(text) : box->findText(text);
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

} // namespace hilum::app::events
