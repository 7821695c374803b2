#include "core/view/viewer_state.h"

namespace hilum::view {

std::string patientSpace(const std::string& frameOfReferenceUid, const std::string& fallback)
{
    return frameOfReferenceUid.empty() ? "image:" + fallback : "patient:" + frameOfReferenceUid;
}

std::string planeSpace(const std::string& seriesUid, const std::string& fallback)
{
    return "plane:" + (seriesUid.empty() ? fallback : seriesUid);
}

std::string_view name(Layout layout)
{
    constexpr std::string_view Names[] = {"Single", "1 × 2", "2 × 2"};
    return Names[static_cast<std::size_t>(layout)];
}

Layout next(Layout layout) { return static_cast<Layout>((static_cast<int>(layout) + 1) % 3); }

int viewCount(Layout layout)
{
    constexpr int Counts[] = {1, 2, 4};
    return Counts[static_cast<std::size_t>(layout)];
}

ViewFrame turned(const ViewFrame& standard, const Pose& pose)
{
    ViewFrame frame = standard;
    if (pose.sideways)
        frame = flippedSideways(frame);
    if (pose.upsideDown)
        frame = flippedUpsideDown(frame);
    for (int turn = 0; turn < ((pose.quarterTurns % 4) + 4) % 4; ++turn)
        frame = turnedRight(frame);
    return frame;
}

// The pan runs along right and down of the screen: it turns and flips along, so that it names the same place.

Pose turnedRight(Pose pose)
{
    pose.quarterTurns = (pose.quarterTurns % 4 + 5) % 4;
    pose.panMm = {-pose.panMm[1], pose.panMm[0]}; // the new right is the old up, the new down the old right
    return pose;
}

Pose flippedSideways(Pose pose)
{
    bool& flip = pose.quarterTurns % 2 == 0 ? pose.sideways : pose.upsideDown; // flips come before the turns
    flip = !flip;
    pose.panMm[0] = -pose.panMm[0];
    return pose;
}

Pose flippedUpsideDown(Pose pose)
{
    bool& flip = pose.quarterTurns % 2 == 0 ? pose.upsideDown : pose.sideways;
    flip = !flip;
    pose.panMm[1] = -pose.panMm[1];
    return pose;
}

void ViewerState::reset(const std::string& space, const Vec3& centreLps, const Transfer& first)
{
    crosshair.set({space, centreLps});
    maximised.set(-1);
    active.set(0);
    overlaysHidden.set(false);
    layers.set({});
    measurements.set({});
    transfer.set(first);
    userWindow.reset();
    for (Property<Pose>& pose : poses)
        pose.set({});
}

int ViewerState::soleView() const
{
    if (maximised.get() >= 0)
        return maximised.get();
    return layout.get() == Layout::Single ? active.get() : -1;
}

} // namespace hilum::view
