#pragma once

#include "widgets/shell/panel.h"

#include <QByteArray>
#include <QList>
#include <QMap>
#include <QObject>
#include <QString>
#include <QStringList>

#include <cstddef>

class QAction;
class QStackedWidget;

namespace hilum::widgets {

class Actions;
class PanelHost;
class Workspace;
class WorkspaceBar;

/// The window's workspaces: which there are, and the panels in them. Panels of a workspace are loaded when it is first shown, and lie then as they were left last time.
class Workspaces : public QObject {
    Q_OBJECT
public:
    /// \param bar, stack  get a button and a widget for each
    Workspaces(const Services& services, PanelHost* host, Actions* actions, WorkspaceBar* bar, QStackedWidget* stack, QObject* parent);

    bool has(const QString& id) const { return m_places.contains(id); }
    const QString& current() const { return m_current; } ///< empty before the first one is shown
    QString title() const;                ///< of the current one
    QList<QAction*> panelActions() const; ///< of the current one, which must be there

    /// Brings one that is there to the front. \return whether it was another one before; `enter` is due then
    bool show(const QString& id);
    void enter();   ///< gives the current one the focus, and tells its panels
    void loadAll(); ///< the panels of those too that were never shown
    void reset();   ///< the panels of the current one, and the inside of each, as they were at first

    QStringList reasonsToStay() const; ///< what panels say when the window wants to close
    void save() const;                 ///< how all lies, to the settings
    /// Tells in one error which panels were left out. \param from  number of the first one among the host's problems
    void reportProblems(std::size_t from);

Q_SIGNALS:
    void chosen(const QString& id); ///< by its button, key or menu

private:
    struct Place {
        Workspace* workspace = nullptr;
        QAction* action = nullptr;
        QList<Panel*> panels;
        QList<QByteArray> first; ///< the inside of each as it was at first
        bool filled = false;
    };
    void fill(const QString& id);

    Services m_services;
    PanelHost* m_host;
    Actions* m_actions;
    QStackedWidget* m_stack;
    QMap<QString, Place> m_places;
    QString m_current;
};

} // namespace hilum::widgets
