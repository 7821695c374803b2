#include "widgets/shell/status_line.h"

#include "core/view/mouse_profile.h"
#include "widgets/shell/selection.h"
#include "widgets/shell/settings.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/task_strip.h"

#include <QActionGroup>
#include <QLabel>
#include <QMenu>
#include <QStatusBar>
#include <QToolButton>

namespace hilum::widgets {

namespace {

const QString ProfileKey = QStringLiteral("input/profile");

QString text(std::string_view words)
{
    return QString::fromUtf8(words.data(), qsizetype(words.size()));
}

} // namespace

StatusLine::StatusLine(QStatusBar* bar, const Services& services)
    : QObject(bar)
    , m_services(services)
    , m_probe(new QLabel(bar))
    , m_device(new QLabel(bar))
    , m_profile(new QToolButton(bar))
{
    bar->setSizeGripEnabled(false);
    bar->setContentsMargins(theme::Space, 0, theme::Space, 0);
    m_probe->setObjectName(QStringLiteral("probeText"));
    m_probe->setFont(theme::numberFont());
    m_probe->setTextFormat(Qt::PlainText);
    m_probe->setMinimumWidth(80);
    m_probe->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred); // a long line must not widen the window
    m_device->setObjectName(QStringLiteral("deviceText"));
    m_device->setFont(theme::smallFont());
    m_device->setToolTip(tr("Where models run"));
    auto* use = new QLabel(tr("Research use only, not for diagnosis"), bar);
    use->setObjectName(QStringLiteral("researchUseLabel"));
    use->setFont(theme::smallFont());
    use->setStyleSheet(QStringLiteral("color: %1;").arg(theme::css(theme::Role::Warning)));
    makeProfiles(bar);
    bar->addWidget(m_probe, 1);
    bar->addPermanentWidget(new TaskStrip(services.tasks, bar));
    bar->addPermanentWidget(m_profile);
    bar->addPermanentWidget(m_device);
    bar->addPermanentWidget(use);
    const auto device = [this](const QString& name) {
        m_device->setText(name);
        m_device->setVisible(!name.isEmpty());
    };
    device(services.selection->device());
    connect(services.selection, &Selection::probeChanged, m_probe, &QLabel::setText);
    connect(services.selection, &Selection::deviceChanged, this, device);
}

void StatusLine::makeProfiles(QStatusBar* bar)
{
    m_profile->setObjectName(QStringLiteral("inputProfileButton"));
    m_profile->setFont(theme::smallFont());
    m_profile->setPopupMode(QToolButton::InstantPopup);
    m_profile->setFocusPolicy(Qt::NoFocus);
    auto* menu = new QMenu(bar);
    menu->setObjectName(QStringLiteral("inputProfileMenu"));
    menu->setToolTipsVisible(true);
    auto* group = new QActionGroup(menu);
    for (const view::MouseProfile& profile : view::mouseProfiles()) {
        QAction* one = menu->addAction(text(profile.title));
        one->setObjectName(QStringLiteral("inputProfile_") + text(profile.id));
        one->setToolTip(QString::fromStdString(view::mouseSentence(profile, profile.tool)));
        one->setData(text(profile.id));
        one->setCheckable(true);
        group->addAction(one);
        connect(one, &QAction::triggered, this, [this, id = text(profile.id)] { m_services.settings->setValue(ProfileKey, id); });
    }
    m_profile->setMenu(menu);
    connect(m_services.settings, &Settings::changed, this, [this](const QString& key) {
        if (key == ProfileKey)
            showProfile();
    });
    showProfile();
}

void StatusLine::showProfile()
{
    const view::MouseProfile& profile = view::mouseProfile(m_services.settings->value(ProfileKey).toString().toStdString());
    m_profile->setText(tr("Mouse: %1").arg(text(profile.title)));
    QStringList lines{tr("What the mouse does in the views of Read and Lab; click for other profiles")};
    for (const view::MouseLine& line : view::mouseLines(profile, profile.tool))
        lines << QStringLiteral("%1: %2").arg(QString::fromStdString(line.input), QString::fromStdString(line.gesture));
    m_profile->setToolTip(lines.join(QLatin1Char('\n')));
    for (QAction* action : m_profile->menu()->actions())
        action->setChecked(action->data().toString() == text(profile.id));
}

} // namespace hilum::widgets
