#pragma once

#include "core/imaging/dicom_header.h"

#include <cstddef>
#include <span>

namespace hilum::imaging {

/// Keeps the `bitsStored` bits that end at `highBit` of each sample and extends the sign. Samples are 1, 2 or 4 bytes.
/// \return whether any sample changed, other than by extending its sign
bool maskStoredBits(std::span<std::byte> samples, int bytesPerSample, int bitsStored, int highBit, bool isSigned);

/// Swaps the bytes of each sample.
void swapBytes(std::span<std::byte> samples, int bytesPerSample);

/// Samples of a frame from plane by plane ([sample][pixel]) to pixel by pixel ([pixel][sample]); `width` is the bytes of a sample.
void interleave(std::span<std::byte> frame, int samples, std::size_t width);

/// Y1 Y2 Cb Cr -> Y1 Cb Cr Y2 Cb Cr, of bytes.
void expand422(std::span<const std::byte> packed, std::span<std::byte> out);

/// Stored values as doubles, one by one: f(value).
template <class F> void eachStoredValue(const DicomHeader& header, std::span<const std::byte> samples, F&& f);

/// How stored values become modality values, and in which type they are kept.
enum class ScalarKind { UInt8, Int16, UInt16, Int32, Float };

/// The narrowest type that holds every modality value of frames with these headers. `optimistic` is set when the stored range is a little too
/// wide for it, but real values hardly are: the caller falls back to `wider` when toModality reports an overflow.
struct ScalarChoice {
    ScalarKind kind = ScalarKind::Float;
    ScalarKind wider = ScalarKind::Float;
};
ScalarChoice chooseScalar(const std::vector<const DicomHeader*>& headers);

/// Modality values of one frame: modality LUT, else slope and intercept.
/// \return false when a value does not fit T
template <class T> bool toModality(const DicomHeader& header, const DicomFrame& frame, std::span<const std::byte> stored, std::span<T> out);

/// Red, green and blue of a stored frame as bytes (or 16-bit words for wider samples), from RGB, YBR or a palette. Without rescale.
template <class T> void toRgb(const DicomHeader& header, std::span<const std::byte> stored, std::span<T> out);

// ---- implementation of the one small template

template <class F> void eachStoredValue(const DicomHeader& h, std::span<const std::byte> samples, F&& f)
{
    const auto run = [&]<class T>(T) {
        const std::span<const T> values(reinterpret_cast<const T*>(samples.data()), samples.size() / sizeof(T));
        for (const T v : values)
            f(static_cast<double>(v));
    };
    if (h.pixels == PixelKind::Float)
        return run(float{});
    if (h.pixels == PixelKind::Double)
        return run(double{});
    switch (h.storedBytesPerSample()) {
    case 1: return h.isSigned ? run(std::int8_t{}) : run(std::uint8_t{});
    case 2: return h.isSigned ? run(std::int16_t{}) : run(std::uint16_t{});
    default: return h.isSigned ? run(std::int32_t{}) : run(std::uint32_t{});
    }
}

} // namespace hilum::imaging
