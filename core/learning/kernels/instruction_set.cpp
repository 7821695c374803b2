#include "core/learning/kernels/instruction_set.h"

#include "core/learning/kernels/amx_product.h"
#include "core/learning/kernels/vector_kernels.h"

#include <algorithm>
#include <array>
#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hilum::learning::kernels {

namespace {

constexpr std::array<std::string_view, 5> Names{"off", "baseline", "avx2", "avx512", "tiles"};

#if defined(__x86_64__)
struct Processor {
    bool avx2 = false, avx512 = false, tiles = false;
};

/// Which registers the system saves when it switches threads.
unsigned long long savedState()
{
    unsigned low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<unsigned long long>(high) << 32) | low;
}

bool allowsTiles()
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    constexpr int RequestPermission = 0x1023, TileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return ::syscall(SYS_arch_prctl, RequestPermission, TileData) == 0;
#else
    return false;
#endif
}

Processor ask()
{
    Processor p;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return p;
    const bool systemSaves = c & (1u << 27), fma = c & (1u << 12);
    if (!systemSaves || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return p;
    const unsigned long long saved = savedState();
    const auto bit = [](unsigned word, int n) { return (word >> n & 1u) != 0; };
    p.avx2 = (saved & 0x6) == 0x6 && fma && bit(b, 5);
    p.avx512 = p.avx2 && (saved & 0xe6) == 0xe6 && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31); // F, DQ, BW, VL
    const bool tileUnits = bit(d, 24) && bit(d, 22) && (saved & 0x60000) == 0x60000; // AMX-TILE, AMX-BF16
    const bool halves = __get_cpuid_count(7, 1, &a, &b, &c, &d) && bit(a, 5);        // AVX512-BF16
    p.tiles = p.avx512 && tileUnits && halves && allowsTiles();
    return p;
}
#endif

std::atomic<int> limit{static_cast<int>(InstructionSet::Tiles)};

} // namespace

std::string_view name(InstructionSet set)
{
    return Names[static_cast<std::size_t>(set)];
}

InstructionSet bestInstructionSet()
{
    static const InstructionSet best = [] {
#if defined(__x86_64__)
        const Processor p = ask();
        if (p.tiles && matrixTilesCompiled() && avx512Kernels())
            return InstructionSet::Tiles;
        if (p.avx512 && avx512Kernels())
            return InstructionSet::Avx512;
        if (p.avx2 && avx2Kernels())
            return InstructionSet::Avx2;
#endif
        return InstructionSet::Baseline;
    }();
    return best;
}

InstructionSet instructionSet()
{
    return std::min(bestInstructionSet(), static_cast<InstructionSet>(limit.load(std::memory_order_relaxed)));
}

void limitInstructionSet(InstructionSet set)
{
    limit = static_cast<int>(set);
}

const VectorKernels* vectorKernels()
{
    switch (instructionSet()) {
    case InstructionSet::Off: return nullptr;
    case InstructionSet::Baseline: return baselineKernels();
    case InstructionSet::Avx2: return avx2Kernels();
    case InstructionSet::Avx512:
    case InstructionSet::Tiles: return avx512Kernels();
    }
    return nullptr;
}

} // namespace hilum::learning::kernels
