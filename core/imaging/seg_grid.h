#pragma once

#include "core/imaging/dicom_header.h"

/// The grid that the frames of a SEG lie on; private to core/imaging.
namespace hilum::imaging::detail {

/// Frame -> slice of the grid that all frames lie on.
struct SegGrid {
    ImageHeader header;
    std::vector<std::int64_t> slice;
};

/// The grid of a SEG by the positions of its frames, or, where they have none, by their order. Unsupported for several samples a pixel and for several orientations.
Result<SegGrid> segGridOf(const DicomHeader& header);

} // namespace hilum::imaging::detail
