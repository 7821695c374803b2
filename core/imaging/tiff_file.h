#pragma once

#include "core/base/paths.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace hilum::imaging {

/// The pictures of a TIFF or BigTIFF file, read with libtiff: strips and tiles, interleaved and separate planes, every compression that libtiff was built with.
/// Pages of one size and kind are the slices; reduced copies (thumbnails, pyramids) are left out. Palettes, YCbCr and CMYK become RGB of 8 bits.
class TiffFile {
public:
    enum class Sample { Unsigned, Signed, Float };

    /// Reads all directories with bounded memory. "bad_header" with the place when one is damaged, claims more strips than the file can hold or differs from the
    /// first; "unsupported_pixels" for what cannot be shown as grey or colour.
    static Result<TiffFile> open(const path& file);
    TiffFile(TiffFile&&) noexcept;
    ~TiffFile();

    std::int64_t width() const, height() const, pages() const;
    int samples() const;                ///< for each pixel, alpha included: 1 to 4
    int bytesPerSample() const;         ///< 1, 2, 4 or 8
    Sample sample() const;
    bool zeroIsWhite() const;           ///< grey values are stored as in MONOCHROME1
    /// All pages, interleaved, rows from the top, samples in this machine's byte order: width x height x pages x samples values.
    /// "truncated", with page and row, when a part is missing or cannot be decoded.
    Status read(std::span<std::byte> out);

private:
    struct State;
    explicit TiffFile(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

} // namespace hilum::imaging
