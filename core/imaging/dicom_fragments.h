#pragma once

#include "core/imaging/dicom_header.h"

namespace hilum::imaging {

/// Do the pieces of compressed pixel data lie within the file? Only their heads are read. "truncated" for one that ends behind the file, "bad_pixels" where there is none.
/// Whether they can be decoded shows when they are.
Status checkFragments(const DicomHeader& header);

} // namespace hilum::imaging
