#include "core/imaging/seg_frames.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace hilum::imaging::detail {

namespace {

/// Rows of each slice that each segment touches, in one pass; the first value without a label, if any.
template <class T>
std::optional<std::int64_t> findRows(std::span<const T> voxels, const Index3& size, const std::unordered_map<std::int64_t, std::size_t>& segmentOf,
    std::vector<SegPlan::Segment>& segments, std::int64_t& labelled)
{
    std::size_t at = 0;
    for (std::int64_t k = 0; k < size[2]; ++k)
        for (std::int64_t j = 0; j < size[1]; ++j) {
            T last{};
            for (std::int64_t i = 0; i < size[0]; ++i, ++at) {
                const T v = voxels[at];
                labelled += v != T{};
                if (v == last)
                    continue;
                last = v;
                if (v == T{})
                    continue;
                const auto found = static_cast<double>(v) == static_cast<double>(static_cast<std::int64_t>(v)) ? segmentOf.find(static_cast<std::int64_t>(v))
                    : segmentOf.end();
                if (found == segmentOf.end())
                    return static_cast<std::int64_t>(v);
                auto& rows = segments[found->second].rows[static_cast<std::size_t>(k)];
                if (rows[0] == rows[1])
                    rows = {j, j + 1};
                else
                    rows[1] = j + 1;
            }
        }
    return std::nullopt;
}

/// Where voxels equal `value`, as bits from the lowest of the first byte on. Pixels `begin` to `end` only, multiples of 8 (or the end of the frame).
template <class T> void packBits(std::span<const T> frame, T value, std::size_t begin, std::size_t end, std::span<std::uint8_t> out)
{
    std::size_t n = begin;
    if constexpr (sizeof(T) == 1) {
        // eight voxels at a time: bytes that equal the value become 0, and those lose their high bit below
        constexpr std::uint64_t Ones = 0x0101010101010101u, Low = 0x7F7F7F7F7F7F7F7Fu;
        const std::uint64_t wanted = Ones * static_cast<std::uint8_t>(value);
        for (; n + 8 <= end; n += 8) {
            std::uint64_t x;
            std::memcpy(&x, frame.data() + n, 8);
            x ^= wanted;
            const std::uint64_t other = ((x & Low) + Low) | x;           // high bit set where the byte is not 0
            const std::uint64_t equal = (~other & ~Low) >> 7;            // 1 in each equal byte
            out[n / 8] = static_cast<std::uint8_t>((equal * 0x0102040810204080u) >> 56);
        }
    }
    for (; n < end; ++n)
        if (frame[n] == value)
            out[n / 8] = static_cast<std::uint8_t>(out[n / 8] | 1u << (n % 8));
}

/// Collects bytes and hands them on in large pieces.
class Pieces {
public:
    using Write = std::function<Status(std::span<const std::byte>)>;
    explicit Pieces(const Write& write) : m_write(write) { m_bytes.reserve(Large + (1u << 20)); }
    Status add(std::span<const std::uint8_t> bytes)
    {
        m_bytes.insert(m_bytes.end(), bytes.begin(), bytes.end());
        return m_bytes.size() >= Large ? flush() : Status{};
    }
    /// `count` bits, joined to what is there without a gap.
    Status addBits(std::span<const std::uint8_t> bits, std::size_t count)
    {
        if (m_used == 0 && count % 8 == 0)
            return add(bits.first(count / 8));
        for (std::size_t n = 0; n < count; ++n) {
            if (m_used == 0)
                m_bytes.push_back(0);
            m_bytes.back() = static_cast<std::uint8_t>(m_bytes.back() | (bits[n / 8] >> (n % 8) & 1u) << m_used);
            m_used = (m_used + 1) % 8;
        }
        return m_bytes.size() >= Large && m_used == 0 ? flush() : Status{};
    }
    Status flush()
    {
        const Status ok = m_write(std::as_bytes(std::span(m_bytes)));
        m_bytes.clear();
        return ok;
    }

private:
    static constexpr std::size_t Large = 8u << 20;
    const Write& m_write;
    std::vector<std::uint8_t> m_bytes;
    unsigned m_used = 0; // bits of the last byte
};

} // namespace

Result<SegPlan> planSegFrames(std::span<const LabelMap> layers, bool binary, bool everySlice, const path& file)
{
    SegPlan plan;
    const Index3& size = layers.front().volume.geometry().size;
    const auto slices = static_cast<std::size_t>(size[2]);
    for (std::size_t l = 0; l < layers.size(); ++l)
        for (const Label& label : layers[l].labels) {
            plan.segments.push_back({&label, l, std::vector<std::array<std::int64_t, 2>>(slices, {0, 0})});
            plan.largestValue = std::max(plan.largestValue, label.value);
        }
    std::ranges::stable_sort(plan.segments, {}, [](const SegPlan::Segment& s) { return s.label->value; });
    for (std::size_t l = 0; l < layers.size(); ++l) {
        std::unordered_map<std::int64_t, std::size_t> segmentOf;
        for (std::size_t n = 0; n < plan.segments.size(); ++n)
            if (plan.segments[n].layer == l)
                segmentOf.emplace(plan.segments[n].label->value, n);
        const auto unknown = layers[l].volume.visit([&](auto voxels) { return findRows(voxels, size, segmentOf, plan.segments, plan.voxels); });
        if (unknown)
            return fail(ErrorCode::Mismatch, "{}: voxels hold the value {}, which no label stands for", file.string(), *unknown);
    }
    if (plan.voxels == 0)
        return fail(ErrorCode::Empty, "{}: no voxel carries one of the {} labels", file.string(), plan.segments.size());
    if (!binary) {
        for (std::int64_t k = 0; k < size[2]; ++k)
            plan.frames.push_back({0, k});
        return plan;
    }
    std::vector<char> covered(slices, 0);
    for (const SegPlan::Segment& s : plan.segments)
        for (std::size_t k = 0; k < slices; ++k)
            covered[k] = covered[k] || s.rows[k][0] < s.rows[k][1];
    for (std::size_t n = 0; n < plan.segments.size(); ++n)
        for (std::size_t k = 0; k < slices; ++k) {
            // the first segment also has the empty frames that keep the grid whole
            const bool frame = n == 0 && !covered[k] && (everySlice || k == 0 || k + 1 == slices);
            if (frame || plan.segments[n].rows[k][0] < plan.segments[n].rows[k][1])
                plan.frames.push_back({static_cast<std::int64_t>(n) + 1, static_cast<std::int64_t>(k)});
        }
    return plan;
}

PixelStream segPixels(std::span<const LabelMap> layers, const SegPlan& plan, int bits, const Work& work)
{
    const Index3 size = layers.front().volume.geometry().size;
    const auto pixels = static_cast<std::size_t>(size[0] * size[1]);
    const auto frames = static_cast<std::uint64_t>(plan.frames.size());
    PixelStream out;
    out.words = bits == 16;
    out.bytes = bits == 1 ? (frames * pixels + 7) / 8 : frames * pixels * static_cast<std::uint64_t>(bits / 8);
    out.make = [layers, &plan, bits, &work, size, pixels](const Pieces::Write& write) -> Status {
        Pieces pieces(write);
        std::vector<std::uint8_t> packed((pixels + 7) / 8);
        std::vector<std::uint16_t> words(bits == 16 ? pixels : 0);
        for (std::size_t f = 0; f < plan.frames.size(); ++f) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped while writing a segmentation");
            if (f % 256 == 0)
                work.progress(static_cast<std::int64_t>(f), static_cast<std::int64_t>(plan.frames.size()), "writing frames");
            const SegFrame& frame = plan.frames[f];
            const auto first = static_cast<std::size_t>(frame.slice) * pixels;
            if (frame.segment == 0) {
                HILUM_TRY_STATUS(layers.front().volume.visit([&]<class T>(std::span<const T> all) -> Status {
                    const auto slice = all.subspan(first, pixels);
                    if (bits == 16) {
                        std::ranges::transform(slice, words.begin(), [](T v) { return static_cast<std::uint16_t>(v); });
                        return pieces.add({reinterpret_cast<const std::uint8_t*>(words.data()), 2 * pixels});
                    }
                    std::vector<std::uint8_t> bytes(pixels);
                    std::ranges::transform(slice, bytes.begin(), [](T v) { return static_cast<std::uint8_t>(v); });
                    return pieces.add(bytes);
                }));
                continue;
            }
            const SegPlan::Segment& segment = plan.segments[static_cast<std::size_t>(frame.segment) - 1];
            const auto& rows = segment.rows[static_cast<std::size_t>(frame.slice)];
            std::ranges::fill(packed, std::uint8_t{0});
            const std::size_t begin = static_cast<std::size_t>(rows[0] * size[0]) / 8 * 8, end = std::min((static_cast<std::size_t>(rows[1] * size[0]) + 7) / 8 * 8,
                pixels);
            layers[segment.layer].volume.visit([&]<class T>(std::span<const T> all) {
                const std::int64_t value = segment.label->value;
                if (rows[0] < rows[1] && static_cast<std::int64_t>(static_cast<T>(value)) == value)
                    packBits<T>(all.subspan(first, pixels), static_cast<T>(value), begin, end, packed);
            });
            HILUM_TRY_STATUS(pieces.addBits(packed, pixels));
        }
        return pieces.flush();
    };
    return out;
}

} // namespace hilum::imaging::detail
