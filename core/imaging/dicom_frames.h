#pragma once

#include "core/imaging/dicom_header.h"

class DcmItem;

namespace hilum::imaging::detail {

/// Fills header.frames, header.windows and the spacing of each frame: from the data set itself, from functional groups of enhanced
/// objects, from the detector of nuclear medicine, or from the offsets of a dose grid.
Status readDicomFrames(DcmItem& data, DicomHeader& header);

} // namespace hilum::imaging::detail
