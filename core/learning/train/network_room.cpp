#include "core/learning/train/network_room.h"

#include "core/base/numbers.h"
#include "core/learning/nn/without_values.h"
#include "core/learning/torch_guard.h"

namespace hilum::learning {

namespace {

/// What the network takes. TooLarge where not even the addresses of one of its tensors were given.
Result<MemoryNeed> counted(const std::string& what, const MemoryRoom& room, const std::function<Result<MemoryNeed>()>& makeAndCount)
{
    const WithoutValues none;
    try {
        return makeAndCount();
    } catch (const std::exception& e) {
        const Error error = errorFromException(e);
        if (error.code != ErrorCode::OutOfMemory)
            throw;
        return refuse(ErrorCode::TooLarge, "memory", "{} has a tensor that is larger than this computer's memory, of which {} leaves {}: {}", what, room.of, byteSize(room.bytes), error.message);
    }
}

} // namespace

Status checkWeightsRoom(const std::string& what, const std::function<Result<MemoryNeed>()>& makeAndCount)
{
    HILUM_TRY(const MemoryRoom room, availableMemory(at::kCPU));
    HILUM_TRY(const MemoryNeed need, counted(what, room, makeAndCount));
    if (need.weights <= room.bytes)
        return {};
    return refuse(ErrorCode::TooLarge, "memory", "{} takes {} for its weights alone, and {} leaves {}", what, byteSize(need.weights), room.of, byteSize(room.bytes));
}

Status checkTrainingRoom(const MethodEntry& entry, const Json& options)
{
    HILUM_TRY(const MemoryRoom room, availableMemory(at::kCPU));
    HILUM_TRY(const MemoryNeed need,
        counted("the network of method " + entry.info.id, room, [&]() -> Result<MemoryNeed> { return memoryNeed(entry.make(options, Rng(0).fork("weights"))->trainable(), options); }));
    return need.weights <= room.bytes ? Status() : checkMemory(need, room, 0);
}

} // namespace hilum::learning
