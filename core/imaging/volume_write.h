#pragma once

#include "core/base/paths.h"
#include "core/imaging/volume.h"

#include <span>
#include <string>

namespace hilum::imaging {

/// Writes a volume as nifti, nrrd or metaimage (by `format`), whole or not at all, in its own scalar type: whole numbers stay whole numbers. The place goes in
/// with all digits (NIfTI: single precision, as the format has it). Oblique slices (a tilted gantry) are kept as such; images without patient space get
/// an identity placement. Compressed unless the name says otherwise (.nii; the other formats always are).
/// \return Unsupported when the format cannot hold the image (NIfTI: more than 32767 voxels along an axis)
Status writeVolume(const Volume& volume, const path& file, const std::string& format);

/// Writes labels with their names, colours and terminology as 3D Slicer's segmentation file (.seg.nrrd), whole or not at all.
/// \param layers  label maps on one grid, one unless labels overlap; values may be any whole numbers from 1 to 65535
/// \return Empty without labels; Mismatch when the grids differ or voxels hold a value without a label; Unsupported for other values
Status writeSegNrrd(std::span<const LabelMap> layers, const path& file);

enum class PictureValues {
    Exact, ///< whole numbers from 0 to 65535 as they are (8 or 16 bits), others as Shown
    Shown  ///< the grey values that a person sees first, in 8 bits: through the VOI LUT or the window (greyImage); colours as they are
};
/// One slice as PNG.
/// \param chain receives how values became grey ("exact" when they did not change)
Status writePicture(const Volume& volume, std::int64_t slice, PictureValues values, const path& file, std::string& chain);

} // namespace hilum::imaging
