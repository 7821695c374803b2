#include "core/view/compare_link.h"

namespace hilum::view {

CompareLink compareLink(const ComparedImage& one, const ComparedImage& other)
{
    if (one.patientSpace && other.patientSpace)
        return !one.frameOfReferenceUid.empty() && one.frameOfReferenceUid == other.frameOfReferenceUid ? CompareLink::Place : CompareLink::None;
    const bool stills = one.slices == 1 && other.slices == 1;
    return !one.patientSpace && !other.patientSpace && stills ? CompareLink::Screen : CompareLink::None;
}

Pose samePlace(const Viewport& leader, const Viewport& own, Pose pose)
{
    const Vec3 way = leader.centreLps - own.centreLps;
    pose.zoom *= leader.pixelsPerMm / own.pixelsPerMm;
    pose.panMm[0] += dot(way, own.frame.right);
    pose.panMm[1] += dot(way, own.frame.down);
    return pose;
}

Pose sameScreen(const Viewport& leader, const Pose& leaderPose, const Viewport& own, Pose pose)
{
    const double pixelsPerMm = own.pixelsPerMm * leaderPose.zoom / pose.zoom;
    pose.zoom = leaderPose.zoom;
    for (std::size_t axis = 0; axis < 2; ++axis)
        pose.panMm[axis] = leaderPose.panMm[axis] * leader.pixelsPerMm / pixelsPerMm;
    return pose;
}

} // namespace hilum::view
