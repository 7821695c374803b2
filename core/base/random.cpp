#include "core/base/random.h"

#include "core/base/format.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace hilum {

namespace {

std::uint64_t mix(std::uint64_t x)
{
    // finaliser of SplitMix64
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

} // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k)
{
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0], p1 = std::uint64_t{0xCD9E8D57u} * c[2];
        c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
             static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c;
}

Rng::Rng(std::uint64_t seed, std::uint64_t stream) : m_seed(seed), m_stream(stream) {}

Rng Rng::fork(std::uint64_t part) const
{
    return Rng(m_seed, mix(m_stream ^ mix(part))).startingAt(firstSample());
}

Rng Rng::fork(std::string_view purpose) const
{
    std::uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (const char c : purpose)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return Rng(m_seed, mix(m_stream ^ mix(~hash))).startingAt(firstSample());
}

Rng Rng::startingAt(std::int64_t firstSample) const
{
    Rng out = *this;
    out.m_firstSample = static_cast<std::uint64_t>(firstSample);
    return out;
}

std::uint64_t Rng::bits()
{
    if (m_used == 0) {
        const auto block = philox({static_cast<std::uint32_t>(m_block), static_cast<std::uint32_t>(m_block >> 32), static_cast<std::uint32_t>(m_stream),
                                   static_cast<std::uint32_t>(m_stream >> 32)},
                                  {static_cast<std::uint32_t>(m_seed), static_cast<std::uint32_t>(m_seed >> 32)});
        m_words = {block[0] | std::uint64_t{block[1]} << 32, block[2] | std::uint64_t{block[3]} << 32};
    }
    const std::uint64_t word = m_words[m_used];
    if (++m_used == 2) {
        m_used = 0;
        ++m_block;
    }
    return word;
}

double Rng::uniform()
{
    return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

double Rng::uniform(double low, double high)
{
    return low + (high - low) * uniform();
}

std::int64_t Rng::integer(std::int64_t low, std::int64_t high)
{
    if (low >= high)
        throw std::invalid_argument(hilum::format("Rng::integer: [{}, {}) is empty", low, high));
    const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t limit = ~std::uint64_t{0} - (~std::uint64_t{0} % range + 1) % range; // last word of the last whole range
    std::uint64_t word = bits();
    while (word > limit)
        word = bits();
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + word % range);
}

double Rng::normal()
{
    const double u = 1 - uniform(), v = uniform(); // u in (0, 1]
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

} // namespace hilum
