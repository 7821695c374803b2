// What keys and mouse do: the tool in hand, the mouse profile, the held key of overlays, running through the slices.
#include "plugins/panels/read/read_panel.h"

#include "core/view/mouse_profile.h"
#include "plugins/panels/read/prior_view.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/settings.h"

#include <QKeyEvent>
#include <QMenu>
#include <QTimer>

namespace hilum::panels {

bool ReadPanel::eventFilter(QObject* watched, QEvent* event)
{
    // held, not pressed: the views hand it on, and no button gets it
    if (event->type() == QEvent::KeyPress || event->type() == QEvent::KeyRelease) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const QKeySequence wanted = m_context.actions->keys(QStringLiteral("actionHideOverlays"));
        const bool press = event->type() == QEvent::KeyPress;
        // modifiers may be let go first
        if (!wanted.isEmpty() && wanted[0].key() == key->key() && (!press || wanted == QKeySequence(key->keyCombination()))) {
            if (!key->isAutoRepeat())
                m_state->overlaysHidden.set(press);
            return true;
        }
    }
    if (event->type() == QEvent::FocusOut)
        m_state->overlaysHidden.set(false); // the release will go elsewhere
    return Panel::eventFilter(watched, event);
}

void ReadPanel::keyPressEvent(QKeyEvent* event) { eventFilter(this, event) ? event->accept() : Panel::keyPressEvent(event); }
void ReadPanel::keyReleaseEvent(QKeyEvent* event) { eventFilter(this, event) ? event->accept() : Panel::keyReleaseEvent(event); }

void ReadPanel::cine(bool on)
{
    if (on && m_grid->activeSlice()->stack().count > 1)
        m_cine->start();
    else
        m_cine->stop();
}

/// Greyed where there is one slice, and never on where it does not run.
void ReadPanel::updateCine()
{
    QAction* action = m_context.actions->find(QStringLiteral("actionCine"));
    const bool runs = !m_volume.isEmpty() && m_grid->activeSlice()->stack().count > 1;
    if (!runs)
        action->setChecked(false);
    action->setEnabled(runs);
    m_context.actions->setTip(action, action->statusTip());
    if (!runs)
        action->setToolTip(m_volume.isEmpty() ? tr("No image is open.") : tr("There is one slice, so there is nothing to run through."));
}

void ReadPanel::openMenu(const QPoint& globalPosition) { m_menu->popup(globalPosition); }

void ReadPanel::setTool(widgets::Gesture tool)
{
    m_tool = tool;
    for (std::size_t n = 0; n < 3; ++n)
        m_grid->slice(n)->setGesture(Qt::LeftButton, tool);
    // measurements belong to the open image
    const bool measures = tool == widgets::Gesture::Distance || tool == widgets::Gesture::Angle || tool == widgets::Gesture::Note;
    m_prior->setGesture(Qt::LeftButton, measures ? widgets::Gesture::None : tool);
    for (QAction* action : m_tools)
        action->setChecked(action->data().toInt() == static_cast<int>(tool));
}

void ReadPanel::putToolDown()
{
    for (std::size_t n = 0; n < 3; ++n)
        if (m_grid->slice(n)->isMeasuring()) {
            for (std::size_t k = 0; k < 3; ++k)
                m_grid->slice(k)->stopMeasuring();
            return; // the tool stays for the next one
        }
    setTool(profile().tool);
}

const view::MouseProfile& ReadPanel::profile() const
{
    const widgets::Settings* settings = m_context.services.settings;
    return view::mouseProfile(settings ? settings->value(QStringLiteral("input/profile")).toString().toStdString() : std::string());
}

void ReadPanel::applyProfile()
{
    m_grid->setMouseProfile(profile());
    m_prior->setMouseProfile(profile());
    setTool(profile().tool);
    updateTips();
}

void ReadPanel::updateTips()
{
    for (QAction* action : m_tools)
        m_context.actions->setTip(action, QString::fromStdString(view::mouseSentence(profile(), static_cast<widgets::Gesture>(action->data().toInt()))));
}

} // namespace hilum::panels
