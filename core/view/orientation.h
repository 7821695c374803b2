#pragma once

#include "core/base/geometry.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hilum::view {

/// Image is the image's own plane: a radiograph, a picture, a slice as stored.
enum class Plane { Axial, Sagittal, Coronal, Image };
std::string_view name(Plane plane); ///< "Axial"
char letter(Plane plane);           ///< 'A', 'S', 'C', 'I'

/// Whether slices follow the image's own axes (acquired pixels stay pixels) or the patient's.
enum class Alignment { Image, Patient };

/// Which way things run on the screen: unit vectors in LPS, at right angles. `normal` is the way in which slice numbers grow.
struct ViewFrame {
    Vec3 right{1, 0, 0};  ///< from left to right on the screen
    Vec3 down{0, 1, 0};   ///< from top to bottom on the screen
    Vec3 normal{0, 0, 1}; ///< towards L, P or S
    bool operator==(const ViewFrame&) const = default;
};

/// Radiological convention: axial and coronal have the patient's right on the image's left; axial has anterior on top; sagittal
/// has anterior on the left; sagittal and coronal have the feet at the bottom. Slice numbers grow to L, P and S.
///
/// With Alignment::Image each patient axis is stood for by the image axis closest to it (closestAxes), so an oblique image is
/// shown in its own planes. A tilted gantry keeps its slice plane; the third direction is made normal to it, so that lengths
/// and angles on the screen are those of the patient. Plane::Image is the identity (x right, y down).
/// \param direction  of the image; columns are the unit vectors of i, j, k.
ViewFrame viewFrame(Plane plane, const Mat3& direction, Alignment alignment = Alignment::Image);

ViewFrame turnedRight(const ViewFrame& frame);  ///< the picture turned by 90 degrees clockwise
ViewFrame flippedSideways(const ViewFrame& frame);
ViewFrame flippedUpsideDown(const ViewFrame& frame);

/// Letters for the four edges of a view: L R A P H F, oblique directions with up to three ("LP"); "?" where unknown.
struct EdgeLetters {
    std::string left, right, top, bottom;
    bool operator==(const EdgeLetters&) const = default;
};
EdgeLetters edgeLetters(const ViewFrame& frame);

/// For an image without patient space: letters of its rows' and columns' directions as DICOM's Patient Orientation gives them
/// ("L", "F", "LA"), empty when unknown.
EdgeLetters edgeLetters(const ViewFrame& frameInPlane, const std::array<std::string, 2>& patientOrientation);

/// "L" -> "R", "LA" -> "RP"; letters other than L R A P H F become "?".
std::string oppositeLetters(std::string_view letters);

/// False when left and right are swapped against the radiological convention: the view then gets a yellow frame.
bool isRadiological(const ViewFrame& frame, Plane plane);

/// The slices of a grid along a frame's normal. Slice m (0-based) lies at firstMm + m * stepMm along the normal.
struct SliceStack {
    Vec3 normal{0, 0, 1};
    double firstMm = 0;  ///< dot(normal, point) of slice 0
    double stepMm = 1;
    std::int64_t count = 1;

    double positionMm(std::int64_t slice) const { return firstMm + static_cast<double>(slice) * stepMm; }
    std::int64_t nearest(const Vec3& pointLps) const; ///< slice whose plane lies closest, within [0, count)
    Vec3 moved(const Vec3& pointLps, std::int64_t slice) const; ///< `pointLps` moved along the normal into the slice
};

/// Slices through the voxel centres where the normal is an image axis; else steps of the finest spacing along the normal.
SliceStack sliceStack(const Geometry& geometry, const ViewFrame& frame);

} // namespace hilum::view
