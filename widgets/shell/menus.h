#pragma once

#include <QMap>
#include <QObject>
#include <QString>

#include <functional>

class QAction;
class QMenu;
class QMenuBar;

namespace hilum::widgets {

class Actions;

/// The menu bar, made of what the actions declare. A menu shows the actions that work everywhere and those of the visible workspace.
class Menus : public QObject {
    Q_OBJECT
public:
    /// \param workspace  names the visible workspace
    Menus(QMenuBar* bar, Actions* actions, std::function<QString()> workspace);
    /// A submenu of "view" filled by somebody else whenever it opens.
    void addFilled(const QString& objectName, const QString& title, const QString& tip, std::function<void(QMenu*)> fill);
    /// The visible workspace changed: menus without an entry for it are hidden.
    void refresh();

private:
    void take(QAction* action);
    void fill(const QString& path);
    bool shown(const QAction* action) const;

    struct Entry {
        QMenu* menu = nullptr;
        QList<QAction*> actions;
        QList<QString> below; ///< paths of submenus
        QList<QMenu*> others;
    };
    Actions* m_actions;
    std::function<QString()> m_workspace;
    QMap<QString, Entry> m_menus; ///< "view", "view/layout"
};

} // namespace hilum::widgets
