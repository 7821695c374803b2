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
    // pans run along the screen, so each picture's own turns and flips stand between them
    const ViewFrame from = turned({}, leaderPose), to = turned({}, pose);
    const Vec3 pan = leader.pixelsPerMm / pixelsPerMm * (leaderPose.panMm[0] * from.right + leaderPose.panMm[1] * from.down);
    pose.panMm = {dot(pan, to.right), dot(pan, to.down)};
    return pose;
}

} // namespace hilum::view
