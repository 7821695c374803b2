#include "widgets/shell/main_window.h"

#include "core/base/log.h"
#include "core/project/library.h"
#include "core/services/job_runner.h"
#include "core/services/task_runner.h"
#include "widgets/shell/about_dialog.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/explanation_dialog.h"
#include "widgets/shell/help_window.h"
#include "widgets/shell/key_bindings.h"
#include "widgets/shell/keys_overlay.h"
#include "widgets/shell/menus.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/shell/settings.h"
#include "widgets/shell/settings_dialog.h"
#include "widgets/shell/status_line.h"
#include "widgets/shell/workspace_bar.h"
#include "widgets/shell/workspaces.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/dropped_paths.h"
#include "widgets/tasks/error_banner.h"
#include "widgets/tasks/study_import.h"
#include "widgets/tasks/task_center.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QScreen>
#include <QStackedWidget>
#include <QStatusBar>
#include <QVBoxLayout>

namespace hilum::widgets {

MainWindow::MainWindow(const Services& services, PanelHost* host, QWidget* parent)
    : QMainWindow(parent)
    , m_services(services)
    , m_actions(new Actions(this))
    , m_bar(new WorkspaceBar(this))
    , m_banner(new ErrorBanner(this))
{
    auto* stack = new QStackedWidget(this);
    setObjectName(QStringLiteral("mainWindow"));
    setWindowIcon(icon(QStringLiteral("app")));
    setAcceptDrops(true);
    setMinimumSize(900, 600);
    auto* centre = new QWidget(this);
    auto* columns = new QHBoxLayout(centre);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(0);
    columns->addWidget(m_bar);
    auto* right = new QVBoxLayout;
    right->setSpacing(0);
    right->addWidget(m_banner);
    right->addWidget(stack, 1);
    columns->addLayout(right, 1);
    setCentralWidget(centre);

    m_actions->setChosenKeys(choicesFrom(services.settings->value(QStringLiteral("input/keys")).toString()));
    m_workspaces = new Workspaces(services, host, m_actions, m_bar, stack, this);
    connect(m_workspaces, &Workspaces::chosen, this, &MainWindow::showWorkspace);
    makeActions();
    m_menus = new Menus(menuBar(), m_actions, [this] { return currentWorkspace(); });
    m_menus->addFilled(QStringLiteral("menuPanels"), tr("&Panels"), tr("Shows or hides the panels of this workspace"),
                       [this](QMenu* menu) { menu->addActions(m_workspaces->panelActions()); });
    new StatusLine(statusBar(), services);
    connect(m_actions, &Actions::keysChanged, this, [this] {
        if (m_keys)
            m_keys->close();
    });

    Selection* selection = services.selection;
    connect(selection, &Selection::workspaceRequested, this, &MainWindow::showWorkspace);
    connect(selection, &Selection::seriesChanged, this, &MainWindow::updateTitle);
    connect(selection, &Selection::firstLookChanged, this, &MainWindow::updateTitle);
    connect(selection, &Selection::explanationRequested, this, &MainWindow::explain);
    connect(services.messages, &Messages::errorReported, m_banner, &ErrorBanner::showError);
    connect(services.messages, &Messages::noteReported, m_banner, &ErrorBanner::showNote);
    updateTitle();
    m_workspaces->reportProblems(0);
}

MainWindow::~MainWindow() = default;

QString MainWindow::currentWorkspace() const
{
    return m_workspaces->current();
}

void MainWindow::makeActions()
{
    const auto add = [this](const ActionInfo& info, void (MainWindow::*work)()) { m_actions->add(info, this, [this, work] { (this->*work)(); }); };
    const QString file = tr("File"), view = tr("View"), help = tr("Help"), adding = tr("Import");
    m_actions->add({.id = QStringLiteral("actionImportFiles"), .text = tr("Import files..."), .tip = tr("Adds images to the library; the files stay where they are"),
                    .shortcut = QKeySequence(Qt::CTRL | Qt::Key_O), .icon = QStringLiteral("import-files"), .group = adding, .menu = QStringLiteral("file")},
                   this, [this] { importByDialog(false); });
    m_actions->add({.id = QStringLiteral("actionImportFolder"), .text = tr("Import folder..."), .tip = tr("Adds all images below a folder to the library; the files stay where they are"),
                    .shortcut = QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O), .icon = QStringLiteral("import-folder"), .group = adding, .menu = QStringLiteral("file")},
                   this, [this] { importByDialog(true); });
    add({.id = QStringLiteral("actionSettings"), .text = tr("Settings..."), .tip = tr("Keys, mouse and folders"),
         .shortcut = QKeySequence(Qt::CTRL | Qt::Key_Comma), .icon = QStringLiteral("settings"), .group = file, .menu = QStringLiteral("file")},
        &MainWindow::openSettings);
    m_actions->add({.id = QStringLiteral("actionQuit"), .text = tr("Quit"), .tip = tr("Closes the window; running jobs go on"),
                    .shortcut = QKeySequence(Qt::CTRL | Qt::Key_Q), .group = file, .menu = QStringLiteral("file")},
                   this, [this] { close(); });
    m_actions->addToggle({.id = QStringLiteral("actionFullScreen"), .text = tr("Full screen"), .tip = tr("The whole screen for the window"),
                          .shortcut = QKeySequence(Qt::Key_F11), .group = view, .menu = QStringLiteral("view")},
                         this, [this](bool on) { toggleFullScreen(on); });
    m_actions->add({.id = QStringLiteral("actionResetLayout"), .text = tr("Reset panels"), .tip = tr("Puts the panels of this workspace back where they were at first"),
                    .shortcut = QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_R), .group = view, .menu = QStringLiteral("view")},
                   this, [this] { m_workspaces->reset(); });
    add({.id = QStringLiteral("actionHelp"), .text = tr("Help on this panel"), .tip = tr("The page of the guide about the panel that has the focus"),
         .shortcut = QKeySequence(Qt::Key_F1), .icon = QStringLiteral("info"), .group = help, .menu = QStringLiteral("help")},
        &MainWindow::openHelp);
    add({.id = QStringLiteral("actionKeys"), .text = tr("Keys and mouse"), .tip = tr("Shows what every key does here; any key or click closes it"),
         .shortcut = QKeySequence(QStringLiteral("?")), .icon = QStringLiteral("keyboard"), .group = help, .menu = QStringLiteral("help")},
        &MainWindow::toggleKeys);
    add({.id = QStringLiteral("actionAbout"), .text = tr("About Hilum"), .tip = tr("Version, intended use, licences"),
         .shortcut = QKeySequence(Qt::SHIFT | Qt::Key_F1), .group = help, .menu = QStringLiteral("help")},
        &MainWindow::openAbout);
    m_bar->addAtBottom(m_actions->find(QStringLiteral("actionKeys")), QStringLiteral("keysButton"));
    m_bar->addAtBottom(m_actions->find(QStringLiteral("actionSettings")), QStringLiteral("settingsButton"));
}

void MainWindow::showWorkspace(const QString& id)
{
    if (!m_workspaces->has(id)) {
        m_services.messages->note(tr("This program has no workspace \"%1\"").arg(id));
        return;
    }
    const bool changed = m_workspaces->show(id);
    if (m_keys)
        m_keys->close();
    if (!changed)
        return;
    m_menus->refresh();
    m_services.selection->setProbe({});
    m_workspaces->enter();
    updateTitle();
}

void MainWindow::updateTitle()
{
    QString what;
    const Selection* selection = m_services.selection;
    const QString& current = m_workspaces->current();
    const bool firstLook = current == QLatin1String("read") && selection->firstLook();
    if (const auto& series = firstLook ? selection->firstLook() : selection->series(); series && current != QLatin1String("studies")) {
        const QString description = QString::fromStdString(series->description);
        what = description.isEmpty() ? QString::fromStdString(series->where.filename().string()) : description;
    }
    const QString workspace = m_workspaces->title();
    QStringList parts{QStringLiteral("Hilum")};
    if (!workspace.isEmpty())
        parts.prepend(workspace);
    if (!what.isEmpty())
        parts.prepend(what);
    setWindowTitle(parts.join(QStringLiteral(" \u2013 ")));
}

void MainWindow::restoreLastTime()
{
    const QByteArray geometry = m_services.settings->value(QStringLiteral("window/geometry")).toByteArray();
    if (geometry.isEmpty() || !restoreGeometry(geometry)) {
        const QSize available = screen()->availableSize();
        resize(std::min(1600, available.width()), std::min(1000, available.height()));
    }
    const QString last = m_services.settings->value(QStringLiteral("window/workspace"), QStringLiteral("studies")).toString();
    // only the library is useful before something is open
    showWorkspace(last == QLatin1String("jobs") ? last : QStringLiteral("studies"));
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (m_help)
        m_help->close();
    const QStringList reasons = m_workspaces->reasonsToStay();
    if (!reasons.isEmpty()
        && QMessageBox::question(this, tr("Close Hilum?"), reasons.join(QStringLiteral("\n\n")), QMessageBox::Close | QMessageBox::Cancel, QMessageBox::Cancel)
            != QMessageBox::Close) {
        event->ignore();
        return;
    }
    m_services.tasks->cancelAll();
    m_workspaces->save();
    Settings* settings = m_services.settings;
    settings->setValue(QStringLiteral("window/geometry"), saveGeometry());
    settings->setValue(QStringLiteral("window/workspace"), currentWorkspace());
    settings->save();
    event->accept();
}

void MainWindow::importByDialog(bool folder)
{
    const QString key = QStringLiteral("import/folder");
    const QString start = m_services.settings->value(key).toString();
    QStringList chosen;
    if (folder) {
        if (const QString one = QFileDialog::getExistingDirectory(this, tr("Import folder"), start); !one.isEmpty())
            chosen << one;
    } else {
        chosen = QFileDialog::getOpenFileNames(this, tr("Import files"), start);
    }
    if (chosen.isEmpty())
        return;
    m_services.settings->setValue(key, folder ? chosen.first() : QFileInfo(chosen.first()).absolutePath());
    std::vector<path> paths;
    for (const QString& one : std::as_const(chosen))
        paths.emplace_back(one.toStdString());
    m_services.imports->start(paths);
}

void MainWindow::openSettings()
{
    // every panel declares its actions when it is made
    m_workspaces->loadAll();
    SettingsDialog dialog(m_services, *m_actions, bool(m_chooseLibrary), this);
    if (dialog.exec() == QDialog::Accepted && !dialog.newLibraryFolder().isEmpty() && m_chooseLibrary)
        m_chooseLibrary(dialog.newLibraryFolder());
}

void MainWindow::openHelp()
{
    QString page = currentWorkspace(); // of the workspace, when no panel has the focus
    for (const QWidget* widget = QApplication::focusWidget(); widget; widget = widget->parentWidget())
        if (qobject_cast<const Panel*>(widget)) {
            page = widget->objectName();
            break;
        }
    if (!m_help)
        m_help = new HelpWindow(this);
    m_help->showPage(page);
    m_help->show();
    m_help->raise();
    m_help->activateWindow();
}

void MainWindow::toggleKeys()
{
    if (m_keys)
        m_keys->close();
    else
        m_keys = new KeysOverlay(*m_actions, currentWorkspace(), centralWidget());
}

void MainWindow::openAbout()
{
    AboutDialog(this).exec();
}

void MainWindow::explain(std::int64_t row)
{
    m_services.runner->run<project::SeriesRow>(
        this, [library = m_services.library, row](const Work&) { return library->series(row); },
        [this](const Result<project::SeriesRow>& series) {
            if (!series) {
                m_services.messages->error(series.error(), tr("Explaining how the series was loaded"));
                return;
            }
            auto* dialog = new ExplanationDialog(*series, this);
            dialog->setAttribute(Qt::WA_DeleteOnClose);
            dialog->open();
        });
}

void MainWindow::toggleFullScreen(bool on)
{
    setWindowState(windowState().setFlag(Qt::WindowFullScreen, on));
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    if (droppedPaths(event->mimeData()).empty())
        return;
    event->acceptProposedAction();
    if (!m_dropHint) {
        m_dropHint = new QLabel(tr("Drop files or folders to add them to the library.\nThey stay where they are."), this);
        m_dropHint->setObjectName(QStringLiteral("dropHint"));
        m_dropHint->setAlignment(Qt::AlignCenter);
        m_dropHint->setFont(theme::headingFont());
        m_dropHint->setAttribute(Qt::WA_TransparentForMouseEvents);
        m_dropHint->setStyleSheet(QStringLiteral("background: rgba(31, 31, 31, 215); border: 2px dashed %1; color: %2;").arg(theme::css(theme::Role::Accent), theme::css(theme::Role::Text)));
    }
    m_dropHint->setGeometry(centralWidget()->geometry().adjusted(16, 16, -16, -16));
    m_dropHint->show();
    m_dropHint->raise();
}

void MainWindow::dragMoveEvent(QDragMoveEvent* event)
{
    event->acceptProposedAction();
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent*)
{
    delete m_dropHint;
}

void MainWindow::dropEvent(QDropEvent* event)
{
    delete m_dropHint;
    std::vector<path> paths = droppedPaths(event->mimeData());
    if (paths.empty())
        return;
    event->acceptProposedAction();
    takeDropped(m_services, this, std::move(paths), [this](const path& run) { openRunFolder(m_services, this, run); }, currentWorkspace() == QStringLiteral("lab") ? currentWorkspace() : QStringLiteral("read"));
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QMainWindow::resizeEvent(event);
    if (m_keys)
        m_keys->setGeometry(centralWidget()->rect());
}

void MainWindow::changeEvent(QEvent* event)
{
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::WindowStateChange)
        m_actions->find(QStringLiteral("actionFullScreen"))->setChecked(isFullScreen());
}

} // namespace hilum::widgets
