// VoCo's crops as boxes in 3-D: the view, its volume, which slot it has. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/services/task_runner.h"
#include "plugins/panels/lab/crop_boxes.h"
#include "widgets/viewer/volume_view.h"

#include <QAction>
#include <QGridLayout>
#include <QMenu>
#include <QPainter>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace hilum::lab {

namespace {

constexpr std::array StandardPictures{Shown::Original, Shown::Disrupted, Shown::Reconstruction, Shown::Error};
constexpr double StartZoom = 0.7; // the whole volume, seen from a corner

} // namespace

Shown LabPanel::standardPicture(int slot)
{
    return StandardPictures[static_cast<std::size_t>(slot)];
}

void LabPanel::buildVolumeView()
{
    m_volumeView = new widgets::VolumeView(m_grid->parentWidget()); // it is in the layout only while it is shown
    m_volumeView->setObjectName(QStringLiteral("labBoxes"));
    m_volumeView->setAccessibleName(title(Shown::Boxes));
    m_volumeView->setTitle(title(Shown::Boxes));
    m_volumeView->setToolTip(tr("The model's volume with the base crops (yellow) and the random crops (blue). Left drag: turn\nWheel, right drag: zoom\nMiddle drag, Shift+left drag: pan\nRight click: menu\nDouble click: one view large, and back"));
    m_volumeView->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    m_volumeView->setFocusPolicy(Qt::ClickFocus);
    m_volumeView->setPreset(widgets::RenderPreset::Soft);
    // from the front, the left and above: seen along an axis the boxes of a grid would lie on each other
    const Vec3 towards = normalised({0.35, -0.75, 0.55}), right = normalised(cross({0, 0, 1}, towards));
    m_volumeView->setStart(right, cross(towards, right), StartZoom);
    m_volumeView->installEventFilter(this);
    m_volumeView->hide();
    const auto slot = [this] { return slotOf(Shown::Boxes); };
    connect(m_volumeView, &widgets::VolumeView::activated, this, [this, slot] { m_active = std::max(0, slot()); });
    connect(m_volumeView, &widgets::VolumeView::maximiseRequested, this, [this, slot] {
        m_maximised = m_maximised >= 0 ? -1 : slot();
        arrange();
    });
    connect(m_volumeView, &widgets::VolumeView::menuRequested, this, [this, slot](const QPoint& global) {
        if (slot() >= 0)
            showMenu(slot(), global);
    });
}

QWidget* LabPanel::widgetOf(int slot) const
{
    return shownIn(slot) == Shown::Boxes ? static_cast<QWidget*>(m_volumeView) : view(slot);
}

int LabPanel::slotOf(Shown shown) const
{
    const auto at = std::ranges::find(m_shown, shown);
    return at == m_shown.end() ? -1 : static_cast<int>(at - m_shown.begin());
}

/// The first view that the method leaves empty; -1: none.
int LabPanel::emptySlot() const
{
    for (int i = 0; i < 4; ++i)
        if (!whyNot(shownIn(i), *m_session).isEmpty())
            return i;
    return -1;
}

void LabPanel::setShown(int slot, Shown shown)
{
    // there is one view of the volume: it changes its place
    if (const int before = slotOf(Shown::Boxes); shown == Shown::Boxes && before >= 0)
        m_shown[static_cast<std::size_t>(before)] = shownIn(slot);
    m_shown[static_cast<std::size_t>(slot)] = shown;
}

/// The boxes go where the method has nothing else to show.
void LabPanel::offerBoxes()
{
    if (!m_session->methodEntry() || !whyNot(Shown::Boxes, *m_session).isEmpty() || slotOf(Shown::Boxes) >= 0)
        return;
    if (const int slot = emptySlot(); slot >= 0)
        setShown(slot, Shown::Boxes);
}

void LabPanel::updateBoxes()
{
    const view::VolumeAnswer& answer = m_session->answer();
    const auto& volume = m_session->origin().input.volume; // of the answer, not of the image that may be on its way
    std::vector<widgets::VolumeBox> boxes;
    if (m_session->isVolume() && volume && !answer.isEmpty() && !m_overlaysHidden)
        boxes = placedCrops(answer.baseBoxes, m_cropBoxes, m_crop, answer.offset(), volume->geometry);
    m_volumeView->setBoxes(std::move(boxes));
}

void LabPanel::updateVolume()
{
    const view::VolumeAnswer& answer = m_session->answer();
    VolumePart wanted;
    if (m_session->isVolume() && !answer.isEmpty() && slotOf(Shown::Boxes) >= 0 && whyNot(Shown::Boxes, *m_session).isEmpty())
        wanted = {m_session->origin().input.volume, answer.offset(), {answer.input.width, answer.input.height, answer.input.depth}, {}};
    // another image, or nobody looks: the former one must not stay, nor its memory; nor where the boxes lie elsewhere by now
    if (wanted.isEmpty() || (!m_volumePart.isEmpty() && !m_volumePart.samePlace(wanted))) {
        if (!m_volumeView->isEmpty())
            m_volumeView->clear();
        m_volumePart = m_volumeAsked = {};
        ++m_volumeAsks; // what is being prepared is compared with what was there
    }
    if (wanted.isEmpty())
        return;
    if (wanted.of->windowed)
        if (const auto pipeline = imaging::volumePipeline(m_session->origin().pipeline))
            wanted.windowHu = pipeline->window;
    if (!m_volumeView->isVisible() || wanted == m_volumeAsked || (m_volumeAsked.isEmpty() && wanted == m_volumePart))
        return; // when it is shown, its event comes here again
    m_volumeAsked = wanted;
    m_context.services.runner->run<std::optional<imaging::Volume>>(
        this,
        [wanted, before = m_volumePart](const Work&) -> Result<std::optional<imaging::Volume>> {
            // the weights of another checkpoint get the same values: nothing is drawn anew
            return wanted.looksLike(before) ? std::nullopt : std::optional(volumeOf(wanted));
        },
        [this, wanted, number = ++m_volumeAsks](Result<std::optional<imaging::Volume>> made) {
            if (number != m_volumeAsks) // the wish alone may be the same again
                return;
            if (!made) { // stays asked for: it would fail again
                report(made.error(), tr("Preparing the volume for 3-D"));
                return;
            }
            const bool samePlace = !m_volumeView->isEmpty() && m_volumePart.samePlace(wanted);
            m_volumeAsked = {};
            m_volumePart = wanted;
            if (*made && samePlace)
                m_volumeView->replaceVolume(**made); // as it was turned
            else if (*made)
                m_volumeView->setVolume(**made);
        });
}

/// What of a CT is seen in 3-D, as in Read.
void LabPanel::addVolumeChoices(QMenu& menu)
{
    const std::tuple<const char*, QString, widgets::RenderPreset> choices[] = {{"labMenuBone", tr("3-D: bone"), widgets::RenderPreset::Bone},
                                                                                {"labMenuLung", tr("3-D: lung"), widgets::RenderPreset::Lung},
                                                                                {"labMenuSoft", tr("3-D: soft tissue"), widgets::RenderPreset::Soft}};
    menu.addSeparator();
    for (const auto& [name, text, preset] : choices) {
        QAction* item = menu.addAction(text);
        item->setObjectName(QLatin1String(name));
        item->setToolTip(tr("What the 3-D view of a CT shows"));
        item->setCheckable(true);
        item->setChecked(m_volumeView->preset() == preset);
        connect(item, &QAction::triggered, this, [this, shows = preset] { m_volumeView->setPreset(shows); });
    }
}

void LabPanel::paintBoxes(QPainter& painter, const QRect& where) const
{
    painter.fillRect(where, QColor(0x10, 0x10, 0x10));
    const QSize picture = m_volumeView->picture().size();
    if (picture.isEmpty()) {
        painter.setPen(QColor(225, 225, 225));
        painter.drawText(where.adjusted(20, 20, -20, -20), Qt::AlignCenter | Qt::TextWordWrap, tr("The 3-D view was not drawn when this figure was made"));
        return;
    }
    QRect fitted(QPoint(), picture.scaled(where.size(), Qt::KeepAspectRatio));
    fitted.moveCenter(where.center());
    m_volumeView->paint(painter, fitted);
}

Json LabPanel::boxesRecord() const
{
    Json out = {{"drawn", !m_volumeView->picture().isNull()}};
    if (const widgets::RenderRequest& shown = m_volumeView->shownRequest(); !m_volumeView->picture().isNull())
        out.update({{"right_lps", shown.right}, {"up_lps", shown.up}, {"zoom", shown.zoom}});
    return out;
}

} // namespace hilum::lab
