#include "core/imaging/rle.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace hilum::imaging {

Status decodeRle(std::span<const std::byte> stream, int samples, int bytesPerSample, std::span<std::byte> out)
{
    constexpr std::size_t HeaderBytes = 64;
    if (stream.size() < HeaderBytes)
        return refuse(ErrorCode::BadData, "truncated", "the RLE data have {} bytes; their header alone takes {}", stream.size(), HeaderBytes);
    const auto word = [&](std::size_t n) {
        std::uint32_t v = 0;
        for (std::size_t k = 0; k < 4; ++k)
            v |= std::to_integer<std::uint32_t>(stream[4 * n + k]) << (8 * k);
        return std::size_t{v};
    };
    const auto planes = static_cast<std::size_t>(samples * bytesPerSample);
    if (word(0) != planes || planes > 15)
        return refuse(ErrorCode::BadData, "bad_pixels", "the RLE data have {} segments; {} samples of {} bytes need {}", word(0), samples, bytesPerSample, planes);
    const std::size_t pixels = out.size() / planes;
    for (std::size_t s = 0; s < planes; ++s) {
        const std::size_t begin = word(1 + s), end = s + 1 < planes ? word(2 + s) : stream.size();
        if (begin < HeaderBytes || begin > end || end > stream.size())
            return refuse(ErrorCode::BadData, "bad_pixels", "RLE segment {} lies from byte {} to {} of {}", s + 1, begin, end, stream.size());
        // the highest byte of a sample comes first
        const std::size_t sample = s / static_cast<std::size_t>(bytesPerSample), byte = static_cast<std::size_t>(bytesPerSample) - 1 - s % static_cast<std::size_t>(bytesPerSample);
        std::byte* to = out.data() + sample * static_cast<std::size_t>(bytesPerSample) + byte;
        std::size_t done = 0, at = begin;
        while (done < pixels && at < end) {
            const int head = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(stream[at++]));
            if (head == -128)
                continue;
            const std::size_t run = std::min<std::size_t>(static_cast<std::size_t>(head >= 0 ? head + 1 : 1 - head), pixels - done);
            if (head >= 0) {
                if (end - at < run)
                    break;
                for (std::size_t n = 0; n < run; ++n)
                    to[(done + n) * planes] = stream[at + n];
                at += static_cast<std::size_t>(head) + 1;
            } else {
                if (at >= end)
                    break;
                for (std::size_t n = 0; n < run; ++n)
                    to[(done + n) * planes] = stream[at];
                ++at;
            }
            done += run;
        }
        if (done < pixels)
            return refuse(ErrorCode::BadData, "truncated", "RLE segment {} ends after {} of {} pixels", s + 1, done, pixels);
    }
    return {};
}

} // namespace hilum::imaging
