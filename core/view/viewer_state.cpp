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
