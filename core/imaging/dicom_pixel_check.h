#pragma once

#include "core/imaging/dicom_header.h"

namespace hilum::imaging {

/// Can the file hold the pixels that its header promises, and in a form that is read here? Of compressed ones only the heads of their pieces are looked at: "truncated"
/// for one that ends behind the file, "bad_pixels" where there is none; whether they can be decoded shows when they are. The sentence does not name the file.
Status checkPixels(const DicomHeader& header);

} // namespace hilum::imaging
