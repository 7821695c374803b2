#pragma once

#include "core/learning/data/case_dataset.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/ema.h"
#include "core/learning/train/events.h"
#include "core/learning/train/optimizer.h"
#include "core/learning/train/options.h"
#include "core/learning/train/placement.h"
#include "core/learning/train/process_group.h"

#include <optional>

namespace hilum::learning {

/// Everything that a training loop works with. What is pointed at outlives the trainer.
struct TrainerSetup {
    PretrainingMethod* method = nullptr; ///< on the device of the placement
    const ShardReader* cache = nullptr;
    Split split;
    TrainOptions options;
    Placement placement;
    path run;
    Json model = Json::object();         ///< metadata of model files; "step" is added
    Json state = Json::object();         ///< more for state.json: method, options, cache digest
    std::optional<std::size_t> watchCase; ///< number in the cache
    EventStream* events = nullptr;
    RunMonitor* monitor = nullptr;
    ProcessGroup* group = nullptr;       ///< null: this process trains alone. Only rank 0 writes, shows and evaluates
};

struct TrainingOutcome {
    std::int64_t step = 0;     ///< updates done in the whole run
    bool cancelled = false;
    path checkpoint;           ///< the last one
};

/// The only training loop: batches, precision, accumulation, clipping, schedule, optimiser, averaged weights, curves, pictures,
/// checkpoints, cancellation. Numbers depend on (options, data, placement, compute threads) alone: random numbers are functions of
/// (seed, step), so a resumed run continues bit-equally on the CPU.
class Trainer {
public:
    explicit Trainer(TrainerSetup setup);

    /// Continues after a checkpoint. Mismatch when its weights or optimiser state do not fit.
    Status resume(const Checkpoint& checkpoint);
    /// Refuses with NoSpace when the run's checkpoints will not fit on the disk.
    Status checkDisk() const;
    /// Trains to the last step or until the monitor says stop; a checkpoint is written either way.
    /// Options (reason "not_finite") when loss or gradient is no finite number: names the step. WorkerLost when another process of the group
    /// is gone: rank 0 has then written a checkpoint of the last whole step.
    Result<TrainingOutcome> run();

    /// The weights to keep: averaged ones where the options ask for them.
    TensorMap finalWeights() const;
    MovingAverage* average() { return m_average ? &*m_average : nullptr; }
    std::int64_t parameterCount() const { return m_optimizer.parameterCount(); }

private:
    struct StepNumbers {
        double loss = 0, gradientNorm = 0;
        std::map<std::string, double> terms;
    };
    Result<StepNumbers> update(class Loader& loader);
    Status save(const char* reason);
    Status preview();
    Status heldOutLoss();
    Error notFinite(const char* what, double value) const;
    /// The mean gradient over all processes' samples, the same everywhere; in `numbers` the means of loss and terms.
    Status share(StepNumbers& numbers, double weight);
    bool keepsRecord() const { return !m_setup.group || m_setup.group->rank() == 0; }
    bool stops() const { return m_setup.group ? m_groupStops : m_setup.monitor->cancelRequested(); }

    TrainerSetup m_setup;
    AdamW m_optimizer;
    std::optional<MovingAverage> m_average;
    std::int64_t m_step = 0;
    std::int64_t m_saved = -1;         ///< step of the last checkpoint
    bool m_groupStops = false;         ///< one of the processes was asked to stop: all do after the same step
    path m_lastCheckpoint;
    std::optional<double> m_heldOut;   ///< loss on the held-out cases of the current step
};

} // namespace hilum::learning
