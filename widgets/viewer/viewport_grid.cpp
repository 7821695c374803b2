#include "widgets/viewer/viewport_grid.h"

#include <QPalette>
#include <QResizeEvent>

namespace hilum::widgets {

namespace {
constexpr int Gap = 2; ///< pixels between views
constexpr int VolumeSlot = 3;

/// The view that shows the pixels of a grid that is one voxel thick along some axis of its own: stored as a slice, or along i or j as NIfTI allows.
int viewOfSlice(const Geometry& g)
{
    const int thin = g.size[2] == 1 ? 2 : g.size[0] == 1 ? 0 : 1;
    const std::array<int, 3> axes = closestAxes(g.direction);
    return axes[2] == thin ? 0 : axes[0] == thin ? 1 : 2; // through the head axial, from left to right sagittal, else coronal
}
} // namespace

ViewportGrid::ViewportGrid(std::shared_ptr<view::ViewerState> state, QWidget* parent) : QWidget(parent), m_state(std::move(state))
{
    const char* names[] = {"axialView", "sagittalView", "coronalView"};
    for (std::size_t n = 0; n < m_slices.size(); ++n) {
        auto* view = new SliceView(this);
        m_slices[n] = view;
        view->setObjectName(QString::fromLatin1(names[n]));
        view->setState(m_state, n);
        connect(view, &SliceView::probeChanged, this, &ViewportGrid::probeChanged);
        connect(view, &SliceView::crosshairMoved, this, &ViewportGrid::crosshairMoved);
        connect(view, &SliceView::transferChanged, this, &ViewportGrid::transferChanged);
        connect(view, &SliceView::menuRequested, this, &ViewportGrid::menuRequested);
        connect(view, &SliceView::windowResetRequested, this, &ViewportGrid::windowResetRequested);
        connect(view, &SliceView::measurementEdited, this, &ViewportGrid::measurementEdited);
        connect(view, &SliceView::overlayOpacityDragged, this, &ViewportGrid::overlayOpacityDragged);
        connect(view, &SliceView::timePointsTurned, this, &ViewportGrid::timePointsTurned);
        connect(view, &SliceView::activated, this, [this, n] { m_state->active.set(static_cast<int>(n)); });
        connect(view, &SliceView::maximiseRequested, this, [this, n] { toggleMaximised(static_cast<int>(n)); });
    }
    m_volumeView = new VolumeView(this);
    m_volumeView->setObjectName(QStringLiteral("volumeView"));
    connect(m_volumeView, &VolumeView::maximiseRequested, this, [this] { toggleMaximised(VolumeSlot); });
    connect(m_volumeView, &VolumeView::menuRequested, this, &ViewportGrid::menuRequested);
    connect(m_volumeView, &VolumeView::activated, this, [this] { m_state->active.set(VolumeSlot); });
    m_subscriptions.push_back(m_state->layout.observe([this] { arrange(); }));
    m_subscriptions.push_back(m_state->maximised.observe([this] { arrange(); }));
    m_subscriptions.push_back(m_state->active.observe([this] { arrange(); }));
    QPalette dark = palette();
    dark.setColor(QPalette::Window, QColor(0x2a, 0x2a, 0x2a)); // the lines between the views
    setPalette(dark);
    setAutoFillBackground(true);
    setFocusProxy(m_slices[0]);
    arrange();
}

ViewportGrid::~ViewportGrid() = default;

void ViewportGrid::setVolume(const imaging::Volume& volume, const view::Transfer& first, const std::string& space)
{
    if (volume.isEmpty())
        return clear();
    const imaging::ImageHeader& header = volume.header();
    m_flat = !header.hasPatientSpace;
    const bool deep = !m_flat && volume.geometry().size[2] > 1 && volume.geometry().size[0] > 1 && volume.geometry().size[1] > 1;
    for (SliceView* view : m_slices) {
        view->setLabels({});
        view->setBadge({});
    }
    if (m_flat) {
        m_slices[0]->setVolume(volume, view::Plane::Image, space);
        m_slices[1]->clear();
        m_slices[2]->clear();
        m_state->reset(space.empty() ? view::planeSpace(header.seriesUid, "this image") : space, {0, 0, 0}, first);
        // in the middle of the plane
        const QPointF middle(m_slices[0]->width() / 2.0, m_slices[0]->height() / 2.0);
        m_state->crosshair.set({m_state->crosshair.get().space, m_slices[0]->worldAt(middle)});
    } else {
        const std::string name = space.empty() ? view::patientSpace(header.frameOfReferenceUid, header.seriesUid) : space;
        m_slices[0]->setVolume(volume, view::Plane::Axial, name);
        m_slices[1]->setVolume(volume, view::Plane::Sagittal, name);
        m_slices[2]->setVolume(volume, view::Plane::Coronal, name);
        m_state->reset(name, volume.geometry().centreLps(), first);
        if (!deep) // one slice: show the plane that it lies in
            m_state->active.set(viewOfSlice(volume.geometry()));
    }
    if (deep && volume.components() == 1)
        m_volumeView->setVolume(volume);
    else
        m_volumeView->clear();
    m_flat = !deep;
    arrange();
}

void ViewportGrid::replaceVolume(const imaging::Volume& volume)
{
    for (SliceView* view : m_slices)
        if (!view->isEmpty())
            view->replaceVolume(volume);
    if (!m_volumeView->isEmpty())
        m_volumeView->replaceVolume(volume);
}

void ViewportGrid::clear()
{
    for (SliceView* view : m_slices)
        view->clear();
    m_volumeView->clear();
    m_flat = true;
    arrange();
}

SliceView* ViewportGrid::activeSlice() const
{
    const int active = m_state->maximised.get() >= 0 ? m_state->maximised.get() : m_state->active.get();
    return m_slices[active >= 0 && active < 3 && !m_slices[static_cast<std::size_t>(active)]->isEmpty() ? static_cast<std::size_t>(active) : 0];
}

void ViewportGrid::setLabels(std::shared_ptr<LabelOverlay> labels, const QString& note)
{
    for (SliceView* view : m_slices)
        view->setLabels(labels, note);
}

void ViewportGrid::setBadge(const QString& text)
{
    for (SliceView* view : m_slices)
        view->setBadge(text);
}

void ViewportGrid::setMouseProfile(const view::MouseProfile& profile)
{
    for (SliceView* view : m_slices)
        view->setMouseProfile(profile);
    m_order = profile.order;
    arrange();
}

void ViewportGrid::toggleMaximised(int view)
{
    if (m_flat)
        return;
    m_state->active.set(view);
    m_state->maximised.set(m_state->maximised.get() == view ? -1 : view);
}

void ViewportGrid::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void ViewportGrid::arrange()
{
    const std::array<QWidget*, 4> views{m_slices[0], m_slices[1], m_slices[2], m_volumeView};
    std::array<QRect, 4> places{};
    const int w = width(), h = height(), halfW = (w - Gap) / 2, halfH = (h - Gap) / 2;
    const int sole = m_flat ? std::min(m_state->active.get(), 2) : m_state->soleView();
    if (sole >= 0) {
        places[static_cast<std::size_t>(sole)] = rect();
    } else if (m_state->layout.get() == view::Layout::OneByTwo) {
        // the axial view and beside it the other one that was used last
        if (m_state->active.get() != 0)
            m_beside = m_state->active.get();
        const int other = m_beside;
        places[0] = QRect(0, 0, halfW, h);
        places[static_cast<std::size_t>(other)] = QRect(halfW + Gap, 0, w - halfW - Gap, h);
    } else {
        // view in each corner, row by row
        constexpr std::size_t Axial = 0, Sagittal = 1, Coronal = 2, Volume = 3;
        const std::array<std::size_t, 4> corners = m_order == view::GridOrder::AxialSagittalVolumeCoronal ? std::array{Axial, Sagittal, Volume, Coronal}
            : m_order == view::GridOrder::AxialVolumeCoronalSagittal                                     ? std::array{Axial, Volume, Coronal, Sagittal}
                                                                                                         : std::array{Axial, Sagittal, Coronal, Volume};
        places[corners[0]] = QRect(0, 0, halfW, halfH);
        places[corners[1]] = QRect(halfW + Gap, 0, w - halfW - Gap, halfH);
        places[corners[2]] = QRect(0, halfH + Gap, halfW, h - halfH - Gap);
        places[corners[3]] = QRect(halfW + Gap, halfH + Gap, w - halfW - Gap, h - halfH - Gap);
    }
    for (std::size_t n = 0; n < views.size(); ++n) {
        if (!places[n].isEmpty())
            views[n]->setGeometry(places[n]);
        views[n]->setVisible(!places[n].isEmpty());
    }
}

} // namespace hilum::widgets
