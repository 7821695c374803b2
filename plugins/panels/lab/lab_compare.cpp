// Checkpoints one after another; pinned reconstructions beside each other, over each other or in turn. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include <QAction>
#include <QLabel>

#include <algorithm>

namespace hilum::lab {

void LabPanel::pin()
{
    const view::Reconstruction& r = m_session->reconstruction();
    if (r.isEmpty()) {
        m_status->setText(tr("Reconstructions of radiographs can be pinned and compared"));
        return;
    }
    const Json& metadata = m_session->origin().metadata; // of what is on screen: other weights may be on their way
    Pinned now;
    now.label = metadata.contains("step") && metadata["step"].is_number_integer() ? tr("step %1").arg(metadata["step"].get<std::int64_t>()) : tr("untrained");
    now.label += tr(" (error %1)").arg(r.meanError(), 0, 'f', 3);
    now.values = r;
    now.pictures = m_session->resultPictures();
    if (!m_pins[0].isEmpty() && !m_pins[1].isEmpty())
        m_pins[0] = std::move(m_pins[1]);
    m_pins[m_pins[0].isEmpty() ? 0 : 1] = std::move(now);
    m_bar->setPins(m_pins[0].label, m_pins[1].label);
    updateViews();
}

void LabPanel::forgetPins()
{
    m_pins = {};
    m_bar->setPins({}, {});
}

void LabPanel::stepCheckpoint(int by)
{
    if (!m_bar->stepBy(by))
        m_status->setText(m_bar->checkpoints().empty() ? tr("These weights have no checkpoints") : by > 0 ? tr("This is the last checkpoint of the run") : tr("This is the first checkpoint of the run"));
}

void LabPanel::play(bool on)
{
    m_play.stop();
    if (!on)
        return;
    if (m_bar->checkpoints().size() < 2) {
        m_status->setText(tr("There is no history to play: these weights have no other checkpoints"));
        m_playAction->setChecked(false);
        return;
    }
    if (m_bar->atEnd())
        m_bar->rewind();
    m_play.start();
}

bool LabPanel::comparesTwo() const
{
    return !m_pins[0].isEmpty() && m_bar->mode() != CompareMode::Off && !m_session->isVolume() && (!m_pins[1].isEmpty() || !m_session->reconstruction().isEmpty());
}

void LabPanel::showOther(bool held)
{
    if (held == m_otherHeld)
        return;
    if (held && !comparesTwo()) {
        m_status->setText(tr("Nothing is compared: pin a reconstruction and choose how"));
        return;
    }
    m_otherHeld = held;
    m_flickerSecond = false;
    if (m_flicker.isActive()) // the first one is seen for its whole time afterwards
        m_flicker.start();
    applyComparison();
}

void LabPanel::applyComparison()
{
    const CompareMode mode = m_bar->mode();
    if (m_pins[0].isEmpty() || mode == CompareMode::Off || m_session->isVolume())
        return;
    Pinned other = m_pins[1];
    const view::Reconstruction& r = m_session->reconstruction();
    if (other.isEmpty() && !r.isEmpty())
        other = {tr("now"), r, m_session->resultPictures()};
    // errors that are compared share one scale
    const double largest = std::max(m_pins[0].values.largestError(), other.isEmpty() ? 0.0 : other.values.largestError());
    const auto picture = [&](const Pinned& p, Shown shown) {
        if (p.isEmpty() || !p.pictures)
            return QImage();
        if (shown != Shown::Error)
            return shown == Shown::PastedBack ? p.pictures->pastedBack : p.pictures->reconstruction;
        if (p.pictures->largest == largest)
            return p.pictures->error;
        const view::Reconstruction& v = p.values;
        ScaledError& scaled = m_scaledErrors[&p == &other ? 1 : 0];
        if (scaled.of != v.digest || scaled.largest != largest)
            scaled = {v.digest, largest, errorPicture(v.error, v.width, v.height, largest)};
        return scaled.picture;
    };
    const auto put = [&](int slot, Shown shown, const Pinned& p, const QImage& second, const QString& note) {
        PatchView::Content content = contentOf(shown, *m_session, m_slice, m_range);
        content.image = picture(p, shown);
        content.second = second;
        content.over = mode == CompareMode::Fade ? PatchView::Over::Fade : mode == CompareMode::Lens ? PatchView::Over::Lens : PatchView::Over::Wipe;
        content.hatch = {};
        content.note = note;
        if (shown == Shown::Error) {
            content.low = -largest;
            content.high = largest;
        }
        view(slot)->setShownMask({});
        view(slot)->setContent(std::move(content));
    };
    const bool swapped = m_otherHeld && comparesTwo();
    const auto alone = [&](int slot, Shown shown, bool second) {
        const Pinned& p = second ? other : m_pins[0];
        put(slot, shown, p, {}, p.label);
    };
    if (mode == CompareMode::SideBySide) {
        const Shown order[] = {Shown::Reconstruction, Shown::Reconstruction, Shown::Error, Shown::Error};
        for (int i = 0; i < 4; ++i)
            alone(i, order[i], (i % 2 == 1) != swapped);
        return;
    }
    const QString both = (mode == CompareMode::Fade ? tr("%1, over it %2") : mode == CompareMode::Lens ? tr("%1, in the lens %2") : QStringLiteral("%1 | %2")).arg(m_pins[0].label, other.label);
    for (int i = 0; i < 4; ++i) {
        const Shown shown = shownIn(i);
        if (shown != Shown::Reconstruction && shown != Shown::Error && shown != Shown::PastedBack)
            continue;
        if (swapped || mode == CompareMode::Flicker)
            alone(i, shown, swapped || m_flickerSecond);
        else
            put(i, shown, m_pins[0], picture(other, shown), both);
    }
}

} // namespace hilum::lab
