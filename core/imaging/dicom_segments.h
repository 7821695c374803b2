#pragma once

#include "core/imaging/dicom_header.h"

class DcmItem;

namespace hilum::imaging::detail {

/// Segments of a segmentation object as it declares them: header.segments, and how its pixels mean them. Label values and whole names that Hilum wrote stand in private elements.
void readSegments(DcmItem& data, DicomHeader& header);

} // namespace hilum::imaging::detail
