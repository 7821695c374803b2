#include "tests/fuzz/one_input.h"

/// Any bytes as input.mha. For libFuzzer (-fsanitize=fuzzer,address) and replay_reader.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    hilum::fuzz::open(data, size, "input.mha");
    return 0;
}
