#pragma once

#include "core/imaging/volume_input.h"
#include "core/view/crop_grid.h"
#include "core/view/volume_slice.h"
#include "widgets/viewer/volume_boxes.h"

#include <QColor>
#include <QRectF>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace hilum::lab {

// Crops of VoCo as boxes: cut by slices, and in the patient.

/// Of crops at random places, on slices and as boxes.
inline const QColor CropColour(0x7F, 0xC8, 0xFF);

/// Where slice number `slice` cuts `box`: edges in the slice's pixels, pixel x covers [x - 0.5, x + 0.5]. nullopt where it does not.
std::optional<QRectF> cut(const view::Box& box, const view::SliceFrame& frame, std::int64_t slice);

/// A box of voxels at its place in the patient. Its faces are the outer faces of its voxels, half a voxel from their centres.
/// \param offset  of the grid that `box` counts in, in `grid`
widgets::VolumeBox placedBox(const view::Box& box, const std::array<std::int64_t, 3>& offset, const Geometry& grid);

/// Base crops yellow with their numbers, random crops blue; the one whose bars are shown has the strongest lines.
std::vector<widgets::VolumeBox> placedCrops(std::span<const view::Box> bases, std::span<const view::Box> crops, std::size_t strongest, const std::array<std::int64_t, 3>& offset, const Geometry& grid);

/// What of a volume's model input is shown in 3-D: an answer's grid.
struct VolumePart {
    std::shared_ptr<const imaging::VolumeInput> of;
    std::array<std::int64_t, 3> offset{0, 0, 0}, size{0, 0, 0}; ///< i, j, k
    std::optional<std::array<double, 2>> windowHu; ///< what 0 and 1 are in a CT; nullopt: the values are no window of Hounsfield units
    bool isEmpty() const { return !of; }
    bool operator==(const VolumePart&) const = default; ///< the same input, not an equal one
    bool samePlace(const VolumePart& other) const;      ///< the same part of the same grid in the patient; neither is empty
    bool looksLike(const VolumePart& other) const;      ///< equal values at an equal place. Reads both: not for the GUI thread
};

/// The part as a volume at its place in the patient, in HU where the window is known. A copy of all voxels: not for the GUI thread.
/// Throws std::invalid_argument where the part does not lie within its input.
imaging::Volume volumeOf(const VolumePart& part);

} // namespace hilum::lab
