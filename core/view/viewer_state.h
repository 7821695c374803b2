#pragma once

#include "core/view/layers.h"
#include "core/view/measurement.h"
#include "core/view/property.h"
#include "core/view/viewport.h"
#include "core/view/window_level.h"

#include <array>
#include <optional>
#include <string>

namespace hilum::view {

/// The one crosshair: a point and the space that it lives in. Views follow it only within their own space.
struct Crosshair {
    std::string space; ///< frame of reference of a patient space, or "plane:..." for a radiograph; empty: none yet
    Vec3 pointLps{0, 0, 0}; ///< millimetres; for a plane: x right, y down, z 0
    bool operator==(const Crosshair&) const = default;
};

/// Names of spaces. Images without an identifier get a space of their own (`fallback`, a file name or number).
std::string patientSpace(const std::string& frameOfReferenceUid, const std::string& fallback);
std::string planeSpace(const std::string& seriesUid, const std::string& fallback);

enum class Layout { Single, OneByTwo, TwoByTwo };
std::string_view name(Layout layout);    ///< "Single", "1 x 2", "2 x 2"
Layout next(Layout layout);              ///< what "\" does
int viewCount(Layout layout);            ///< 1, 2, 4

/// Which slice of an area a view takes, and how it is turned. Survives the widget.
struct Pose {
    double zoom = 1;                     ///< 1 fits the image into the view
    std::array<double, 2> panMm{0, 0};   ///< along right and down, from the centre of the image
    int quarterTurns = 0;                ///< clockwise
    bool sideways = false, upsideDown = false; ///< flips, before the turns
    std::optional<std::int64_t> ownSlice; ///< when views are not linked
    bool operator==(const Pose&) const = default;
};

/// `standard` with the pose's flips and turns.
ViewFrame turned(const ViewFrame& standard, const Pose& pose);

/// The picture as it is seen, turned clockwise or mirrored around the middle of the view: the place that is shown there stays there.
Pose turnedRight(Pose pose);
Pose flippedSideways(Pose pose);
Pose flippedUpsideDown(Pose pose);

/// What all views of one image share.
class ViewerState {
public:
    static constexpr std::size_t Views = 4;

    Changes changes; // first: outlives the properties

    Property<Crosshair> crosshair{changes};
    Property<Layout> layout{changes, Layout::TwoByTwo};
    Property<int> active{changes, 0, [](const int& v) { return v < 0 ? 0 : v >= int(Views) ? int(Views) - 1 : v; }};
    Property<int> maximised{changes, -1, [](const int& v) { return v < -1 || v >= int(Views) ? -1 : v; }}; ///< -1: none
    Property<bool> linked{changes, true};
    Property<bool> crosshairVisible{changes, true};
    Property<bool> annotationsVisible{changes, true}; ///< corner texts; orientation letters stay
    Property<bool> overlaysHidden{changes, false};    ///< while Space is held
    Property<Transfer> transfer{changes};
    Property<LayerList> layers{changes};
    Property<MeasurementList> measurements{changes};
    std::array<Property<Pose>, Views> poses{Property<Pose>{changes}, Property<Pose>{changes}, Property<Pose>{changes}, Property<Pose>{changes}};

    std::optional<WindowLevel> userWindow; ///< last one set by hand: preset 9

    /// For a new image: centre crosshair, no zoom, no turns, nothing measured; layout stays.
    void reset(const std::string& space, const Vec3& centreLps, const Transfer& first);
    /// View that has the whole area, or -1: the maximised one, the active one in Layout::Single.
    int soleView() const;
};

} // namespace hilum::view
