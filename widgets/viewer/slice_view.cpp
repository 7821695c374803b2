#include "widgets/viewer/slice_view.h"

#include "widgets/viewer/slice_view_state.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace hilum::widgets {

namespace {

/// The plane of an image that has no patient space: x right, y down, z frames; widths of a pixel where the spacing is unknown.
Geometry planeGeometry(const imaging::Volume& volume)
{
    Geometry g;
    g.size = volume.geometry().size;
    const auto [columns, rows] = imaging::planeSpacing(volume.header());
    g.spacingMm = {columns, rows, 1};
    return g;
}

view::LengthMeaning meaningOf(const imaging::ImageHeader& header)
{
    using From = imaging::SpacingMeaning;
    switch (header.spacingMeaning) {
    case From::DetectorPlane: return view::LengthMeaning::DetectorPlane;
    case From::Calibrated: return view::LengthMeaning::Calibrated;
    case From::Unknown: return imaging::planeSpacing(header)[1] == 1 ? view::LengthMeaning::Unknown : view::LengthMeaning::PixelWidths;
    default: return view::LengthMeaning::Patient;
    }
}

} // namespace

SliceView::SliceView(QWidget* parent) : QWidget(parent), m(std::make_unique<State>())
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setAttribute(Qt::WA_OpaquePaintEvent);
    setMinimumSize(80, 60);
    setToolTip({});
    setState(std::make_shared<view::ViewerState>());
}

SliceView::~SliceView() = default;

void SliceView::setState(std::shared_ptr<view::ViewerState> state, std::size_t slot)
{
    m->subscriptions.clear();
    m->viewer = std::move(state);
    m->slot = std::min(slot, view::ViewerState::Views - 1);
    const auto whenChanged = [this](view::PropertyBase& property, bool grey) {
        m->subscriptions.push_back(property.observe([this, grey] {
            if (grey)
                m->baseValid = false;
            update();
        }));
    };
    whenChanged(m->viewer->crosshair, false); // another slice is found out by the sampler
    whenChanged(m->viewer->transfer, true);
    whenChanged(m->viewer->poses[m->slot], false);
    whenChanged(m->viewer->linked, false);
    whenChanged(m->viewer->crosshairVisible, false);
    whenChanged(m->viewer->annotationsVisible, false);
    whenChanged(m->viewer->overlaysHidden, true);
    whenChanged(m->viewer->measurements, false);
    whenChanged(m->viewer->active, false);
    m->baseValid = false;
    update();
}

const std::shared_ptr<view::ViewerState>& SliceView::state() const { return m->viewer; }
std::size_t SliceView::slot() const { return m->slot; }

void SliceView::place(const imaging::Volume& volume, const Geometry& geometry, view::Plane plane, const std::string& space)
{
    m->volume = volume;
    m->geometry = geometry;
    m->plane = plane;
    m->standard = view::viewFrame(plane, geometry.direction);
    m->space = space;
    m->patientSpace = plane != view::Plane::Image;
    m->begun.reset();
    m->grabbed = 0;
    m->sampler = std::make_unique<SliceSampler>(volume, geometry);
    m->range = valueRange(volume);
    m->meaning = m->patientSpace ? view::LengthMeaning::Patient : meaningOf(volume.header());
    m->baseValid = false;
    update();
}

void SliceView::setVolume(const imaging::Volume& volume, view::Plane plane, const std::string& space)
{
    if (volume.isEmpty())
        return clear();
    const imaging::ImageHeader& header = volume.header();
    const bool flat = plane == view::Plane::Image || !header.hasPatientSpace;
    if (flat)
        place(volume, planeGeometry(volume), view::Plane::Image, space.empty() ? view::planeSpace(header.seriesUid, "this image") : space);
    else
        place(volume, volume.geometry(), plane, space.empty() ? view::patientSpace(header.frameOfReferenceUid, header.seriesUid) : space);
}

void SliceView::replaceVolume(const imaging::Volume& volume)
{
    if (volume.geometry().size != m->geometry.size)
        throw std::invalid_argument("replaceVolume: the size differs from what is shown");
    m->volume = volume;
    m->sampler = std::make_unique<SliceSampler>(volume, m->geometry);
    m->range = valueRange(volume);
    m->baseValid = false;
    update();
}

void SliceView::setImage(std::vector<float> values, std::int64_t width, std::int64_t height, const view::Transfer& transfer)
{
    imaging::ImageHeader header;
    header.geometry.size = {width, height, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = imaging::SpacingMeaning::Unknown;
    const std::string space = m->space.empty() ? view::planeSpace({}, "this image") : m->space;
    m->ownTransfer = transfer;
    const imaging::Volume volume(std::move(header), std::move(values));
    place(volume, planeGeometry(volume), view::Plane::Image, space);
}

void SliceView::setImage(const imaging::GreyImage& image)
{
    setImage(image.values, image.width, image.height, {{1, 0.5, view::WindowLevel::Shape::LinearExact}, {}, false, image.chain});
}

void SliceView::clear()
{
    m->volume = {};
    m->sampler.reset();
    m->begun.reset();
    m->grabbed = 0;
    m->ownTransfer.reset();
    m->labels.reset();
    m->badge.clear();
    m->space.clear();
    m->base = m->shown = {};
    update();
}

bool SliceView::isEmpty() const { return !m->sampler; }
const imaging::Volume& SliceView::volume() const { return m->volume; }
view::Plane SliceView::plane() const { return m->plane; }
bool SliceView::inPatientSpace() const { return m->patientSpace; }

void SliceView::setOwnTransfer(std::optional<view::Transfer> transfer)
{
    m->ownTransfer = std::move(transfer);
    m->baseValid = false;
    update();
}

view::Transfer SliceView::transfer() const { return m->ownTransfer ? *m->ownTransfer : m->viewer->transfer.get(); }

void SliceView::setTransfer(const view::Transfer& transfer)
{
    if (m->ownTransfer)
        setOwnTransfer(transfer);
    else
        m->viewer->transfer.set(transfer);
}

void SliceView::setInterpolation(Interpolation interpolation)
{
    m->interpolation = interpolation;
    m->baseValid = false;
    update();
}

void SliceView::setBadge(const QString& text) { m->badge = text; update(); }
void SliceView::setLengthMeaning(view::LengthMeaning meaning) { m->meaning = meaning; update(); }

void SliceView::setLabels(std::shared_ptr<LabelOverlay> labels, const QString& note)
{
    m->labels = std::move(labels);
    m->labelNote = note;
    m->shownValid = false;
    update();
}

void SliceView::setLabelOpacity(double opacity) { m->labelOpacity = std::clamp(opacity, 0.0, 1.0); m->shownValid = false; update(); }
double SliceView::labelOpacity() const { return m->labelOpacity; }
view::LengthMeaning SliceView::lengthMeaning() const { return m->meaning; }

// --- where things are

view::SliceStack SliceView::stack() const { return isEmpty() ? view::SliceStack{} : view::sliceStack(m->geometry, m->standard); }

std::int64_t SliceView::slice() const
{
    const view::SliceStack slices = stack();
    if (m->viewer->linked.get() && m->sharesCrosshair())
        return slices.nearest(m->viewer->crosshair.get().pointLps);
    return std::clamp<std::int64_t>(m->pose().ownSlice.value_or(slices.count / 2), 0, slices.count - 1);
}

void SliceView::scrollTo(std::int64_t slice)
{
    if (isEmpty())
        return;
    const view::SliceStack slices = stack();
    slice = std::clamp<std::int64_t>(slice, 0, slices.count - 1);
    if (slice == this->slice())
        return;
    if (m->viewer->linked.get() && m->sharesCrosshair())
        moveCrosshair(slices.moved(m->viewer->crosshair.get().pointLps, slice));
    else
        m->poseProperty().modify([&](view::Pose& pose) { pose.ownSlice = slice; });
}

view::Viewport SliceView::viewport() const
{
    view::Viewport port;
    port.frame = m->frame();
    port.width = std::max(1, width());
    port.height = std::max(1, height());
    if (isEmpty())
        return port;
    const view::Pose& pose = m->pose();
    port.pixelsPerMm = view::fitPixelsPerMm(m->geometry, port.frame, port.width, port.height, 2) * pose.zoom;
    const Vec3 centre = m->geometry.centreLps() + pose.panMm[0] * port.frame.right + pose.panMm[1] * port.frame.down;
    port.centreLps = stack().moved(centre, slice());
    return port;
}

Vec3 SliceView::worldAt(const QPointF& p) const { return viewport().worldAt({p.x(), p.y()}); }

QPointF SliceView::positionOf(const Vec3& world) const
{
    const view::PixelPoint p = viewport().pixelOf(world);
    return {p[0], p[1]};
}

QPointF SliceView::imagePointAt(const QPointF& position) const
{
    const Vec3 index = m->geometry.worldToIndex(worldAt(position));
    return {index[0], index[1]};
}

QPointF SliceView::positionOfImagePoint(const QPointF& p) const
{
    return positionOf(m->geometry.indexToWorld({p.x(), p.y(), 0}));
}

view::EdgeLetters SliceView::letters() const
{
    return m->patientSpace ? view::edgeLetters(m->frame()) : view::edgeLetters(m->frame(), isEmpty() ? std::array<std::string, 2>{} : m->volume.header().patientOrientation);
}

void SliceView::moveCrosshair(const Vec3& world)
{
    if (isEmpty())
        return;
    m->viewer->crosshair.set({m->space, world});
    Q_EMIT crosshairMoved(world);
}

void SliceView::fit()
{
    m->poseProperty().modify([](view::Pose& pose) {
        pose.zoom = 1;
        pose.panMm = {0, 0};
    });
}

double SliceView::scale() const
{
    if (isEmpty())
        return 1;
    // along the screen's right, one image pixel is as long as the spacing of the axis that runs there
    const Vec3 right = m->frame().right;
    std::size_t axis = 0;
    for (std::size_t a = 1; a < 3; ++a)
        if (std::abs(dot(right, m->geometry.direction.column(a))) > std::abs(dot(right, m->geometry.direction.column(axis))))
            axis = a;
    return viewport().pixelsPerMm * m->geometry.spacingMm[axis] * devicePixelRatioF();
}

QString SliceView::fidelityText() const
{
    if (isEmpty())
        return {};
    QStringList parts{QString::fromStdString(transfer().source), tr("scale %1").arg(scale(), 0, 'f', 2)};
    if (parts.front().isEmpty())
        parts.removeFirst();
    if (m->labels && !m->labelNote.isEmpty())
        parts << m->labelNote;
    if (!m->badge.isEmpty())
        parts << m->badge;
    return parts.join(QStringLiteral(" · "));
}

view::Probe SliceView::probeAt(const QPointF& position) const
{
    view::Probe probe;
    if (isEmpty())
        return probe;
    const Vec3 world = worldAt(position);
    if (m->patientSpace)
        probe.pointLps = world;
    const Vec3 index = m->geometry.worldToIndex(world);
    if (!m->geometry.contains(index))
        return probe;
    Index3 voxel;
    for (std::size_t a = 0; a < 3; ++a)
        voxel[a] = std::clamp<std::int64_t>(std::llround(index[a]), 0, m->geometry.size[a] - 1);
    probe.voxel = voxel;
    const auto first = static_cast<std::size_t>(((voxel[2] * m->geometry.size[1] + voxel[1]) * m->geometry.size[0] + voxel[0]) * m->volume.components());
    m->volume.visit([&](auto voxels) {
        for (int c = 0; c < m->volume.components(); ++c)
            probe.values.push_back(static_cast<double>(voxels[first + static_cast<std::size_t>(c)]));
    });
    if (m->volume.header().unit == imaging::Unit::Hu)
        probe.unit = "HU";
    if (!m->range.whole)
        view::setFigures(probe, m->range.low, m->range.high);
    if (m->labels && !m->viewer->overlaysHidden.get())
        if (const std::string label = m->labels->nameAt(world); !label.empty())
            probe.notes.push_back(label);
    return probe;
}

} // namespace hilum::widgets
