#include "core/imaging/pixel_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace hilum::imaging {

namespace {

template <class U> bool maskAs(std::span<std::byte> bytes, int bitsStored, int highBit, bool isSigned)
{
    using S = std::make_signed_t<U>;
    constexpr int Width = 8 * sizeof(U);
    if (bitsStored >= Width || bitsStored <= 0)
        return false;
    const int shift = std::clamp(highBit + 1 - bitsStored, 0, Width - bitsStored);
    const int lift = Width - bitsStored;
    bool changed = false;
    const std::span<U> values(reinterpret_cast<U*>(bytes.data()), bytes.size() / sizeof(U));
    for (U& v : values) {
        const U kept = static_cast<U>(static_cast<U>(v >> shift) << lift);
        const U zeros = static_cast<U>(kept >> lift);
        const U extended = static_cast<U>(static_cast<S>(kept) >> lift);
        const U result = isSigned ? extended : zeros;
        changed |= v != result && !(shift == 0 && isSigned && v == zeros);
        v = result;
    }
    return changed;
}

template <class S, class T> bool rescale(std::span<const std::byte> stored, double slope, double intercept, std::span<T> out)
{
    const auto* in = reinterpret_cast<const S*>(stored.data());
    if constexpr (std::is_floating_point_v<T> || std::is_floating_point_v<S>) {
        for (std::size_t n = 0; n < out.size(); ++n)
            out[n] = static_cast<T>(static_cast<double>(in[n]) * slope + intercept);
        return true;
    } else {
        // whole slope and intercept: chooseScalar sees to it
        const auto a = static_cast<std::int64_t>(slope), b = static_cast<std::int64_t>(intercept);
        constexpr std::int64_t Low = std::numeric_limits<T>::min(), High = std::numeric_limits<T>::max();
        if constexpr (sizeof(S) <= 2 && sizeof(T) <= 2) {
            if (a == 1 && std::abs(b) < (1 << 28)) { // 32-bit arithmetic: twice as many values at a time
                const auto add = static_cast<std::int32_t>(b);
                std::int32_t low = 0, high = 0;
                for (std::size_t n = 0; n < out.size(); ++n) {
                    const std::int32_t v = std::int32_t{in[n]} + add;
                    low = std::min(low, v);
                    high = std::max(high, v);
                    out[n] = static_cast<T>(v);
                }
                return low >= Low && high <= High;
            }
        }
        bool fits = true;
        for (std::size_t n = 0; n < out.size(); ++n) {
            const std::int64_t v = std::int64_t{in[n]} * a + b;
            fits &= v >= Low && v <= High;
            out[n] = static_cast<T>(v);
        }
        return fits;
    }
}

template <class T> bool throughLut(const DicomHeader& h, std::span<const std::byte> stored, std::span<T> out)
{
    const ModalityLut& lut = *h.modalityLut;
    const auto last = static_cast<std::int64_t>(lut.table.size()) - 1;
    std::size_t n = 0;
    bool fits = true;
    eachStoredValue(h, stored, [&](double v) {
        const std::uint16_t value = lut.table[static_cast<std::size_t>(std::clamp<std::int64_t>(static_cast<std::int64_t>(v) - lut.firstValue, 0, last))];
        if constexpr (!std::is_floating_point_v<T>)
            fits &= std::in_range<T>(value);
        out[n++] = static_cast<T>(value);
    });
    return fits;
}

bool isWhole(double v) { return v == std::floor(v) && std::abs(v) < 1e9; }

} // namespace

bool maskStoredBits(std::span<std::byte> samples, int bytesPerSample, int bitsStored, int highBit, bool isSigned)
{
    switch (bytesPerSample) {
    case 1: return maskAs<std::uint8_t>(samples, bitsStored, highBit, isSigned);
    case 2: return maskAs<std::uint16_t>(samples, bitsStored, highBit, isSigned);
    case 4: return maskAs<std::uint32_t>(samples, bitsStored, highBit, isSigned);
    default: return false;
    }
}

void swapBytes(std::span<std::byte> samples, int bytesPerSample)
{
    const auto width = static_cast<std::size_t>(bytesPerSample);
    for (std::size_t n = 0; n + width <= samples.size(); n += width)
        std::reverse(samples.begin() + static_cast<std::ptrdiff_t>(n), samples.begin() + static_cast<std::ptrdiff_t>(n + width));
}

void interleave(std::span<std::byte> frame, int samples, std::size_t width)
{
    const std::vector<std::byte> planes(frame.begin(), frame.end());
    const std::size_t pixels = frame.size() / width / static_cast<std::size_t>(samples);
    for (std::size_t s = 0; s < static_cast<std::size_t>(samples); ++s)
        for (std::size_t p = 0; p < pixels; ++p)
            std::memcpy(&frame[(p * static_cast<std::size_t>(samples) + s) * width], &planes[(s * pixels + p) * width], width);
}

void expand422(std::span<const std::byte> packed, std::span<std::byte> out)
{
    for (std::size_t p = 0; 6 * p + 5 < out.size() && 4 * p + 3 < packed.size(); ++p) {
        const std::byte* in = &packed[4 * p];
        std::byte* to = &out[6 * p];
        to[0] = in[0];
        to[3] = in[1];
        to[1] = to[4] = in[2];
        to[2] = to[5] = in[3];
    }
}

ScalarChoice chooseScalar(const std::vector<const DicomHeader*>& headers)
{
    double low = 0, high = 0; // 0 belongs to every range
    for (const DicomHeader* h : headers) {
        if (h->pixels != PixelKind::Integer)
            return {};
        if (h->modalityLut) {
            high = std::max(high, static_cast<double>(*std::ranges::max_element(h->modalityLut->table)));
            continue;
        }
        const int bits = std::clamp(h->bitsStored, 1, 32);
        const double least = h->isSigned ? -std::ldexp(1.0, bits - 1) : 0, most = h->isSigned ? std::ldexp(1.0, bits - 1) - 1 : std::ldexp(1.0, bits) - 1;
        for (const DicomFrame& f : h->frames) {
            if (!isWhole(f.slope) || !isWhole(f.intercept))
                return {};
            for (const double v : {least * f.slope + f.intercept, most * f.slope + f.intercept}) {
                low = std::min(low, v);
                high = std::max(high, v);
            }
        }
    }
    const auto fits = [&](double from, double to) { return low >= from && high <= to; };
    if (fits(0, 255))
        return {ScalarKind::UInt8, ScalarKind::UInt8};
    if (fits(-32768, 32767))
        return {ScalarKind::Int16, ScalarKind::Int16};
    if (fits(0, 65535))
        return {ScalarKind::UInt16, ScalarKind::UInt16};
    // sixteen stored bits and an offset: real CT values stay within 16 bits
    if (fits(-131072, 131071))
        return {ScalarKind::Int16, ScalarKind::Int32};
    if (fits(-2147483648.0, 2147483647.0))
        return {ScalarKind::Int32, ScalarKind::Int32};
    return {ScalarKind::Int32, ScalarKind::Float};
}

template <class T> bool toModality(const DicomHeader& h, const DicomFrame& f, std::span<const std::byte> stored, std::span<T> out)
{
    if (h.modalityLut)
        return throughLut(h, stored, out);
    if (h.pixels == PixelKind::Float)
        return rescale<float, T>(stored, f.slope, f.intercept, out);
    if (h.pixels == PixelKind::Double)
        return rescale<double, T>(stored, f.slope, f.intercept, out);
    switch (h.storedBytesPerSample()) {
    case 1: return h.isSigned ? rescale<std::int8_t, T>(stored, f.slope, f.intercept, out) : rescale<std::uint8_t, T>(stored, f.slope, f.intercept, out);
    case 2: return h.isSigned ? rescale<std::int16_t, T>(stored, f.slope, f.intercept, out) : rescale<std::uint16_t, T>(stored, f.slope, f.intercept, out);
    default: return h.isSigned ? rescale<std::int32_t, T>(stored, f.slope, f.intercept, out) : rescale<std::uint32_t, T>(stored, f.slope, f.intercept, out);
    }
}

template bool toModality(const DicomHeader&, const DicomFrame&, std::span<const std::byte>, std::span<std::uint8_t>);
template bool toModality(const DicomHeader&, const DicomFrame&, std::span<const std::byte>, std::span<std::int16_t>);
template bool toModality(const DicomHeader&, const DicomFrame&, std::span<const std::byte>, std::span<std::uint16_t>);
template bool toModality(const DicomHeader&, const DicomFrame&, std::span<const std::byte>, std::span<std::int32_t>);
template bool toModality(const DicomHeader&, const DicomFrame&, std::span<const std::byte>, std::span<float>);

template <class T> void toRgb(const DicomHeader& h, std::span<const std::byte> stored, std::span<T> out)
{
    std::size_t n = 0;
    if (h.samples == 1 && h.palette) {
        eachStoredValue(h, stored, [&](double v) {
            for (std::size_t c = 0; c < 3; ++c) {
                const auto& table = h.palette->channel[c];
                const auto entry = std::clamp<std::int64_t>(static_cast<std::int64_t>(v) - h.palette->firstValue[c], 0, static_cast<std::int64_t>(table.size()) - 1);
                out[n++] = table[static_cast<std::size_t>(entry)];
            }
        });
        return;
    }
    // wider samples than T keep their upper bits
    const double scale = h.storedBytesPerSample() > static_cast<std::int64_t>(sizeof(T)) ? std::ldexp(1.0, -static_cast<int>(8 * (h.storedBytesPerSample() - static_cast<std::int64_t>(sizeof(T))))) : 1;
    eachStoredValue(h, stored, [&](double v) { out[n++] = static_cast<T>(std::floor(v * scale)); });
    if (!h.photometric.starts_with("YBR_FULL"))
        return;
    // grey lies in the middle of the stored range, which may be less than T's
    const double range = std::ldexp(scale, h.bitsStored), most = std::max(1.0, std::floor(range - scale)), middle = range / 2;
    for (std::size_t p = 0; p + 2 < out.size(); p += 3) { // PS3.3 C.7.6.3.1.2
        const double y = out[p], cb = out[p + 1] - middle, cr = out[p + 2] - middle;
        const auto clip = [&](double v) { return static_cast<T>(std::clamp(std::round(v), 0.0, most)); };
        out[p] = clip(y + 1.402 * cr);
        out[p + 1] = clip(y - 0.344136 * cb - 0.714136 * cr);
        out[p + 2] = clip(y + 1.772 * cb);
    }
}

template void toRgb(const DicomHeader&, std::span<const std::byte>, std::span<std::uint8_t>);
template void toRgb(const DicomHeader&, std::span<const std::byte>, std::span<std::uint16_t>);

} // namespace hilum::imaging
