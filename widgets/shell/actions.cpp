#include "widgets/shell/actions.h"

#include "core/base/log.h"
#include "widgets/style/icons.h"

#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QTabBar>
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

/// Lists, tables, sliders and texts to read move with the arrows and their like.
bool moves(const QWidget* widget)
{
    return qobject_cast<const QAbstractItemView*>(widget) || qobject_cast<const QAbstractSlider*>(widget) || qobject_cast<const QTabBar*>(widget)
        || qobject_cast<const QComboBox*>(widget) || qobject_cast<const QAbstractScrollArea*>(widget);
}

bool isForMoving(const QKeyEvent& event)
{
    if (event.modifiers() & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier))
        return false;
    switch (event.key()) {
    case Qt::Key_Up:
    case Qt::Key_Down:
    case Qt::Key_Left:
    case Qt::Key_Right:
    case Qt::Key_Home:
    case Qt::Key_End:
    case Qt::Key_PageUp:
    case Qt::Key_PageDown: return true;
    default: return false;
    }
}

} // namespace

bool contextsMeet(const QString& a, const QString& b)
{
    return a == b || a.isEmpty() || b.isEmpty();
}

QString plainText(const QString& actionText)
{
    return QString(actionText).remove(QLatin1Char('&')).remove(QStringLiteral("...")).remove(QChar(0x2026));
}

Actions::Actions(QWidget* window)
    : QObject(window)
    , m_window(window)
{
    qApp->installEventFilter(this);
}

bool Actions::eventFilter(QObject* watched, QEvent* event)
{
    // an accepted override makes Qt send the key to the focused widget instead of looking for a shortcut
    if (event->type() == QEvent::ShortcutOverride) {
        const auto& key = *static_cast<QKeyEvent*>(event);
        const QWidget* focus = QApplication::focusWidget();
        if ((takesText(focus) && isForText(key)) || (moves(focus) && isForMoving(key))) {
            event->accept();
            return true;
        }
    }
    return QObject::eventFilter(watched, event);
}

QString Actions::holderOf(const QKeySequence& keys, const ActionInfo& by) const
{
    if (!keys.isEmpty())
        for (const QAction* action : m_order)
            if (const ActionInfo& other = info(action); other.id != by.id && m_keys.value(other.id) == keys && contextsMeet(other.context, by.context))
                return other.id;
    return {};
}

QKeySequence Actions::wanted(const ActionInfo& info) const
{
    const auto chosen = m_choices.constFind(info.id);
    return chosen == m_choices.cend() ? info.shortcut : QKeySequence(*chosen, QKeySequence::PortableText);
}

/// "?" and its like need Shift on one keyboard and not on the next: both are taken.
static QList<QKeySequence> onAnyKeyboard(const QKeySequence& keys)
{
    QList<QKeySequence> all{keys};
    if (keys.count() != 1 || keys[0].keyboardModifiers() != Qt::NoModifier)
        return all;
    const int key = keys[0].key();
    if (key > Qt::Key_Space && key <= Qt::Key_AsciiTilde && !(key >= Qt::Key_0 && key <= Qt::Key_9) && !(key >= Qt::Key_A && key <= Qt::Key_Z))
        all << QKeySequence(QKeyCombination(Qt::ShiftModifier, keys[0].key()));
    return all;
}

void Actions::applyKeys(QAction* action, const QKeySequence& keys)
{
    const ActionInfo& info = this->info(action);
    m_keys[info.id] = keys;
    QList<QKeySequence> all = info.held || keys.isEmpty() ? QList<QKeySequence>() : onAnyKeyboard(keys);
    if (const QKeySequence also = alsoKeys(info.id); !also.isEmpty())
        all << also;
    action->setShortcuts(all);
    setTip(action, action->statusTip());
}

QKeySequence Actions::alsoKeys(const QString& id) const
{
    const QAction* action = find(id);
    if (!action)
        return {};
    const ActionInfo& own = info(action);
    const QKeySequence keys = m_keys.value(id);
    return keys.isEmpty() || keys == own.also || !holderOf(own.also, own).isEmpty() ? QKeySequence() : own.also;
}

/// Who holds what is known once all keys are given.
void Actions::applySecondKeys()
{
    for (QAction* action : std::as_const(m_order))
        if (const ActionInfo& info = this->info(action); !info.also.isEmpty())
            applyKeys(action, m_keys.value(info.id));
}

void Actions::setTip(QAction* action, const QString& tip)
{
    QString keys = m_keys.value(action->objectName()).toString(QKeySequence::NativeText);
    if (const QKeySequence also = alsoKeys(action->objectName()); !also.isEmpty())
        keys += QStringLiteral(", ") + also.toString(QKeySequence::NativeText);
    action->setStatusTip(tip);
    action->setToolTip(keys.isEmpty() ? tip : QStringLiteral("%1  [%2]").arg(tip, keys));
}

QAction* Actions::make(const ActionInfo& info)
{
    if (info.id.isEmpty() || info.text.isEmpty() || info.tip.isEmpty())
        throw std::invalid_argument("action \"" + info.id.toStdString() + "\" lacks an id, a text or a tip");
    if (m_byId.contains(info.id))
        throw std::invalid_argument("action \"" + info.id.toStdString() + "\" exists already");
    for (const QKeySequence& keys : {info.shortcut, info.also})
        for (const ActionInfo& other : std::as_const(m_infos))
            if (!keys.isEmpty() && (other.shortcut == keys || other.also == keys) && contextsMeet(other.context, info.context))
                throw std::invalid_argument("action \"" + info.id.toStdString() + "\": " + keys.toString().toStdString() + " belongs to \""
                                            + other.id.toStdString() + "\"");
    auto* action = new QAction(info.text, this);
    action->setObjectName(info.id);
    action->setCheckable(info.checkable);
    if (!info.icon.isEmpty())
        action->setIcon(icon(info.icon));
    action->setStatusTip(info.tip);
    const QList<QWidget*> homes = info.context.isEmpty() ? QList<QWidget*>() : m_contexts.value(info.context);
    // within a workspace the keys belong to its widgets, so that two workspaces may use one key for two things
    action->setShortcutContext(homes.isEmpty() ? Qt::ApplicationShortcut : Qt::WidgetWithChildrenShortcut);
    if (homes.isEmpty())
        m_window->addAction(action);
    for (QWidget* home : homes)
        home->addAction(action);
    m_byId.insert(info.id, action);
    m_infos.insert(action, info);
    QKeySequence keys = wanted(info);
    if (const QString holder = holderOf(keys, info); !holder.isEmpty()) {
        log::warning("widgets.shell", "{} stays without keys: {} belongs to {}", info.id.toStdString(), keys.toString().toStdString(), holder.toStdString());
        keys = {};
    }
    m_order.append(action);
    applyKeys(action, keys);
    applySecondKeys();
    Q_EMIT added(action);
    return action;
}

void Actions::setChosenKeys(const KeyChoices& choices)
{
    if (choices == m_choices)
        return;
    m_choices = choices;
    m_keys.clear(); // so that keys which two actions exchange are free
    for (QAction* action : std::as_const(m_order)) {
        const ActionInfo& info = this->info(action);
        QKeySequence keys = wanted(info);
        if (const QString holder = holderOf(keys, info); !holder.isEmpty()) {
            log::warning("widgets.shell", "{} stays without keys: {} belongs to {}", info.id.toStdString(), keys.toString().toStdString(), holder.toStdString());
            keys = {};
        }
        applyKeys(action, keys);
    }
    applySecondKeys();
    Q_EMIT keysChanged();
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

void Actions::setGestures(const QString& context, QObject* owner, std::function<QList<GestureInfo>()> gestures)
{
    m_gestures.insert(context, std::move(gestures));
    connect(owner, &QObject::destroyed, this, [this, context] { m_gestures.remove(context); });
}

QList<GestureInfo> Actions::gestures(const QString& context) const
{
    const auto found = m_gestures.constFind(context);
    return found == m_gestures.cend() ? QList<GestureInfo>() : (*found)();
}

void Actions::addContextWidget(const QString& context, QWidget* widget)
{
    m_contexts[context].append(widget);
    connect(widget, &QObject::destroyed, this, [this, context, widget] { m_contexts[context].removeAll(widget); });
    for (QAction* action : std::as_const(m_order))
        if (info(action).context == context)
            widget->addAction(action);
}

} // namespace hilum::widgets
