#include "core/learning/kernels/volume_convolution.h"

#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/parallel.h"
#include "core/learning/kernels/vector_kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace hilum::learning::kernels {

namespace {

constexpr std::int64_t Taps = 27;
constexpr std::int64_t Multiple = 16;         ///< the longest vector
constexpr std::int64_t RowPlaces = 768;       ///< of the rows whose products are summed in registers: two tiles of them stay in the first cache
constexpr std::int64_t RowNumbers = 1 << 16;  ///< of all channels in such rows: they stay in the second cache
constexpr std::int64_t ChannelsTogether = 32; ///< of x: nine of their rows, and their weights, stay in the second cache
constexpr std::int64_t PlanesTogether = 4;    ///< between two meetings of the threads

std::int64_t roundedUp(std::int64_t n, std::int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// Some neighbouring planes of one case, [height + 2, channels, stride], with zeros around each; a plane that is filled takes the place of the oldest one.
class PaddedPlanes {
public:
    /// \param together  channels that are read at once: rows lie so far apart that these of neighbouring rows meet different places of the first cache
    PaddedPlanes(std::int64_t channels, const VolumeConvolution& c, std::int64_t kept, std::int64_t together)
        : m_channels(channels), m_depth(c.depth), m_height(c.height), m_width(c.width), m_kept(kept), m_stride(roundedUp(c.width, Multiple) + 2 * Front),
          m_rowStride(channels * m_stride + ((together - channels) * m_stride % CachePlaces + CachePlaces) % CachePlaces),
          m_numbers(static_cast<std::size_t>((kept + 1) * planeSize() + Front))
    {
    }
    /// Row y, of -1 to height, of the first channel in plane z, of -1 to depth.
    const float* row(std::int64_t z, std::int64_t y) const { return m_numbers.data() + placeOf(z, y); }
    std::int64_t rowStride() const { return m_rowStride; }
    std::int64_t channelStride() const { return m_stride; }

    /// Takes the planes [first, last) of a case [channels, depth, height, width].
    void fill(const float* x, std::int64_t first, std::int64_t last)
    {
        runParts((last - first) * m_channels, [&](std::int64_t part) {
            const std::int64_t z = first + part / m_channels, channel = part % m_channels;
            const float* from = x + (channel * m_depth + z) * m_height * m_width;
            float* to = m_numbers.data() + placeOf(z, 0) + channel * m_stride;
            for (std::int64_t y = 0; y < m_height; ++y, from += m_width, to += rowStride())
                std::memcpy(to, from, static_cast<std::size_t>(m_width) * sizeof(float));
        });
    }

private:
    static constexpr std::int64_t Front = 8;          ///< zeros before each row
    static constexpr std::int64_t CachePlaces = 1024; ///< numbers after which a first cache uses the same place again

    std::int64_t planeSize() const { return (m_height + 2) * rowStride(); }
    std::int64_t placeOf(std::int64_t z, std::int64_t y) const
    {
        const std::int64_t plane = z < 0 || z >= m_depth ? m_kept : z % m_kept; // the last one stays zero
        return plane * planeSize() + (y + 1) * rowStride() + Front;
    }

    std::int64_t m_channels, m_depth, m_height, m_width, m_kept, m_stride, m_rowStride;
    std::vector<float> m_numbers;
};

/// Weights as ConvolutionRow reads them, for each group of output channels; zeros where there is none of. \param at  at(out, in, tap)
template <class At>
std::vector<float> packed(std::int64_t outs, std::int64_t ins, At at)
{
    constexpr std::int64_t Group = ConvolutionRow::Outs;
    std::vector<float> w(static_cast<std::size_t>(roundedUp(outs, Group) * ins * Taps));
    for (std::int64_t out = 0; out < outs; ++out)
        for (std::int64_t in = 0; in < ins; ++in)
            for (std::int64_t tap = 0; tap < Taps; ++tap)
                w[static_cast<std::size_t>(((out / Group * ins + in) * Taps + tap) * Group + out % Group)] = at(out, in, tap);
    return w;
}

/// y = bias + w * x, for `ins` channels of x and `outs` of y. \param givenBias [outs], or null
void convolvePacked(const VolumeConvolution& c, std::int64_t ins, std::int64_t outs, const float* x, const std::vector<float>& weights, const float* givenBias, float* y)
{
    constexpr std::int64_t Group = ConvolutionRow::Outs;
    std::vector<float> bias(static_cast<std::size_t>(roundedUp(outs, Group)));
    if (givenBias)
        std::copy_n(givenBias, outs, bias.begin());
    const std::int64_t plane = c.height * c.width, volume = c.depth * plane;
    const VectorKernels& loops = *vectorKernels();
    PaddedPlanes planes(ins, c, PlanesTogether + 2, ChannelsTogether);
    for (std::int64_t n = 0; n < c.cases; ++n) {
        const float* const given = x + n * ins * volume;
        float* const result = y + n * outs * volume;
        std::int64_t filled = 0;
        for (std::int64_t z0 = 0; z0 < c.depth; z0 += PlanesTogether) {
            const std::int64_t z1 = std::min(c.depth, z0 + PlanesTogether), needed = std::min(c.depth, z1 + 1);
            planes.fill(given, filled, needed);
            filled = needed;
            runParts((z1 - z0) * c.height, [&](std::int64_t part) {
                const std::int64_t z = z0 + part / c.height, row = part % c.height;
                ConvolutionRow r{.channelStride = planes.channelStride(), .rowStride = planes.rowStride(), .width = c.width};
                for (std::int64_t in = 0; in < ins; in += ChannelsTogether) {
                    r.channels = std::min(ChannelsTogether, ins - in);
                    for (int k = 0; k < 3; ++k)
                        r.planes[k] = planes.row(z + k - 1, row - 1) + in * planes.channelStride();
                    for (std::int64_t out = 0; out < outs; out += Group) {
                        r.weights = weights.data() + (out * ins + in * Group) * Taps;
                        r.bias = in == 0 ? bias.data() + out : nullptr;
                        for (std::int64_t o = 0; o < Group; ++o)
                            r.out[o] = out + o < outs ? result + (out + o) * volume + z * plane + row * c.width : nullptr;
                        loops.convolveRow(r);
                    }
                }
            });
        }
    }
}

} // namespace

void convolve(const VolumeConvolution& c, const float* x, const float* weight, const float* bias, float* y)
{
    const auto at = [&](std::int64_t out, std::int64_t in, std::int64_t tap) { return weight[(out * c.in + in) * Taps + tap]; };
    convolvePacked(c, c.in, c.out, x, packed(c.out, c.in, at), bias, y);
}

void convolutionInputGradient(const VolumeConvolution& c, const float* dy, const float* weight, float* dx)
{
    // what a place gave to its neighbour by a tap comes back by the opposite one
    const auto at = [&](std::int64_t in, std::int64_t out, std::int64_t tap) { return weight[(out * c.in + in) * Taps + Taps - 1 - tap]; };
    convolvePacked(c, c.out, c.in, dy, packed(c.in, c.out, at), nullptr, dx);
}

void convolutionWeightGradient(const VolumeConvolution& c, const float* x, const float* dy, float* dWeight)
{
    constexpr std::int64_t Outs = CorrelationTile::Outs, Ins = CorrelationTile::Ins, TileTaps = 9;
    const std::int64_t volume = c.depth * c.height * c.width, outTiles = (c.out + Outs - 1) / Outs, inTiles = (c.in + Ins - 1) / Ins;
    const VectorKernels& loops = *vectorKernels();
    PaddedPlanes ofX(c.in, c, 3, Ins), ofDy(c.out, c, 1, Outs);
    const std::int64_t rowsTogether = std::clamp<std::int64_t>(std::min(RowPlaces / c.width, RowNumbers / ofX.rowStride() - 2), std::min<std::int64_t>(4, c.height), c.height);
    std::vector<float> sums(static_cast<std::size_t>(3 * outTiles * inTiles * TileTaps * Outs * Ins)); // [3 planes of the kernel, outTiles, inTiles, 9 taps, Outs, Ins]
    /// The taps of one plane of the kernel, a few output channels and all input channels, over rows of plane z.
    const auto gather = [&](std::int64_t z, std::int64_t row, std::int64_t kd, std::int64_t outTile) {
        CorrelationTile t{.dyRowStride = ofDy.rowStride(), .xRowStride = ofX.rowStride(), .rows = std::min(rowsTogether, c.height - row), .width = c.width};
        t.sums = sums.data() + (kd * outTiles + outTile) * inTiles * TileTaps * Outs * Ins;
        for (std::int64_t o = 0; o < Outs; ++o) // beyond the last one: again, and nobody takes the sum
            t.dy[o] = ofDy.row(z, row) + std::min(outTile * Outs + o, c.out - 1) * ofDy.channelStride();
        for (std::int64_t inTile = 0; inTile < inTiles; ++inTile)
            for (std::int64_t tap = 0; tap < TileTaps; ++tap, t.sums += Outs * Ins) {
                for (std::int64_t i = 0; i < Ins; ++i)
                    t.x[i] = ofX.row(z + kd - 1, row + tap / 3 - 1) + std::min(inTile * Ins + i, c.in - 1) * ofX.channelStride() + tap % 3 - 1;
                loops.correlateRows(t);
            }
    };
    for (std::int64_t n = 0; n < c.cases; ++n) {
        std::int64_t filled = 0;
        for (std::int64_t z = 0; z < c.depth; ++z) {
            const std::int64_t needed = std::min(c.depth, z + 2);
            ofX.fill(x + n * c.in * volume, filled, needed);
            filled = needed;
            ofDy.fill(dy + n * c.out * volume, z, z + 1);
            for (std::int64_t row = 0; row < c.height; row += rowsTogether)
                runParts(3 * outTiles, [&](std::int64_t part) { gather(z, row, part / outTiles, part % outTiles); });
        }
    }
    runParts(c.out, [&](std::int64_t out) {
        for (std::int64_t in = 0; in < c.in; ++in)
            for (std::int64_t tap = 0; tap < Taps; ++tap) {
                const std::int64_t tile = ((tap / TileTaps * outTiles + out / Outs) * inTiles + in / Ins) * TileTaps + tap % TileTaps;
                dWeight[(out * c.in + in) * Taps + tap] = sums[static_cast<std::size_t>((tile * Outs + out % Outs) * Ins + in % Ins)];
            }
    });
}

} // namespace hilum::learning::kernels
