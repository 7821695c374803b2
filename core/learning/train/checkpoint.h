#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/learning/method.h"

#include <optional>

namespace hilum::learning {

/// What makes a resumed run continue bit-equally: weights, optimiser moments (and averaged weights) and the step. Random numbers and
/// the data cursor are functions of (seed, step), which state.json holds.
struct Checkpoint {
    std::int64_t step = 0;
    TensorMap weights;     ///< parameters and buffers of the method
    TensorMap optimizer;   ///< "mean.<name>", "square.<name>", "ema.<name>"
    Json model = Json::object(); ///< metadata of model.safetensors
    Json state = Json::object(); ///< {"schema", "step", "method", "options", "cursor", "held_out_loss", ...}
};

/// Which of a run's checkpoints survive: the last two, the best by held-out loss, and multiples of keepEvery (0: none).
struct KeepRule {
    std::int64_t last = 2;
    std::int64_t keepEvery = 0;
};

/// Bytes that the run will write: every checkpoint that may exist at once, one more while it is being written, and the model.
/// \param averagedCopies copies of the weights that a checkpoint holds besides them and two moments
std::uint64_t diskNeed(const TensorMap& weights, std::int64_t averagedCopies, std::int64_t steps, const KeepRule& keep);

/// NoSpace with both numbers when the disk of `run` has less than `bytes` free; checkpoints that are there already count as free, since new ones take their place.
Status checkDiskSpace(const path& run, std::uint64_t bytes);

/// Writes RUN/checkpoints/step-N: into a temporary folder, fsync, rename; then `latest`; then removes what the rule drops.
/// \return the folder and its size in bytes
struct Written {
    path folder;
    std::uint64_t bytes = 0;
};
Result<Written> writeCheckpoint(const path& run, const Checkpoint& checkpoint, const KeepRule& keep);

/// The folder that RUN/checkpoints/latest names, else the newest complete one. NotFound when there is none.
Result<path> latestCheckpoint(const path& run);

/// Reads a checkpoint folder. BadData names the file that is missing or contradicts the others; WrongVersion for another format.
Result<Checkpoint> readCheckpoint(const path& folder);

/// Removes what a killed worker left half-written.
void removeLeftovers(const path& run);

inline constexpr char CheckpointSchema[] = "hilum.checkpoint/1";

} // namespace hilum::learning
