#include "widgets/shell/menus.h"

#include "core/base/log.h"
#include "widgets/shell/actions.h"

#include <QMenu>
#include <QMenuBar>

#include <algorithm>

namespace hilum::widgets {

namespace {

struct KnownMenu {
    const char* path;
    const char* name; ///< object name
    const char* title;
};

/// In the order of the bar; submenus behind what they stand in.
constexpr KnownMenu KnownMenus[] = {
    {"file", "menuFile", QT_TRANSLATE_NOOP("hilum", "&File")},
    {"view", "menuView", QT_TRANSLATE_NOOP("hilum", "&View")},
    {"view/layout", "menuLayout", QT_TRANSLATE_NOOP("hilum", "&Layout")},
    {"studies", "menuStudies", QT_TRANSLATE_NOOP("hilum", "&Studies")},
    {"image", "menuImage", QT_TRANSLATE_NOOP("hilum", "&Image")},
    {"image/window", "menuWindow", QT_TRANSLATE_NOOP("hilum", "&Window")},
    {"image/3d", "menuVolume", QT_TRANSLATE_NOOP("hilum", "&3-D")},
    {"measure", "menuMeasure", QT_TRANSLATE_NOOP("hilum", "&Measure")},
    {"jobs", "menuJobs", QT_TRANSLATE_NOOP("hilum", "&Jobs")},
    {"help", "menuHelp", QT_TRANSLATE_NOOP("hilum", "&Help")},
};

} // namespace

Menus::Menus(QMenuBar* bar, Actions* actions, std::function<QString()> workspace)
    : QObject(bar)
    , m_actions(actions)
    , m_workspace(std::move(workspace))
{
    for (const KnownMenu& known : KnownMenus) {
        const QString path = QString::fromLatin1(known.path);
        const QString outer = path.section(QLatin1Char('/'), 0, -2);
        QMenu* menu = outer.isEmpty() ? bar->addMenu(tr(known.title)) : new QMenu(tr(known.title), m_menus[outer].menu);
        menu->setObjectName(QString::fromLatin1(known.name));
        menu->setToolTipsVisible(true);
        if (!outer.isEmpty())
            m_menus[outer].below.append(path);
        m_menus[path].menu = menu;
        connect(menu, &QMenu::aboutToShow, this, [this, path] { fill(path); });
    }
    for (QAction* action : actions->all())
        take(action);
    connect(actions, &Actions::added, this, [this](QAction* action) {
        take(action);
        refresh();
    });
    refresh();
}

void Menus::addFilled(const QString& objectName, const QString& title, const QString& tip, std::function<void(QMenu*)> fill)
{
    auto* menu = new QMenu(title, m_menus[QStringLiteral("view")].menu);
    menu->setObjectName(objectName);
    menu->setToolTip(tip);
    m_menus[QStringLiteral("view")].others.append(menu);
    connect(menu, &QMenu::aboutToShow, this, [menu, fill = std::move(fill)] {
        menu->clear();
        fill(menu);
    });
}

void Menus::take(QAction* action)
{
    const QString path = m_actions->info(action).menu;
    if (path.isEmpty())
        return;
    if (!m_menus.contains(path)) {
        log::warning("widgets.shell", "{} asks for a menu \"{}\" that there is not", action->objectName().toStdString(), path.toStdString());
        return;
    }
    m_menus[path].actions.append(action);
}

bool Menus::shown(const QAction* action) const
{
    const QString& context = m_actions->info(action).context;
    return context.isEmpty() || context == m_workspace();
}

void Menus::fill(const QString& path)
{
    const Entry& entry = m_menus[path];
    entry.menu->clear();
    QString group;
    for (QAction* action : entry.actions) {
        if (!shown(action))
            continue;
        const QString its = m_actions->info(action).group;
        if (!entry.menu->isEmpty() && its != group)
            entry.menu->addSeparator();
        group = its;
        entry.menu->addAction(action);
    }
    if (!entry.menu->isEmpty() && !(entry.below.isEmpty() && entry.others.isEmpty()))
        entry.menu->addSeparator();
    for (const QString& below : entry.below) {
        fill(below);
        if (!m_menus[below].menu->isEmpty())
            entry.menu->addMenu(m_menus[below].menu);
    }
    for (QMenu* other : entry.others)
        entry.menu->addMenu(other);
}

void Menus::refresh()
{
    for (auto it = m_menus.cbegin(); it != m_menus.cend(); ++it)
        if (!it.key().contains(QLatin1Char('/')))
            it->menu->menuAction()->setVisible(std::ranges::any_of(m_menus, [&](const Entry& entry) {
                return (entry.menu == it->menu || entry.menu->parent() == it->menu) && std::ranges::any_of(entry.actions, [this](QAction* a) { return shown(a); });
            }));
}

} // namespace hilum::widgets
