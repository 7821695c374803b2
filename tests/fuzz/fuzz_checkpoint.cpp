#include "core/learning/imports/checkpoint_file.h"
#include "core/learning/imports/stored_tensor.h"

#include <cstddef>
#include <cstdint>

using namespace hilum::learning::imports;

/// Any bytes as a checkpoint: it is read or refused, and what was read can be copied. For libFuzzer (-fsanitize=fuzzer) and replay_main.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto file = CheckpointFile::read(std::as_bytes(std::span(data, size)));
    if (!file)
        return 0;
    constexpr std::string_view wrappers[] = {"model", "state_dict"};
    const auto state = file->stateDict(wrappers);
    if (!state)
        return 0;
    for (const auto& [name, tensor] : state->tensors)
        (void)toTensor(tensor);
    return 0;
}
