#pragma once

#include "core/imaging/dicom_header.h"

namespace hilum::imaging {

/// How the stored numbers become what a person sees, in the order in which it is done: for `hilum info --explain` and "How was this loaded?".
Json displayChain(const DicomHeader& h, const ImageHeader& header);

/// What a person has to know about the values that this chain gives and the picture that it makes, besides what the grid and the pixels themselves say.
/// \param graphics  overlays and shutter of what was read; null when there are none
std::vector<Notice> displayNotices(const DicomHeader& h, const Graphics* graphics);

} // namespace hilum::imaging
