#pragma once

#include "core/imaging/dicom_header.h"

#include <memory>
#include <span>
#include <vector>

namespace hilum::imaging {

/// Decodes the frames of one DICOM file into stored pixel values: one byte for a 1-bit pixel, else the stored width, little-endian,
/// unused bits masked, sign-extended, samples interleaved, no colour transform. Uncompressed pixels are read straight from the file;
/// RLE is unpacked here, JPEG and JPEG-LS go through DCMTK, JPEG 2000 through OpenJPEG in strict mode. A codec is never believed: fewer bytes than a frame
/// has, another size or an error of any kind is an error here.
class DicomFrameReader {
public:
    static Result<DicomFrameReader> open(const DicomHeader& header);
    DicomFrameReader(DicomFrameReader&&) noexcept;
    ~DicomFrameReader();

    /// \param out  header.storedFrameBytes() bytes. Frames may come in any order; ascending order is fastest. One thread at a time.
    Status decode(std::int64_t frame, std::span<std::byte> out);
    bool maskedBits() const; ///< bits outside Bits Stored were set in a frame decoded so far
    /// Bits of the frame decoded last that hold the embedded overlays of the header; one entry for each of `header.overlays`, empty for those
    /// that are stored apart.
    const std::vector<std::vector<std::uint8_t>>& embeddedOverlays() const;

private:
    struct State;
    explicit DicomFrameReader(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

} // namespace hilum::imaging
