// What follows what in the Lab: session, controls, numbers, crosshair. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/base/job_protocol.h"
#include "core/services/task_runner.h"

#include <QLabel>
#include <QStackedWidget>

#include <algorithm>
#include <cmath>
#include <utility>

namespace hilum::lab {

void LabPanel::connectSession()
{
    connect(m_session, &LabSession::modelChanged, this, [this] {
        if (m_drawingPolygon) // its corners are pixels of the former model's grid
            endPolygon(false);
        const std::string kind = m_controls->attentionWish().kind;
        m_controls->showModel(*m_session);
        if (kind != protocol::Occlusion && m_session->maps() == std::vector<std::string>{protocol::Occlusion} && (m_controls->attentionShown() || slotOf(Shown::Attention) >= 0)) // it takes long: who asked for the other kind did not ask for it
            putAttentionAway();
        AttentionWish wish = m_controls->attentionWish(); // of a layer and a head that this model has
        wish.query = m_session->attentionWish().query;
        m_session->setAttentionWish(wish);
        if (m_brush && !m_session->shows("mask"))
            setBrush(false);
        updateCheckpoints();
        updateHitRates();
        updateReason();
        if (m_session->methodEntry() && m_session->methodTitle() != std::exchange(m_boxesOffered, m_session->methodTitle()))
            offerBoxes(); // once: afterwards the person chooses
        arrange();
    });
    connect(m_session, &LabSession::inputChanged, this, [this] {
        for (PatchView* v : m_views)
            v->setGrid(pictureGrid());
        m_controls->showInput(*m_session);
        volumeChanged();
        updateReason();
        arrange();
        updateViews();
        updateNumbers();
        if (!m_session->input() && !m_session->isVolume())
            m_probe->clear();
        updateCrosshair();
    });
    connect(m_session, &LabSession::maskChanged, this, [this] {
        for (PatchView* v : m_views) {
            v->setGrid(pictureGrid());
            v->update();
        }
        updateNumbers();
    });
    connect(m_session, &LabSession::reconstructionChanged, this, [this] {
        volumeChanged();
        m_side->showSession(*m_session, m_crop);
        if (m_crop < m_cropBoxes.size() && m_cropBoxes[m_crop] != m_session->answer().cropBoxes[m_crop])
            m_side->showTruth(view::baseOverlap(m_cropBoxes[m_crop], m_session->answer().baseBoxes)); // the hand is ahead of the answer
        updateViews();
        updateNumbers();
        if (m_session->isVolume())
            updateCrosshair();
    });
    connect(m_session, &LabSession::attentionChanged, this, [this] {
        updateAttention();
        if (m_probed) // the map came after the pointer
            updateProbe(*m_probed);
    });
    connect(m_session, &LabSession::statusChanged, this, [this](const QString& text) { m_status->setText(text); });
    if (auto* selection = m_context.services.selection)
        connect(m_session, &LabSession::deviceKnown, selection, &widgets::Selection::setDevice);
    connect(m_session, &LabSession::refused, this, [this](const QString& sentence) {
        m_refusal->setText(sentence);
        m_stack->setCurrentIndex(sentence.isEmpty() ? 0 : 1);
        if (!sentence.isEmpty()) {
            m_stats->clear();
            m_probe->clear();
        }
    });
    connect(m_session, &LabSession::failed, this, &LabPanel::report);
}

void LabPanel::connectControls()
{
    connect(m_controls->model(), &ModelControls::modelAsked, this, [this](const services::ModelChoice& choice) {
        if (choice.model.empty() && choice.checkpoint.empty() && choice.method.empty())
            return;
        if (m_context.services.selection)
            m_context.services.selection->setModel(choice); // comes back through modelChanged
        takeModel(choice);
    });
    MaskControls* mask = m_controls->mask();
    connect(mask, &MaskControls::settingsChanged, this, [this] { m_session->setMaskSettings(m_controls->mask()->settings()); });
    connect(mask, &MaskControls::redrawAsked, m_session, &LabSession::redraw);
    connect(mask, &MaskControls::polygonAsked, this, &LabPanel::beginPolygon);
    connect(mask, &MaskControls::brushRadiusChanged, this, [this] { setBrush(m_brush); });
    connect(mask, &MaskControls::cropAsked, this, &LabPanel::centreOnCrosshair);
    connect(mask, &MaskControls::otherAsked, this, &LabPanel::takeOther);
    connect(mask, &MaskControls::textsChanged, this, [this](const QStringList& texts) { m_session->setTexts(m_session->report(), texts); });
    connect(mask, &MaskControls::reportsAsked, this, &LabPanel::takeReports);
    connect(m_controls, &LabControls::patchChosen, this, [this](qint64 row, qint64 column) { centreOn(row, column); });
    connect(m_controls, &LabControls::trainAsked, this, &LabPanel::proposeTraining);
    connect(m_controls, &LabControls::attentionChanged, this, [this] {
        AttentionWish wish = m_controls->attentionWish();
        wish.query = m_session->attentionWish().query;
        m_session->setAttentionWish(wish);
        const bool shown = m_controls->attentionShown();
        m_session->setAttentionWanted(shown);
        if (shown && m_opacity <= 0)
            setOpacity(m_opacityBefore);
        // the attention lies over the original, in its place
        for (Shown& slot : m_shown)
            if (slot == (shown ? Shown::Original : Shown::Attention)) {
                slot = shown ? Shown::Attention : Shown::Original;
                break;
            }
        if (!shown && m_layout == Layout::Attention) { // nothing is left of it
            m_layout = Layout::All;
            standardPictures();
        }
        arrange();
        updateViews();
    });
    connect(m_bar, &CheckpointBar::chosen, this, [this](const CheckpointEntry& checkpoint) {
        const services::ModelChoice choice{.checkpoint = checkpoint.folder};
        if (m_context.services.selection)
            m_context.services.selection->setModel(choice);
        takeModel(choice);
    });
    connect(m_bar, &CheckpointBar::pinAsked, this, &LabPanel::pin);
    connect(m_bar, &CheckpointBar::unpinAsked, this, [this] {
        forgetPins();
        updateViews();
    });
    connect(m_bar, &CheckpointBar::modeChanged, this, [this](CompareMode mode) {
        mode == CompareMode::Flicker ? m_flicker.start() : m_flicker.stop();
        m_flickerSecond = false;
        updateViews();
    });
}

view::TokenGrid LabPanel::pictureGrid() const
{
    if (!m_session->isVolume())
        return m_session->grid();
    const view::SliceFrame f = frame();
    return {.rows = f.rows(), .columns = f.columns(), .width = f.columns(), .height = f.rows()};
}

void LabPanel::updateViews()
{
    const QPainterPath border = regionBorder(*m_session);
    const auto& reconstruction = m_session->reconstruction();
    const bool volume = m_session->isVolume();
    for (int i = 0; i < 4; ++i) {
        PatchView* v = view(i);
        const Shown shown = shownIn(i);
        v->setContent(contentOf(shown, *m_session, m_slice, m_range));
        v->setGrid(pictureGrid());
        v->setMask(volume ? nullptr : &m_session->mask());
        const bool made = shown == Shown::Reconstruction || shown == Shown::Error || shown == Shown::PastedBack;
        v->setShownMask(made && !volume ? reconstruction.mask : std::vector<std::uint8_t>{});
        if (!m_drawingPolygon)
            v->setBorder(border);
        v->setMarked(shown == Shown::Attention ? m_session->attentionShown().query : std::nullopt);
    }
    placeCrops();
    updateVolume();
    applyComparison();
}

/// Another map alone: the pictures below it and those of the other views stay.
void LabPanel::updateAttention()
{
    if (m_bar->mode() == CompareMode::SideBySide && !m_pins[0].isEmpty() && !m_session->isVolume())
        return; // no view shows it
    for (int i = 0; i < 4; ++i)
        if (shownIn(i) == Shown::Attention) {
            view(i)->setContent(contentOf(Shown::Attention, *m_session, m_slice, m_range));
            view(i)->setMarked(m_session->attentionShown().query);
        }
}

void LabPanel::putAttentionAway()
{
    m_controls->setAttentionShown(false);
    m_session->setAttentionWanted(false);
    for (int i = 0; i < 4; ++i)
        if (shownIn(i) == Shown::Attention) // shown by the menu of a view, without the box
            m_shown[static_cast<std::size_t>(i)] = slotOf(Shown::Original) < 0 ? Shown::Original : missingPicture(i);
    arrange();
    updateViews();
}

void LabPanel::updateReason()
{
    QStringList missing;
    if (m_session->metadata().is_object() && !m_session->shows("corrupted") && !m_session->shows("mask"))
        missing << tr("%1 hides nothing: there is no disrupted image, no reconstruction and no error.").arg(QString::fromStdString(m_session->methodTitle()));
    m_side->setReason(missing.join(QLatin1Char(' ')));
    m_side->showSession(*m_session, m_crop);
}

void LabPanel::updateNumbers()
{
    if (!m_session->hasResult()) { // those of the image before say nothing of this one
        m_stats->clear();
        m_stats->setToolTip({});
        m_controls->showWorst({});
        return;
    }
    const bool plain = m_session->hasMask();
    const std::string text = plain ? view::maskStatsText(m_session->maskNumbers()) : view::answerText(m_session->answer(), m_session->numbers());
    m_stats->setText(QString::fromStdString(text));
    m_stats->setToolTip(m_stats->text());
    const auto& r = m_session->reconstruction();
    if (r.patchLoss.empty() || r.patchLoss.size() != m_session->mask().mask().size()) // rows of another grid would lead elsewhere
        m_controls->showWorst({});
    else if (r.mask == m_session->mask().mask())
        m_controls->showWorst(view::worstPatches(m_session->mask(), r.patchLoss, 12));
}

void LabPanel::updateCrosshair()
{
    const auto* selection = m_context.services.selection;
    const imaging::ModelInput* input = m_session->input();
    std::optional<QPointF> pixel;
    if (const auto voxel = crosshairVoxel()) {
        const view::SliceFrame f = frame();
        const auto at = f.screen(*voxel);
        pixel = QPointF(at[0], at[1]);
        if (const auto slice = std::llround(at[2]); slice >= 0 && slice < f.slices() && slice != m_slice.slice) {
            m_sliceChosen = true;
            m_slice.slice = slice;
            volumeChanged();
            updateViews();
        }
    } else if (selection && input && selection->crosshair().space == widgets::Crosshair::Space::Plane) {
        const Vec3& p = selection->crosshair().point;
        const auto at = input->fromImage(p[0], p[1]);
        pixel = QPointF(at[0], at[1]);
        // the attention of a patch goes along; that of the class token does not
        if (m_session->hasMask() && m_session->attentionWish().query)
            if (const auto patch = m_session->grid().patchAt(at[0], at[1]))
                m_session->askAttentionOf(*patch);
    }
    for (PatchView* v : m_views)
        v->setCrosshair(pixel);
    for (const PatchView* v : m_views) // the pixel under the mouse comes first
        if (const auto under = v->pixelUnderMouse())
            pixel = under;
    if (pixel)
        updateProbe(*pixel);
}

void LabPanel::setCrosshairPixel(const QPointF& pixel)
{
    const view::TokenGrid grid = pictureGrid();
    if (grid.width <= 0)
        return;
    const double x = std::clamp(pixel.x(), -0.5, static_cast<double>(grid.width) - 0.5), y = std::clamp(pixel.y(), -0.5, static_cast<double>(grid.height) - 0.5);
    if (m_session->isVolume()) {
        setCrosshairVoxel(frame().voxel(x, y, static_cast<double>(m_slice.slice)));
        return;
    }
    const imaging::ModelInput* input = m_session->input();
    if (!input)
        return;
    const auto at = input->toImage(x, y);
    if (m_context.services.selection)
        m_context.services.selection->setCrosshair({widgets::Crosshair::Space::Plane, {at[0], at[1], 0}});
}

void LabPanel::updateProbe(const QPointF& pixel)
{
    m_probed = pixel;
    const imaging::ModelInput* input = m_session->input();
    const auto patch = pictureGrid().patchAt(pixel.x(), pixel.y());
    if (!patch || (!input && !m_session->isVolume())) {
        m_probe->clear();
        return;
    }
    QString text;
    if (m_session->isVolume()) {
        text = volumeProbe(pixel);
    } else {
        const auto at = input->toImage(pixel.x(), pixel.y());
        const auto x = static_cast<std::int64_t>(std::lround(pixel.x())), y = static_cast<std::int64_t>(std::lround(pixel.y()));
        const auto index = static_cast<std::size_t>(std::clamp<std::int64_t>(y, 0, input->height - 1) * input->width + std::clamp<std::int64_t>(x, 0, input->width - 1));
        if (!m_session->mask().isEmpty())
            text = QString::fromStdString(view::probeText(m_session->readout((*patch)[0], (*patch)[1]))) + QStringLiteral("  ·  ");
        text += tr("pixel (%1, %2)  grey %3").arg(std::lround(at[0])).arg(std::lround(at[1])).arg(input->image[index] / 65535.0, 0, 'f', 3);
        const auto& r = m_session->reconstruction();
        if (r.error.size() > index)
            text += tr("  predicted %1  error %2").arg(static_cast<double>(r.reconstruction[index]), 0, 'f', 3).arg(static_cast<double>(r.error[index]), 0, 'f', 3);
        const view::AttentionMap& map = m_session->attention();
        if (!map.isEmpty() && slotOf(Shown::Attention) >= 0 && m_session->attentionShown().kind == protocol::Occlusion)
            if (const auto block = placeInMap(map, *input, m_session->seen(), x, y))
                text += tr("  ·  block r%1 c%2  occlusion %3").arg((*block)[0]).arg((*block)[1]).arg(static_cast<double>(map.values[static_cast<std::size_t>((*block)[0] * map.columns + (*block)[1])]), 0, 'f', 5);
    }
    m_probe->setText(text);
    if (m_context.services.selection)
        m_context.services.selection->setProbe(text);
}

void LabPanel::centreOn(std::int64_t row, std::int64_t column)
{
    const view::TokenGrid grid = pictureGrid();
    if (grid.isEmpty())
        return;
    const auto at = grid.centre(row, column);
    const QPointF pixel(at[0], at[1]);
    setCrosshairPixel(pixel);
    for (PatchView* v : m_views) {
        ViewPose pose = v->pose();
        if (pose.zoom <= 0)
            pose.zoom = v->scale() * 2;
        pose.centre = pixel;
        v->setPose(pose);
    }
    updateProbe(pixel);
}

} // namespace hilum::lab
