#pragma once

#include "core/base/result.h"

#include <QByteArray>
#include <QString>
#include <QWidget>
#include <QtPlugin>

namespace hilum::project {
class Library;
}
namespace hilum::services {
class TaskRunner;
class JobRunner;
class ModelServer;
} // namespace hilum::services

namespace hilum::widgets {

class Actions;
class Messages;
class Selection;
class Settings;
class StudyImport;
class TaskCenter;

/// What the window gives to its panels. All live as long as the window; none is null in the program. Tests may leave out what
/// the panel under test does not use.
struct Services {
    project::Library* library = nullptr;       ///< thread-safe reads; the database's only writer is this process
    services::TaskRunner* runner = nullptr;    ///< short work off the GUI thread; what takes minutes goes to `tasks`, which shows progress and a cancel button
    services::JobRunner* jobs = nullptr;
    services::ModelServer* models = nullptr;   ///< the Lab's serving worker
    Selection* selection = nullptr;            ///< the shared state of the window
    Settings* settings = nullptr;
    TaskCenter* tasks = nullptr;
    StudyImport* imports = nullptr;            ///< adds files to the library; says when the library changed
    Messages* messages = nullptr;              ///< error banner and notes
};

/// Where a panel finds itself when it is made.
struct PanelContext {
    Services services;
    Actions* actions = nullptr; ///< the panel registers its actions here, with its workspace as context
    QString workspace;          ///< "studies", "read", "lab", "annotate", "jobs", "review"
};

/// One dockable widget of a workspace. Its object name is set to the id of its plug-in.
class Panel : public QWidget {
    Q_OBJECT
public:
    using QWidget::QWidget;
    ~Panel() override;
    /// Its workspace is now the visible one (the first time right after the window is up: start expensive things here).
    virtual void workspaceShown() {}
    /// The window wants to close. Return a sentence to make it ask the person first; empty lets it close. Save state here.
    virtual QString aboutToClose() { return {}; }

    /// How the person arranged the inside of the panel: the parts of splitters and the columns of headers that have an object name. Kept by the window beside
    /// the places of the panels.
    QByteArray saveState() const;
    void restoreState(const QByteArray& state); ///< what is not readable, or of other parts, leaves the panel as it is
};

/// A plug-in of the window. Metadata (JSON, read before the code is loaded):
///     {"id": "studies", "title": "Studies", "workspace": "studies", "area": "centre", "order": 0,
///      "icon": "studies", "minimum_version": "0.1.0"}
/// `area` is one of left, right, top, bottom, centre; `order` sorts the panels of a workspace (the lowest is laid out first);
/// `share` (0 to 1, optional) is the part of the workspace's width or height that it takes at first; `icon` names a file of
/// resources/icons without its ending. A panel that fails is reported in a note and left out; the window goes on without it.
class PanelFactory {
public:
    virtual ~PanelFactory() = default;
    /// Once per process, before the first panel.
    virtual Status initialize(const Services& services) { (void)services; return {}; }
    /// Once per window, on the GUI thread, when its workspace is first shown. The caller owns the panel.
    virtual Panel* createPanel(const PanelContext& context) = 0;
};

} // namespace hilum::widgets

#define HilumPanelFactoryIid "hilum.PanelFactory/1"
Q_DECLARE_INTERFACE(hilum::widgets::PanelFactory, HilumPanelFactoryIid)
