// Volumes in the Lab: slices, the crosshair in the patient, crops that are dragged. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/crop_boxes.h"
#include "plugins/panels/lab/lab_panel.h"

#include "core/base/job_protocol.h"

#include <QComboBox>
#include <QLabel>
#include <QScrollBar>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

constexpr double SnapPixels = 6; // of the view: as near as this a dragged crop snaps to a base crop

} // namespace

view::SliceFrame LabPanel::frame() const
{
    const view::Block& shown = m_session->answer().input;
    if (!shown.isEmpty())
        return view::frameOf(shown, m_slice.plane);
    const imaging::VolumeInput* volume = m_session->volumeInput(); // before the first answer
    return volume ? view::SliceFrame{m_slice.plane, volume->geometry.size} : view::SliceFrame{};
}

void LabPanel::volumeChanged()
{
    const bool volume = m_session->isVolume();
    m_sliceColumn->setVisible(volume);
    double aspect = 1;
    if (volume) {
        const view::SliceFrame f = frame();
        if (!m_sliceChosen && f.slices() > 0)
            m_slice.slice = f.slices() / 2;
        m_slice.slice = std::clamp<std::int64_t>(m_slice.slice, 0, std::max<std::int64_t>(0, f.slices() - 1));
        const QSignalBlocker quiet(m_sliceBar);
        m_sliceBar->setRange(0, static_cast<int>(std::max<std::int64_t>(0, f.slices() - 1)));
        m_sliceBar->setPageStep(std::max(1, static_cast<int>(f.slices() / 10)));
        m_sliceBar->setValue(static_cast<int>(m_slice.slice));
        const auto& spacing = m_session->volumeInput()->geometry.spacingMm;
        const double across = spacing[m_slice.plane == view::SlicePlane::Sagittal ? 1u : 0u], down = spacing[m_slice.plane == view::SlicePlane::Axial ? 1u : 2u];
        aspect = down / across;
        if (m_rangeOf != m_session->answer().digest) {
            m_rangeOf = m_session->answer().digest;
            m_range = view::greyRange(m_session->answer().input.values);
        }
        const bool weights = m_slice.plane == view::SlicePlane::Axial && !m_session->answer().sliceScores.empty();
        m_weights->setVisible(weights);
        if (weights)
            m_weights->setScores(m_session->answer().sliceScores, m_session->answer().slicesChosen);
        m_weights->setSlice(m_slice.slice);
    }
    for (PatchView* v : m_views) {
        v->setAspect(aspect);
        v->setSlices(volume);
    }
    const bool dragged = std::ranges::any_of(m_crops, [](const RandomCrop* crop) { return crop->dragging(); });
    if (!(dragged || m_session->placingCrop()) || m_cropBoxes.size() != m_session->answer().cropBoxes.size()) // else the hand is ahead of the answer
        m_cropBoxes = volume ? m_session->answer().cropBoxes : std::vector<view::Box>{};
    m_crop = std::min(m_crop, m_cropBoxes.empty() ? 0 : m_cropBoxes.size() - 1);
}

QString LabPanel::baseGrid() const
{
    const auto shape = view::gridShape(m_session->answer().baseBoxes);
    return shape[0] > 0 ? QStringLiteral("%1 x %2").arg(shape[0]).arg(shape[1]) : QString();
}

void LabPanel::setSlice(std::int64_t slice)
{
    const view::SliceFrame f = frame();
    slice = std::clamp<std::int64_t>(slice, 0, std::max<std::int64_t>(0, f.slices() - 1));
    if (!m_session->isVolume() || slice == m_slice.slice)
        return;
    m_slice.slice = slice;
    m_sliceChosen = true;
    volumeChanged();
    updateViews();
    // the crosshair goes along: it stays in the slice that is looked at
    if (const auto voxel = crosshairVoxel()) {
        auto at = f.screen(*voxel);
        at[2] = static_cast<double>(slice);
        setCrosshairVoxel(f.voxel(at[0], at[1], at[2]));
    }
}

void LabPanel::setPlane(view::SlicePlane plane)
{
    if (plane == m_slice.plane)
        return;
    m_slice.plane = plane;
    m_sliceChosen = false;
    const QSignalBlocker quiet(m_planeCombo);
    m_planeCombo->setCurrentIndex(static_cast<int>(plane));
    for (PatchView* v : m_views)
        v->setPose({});
    volumeChanged();
    updateCrosshair(); // the slice through it
    updateViews();
}

std::optional<std::array<double, 3>> LabPanel::crosshairVoxel() const
{
    const auto* selection = m_context.services.selection;
    const imaging::VolumeInput* volume = m_session->volumeInput();
    if (!selection || !volume || selection->crosshair().space != widgets::Crosshair::Space::Patient)
        return std::nullopt;
    const Vec3 at = volume->geometry.worldToIndex(selection->crosshair().point);
    const auto offset = m_session->answer().offset();
    return std::array{at[0] - static_cast<double>(offset[0]), at[1] - static_cast<double>(offset[1]), at[2] - static_cast<double>(offset[2])};
}

void LabPanel::setCrosshairVoxel(const std::array<double, 3>& ijk)
{
    const imaging::VolumeInput* volume = m_session->volumeInput();
    if (!volume || !m_context.services.selection)
        return;
    const auto offset = m_session->answer().offset();
    const Vec3 at{ijk[0] + static_cast<double>(offset[0]), ijk[1] + static_cast<double>(offset[1]), ijk[2] + static_cast<double>(offset[2])};
    m_context.services.selection->setCrosshair({widgets::Crosshair::Space::Patient, volume->geometry.indexToWorld(at)});
}

void LabPanel::centreOnCrosshair()
{
    const auto voxel = crosshairVoxel();
    if (!voxel)
        return;
    if (m_session->shows("channel_mask")) { // the model looks at one crop: there
        const auto offset = m_session->answer().offset();
        std::array<std::int64_t, 3> centre{};
        for (std::size_t axis = 0; axis < 3; ++axis)
            centre[axis] = std::llround((*voxel)[axis]) + offset[axis];
        m_session->setCropCentre(centre);
        return;
    }
    const auto at = frame().screen(*voxel);
    centreOn(std::llround(at[1]), std::llround(at[0]));
}

QString LabPanel::volumeProbe(const QPointF& pixel) const
{
    const view::VolumeAnswer& answer = m_session->answer();
    const view::SliceFrame f = frame();
    if (answer.isEmpty() || m_slice.slice >= f.slices())
        return {};
    const auto at = f.voxel(std::round(pixel.x()), std::round(pixel.y()), static_cast<double>(m_slice.slice));
    const auto i = std::llround(at[0]), j = std::llround(at[1]), k = std::llround(at[2]);
    if (i < 0 || j < 0 || k < 0 || i >= answer.input.width || j >= answer.input.height || k >= answer.input.depth)
        return {};
    const auto offset = answer.offset();
    const Vec3 world = m_session->volumeInput()->geometry.indexToWorld({static_cast<double>(i + offset[0]), static_cast<double>(j + offset[1]), static_cast<double>(k + offset[2])});
    const auto side = [](double v, char positive, char negative) { return QStringLiteral("%1 %2").arg(QString(QLatin1Char(v >= 0 ? positive : negative))).arg(std::abs(v), 0, 'f', 1); };
    QString text = tr("voxel (%1, %2, %3)  (%4, %5, %6)  value %7").arg(i + offset[0]).arg(j + offset[1]).arg(k + offset[2])
                       .arg(side(world[0], 'L', 'R'), side(world[1], 'P', 'A'), side(world[2], 'S', 'I')).arg(static_cast<double>(answer.input.at(i, j, k)), 0, 'f', 3);
    if (!answer.reconstruction.isEmpty())
        text += tr("  predicted %1").arg(static_cast<double>(answer.reconstruction.at(i, j, k)), 0, 'f', 3);
    if (!answer.error.isEmpty())
        text += tr("  error %1").arg(static_cast<double>(answer.error.at(i, j, k)), 0, 'f', 3);
    if (const view::Block map = m_session->volumeMap(); !map.isEmpty()) {
        const std::int64_t r = j * map.height / answer.input.height, c = i * map.width / answer.input.width, d = k * map.depth / answer.input.depth;
        text += (m_session->attentionShown().kind == protocol::Occlusion ? tr("  · block d%1 r%2 c%3  occlusion %4") : tr("  · patch d%1 r%2 c%3  attn %4")).arg(d).arg(r).arg(c).arg(static_cast<double>(map.at(c, r, d)), 0, 'f', 5);
    }
    for (std::size_t n = 0; n < answer.baseBoxes.size(); ++n) {
        const view::Box& b = answer.baseBoxes[n];
        if (i >= b[0] && i < b[3] && j >= b[1] && j < b[4] && k >= b[2] && k < b[5])
            text += tr("  · base crop %1").arg(n);
    }
    if (static_cast<std::size_t>(k) < answer.sliceScores.size())
        text += tr("  · slice weight %1").arg(answer.sliceScores[static_cast<std::size_t>(k)], 0, 'f', 4);
    return text;
}

std::optional<QRectF> LabPanel::cropCut(std::size_t crop) const
{
    return cut(m_cropBoxes[crop], frame(), m_slice.slice);
}

void LabPanel::placeCrops()
{
    const int slot = slotOf(Shown::Original);
    const bool shown = m_session->isVolume() && slot >= 0 && m_bar->mode() == CompareMode::Off && !m_overlaysHidden;
    PatchView* over = view(std::max(0, slot));
    while (m_crops.size() < m_cropBoxes.size()) {
        auto* crop = new RandomCrop(over, static_cast<int>(m_crops.size()));
        const std::size_t number = m_crops.size();
        connect(crop, &RandomCrop::moved, this, [this, number](const QPointF& middle, bool snaps) { moveCrop(number, middle, snaps); });
        m_crops.push_back(crop);
    }
    const view::SliceFrame f = frame();
    const std::vector<view::Box>& bases = m_session->answer().baseBoxes;
    while (m_bases.size() < bases.size())
        m_bases.push_back(new BaseCrop(over, m_bases.size()));
    for (std::size_t n = 0; n < m_bases.size(); ++n) {
        const auto where = shown && n < bases.size() ? cut(bases[n], f, m_slice.slice) : std::nullopt;
        m_bases[n]->setView(over);
        m_bases[n]->setVisible(where.has_value());
        if (where)
            m_bases[n]->setRect(*where);
    }
    for (std::size_t n = 0; n < m_crops.size(); ++n) {
        const bool axial = m_slice.plane == view::SlicePlane::Axial;
        auto where = n < m_cropBoxes.size() ? cropCut(n) : std::nullopt;
        if (!where && n < m_cropBoxes.size() && axial && m_crops[n]->dragging()) // it stays in the hand
            where = cut(m_cropBoxes[n], f, m_cropBoxes[n][2]);
        m_crops[n]->setView(over);
        m_crops[n]->setDraggable(axial);
        m_crops[n]->setVisible(shown && where.has_value());
        if (where)
            m_crops[n]->setRect(*where);
    }
    if (m_crop < m_crops.size()) // whose bars are shown
        m_crops[m_crop]->raise();
    updateBoxes();
}

void LabPanel::moveCrop(std::size_t crop, const QPointF& middle, bool snaps)
{
    const view::VolumeAnswer& answer = m_session->answer();
    if (crop >= m_cropBoxes.size() || answer.baseBoxes.empty() || m_slice.plane != view::SlicePlane::Axial)
        return;
    // the middle in corners of voxels: the voxel's centre lies half a voxel further
    auto voxel = frame().voxel(middle.x(), middle.y(), 0);
    double i = voxel[0] + 0.5, j = voxel[1] + 0.5;
    if (snaps)
        if (const auto base = view::baseAt(i, j, answer.baseBoxes, SnapPixels / std::max(0.1, view(std::max(0, slotOf(Shown::Original)))->scale()))) {
            const auto at = view::middle(answer.baseBoxes[*base]);
            i = at[0];
            j = at[1];
        }
    view::Box& box = m_cropBoxes[crop];
    box = view::cropAround(i, j, box, answer.input.width, answer.input.height);
    m_crop = crop;
    placeCrops();
    m_side->showTruth(view::baseOverlap(box, answer.baseBoxes));
    const auto at = view::middle(box);
    m_session->placeCrop(crop, at[0], at[1]);
}

} // namespace hilum::lab
