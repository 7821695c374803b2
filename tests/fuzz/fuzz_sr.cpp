#include "tests/fuzz/one_input.h"

/// Any bytes as sr.dcm. For libFuzzer (-fsanitize=fuzzer,address) and replay_reader.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    hilum::fuzz::open(data, size, "sr.dcm");
    return 0;
}
