#pragma once

#include "plugins/panels/studies/series_details.h"
#include "widgets/models/series_model.h"
#include "widgets/shell/panel.h"

#include <QElapsedTimer>
#include <QList>
#include <QPersistentModelIndex>

class QLabel;
class QLineEdit;
class QPushButton;
class QStackedLayout;
class QToolButton;
class QTreeView;

namespace hilum::panels {

/// The library of studies: import, search, look, open.
class StudiesPanel : public widgets::Panel {
    Q_OBJECT
public:
    explicit StudiesPanel(const widgets::PanelContext& context);
    void workspaceShown() override;

protected:
    bool event(QEvent* event) override;

private:
    void registerActions(widgets::Actions* actions, const QString& workspace);
    void makeTree();
    QWidget* makeToolBar(widgets::Actions* actions);
    QWidget* makeEmptyPage(widgets::Actions* actions);
    void modelLoaded();
    void lookForFiles();
    void refreshProblems();
    void showProblems();
    void currentChanged();
    void openCurrent(const QString& workspace);
    void contextMenu(const QPoint& point);
    void removeSelected();
    void relink(project::RowId id);
    void askForFolder(project::RowId id, const path& old);
    std::vector<project::RowId> selectedSeries() const;

    widgets::Services m_services;
    widgets::SeriesModel* m_model;
    QTreeView* m_tree;
    QLineEdit* m_search = nullptr;
    QToolButton* m_problems = nullptr;
    QLabel* m_count = nullptr;
    QLabel* m_emptyText = nullptr;
    SeriesActions m_actions;
    QAction *m_remove = nullptr, *m_listProblems = nullptr;
    widgets::Actions* m_registry;
    SeriesDetails* m_details = nullptr;
    QStackedLayout* m_pages = nullptr;
    QList<QPersistentModelIndex> m_fresh; // patients, studies and folders that came since the last `loaded`
    QElapsedTimer m_looked;   // since files were looked for
    bool m_looking = false;
};

} // namespace hilum::panels
