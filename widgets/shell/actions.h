#pragma once

#include <QAction>
#include <QHash>
#include <QKeySequence>
#include <QObject>
#include <QString>

#include <functional>

class QWidget;

namespace hilum::widgets {

/// How an action is declared.
struct ActionInfo {
    QString id;             ///< unique, also its object name: "actionImportFolder"
    QString text;           ///< in menus
    QString tip;            ///< one sentence; mouse buttons named where they matter. The keys are appended by the registry.
    QKeySequence shortcut;
    QString context;        ///< empty: everywhere in the program; else the workspace in which its keys work
    QString icon;           ///< file of resources/icons without its ending
    bool checkable = false;
    QString group;          ///< heading in the overlay of keys
};

/// Every action once. Keys without Ctrl or Alt never fire while a text field has the focus.
class Actions : public QObject {
    Q_OBJECT
public:
    /// \param window  holds the actions that work everywhere
    explicit Actions(QWidget* window);

    /// Adds an action; `work` is called when it is triggered while `receiver` lives. Its keys work within the workspace's widget.
    /// Throws std::invalid_argument for an id used twice, an empty text or tip, or keys taken in the same context.
    QAction* add(const ActionInfo& info, QObject* receiver, std::function<void()> work);
    /// The same for a checkable one.
    QAction* addToggle(ActionInfo info, QObject* receiver, std::function<void(bool)> work);
    QAction* find(const QString& id) const; ///< null when there is none
    QList<QAction*> all() const { return m_order; }
    const ActionInfo& info(const QAction* action) const { return m_infos.find(action).value(); }

    /// The widget in which the keys of a context work; set by the window before the panels of a workspace are made.
    void setContextWidget(const QString& context, QWidget* widget);

Q_SIGNALS:
    void added(QAction* action);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QAction* make(const ActionInfo& info);
    QWidget* m_window;
    QHash<QString, QWidget*> m_contexts;
    QHash<QString, QAction*> m_byId;
    QHash<const QAction*, ActionInfo> m_infos;
    QList<QAction*> m_order;
};

} // namespace hilum::widgets
