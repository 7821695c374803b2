#pragma once

#include "core/view/viewer_state.h"
#include "widgets/viewer/slice_view.h"
#include "widgets/viewer/volume_view.h"

#include <QWidget>

#include <array>
#include <memory>

namespace hilum::widgets {

/// The views of one image: axial, sagittal, coronal and 3-D of a volume in linked views (axial · sagittal / coronal · 3-D), or one
/// large view of a radiograph or picture. Layout, crosshair and window live in the ViewerState.
class ViewportGrid : public QWidget {
    Q_OBJECT
public:
    explicit ViewportGrid(std::shared_ptr<view::ViewerState> state, QWidget* parent = nullptr);
    ~ViewportGrid() override;

    /// Shows another image and resets the state for it. \param space as in SliceView::setVolume
    void setVolume(const imaging::Volume& volume, const view::Transfer& first, const std::string& space = {});
    /// Another time point of the image that is shown: state, zoom and window stay. Same geometry, else std::invalid_argument.
    void replaceVolume(const imaging::Volume& volume);
    void clear();
    bool isFlat() const { return m_flat; } ///< one view in the image's own plane

    /// 0 axial (or the flat image), 1 sagittal, 2 coronal
    SliceView* slice(std::size_t n) const { return m_slices[n]; }
    VolumeView* volumeView() const { return m_volumeView; }
    SliceView* activeSlice() const; ///< the active view, or the axial one when that is the 3-D view
    void setLabels(std::shared_ptr<LabelOverlay> labels, const QString& note = {});
    void setBadge(const QString& text);
    /// Mouse and order of the views in the 2 x 2 layout.
    void setMouseProfile(const view::MouseProfile& profile);

Q_SIGNALS:
    void probeChanged(const QString& text);
    void crosshairMoved(const hilum::Vec3& world);
    void transferChanged();
    void windowResetRequested();
    void measurementEdited();
    void overlayOpacityDragged(double by);
    void timePointsTurned(int steps);
    void menuRequested(const QPoint& globalPosition);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void arrange();
    void toggleMaximised(int view);
    std::shared_ptr<view::ViewerState> m_state;
    std::array<SliceView*, 3> m_slices{};
    VolumeView* m_volumeView = nullptr;
    std::vector<view::Subscription> m_subscriptions;
    bool m_flat = true;
    int m_beside = 2; ///< second view of 1 x 2
    view::GridOrder m_order = view::GridOrder::AxialSagittalCoronalVolume;
};

} // namespace hilum::widgets
