#include "widgets/shell/actions.h"

#include <QFile>
#include <QIcon>
#include <QWidget>

#include <stdexcept>

namespace hilum::widgets {

Actions::Actions(QWidget* window)
    : QObject(window)
    , m_window(window)
{
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

QIcon icon(const QString& name)
{
    const QString file = QStringLiteral(":/icons/%1.svg").arg(name);
    return QFile::exists(file) ? QIcon(file) : QIcon();
}

} // namespace hilum::widgets
