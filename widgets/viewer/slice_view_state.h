#pragma once

#include "widgets/viewer/image_window.h"
#include "widgets/viewer/slice_view.h"

namespace hilum::widgets {

/// Neutral grey around images.
inline constexpr QRgb Background = 0xff101010;

/// The inside of SliceView, shared by its two source files.
struct SliceView::State {
    std::shared_ptr<view::ViewerState> viewer;
    std::size_t slot = 0;
    std::vector<view::Subscription> subscriptions;

    imaging::Volume volume;
    Geometry geometry;
    view::Plane plane = view::Plane::Image;
    view::ViewFrame standard;
    std::string space;
    bool patientSpace = false;
    std::unique_ptr<SliceSampler> sampler;
    ValueRange range;
    std::optional<view::Transfer> ownTransfer;
    Interpolation interpolation = Interpolation::Linear;
    view::LengthMeaning meaning = view::LengthMeaning::Patient;
    QString badge;

    std::shared_ptr<LabelOverlay> labels;
    QString labelNote;
    double labelOpacity = 0.5;

    view::MouseProfile profile = view::mouseProfiles().front();
    Gesture tool = Gesture::WindowLevel;
    std::optional<Gesture> middle, right; ///< instead of the profile's

    QImage base, shown; ///< without and with overlays
    PixelGrid drawn;    ///< what `base` shows
    bool baseValid = false, shownValid = false;

    // a drag
    Gesture dragging = Gesture::None;
    Qt::MouseButton button = Qt::NoButton;
    QPointF pressed, last;
    bool moved = false;
    std::optional<QRectF> box; ///< being drawn for a window
    double scrollRest = 0;
    int wheelRest = 0;

    // measuring
    std::optional<view::Measurement> begun; ///< its last point follows the pointer
    int grabbed = 0, grabbedPoint = -1;     ///< of the list; point -1: the whole
    Vec3 grabbedAt{};

    const view::Pose& pose() const { return viewer->poses[slot].get(); }
    view::Property<view::Pose>& poseProperty() const { return viewer->poses[slot]; }
    view::ViewFrame frame() const { return view::turned(standard, pose()); }
    bool sharesCrosshair() const { return viewer->crosshair.get().space == space; }
};

} // namespace hilum::widgets
