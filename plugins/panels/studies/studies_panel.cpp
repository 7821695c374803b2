#include "plugins/panels/studies/studies_panel.h"

#include "core/base/numbers.h"
#include "core/project/relink.h"
#include "core/services/series_match.h"
#include "core/services/task_runner.h"
#include "widgets/models/series_text.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/study_import.h"

#include <QEvent>
#include <QFile>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QStackedLayout>
#include <QToolButton>
#include <QTreeView>

#include <algorithm>
#include <functional>

namespace hilum::panels {

using namespace widgets;

namespace {

constexpr int ExpandAllUpTo = 400; // series: more are shown closed
constexpr int LookAgainMilliseconds = 10'000; // disks come and go; each look asks them for a file of every series

} // namespace

StudiesPanel::StudiesPanel(const PanelContext& context)
    : m_services(context.services)
    , m_model(new SeriesModel(context.services.library, context.services.runner, this))
    , m_tree(new QTreeView(this))
    , m_registry(context.actions)
{
    registerActions(context.actions, context.workspace);
    m_details = new SeriesDetails(m_actions, this);
    makeTree();
    auto* list = new QWidget(this);
    m_pages = new QStackedLayout(list);
    m_pages->addWidget(m_tree);
    m_pages->addWidget(makeEmptyPage(context.actions));
    auto* row = new QHBoxLayout;
    row->setSpacing(0);
    row->addWidget(list, 1);
    row->addWidget(m_details);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(makeToolBar(context.actions));
    column->addLayout(row, 1);
    setFocusProxy(m_tree);

    connect(m_model, &SeriesModel::loaded, this, &StudiesPanel::modelLoaded);
    connect(m_model, &SeriesModel::failed, this, [this](const Error& error) { m_services.messages->error(error, tr("Listing the library")); });
    connect(m_services.imports, &StudyImport::libraryChanged, m_model, &SeriesModel::reload);
    connect(m_services.imports, &StudyImport::libraryChanged, this, &StudiesPanel::refreshProblems);
    currentChanged();
    m_model->reload();
    refreshProblems();
}

void StudiesPanel::registerActions(Actions* actions, const QString& workspace)
{
    const auto add = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, const char* picture, std::function<void()> work) {
        return actions->add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = keys, .context = workspace, .icon = QLatin1String(picture), .group = tr("Studies"), .menu = QStringLiteral("studies")}, this, std::move(work));
    };
    add("actionSearch", tr("Search"), tr("Types into the search field"), QKeySequence(Qt::CTRL | Qt::Key_F), "search", [this] {
        m_search->setFocus(Qt::ShortcutFocusReason);
        m_search->selectAll();
    });
    m_remove = add("actionRemoveSeries", tr("Remove from library"), tr("Forgets the chosen rows; their files are not touched"), QKeySequence(Qt::Key_Delete), "remove", [this] { removeSelected(); });
    m_actions.read = add("actionStudiesOpenRead", tr("Open in Read"), tr("Shows it in the Read workspace (double click does the same)"), QKeySequence(Qt::Key_Return), "read",
                         [this] { openCurrent(QStringLiteral("read")); });
    m_actions.lab = add("actionStudiesOpenLab", tr("Open in Lab"), tr("Shows what a model hides and fills in on it"), QKeySequence(Qt::CTRL | Qt::Key_L), "lab",
                        [this] { openCurrent(QStringLiteral("lab")); });
    m_actions.explain = add("actionStudiesExplain", tr("How was this loaded?"), tr("What was decided when its files were put together, and why"), QKeySequence(Qt::CTRL | Qt::Key_I), "info", [this] {
        if (const auto* chosen = m_model->row(m_tree->currentIndex()))
            m_services.selection->showExplanation(chosen->id);
    });
    m_actions.relink = add("actionStudiesRelink", tr("Relink..."), tr("Its folder is gone: say where it is now"), QKeySequence(Qt::CTRL | Qt::Key_R), "relink", [this] {
        if (const auto* chosen = m_model->row(m_tree->currentIndex()))
            relink(chosen->id);
    });
    m_listProblems = add("actionStudiesProblems", tr("Problems..."), tr("Files that could not be read, with the reasons"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E), "warning", [this] { showProblems(); });
}

void StudiesPanel::makeTree()
{
    m_tree->setObjectName(QStringLiteral("studyTree"));
    m_tree->setAccessibleName(tr("Library of studies"));
    m_tree->setModel(m_model);
    m_tree->setUniformRowHeights(true); // without it every row of a large library would be measured
    m_tree->setIconSize(QSize(SeriesModel::ThumbnailSize, SeriesModel::ThumbnailSize));
    m_tree->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_tree->setContextMenuPolicy(Qt::CustomContextMenu);
    m_tree->setExpandsOnDoubleClick(false);
    m_tree->setIndentation(22);
    m_tree->setTextElideMode(Qt::ElideMiddle);
    m_tree->header()->setObjectName(QStringLiteral("studyColumns"));
    m_tree->header()->setStretchLastSection(true);
    m_tree->header()->setSectionResizeMode(SeriesModel::Name, QHeaderView::Interactive);
    const int widths[] = {520, 90, 150, 110};
    for (int column = 0; column < int(std::size(widths)); ++column)
        m_tree->setColumnWidth(column, widths[column]);
    connect(m_tree, &QTreeView::doubleClicked, this, [this](const QModelIndex& index) {
        if (m_model->row(index))
            openCurrent(QStringLiteral("read"));
        else
            m_tree->setExpanded(index.siblingAtColumn(0), !m_tree->isExpanded(index.siblingAtColumn(0)));
    });
    connect(m_tree, &QTreeView::customContextMenuRequested, this, &StudiesPanel::contextMenu);
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &StudiesPanel::currentChanged);
    connect(m_model, &SeriesModel::dataChanged, this, [this](const QModelIndex& from) {
        if (from.siblingAtColumn(0) == m_tree->currentIndex().siblingAtColumn(0))
            currentChanged();
    });
    connect(m_model, &SeriesModel::modelReset, this, &StudiesPanel::currentChanged);
    connect(m_model, &SeriesModel::modelReset, this, [this] { m_fresh.clear(); });
    connect(m_model, &SeriesModel::rowsInserted, this, [this](const QModelIndex& parent, int first, int last) {
        for (int i = first; i <= last && m_model->seriesCount() <= ExpandAllUpTo; ++i)
            if (const QModelIndex one = m_model->index(i, 0, parent); SeriesModel::NodeKind(one.data(SeriesModel::NodeKindRole).toInt()) != SeriesModel::NodeKind::Series)
                m_fresh.append(one);
    });
}

QWidget* StudiesPanel::makeToolBar(Actions* actions)
{
    auto* bar = new QFrame(this);
    bar->setObjectName(QStringLiteral("studiesToolBar"));
    bar->setStyleSheet(QStringLiteral("#studiesToolBar { border: none; border-bottom: 1px solid %1; }").arg(theme::css(theme::Role::Line)));
    auto* row = new QHBoxLayout(bar);
    row->setContentsMargins(12, 8, 12, 8);
    row->setSpacing(theme::Space);
    const auto button = [&](const char* action, const QString& name, const QString& words) {
        QAction* does = actions->find(QString::fromLatin1(action));
        auto* made = new QPushButton(words, bar);
        made->setObjectName(name);
        if (does) {
            made->setIcon(does->icon());
            made->setToolTip(does->toolTip());
            connect(made, &QPushButton::clicked, does, &QAction::trigger);
        }
        row->addWidget(made);
    };
    button("actionImportFolder", QStringLiteral("importFolderButton"), tr("Import folder"));
    button("actionImportFiles", QStringLiteral("importFilesButton"), tr("Import files"));
    m_search = new QLineEdit(bar);
    m_search->setObjectName(QStringLiteral("searchEdit"));
    m_search->setPlaceholderText(tr("Search name, ID, description, modality, date"));
    m_search->setClearButtonEnabled(true);
    m_search->addAction(icon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    m_search->setMinimumHeight(30);
    m_search->setMaximumWidth(520);
    connect(m_search, &QLineEdit::textChanged, m_model, &SeriesModel::setSearch);
    m_count = new QLabel(bar);
    m_count->setObjectName(QStringLiteral("seriesCount"));
    m_count->setProperty("role", "secondary");
    m_problems = new QToolButton(bar);
    m_problems->setObjectName(QStringLiteral("problemsBadge"));
    m_problems->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_problems->setIcon(icon(QStringLiteral("warning")));
    m_problems->setStyleSheet(QStringLiteral("color: %1;").arg(theme::css(theme::Role::Warning)));
    m_problems->setToolTip(m_listProblems->toolTip());
    m_problems->hide();
    connect(m_problems, &QToolButton::clicked, m_listProblems, &QAction::trigger);
    row->addSpacing(theme::Space);
    row->addWidget(m_search, 1);
    row->addStretch(0);
    row->addWidget(m_problems);
    row->addWidget(m_count);
    return bar;
}

QWidget* StudiesPanel::makeEmptyPage(Actions* actions)
{
    auto* page = new QWidget(this);
    m_emptyText = new QLabel(page);
    m_emptyText->setObjectName(QStringLiteral("emptyText"));
    m_emptyText->setAlignment(Qt::AlignCenter);
    m_emptyText->setProperty("role", "secondary");
    auto* picture = new QLabel(page);
    picture->setPixmap(icon(QStringLiteral("import-folder")).pixmap(56));
    picture->setAlignment(Qt::AlignCenter);
    auto* button = new QPushButton(tr("Import folder..."), page);
    button->setObjectName(QStringLiteral("emptyImportButton"));
    if (QAction* does = actions->find(QStringLiteral("actionImportFolder"))) {
        button->setToolTip(does->toolTip());
        connect(button, &QPushButton::clicked, does, &QAction::trigger);
    }
    auto* column = new QVBoxLayout(page);
    column->addStretch(2);
    column->addWidget(picture);
    column->addSpacing(6);
    column->addWidget(m_emptyText);
    column->addSpacing(10);
    column->addWidget(button, 0, Qt::AlignHCenter);
    column->addStretch(3);
    return page;
}

void StudiesPanel::workspaceShown()
{
    lookForFiles();
}

bool StudiesPanel::event(QEvent* event)
{
    if (event->type() == QEvent::WindowActivate && isVisible()) // back from where a disk was connected or put away
        lookForFiles();
    return Panel::event(event);
}

/// Folders may have been moved, unmounted or mounted since the last time.
void StudiesPanel::lookForFiles()
{
    if (m_looking || (m_looked.isValid() && m_looked.elapsed() < LookAgainMilliseconds))
        return;
    m_looking = true;
    m_services.runner->run<project::Library::Look>(
        this, [library = m_services.library](const Work&) { return library->refreshMissing(); },
        [this](const Result<project::Library::Look>& look) {
            m_looking = false;
            m_looked.start();
            if (look && look->changed) // reading a large library anew for nothing takes seconds
                m_model->reload();
        });
}

void StudiesPanel::modelLoaded()
{
    m_services.selection->setCases(m_model->cases());
    const int count = m_model->seriesCount();
    const bool searching = !m_search->text().trimmed().isEmpty();
    m_tree->setProperty("seriesCount", count);
    m_tree->setProperty("loading", m_model->loading());
    m_tree->setAccessibleDescription(tr("%n series", nullptr, count));
    m_count->setText(searching ? tr("%1 found").arg(QString::fromStdString(grouped(count))) : tr("%1 series").arg(QString::fromStdString(grouped(count))));
    for (const QPersistentModelIndex& one : std::exchange(m_fresh, {})) // the others are as the person left them
        if (count <= ExpandAllUpTo && one.isValid())
            m_tree->expand(one);
    m_emptyText->setText(searching ? tr("Nothing in the library matches.") : tr("No studies yet.\nDrop files or folders anywhere on the window, or import a folder."));
    m_pages->setCurrentIndex(count == 0 ? 1 : 0);
}

void StudiesPanel::currentChanged()
{
    const QModelIndex index = m_tree->currentIndex();
    const auto* row = m_model->row(index);
    m_actions.read->setEnabled(row && !row->missing);
    m_actions.lab->setEnabled(row && !row->missing && series_text::isPicture(*row));
    m_actions.explain->setEnabled(row != nullptr);
    m_actions.relink->setEnabled(row && row->missing);
    m_details->show(row, m_model->picture(index));
}

void StudiesPanel::openCurrent(const QString& workspace)
{
    const auto* row = m_model->row(m_tree->currentIndex());
    if (!row)
        return;
    if (workspace == QLatin1String("lab"))
        m_services.selection->openInLab(row->id);
    else
        m_services.selection->openInRead(row->id);
}

std::vector<project::RowId> StudiesPanel::selectedSeries() const
{
    std::vector<project::RowId> ids;
    for (const QModelIndex& index : m_tree->selectionModel()->selectedRows())
        for (const project::RowId id : m_model->seriesBelow(index))
            if (std::ranges::find(ids, id) == ids.end())
                ids.push_back(id);
    return ids;
}

void StudiesPanel::contextMenu(const QPoint& point)
{
    const QModelIndex index = m_tree->indexAt(point);
    if (!index.isValid())
        return;
    // the actions are about the current row
    if (m_tree->selectionModel()->isSelected(index))
        m_tree->selectionModel()->setCurrentIndex(index, QItemSelectionModel::NoUpdate);
    else
        m_tree->setCurrentIndex(index);
    QMenu menu(this);
    menu.setObjectName(QStringLiteral("studyMenu"));
    if (const auto* row = m_model->row(index)) {
        menu.addActions({m_actions.read, m_actions.lab});
        menu.addSeparator();
        menu.addAction(m_actions.explain);
        if (row->missing)
            menu.addAction(m_actions.relink);
        menu.addSeparator();
    }
    menu.addAction(m_remove);
    menu.exec(m_tree->viewport()->mapToGlobal(point));
}

void StudiesPanel::removeSelected()
{
    const auto ids = selectedSeries();
    if (ids.empty())
        return;
    QMessageBox ask(QMessageBox::Question, tr("Remove from library"), tr("Remove %n series from the library?", nullptr, int(ids.size())), QMessageBox::Cancel, this);
    ask.setObjectName(QStringLiteral("removeQuestion"));
    ask.setInformativeText(tr("The files stay where they are."));
    QPushButton* remove = ask.addButton(tr("Remove"), QMessageBox::AcceptRole);
    remove->setObjectName(QStringLiteral("removeConfirm"));
    ask.exec();
    if (ask.clickedButton() != remove)
        return;
    // an import that writes would hold up the window
    m_services.runner->run<void>(
        this, [library = m_services.library, ids](const Work&) { return library->remove(ids); },
        [this](const Status& removed) {
            if (!removed)
                m_services.messages->error(removed.error(), tr("Removing from the library"));
            m_services.imports->notifyChanged();
        });
}

void StudiesPanel::relink(project::RowId id)
{
    // which folder it was, the row's files tell: the list has them not
    m_services.runner->run<path>(
        this,
        [library = m_services.library, id](const Work&) -> Result<path> {
            HILUM_TRY(const auto row, library->series(id));
            return project::folderToRelink(row);
        },
        [this, id](const Result<path>& old) {
            if (old)
                askForFolder(id, *old);
            else
                m_services.messages->error(old.error(), tr("Relinking"));
        });
}

void StudiesPanel::askForFolder(project::RowId id, const path& old)
{
    const QString chosen = QFileDialog::getExistingDirectory(this, tr("Where is the folder \"%1\" now?").arg(QString::fromStdString(old.filename().string())));
    if (chosen.isEmpty())
        return;
    m_services.runner->run<std::int64_t>(
        this,
        [library = m_services.library, id, to = path(QFile::encodeName(chosen).toStdString())](const Work&) { return project::relinkSeries(*library, id, to, services::holdsSeries); },
        [this](Result<std::int64_t> found) {
            if (!found)
                m_services.messages->error(found.error(), tr("Relinking"));
            else if (*found == 0)
                m_services.messages->note(tr("None of the missing files are there"));
            else
                m_services.messages->note(tr("%n series found again", nullptr, int(*found)));
            m_services.imports->notifyChanged();
        });
}

} // namespace hilum::panels
