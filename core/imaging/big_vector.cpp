#include "core/imaging/big_vector.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace hilum::imaging {

void prepareMemory(void* memory, std::size_t bytes)
{
    constexpr std::uintptr_t Page = 2u << 20;
    const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + Page - 1) / Page * Page, end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / Page * Page;
    if (begin >= end)
        return;
    // NOLINTNEXTLINE: the aligned part of memory that the caller owns
    if (::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE) != 0)
        return; // a kernel without them: pages come one by one
    constexpr std::int64_t PagesAtOnce = 8;
    const auto pages = static_cast<std::int64_t>((end - begin) / Page);
    (void)parallelFor((pages + PagesAtOnce - 1) / PagesAtOnce, [&](std::int64_t n) -> Status {
        for (std::int64_t p = n * PagesAtOnce; p < std::min(pages, (n + 1) * PagesAtOnce); ++p)
            *reinterpret_cast<volatile std::byte*>(begin + static_cast<std::uintptr_t>(p) * Page) = std::byte{0};
        return {};
    });
}

} // namespace hilum::imaging
