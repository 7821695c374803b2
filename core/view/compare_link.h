#pragma once

#include "core/view/viewer_state.h"

#include <cstdint>
#include <string>

namespace hilum::view {

/// How far two images beside each other may move together.
enum class CompareLink {
    None,   ///< nothing is known about where a place of the one lies in the other
    Place,  ///< volumes in one frame of reference: slice, zoom and pan by the patient's coordinates
    Screen, ///< two radiographs: the same zoom, and both pictures move by the same pixels along their own axes; no place is matched
};

/// What decides it, of one of the two.
struct ComparedImage {
    bool patientSpace = false;       ///< false: it lies in a plane of its own
    std::string frameOfReferenceUid; ///< empty: unknown
    std::int64_t slices = 1;
};

CompareLink compareLink(const ComparedImage& one, const ComparedImage& other);

/// The pose with which a view has the place in its middle that `leader` has, at the same scale. Turns and flips stay.
/// \param own  what the view shows with `pose`
Pose samePlace(const Viewport& leader, const Viewport& own, Pose pose);

/// The pose with which a view is enlarged as much as `leader` against the whole image, and its picture moved by as many pixels, along the axes of the picture itself.
/// Turns and flips stay, and those of `leader` move nothing.
Pose sameScreen(const Viewport& leader, const Pose& leaderPose, const Viewport& own, Pose pose);

} // namespace hilum::view
