#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace hilum {

/// One block of the counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of random numbers that depends on nothing but (seed, stream): no shared state, any thread, any order.
/// Copying copies the position. Streams made by `fork` are independent of how far this one has been read.
class Rng {
public:
    explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

    /// The stream of a named purpose or a numbered part: `Rng(seed).fork("mask").fork(step).fork(caseNumber)`.
    Rng fork(std::uint64_t part) const;
    Rng fork(std::string_view purpose) const;

    /// The stream of sample `number` of a batch whose first sample has number `firstSample()`: draws that are made for each sample by itself are then the
    /// same whether one process has the batch or several share it. Forks keep the number of the first sample.
    Rng sample(std::int64_t number) const { return fork(m_firstSample + static_cast<std::uint64_t>(number)); }
    Rng startingAt(std::int64_t firstSample) const;
    std::int64_t firstSample() const { return static_cast<std::int64_t>(m_firstSample); }

    std::uint64_t bits();                    ///< 64 uniform bits
    double uniform();                        ///< [0, 1), 53 bits
    double uniform(double low, double high); ///< [low, high)
    std::int64_t integer(std::int64_t low, std::int64_t high); ///< low <= x < high, unbiased; throws std::invalid_argument if empty
    double normal();                         ///< mean 0, standard deviation 1 (Box-Muller)
    bool chance(double probability) { return uniform() < probability; }

    template <class T>
    void shuffle(std::span<T> values)
    {
        for (std::size_t i = values.size(); i > 1; --i)
            std::swap(values[i - 1], values[static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(i)))]);
    }

    std::uint64_t seed() const { return m_seed; }
    std::uint64_t stream() const { return m_stream; }
    std::uint64_t position() const { return m_block * 2 + m_used; } ///< 64-bit words read; for checkpoints and provenance

private:
    std::uint64_t m_seed;
    std::uint64_t m_stream;
    std::uint64_t m_firstSample = 0;
    std::uint64_t m_block = 0;
    unsigned m_used = 0; // words taken of m_words; 0 means that m_block has not been made
    std::array<std::uint64_t, 2> m_words{};
};

} // namespace hilum
