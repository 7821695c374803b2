#include "widgets/shell/workspace.h"

#include "core/base/log.h"
#include "widgets/style/theme.h"

#include <DockAreaWidget.h>
#include <DockManager.h>
#include <DockSplitter.h>
#include <DockWidget.h>
#include <FloatingDockContainer.h>

#include <QAction>
#include <QDataStream>
#include <QIODevice>
#include <QPointer>

#include <algorithm>
#include <numeric>

namespace hilum::widgets {

namespace {

constexpr int StateVersion = 1;
constexpr char StateMark[] = "hilum.layout/1";

void configureOnce()
{
    static const bool done = [] {
        using Manager = ads::CDockManager;
        Manager::setConfigFlags(Manager::OpaqueSplitterResize | Manager::FloatingContainerHasWidgetTitle | Manager::DockAreaHideDisabledButtons
                                | Manager::DockAreaDynamicTabsMenuButtonVisibility | Manager::DockAreaHasCloseButton
                                | Manager::DockAreaCloseButtonClosesTab | Manager::DragPreviewIsDynamic);
        return true;
    }();
    (void)done;
}

ads::DockWidgetArea areaOf(const QString& name)
{
    if (name == QLatin1String("left"))
        return ads::LeftDockWidgetArea;
    if (name == QLatin1String("right"))
        return ads::RightDockWidgetArea;
    if (name == QLatin1String("top"))
        return ads::TopDockWidgetArea;
    if (name == QLatin1String("bottom"))
        return ads::BottomDockWidgetArea;
    return ads::CenterDockWidgetArea;
}

} // namespace

struct Workspace::Docks {
    QPointer<ads::CDockManager> manager; // owned by the stack it is put into
    QList<std::pair<ads::CDockWidget*, double>> widgets; // with the share asked for
    QByteArray first;
};

Workspace::Workspace(const QString& id, const QString& title, QWidget* parent)
    : QObject(parent)
    , m_id(id)
    , m_title(title)
    , m_docks(std::make_unique<Docks>())
{
    configureOnce();
    m_docks->manager = new ads::CDockManager(parent);
    m_docks->manager->setObjectName(QStringLiteral("workspace_") + id);
    m_docks->manager->setStyleSheet(theme::dockStyleSheet());
    connect(m_docks->manager, &ads::CDockManager::floatingWidgetCreated, this, &Workspace::floated);
}

Workspace::~Workspace() = default;

QWidget* Workspace::widget() const
{
    return m_docks->manager;
}

void Workspace::add(const DockedPanel& panel)
{
    auto* dock = new ads::CDockWidget(m_docks->manager, panel.title);
    dock->setObjectName(QStringLiteral("dock_") + panel.id);
    dock->setWidget(panel.widget, ads::CDockWidget::ForceNoScrollArea);
    // what stands in the centre is what the workspace is for: it stays
    const bool centre = areaOf(panel.area) == ads::CenterDockWidgetArea;
    dock->setFeature(ads::CDockWidget::DockWidgetClosable, !centre);
    dock->setFeature(ads::CDockWidget::DockWidgetPinnable, false);
    dock->setMinimumSizeHintMode(ads::CDockWidget::MinimumSizeHintFromContent);
    m_docks->manager->addDockWidget(areaOf(panel.area), dock);
    m_docks->widgets.append({dock, panel.share});
    m_panels.append(panel.id);
}

QList<QAction*> Workspace::panelActions() const
{
    QList<QAction*> actions;
    for (const auto& [dock, share] : m_docks->widgets) {
        QAction* action = dock->toggleViewAction();
        action->setEnabled(dock->features().testFlag(ads::CDockWidget::DockWidgetClosable));
        actions.append(action);
    }
    return actions;
}

void Workspace::raise(const QString& panelId)
{
    for (const auto& [dock, share] : m_docks->widgets)
        if (dock->objectName() == QStringLiteral("dock_") + panelId) {
            dock->toggleView(true);
            dock->raise();
        }
}

void Workspace::finish()
{
    for (const auto& [dock, share] : m_docks->widgets) {
        ads::CDockAreaWidget* area = dock->dockAreaWidget();
        ads::CDockSplitter* splitter = area ? area->parentSplitter() : nullptr;
        if (share <= 0 || share >= 1 || !splitter || splitter->count() < 2)
            continue;
        // sizes are relative until the splitter is laid out
        const int count = splitter->count();
        QList<int> sizes(count, int(1000 * (1 - share) / (count - 1)));
        sizes[splitter->indexOf(area)] = int(1000 * share);
        splitter->setSizes(sizes);
    }
    m_docks->first = save();
}

void Workspace::reset()
{
    restore(m_docks->first);
}

QByteArray Workspace::save() const
{
    QByteArray state;
    QDataStream stream(&state, QIODevice::WriteOnly);
    stream.setVersion(QDataStream::Qt_6_6);
    QStringList panels = m_panels;
    panels.sort();
    stream << QByteArray(StateMark) << panels << m_docks->manager->saveState(StateVersion);
    return state;
}

bool Workspace::restore(const QByteArray& state)
{
    QDataStream stream(state);
    stream.setVersion(QDataStream::Qt_6_6);
    QByteArray mark, layout;
    QStringList panels;
    stream >> mark;
    if (stream.status() != QDataStream::Ok || mark != StateMark) {
        log::warning("widgets.shell", "the saved layout of workspace {} is not readable; the default one is used", m_id.toStdString());
        return false;
    }
    stream >> panels >> layout;
    QStringList mine = m_panels;
    mine.sort();
    if (stream.status() != QDataStream::Ok || panels != mine) {
        log::info("widgets.shell", "the saved layout of workspace {} belongs to other panels; the default one is used", m_id.toStdString());
        return false;
    }
    if (!m_docks->manager->restoreState(layout, StateVersion)) {
        log::warning("widgets.shell", "the saved layout of workspace {} is damaged; the default one is used", m_id.toStdString());
        return false;
    }
    return true;
}

} // namespace hilum::widgets
