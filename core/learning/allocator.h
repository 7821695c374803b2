#pragma once

#include <cstddef>
#include <string>

namespace hilum::learning {

/// Lets freed memory be used again instead of going back to the system (page faults cost a third of a step otherwise), and asks for huge
/// pages. Call first thing in a process that trains; before LibTorch allocates.
void keepFreedMemory();

/// What gives this process its memory: "jemalloc 5.3.0", or "the C library's" where the program was built without it.
std::string allocatorName();
bool allocatorIsJemalloc();

/// Bytes that this process holds of it now.
std::size_t allocatedBytes();

} // namespace hilum::learning
