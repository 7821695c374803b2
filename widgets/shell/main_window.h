#pragma once

#include "widgets/shell/panel.h"

#include <QMainWindow>
#include <QPointer>

#include <filesystem>
#include <functional>
#include <vector>

class QLabel;

namespace hilum::widgets {

class Actions;
class ErrorBanner;
class HelpWindow;
class KeysOverlay;
class Menus;
class PanelHost;
class WorkspaceBar;
class Workspaces;

/// The window: workspaces on the left, their docked panels, banner, menus, status bar.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    /// \param services  selection, settings, tasks, messages and imports must be there
    MainWindow(const Services& services, PanelHost* host, QWidget* parent = nullptr);
    ~MainWindow() override;

    Actions* actions() const { return m_actions; }
    QString currentWorkspace() const;
    void showWorkspace(const QString& id);
    /// Size, place and workspace of the last time; call before show().
    void restoreLastTime();
    /// What Settings changes when the person asks for another library folder: set by the program, empty where not possible.
    void setLibraryChooser(std::function<void(const QString& folder)> choose) { m_chooseLibrary = std::move(choose); }

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragMoveEvent(QDragMoveEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void makeActions();
    void updateTitle();
    void importByDialog(bool folder);
    void openSettings();
    void openAbout();
    void openHelp();
    void toggleKeys();
    void toggleFullScreen(bool on);
    void explain(std::int64_t row);

    Services m_services;
    Actions* m_actions;
    WorkspaceBar* m_bar;
    ErrorBanner* m_banner;
    Workspaces* m_workspaces = nullptr;
    Menus* m_menus = nullptr;
    QPointer<HelpWindow> m_help;
    QPointer<KeysOverlay> m_keys;
    QPointer<QLabel> m_dropHint;
    std::function<void(const QString&)> m_chooseLibrary;
};

} // namespace hilum::widgets
