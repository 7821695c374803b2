#include "widgets/shell/workspaces.h"

#include "core/base/format.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/panel_host.h"
#include "widgets/shell/settings.h"
#include "widgets/shell/workspace.h"
#include "widgets/shell/workspace_bar.h"

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QLabel>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <utility>

namespace hilum::widgets {

namespace {

struct KnownWorkspace {
    const char* id;
    const char* title;
    const char* tip;
    Qt::Key key;
    bool always; // the others appear when a panel provides them
};

constexpr KnownWorkspace KnownWorkspaces[] = {
    {"studies", QT_TRANSLATE_NOOP("hilum", "Studies"), QT_TRANSLATE_NOOP("hilum", "The library of studies: import, search, open"), Qt::Key_F4, true},
    {"read", QT_TRANSLATE_NOOP("hilum", "Read"), QT_TRANSLATE_NOOP("hilum", "Look at images and volumes"), Qt::Key_F5, true},
    {"lab", QT_TRANSLATE_NOOP("hilum", "Lab"), QT_TRANSLATE_NOOP("hilum", "What a model hides, fills in and attends to"), Qt::Key_F6, true},
    {"annotate", QT_TRANSLATE_NOOP("hilum", "Annotate"), QT_TRANSLATE_NOOP("hilum", "Draw and correct segmentations"), Qt::Key_F7, false},
    {"jobs", QT_TRANSLATE_NOOP("hilum", "Jobs"), QT_TRANSLATE_NOOP("hilum", "Train models in the background and watch them"), Qt::Key_F8, true},
    {"review", QT_TRANSLATE_NOOP("hilum", "Review"), QT_TRANSLATE_NOOP("hilum", "Accept, correct or reject what a model produced"), Qt::Key_F9, false},
};

} // namespace

Workspaces::Workspaces(const Services& services, PanelHost* host, Actions* actions, WorkspaceBar* bar, QStackedWidget* stack, QObject* parent)
    : QObject(parent)
    , m_services(services)
    , m_host(host)
    , m_actions(actions)
    , m_stack(stack)
{
    const QStringList provided = host->workspaces();
    auto* group = new QActionGroup(this);
    for (const KnownWorkspace& known : KnownWorkspaces) {
        const QString id = QString::fromLatin1(known.id);
        if (!known.always && !provided.contains(id))
            continue;
        const QString title = tr(known.title);
        Place place;
        place.workspace = new Workspace(id, title, stack);
        place.workspace->setParent(this);
        stack->addWidget(place.workspace->widget());
        actions->addContextWidget(id, place.workspace->widget());
        connect(place.workspace, &Workspace::floated, this, [this, id](QWidget* window) {
            m_actions->addContextWidget(id, window);
            for (QAction* action : m_actions->all()) // those of the whole program, for window systems that ask the window for them
                if (m_actions->info(action).context.isEmpty())
                    window->addAction(action);
        });
        place.action = actions->add({.id = QStringLiteral("actionWorkspace") + title, .text = title, .tip = tr(known.tip), .shortcut = known.key,
                                     .icon = id, .checkable = true, .group = tr("Workspaces"), .menu = QStringLiteral("view")},
                                    this, [this, id] { Q_EMIT chosen(id); });
        group->addAction(place.action);
        bar->add(place.action, QStringLiteral("workspaceButton") + title);
        m_places.insert(id, place);
    }
}

QString Workspaces::title() const
{
    const auto place = m_places.constFind(m_current);
    return place == m_places.cend() ? QString() : place->workspace->title();
}

QList<QAction*> Workspaces::panelActions() const
{
    return m_places.value(m_current).workspace->panelActions();
}

bool Workspaces::show(const QString& id)
{
    Place& place = m_places[id];
    place.action->setChecked(true);
    const bool changed = m_current != id;
    m_current = id;
    if (!place.filled)
        fill(id);
    m_stack->setCurrentWidget(place.workspace->widget());
    return changed;
}

void Workspaces::enter()
{
    Place& place = m_places[m_current];
    // keys go to the workspace from now on, wherever the focus was before
    if (!place.panels.isEmpty() && !place.workspace->widget()->isAncestorOf(QApplication::focusWidget()))
        place.panels.first()->setFocus(Qt::OtherFocusReason);
    for (Panel* panel : std::as_const(place.panels))
        panel->workspaceShown();
}

void Workspaces::loadAll()
{
    for (const QString& id : m_places.keys())
        if (!m_places[id].filled)
            fill(id);
}

void Workspaces::reset()
{
    const Place& place = m_places[m_current];
    place.workspace->reset();
    for (qsizetype i = 0; i < place.panels.size(); ++i)
        place.panels[i]->restoreState(place.first[i]);
}

QStringList Workspaces::reasonsToStay() const
{
    QStringList reasons;
    for (const Place& place : m_places)
        for (Panel* panel : place.panels)
            if (const QString reason = panel->aboutToClose(); !reason.isEmpty())
                reasons << reason;
    return reasons;
}

void Workspaces::save() const
{
    for (auto it = m_places.cbegin(); it != m_places.cend(); ++it)
        if (it->filled) {
            m_services.settings->setValue(QStringLiteral("layout/") + it.key(), it->workspace->save());
            for (const Panel* panel : it->panels)
                m_services.settings->setValue(QStringLiteral("panel/") + panel->objectName(), panel->saveState());
        }
}

void Workspaces::fill(const QString& id)
{
    Place& place = m_places[id];
    place.filled = true;
    const std::size_t problems = m_host->problems().size();
    for (const PanelInfo& info : m_host->panels(id)) {
        auto panel = m_host->create(info, {.services = m_services, .actions = m_actions, .workspace = id});
        if (!panel)
            continue;
        if ((*panel)->focusPolicy() == Qt::NoFocus)
            (*panel)->setFocusPolicy(Qt::StrongFocus);
        place.panels.append(*panel);
        place.first.append((*panel)->saveState());
        place.workspace->add({.id = info.id, .title = info.title, .area = info.area, .share = info.share, .widget = *panel});
    }
    if (place.panels.isEmpty()) {
        auto* empty = new Panel;
        empty->setObjectName(QStringLiteral("empty_") + id);
        auto* label = new QLabel(tr("No panel of this installation provides this workspace."), empty);
        label->setProperty("role", "secondary");
        label->setAlignment(Qt::AlignCenter);
        auto* column = new QVBoxLayout(empty);
        column->addWidget(label);
        place.workspace->add({.id = QStringLiteral("empty"), .title = place.workspace->title(), .area = QStringLiteral("centre"), .widget = empty});
    }
    place.workspace->finish();
    const QByteArray state = m_services.settings->value(QStringLiteral("layout/") + id).toByteArray();
    if (!state.isEmpty())
        place.workspace->restore(state);
    for (Panel* panel : std::as_const(place.panels))
        panel->restoreState(m_services.settings->value(QStringLiteral("panel/") + panel->objectName()).toByteArray());
    reportProblems(problems);
}

void Workspaces::reportProblems(std::size_t from)
{
    const auto& problems = m_host->problems();
    if (problems.size() <= from)
        return;
    Error error{.code = problems[from].code, .message = hilum::format("{} panel(s) were left out; the window goes on without them", problems.size() - from)};
    for (std::size_t i = from; i < problems.size(); ++i)
        error.details.push_back(problems[i].sentence());
    m_services.messages->error(error, tr("Loading a panel"));
}

} // namespace hilum::widgets
