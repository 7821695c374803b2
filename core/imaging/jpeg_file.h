#pragma once

#include "core/base/paths.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace hilum::imaging {

/// What the header of a JPEG file says. CMYK counts as three samples: it is read as RGB.
struct JpegInfo {
    std::int64_t width = 0, height = 0; ///< of the picture the right way up
    int orientation = 1; ///< of EXIF: 1 as stored, 2 to 8 mirrored or turned before it is handed on
    int samples = 1; ///< 1 (grey) or 3 (RGB)
    int bits = 8;    ///< of a sample: 8 as bytes, 9 to 16 as 16-bit words
    int bytesPerSample() const { return bits <= 8 ? 1 : 2; }
};

/// "bad_header" for what is no JPEG header, "unsupported_pixels" for colours or a coding that libjpeg does not know.
Result<JpegInfo> readJpegInfo(const path& file);

/// The picture of such a file, the right way up (EXIF), rows from the top, samples interleaved: width x height x samples values in this machine's byte order. libjpeg fills what it cannot
/// decode with grey; here the first such place ends the reading: "truncated" where the data end too early, else "damaged", with the row.
Status readJpegPixels(const path& file, const JpegInfo& info, std::span<std::byte> out);

} // namespace hilum::imaging
