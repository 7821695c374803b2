#pragma once

#include <QAction>
#include <QHash>
#include <QKeySequence>
#include <QMap>
#include <QObject>
#include <QString>

#include <functional>

class QWidget;

namespace hilum::widgets {

/// How an action is declared. Menus, tool tips, the overlay of keys, the settings page and the table in the documentation are made of it.
struct ActionInfo {
    QString id;             ///< unique, also its object name: "actionImportFolder"
    QString text;           ///< in menus
    QString tip;            ///< one sentence; mouse buttons named where they matter. The keys are appended by the registry.
    QKeySequence shortcut;  ///< as declared; a person may choose others
    QKeySequence also;      ///< second ones, fixed: they work while the action has keys and no other action holds them
    QString context;        ///< empty: everywhere in the program; else the workspace in which its keys work
    QString icon;           ///< file of resources/icons without its ending
    bool checkable = false;
    QString group;          ///< heading in the overlay of keys
    QString menu;           ///< where it stands in the menu bar: "file", "view", "view/layout", "image", "jobs", ...; empty: nowhere
    bool held = false;      ///< works while its key is held: who declares it watches press and release itself
};

/// One line of what the mouse does.
struct GestureInfo {
    QString input, text; ///< "Ctrl+wheel", "zoom"
};

/// Keys that a person chose instead of the declared ones: action id -> QKeySequence::PortableText, "" for none.
using KeyChoices = QMap<QString, QString>;

/// Every action once. Keys without Ctrl or Alt never fire while a text field has the focus, and keys that move within a list,
/// table or slider never while one has it.
class Actions : public QObject {
    Q_OBJECT
public:
    /// \param window  holds the actions that work everywhere
    explicit Actions(QWidget* window);

    /// Adds an action; `work` is called when it is triggered while `receiver` lives. Its keys work within the workspace's widgets.
    /// Throws std::invalid_argument for an id used twice, an empty text or tip, or declared keys taken in the same context.
    QAction* add(const ActionInfo& info, QObject* receiver, std::function<void()> work);
    /// The same for a checkable one.
    QAction* addToggle(ActionInfo info, QObject* receiver, std::function<void(bool)> work);
    QAction* find(const QString& id) const; ///< null when there is none
    QList<QAction*> all() const { return m_order; }
    const ActionInfo& info(const QAction* action) const { return m_infos.find(action).value(); }
    /// The keys that work now: chosen, else declared.
    QKeySequence keys(const QString& id) const { return m_keys.value(id); }
    QKeySequence alsoKeys(const QString& id) const; ///< the second ones, empty where they do not work
    /// Another sentence for the tool tip; the keys are appended.
    void setTip(QAction* action, const QString& tip);

    /// Takes over what a person chose, for the actions that exist and for those to come. A choice that another action holds already
    /// leaves its own without keys, with a line in the log.
    void setChosenKeys(const KeyChoices& choices);
    const KeyChoices& chosenKeys() const { return m_choices; }

    /// What the mouse does in the views of a context, asked for whenever it is shown.
    void setGestures(const QString& context, QObject* owner, std::function<QList<GestureInfo>()> gestures);
    QList<GestureInfo> gestures(const QString& context) const;

    /// A widget in which the keys of a context work, with all below it. The first one is set by the window before the panels of a
    /// workspace are made; panels in windows of their own are added later.
    void addContextWidget(const QString& context, QWidget* widget);

Q_SIGNALS:
    void added(QAction* action);
    void keysChanged();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QAction* make(const ActionInfo& info);
    void applyKeys(QAction* action, const QKeySequence& keys);
    void applySecondKeys();
    QString holderOf(const QKeySequence& keys, const ActionInfo& by) const;
    QKeySequence wanted(const ActionInfo& info) const;

    QWidget* m_window;
    QHash<QString, QList<QWidget*>> m_contexts;
    QHash<QString, QAction*> m_byId;
    QHash<const QAction*, ActionInfo> m_infos;
    QHash<QString, QKeySequence> m_keys;
    QHash<QString, std::function<QList<GestureInfo>()>> m_gestures;
    KeyChoices m_choices;
    QList<QAction*> m_order;
};

/// Whether the keys of two contexts can meet: the same one, or one of them works everywhere.
bool contextsMeet(const QString& a, const QString& b);

/// "Import folder" of "&Import folder...".
QString plainText(const QString& actionText);

} // namespace hilum::widgets
