#pragma once

#include "core/imaging/dicom_header.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hilum::imaging {

/// The uncompressed pixel data of a deflated file (PS3.5 A.5), as many of them as there are: a stream that ends early gives fewer bytes.
/// \param mostOther  bytes that the data set may have besides the header's pixels
/// \return "bad_pixels" when the data set grows beyond that, or when its pixel data have no length; "no_pixels" when it has none
Result<std::vector<std::byte>> inflatePixels(const DicomHeader& header, std::uint64_t mostOther = std::uint64_t{256} << 20);

} // namespace hilum::imaging
