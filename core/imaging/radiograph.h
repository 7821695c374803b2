#pragma once

#include "core/base/progress.h"
#include "core/imaging/volume.h"

namespace hilum::imaging {

/// How a film is made from a CT.
struct RadiographOptions {
    std::int64_t width = 640;          ///< pixels; the height follows from the CT's field
    double sourceDistanceMm = 1800;    ///< from the focus to the detector, which stands `detectorGapMm` before the CT's front edge
    double detectorGapMm = 0;
    double scatter = 0.08;             ///< share of the mean signal that is spread over the film
    double photons = 60000;            ///< per pixel in air: quantum noise
    std::uint64_t seed = 1;
};

/// A PA chest film by line integrals (Beer-Lambert) through an axial CT whose axes are those of the patient: the focus is behind
/// the patient, the detector in front; scatter, quantum noise, logarithm, then the harmonisation that digital systems apply.
/// The image shows the patient from the front: the patient's left is on its right. MONOCHROME2, 12 bit, no patient space.
/// \return Mismatch when the CT's axes are oblique; Cancelled.
Result<Volume> projectRadiograph(const Volume& ct, const RadiographOptions& options, const Work& work = {});

/// Pixel of the film that a point in the patient is projected to, as (column, row).
std::array<double, 2> radiographPixel(const Vec3& pointLps, const Geometry& ct, const Volume& film, const RadiographOptions& options);

} // namespace hilum::imaging
