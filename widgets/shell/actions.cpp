#include "widgets/shell/actions.h"

#include "widgets/style/icons.h"

#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QTextEdit>
#include <QWidget>

#include <stdexcept>

namespace hilum::widgets {

namespace {

bool takesText(const QWidget* widget)
{
    if (const auto* line = qobject_cast<const QLineEdit*>(widget))
        return !line->isReadOnly();
    if (const auto* text = qobject_cast<const QTextEdit*>(widget))
        return !text->isReadOnly();
    if (const auto* plain = qobject_cast<const QPlainTextEdit*>(widget))
        return !plain->isReadOnly();
    if (const auto* spin = qobject_cast<const QAbstractSpinBox*>(widget))
        return !spin->isReadOnly();
    const auto* box = qobject_cast<const QComboBox*>(widget);
    return box && box->isEditable();
}

/// Keys that a text field has no use for keep their meaning in it: F1 to F35 and Escape.
bool isForText(const QKeyEvent& event)
{
    if (event.modifiers() & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier))
        return false;
    return event.key() != Qt::Key_Escape && !(event.key() >= Qt::Key_F1 && event.key() <= Qt::Key_F35);
}

} // namespace

Actions::Actions(QWidget* window)
    : QObject(window)
    , m_window(window)
{
    qApp->installEventFilter(this);
}

bool Actions::eventFilter(QObject* watched, QEvent* event)
{
    // an accepted override makes Qt send the key to the text field instead of looking for a shortcut
    if (event->type() == QEvent::ShortcutOverride && takesText(QApplication::focusWidget()) && isForText(*static_cast<QKeyEvent*>(event))) {
        event->accept();
        return true;
    }
    return QObject::eventFilter(watched, event);
}

QAction* Actions::make(const ActionInfo& info)
{
    if (info.id.isEmpty() || info.text.isEmpty() || info.tip.isEmpty())
        throw std::invalid_argument("action \"" + info.id.toStdString() + "\" lacks an id, a text or a tip");
    if (m_byId.contains(info.id))
        throw std::invalid_argument("action \"" + info.id.toStdString() + "\" exists already");
    if (!info.shortcut.isEmpty())
        for (const ActionInfo& other : std::as_const(m_infos))
            if (other.shortcut == info.shortcut && (other.context == info.context || other.context.isEmpty() || info.context.isEmpty()))
                throw std::invalid_argument("action \"" + info.id.toStdString() + "\": " + info.shortcut.toString().toStdString() + " belongs to \""
                                            + other.id.toStdString() + "\"");
    auto* action = new QAction(info.text, this);
    action->setObjectName(info.id);
    action->setCheckable(info.checkable);
    if (!info.icon.isEmpty())
        action->setIcon(icon(info.icon));
    action->setShortcut(info.shortcut);
    const QString keys = info.shortcut.toString(QKeySequence::NativeText);
    action->setToolTip(keys.isEmpty() ? info.tip : QStringLiteral("%1  [%2]").arg(info.tip, keys));
    action->setStatusTip(info.tip);
    QWidget* home = info.context.isEmpty() ? nullptr : m_contexts.value(info.context);
    // within a workspace the keys belong to its widget, so that two workspaces may use one key for two things
    action->setShortcutContext(home ? Qt::WidgetWithChildrenShortcut : Qt::ApplicationShortcut);
    (home ? home : m_window)->addAction(action);
    m_byId.insert(info.id, action);
    m_infos.insert(action, info);
    m_order.append(action);
    Q_EMIT added(action);
    return action;
}

QAction* Actions::add(const ActionInfo& info, QObject* receiver, std::function<void()> work)
{
    QAction* action = make(info);
    connect(action, &QAction::triggered, receiver, [work = std::move(work)] { work(); });
    return action;
}

QAction* Actions::addToggle(ActionInfo info, QObject* receiver, std::function<void(bool)> work)
{
    info.checkable = true;
    QAction* action = make(info);
    connect(action, &QAction::toggled, receiver, [work = std::move(work)](bool on) { work(on); });
    return action;
}

QAction* Actions::find(const QString& id) const
{
    return m_byId.value(id);
}

void Actions::setContextWidget(const QString& context, QWidget* widget)
{
    m_contexts.insert(context, widget);
}

} // namespace hilum::widgets
