#pragma once

#include "core/imaging/dicom_header.h"

namespace hilum::imaging {

/// How the stored numbers become what a person sees, in the order in which it is done: for `hilum info --explain` and "How was this loaded?".
Json displayChain(const DicomHeader& h, const ImageHeader& header);

/// What a person has to know about the values that this chain gives, besides what the grid and the pixels themselves say.
std::vector<Notice> displayNotices(const DicomHeader& h);

} // namespace hilum::imaging
