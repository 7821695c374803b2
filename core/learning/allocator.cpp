#include "core/learning/allocator.h"

#include "core/base/format.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sys/types.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

// What jemalloc reads and offers where a program links it (packaging/cmake/HilumTorch.cmake). Blocks above 8 MB would go back to the system at once.
extern "C" {
extern __attribute__((visibility("default"))) const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0,thp:always";
int mallctl(const char* name, void* oldValue, std::size_t* oldLength, void* newValue, std::size_t newLength) __attribute__((weak));
}

namespace hilum::learning {

void keepFreedMemory()
{
    setenv("THP_MEM_ALLOC_ENABLE", "1", 0); // read by c10 at its first large allocation
    if (allocatorIsJemalloc()) {
        ssize_t never = -1;
        for (const char* name : {"arenas.dirty_decay_ms", "arenas.muzzy_decay_ms"}) // of the arenas that threads make from here on
            mallctl(name, nullptr, nullptr, &never, sizeof never);
        unsigned arenas = 0;
        std::size_t length = sizeof arenas;
        mallctl("arenas.narenas", &arenas, &length, nullptr, 0);
        for (unsigned i = 0; i < arenas; ++i) // of those that are there; the others refuse it
            for (const char* kind : {"dirty", "muzzy"})
                mallctl(hilum::format("arena.{}.{}_decay_ms", i, kind).c_str(), nullptr, nullptr, &never, sizeof never);
        return;
    }
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, -1); // never: a step on volumes frees and takes ten gigabytes, whose pages cost more than the arithmetic
    mallopt(M_TOP_PAD, 64 << 20);
#endif
}

bool allocatorIsJemalloc() { return mallctl != nullptr; }

std::size_t allocatedBytes()
{
    if (allocatorIsJemalloc()) {
        std::uint64_t epoch = 1; // counts anew
        mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
        std::size_t bytes = 0, length = sizeof bytes;
        mallctl("stats.allocated", &bytes, &length, nullptr, 0);
        return bytes;
    }
#ifdef __GLIBC__
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

std::string allocatorName()
{
    const char* version = nullptr;
    std::size_t length = sizeof version;
    if (!allocatorIsJemalloc() || mallctl("version", &version, &length, nullptr, 0) != 0)
        return "the C library's";
    return hilum::format("jemalloc {}", std::string(version).substr(0, std::string(version).find('-')));
}

} // namespace hilum::learning
