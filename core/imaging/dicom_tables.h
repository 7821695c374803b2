#pragma once

#include "core/imaging/dicom_header.h"

class DcmItem;

namespace hilum::imaging::detail {

/// Palette of a PALETTE COLOR image, plain or in segments (PS3.3 C.7.9); none when a table is missing or too short.
void readPalette(DcmItem& data, DicomHeader& header);

/// Modality LUT and all VOI LUTs, those of functional groups included.
void readLuts(DcmItem& data, DicomHeader& header);

/// Overlays of the repeating groups 6000 to 601E. Planes without bits of their own lie in an unused bit of the pixels.
void readOverlays(DcmItem& data, DicomHeader& header);

/// Rectangular, circular and polygonal display shutter.
void readShutter(DcmItem& data, DicomHeader& header);

} // namespace hilum::imaging::detail
