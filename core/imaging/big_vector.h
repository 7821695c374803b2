#pragma once

#include "core/imaging/parallel.h"

#include <cstddef>
#include <vector>

namespace hilum::imaging {

/// Asks the system for large pages behind memory that nobody has touched yet and lets all cores bring them in. Only a hint.
void prepareMemory(void* memory, std::size_t bytes);

/// Zeros, as std::vector<T>(count) gives them; volumes take a third of the time, most of which goes into bringing in pages.
template <class T> std::vector<T> zeros(std::size_t count)
{
    constexpr std::size_t Large = 16u << 20;
    std::vector<T> out;
    out.reserve(count);
    if (count * sizeof(T) >= Large)
        prepareMemory(out.data(), count * sizeof(T));
    out.resize(count);
    return out;
}

} // namespace hilum::imaging
