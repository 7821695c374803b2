#pragma once

#include "core/base/options.h"

#include <string>

namespace hilum::learning {

enum class ClipKind { Global, PerTensor };

/// The options of the training loop. A method holds one, sets its defaults, and calls visitFields from its own visit, so that all
/// options of a job share one flat name space.
struct TrainOptions {
    std::int64_t steps = 1000;
    std::int64_t batch = 8;
    std::int64_t accumulation = 1;
    std::int64_t seed = 0;
    double learningRate = 1e-3;
    double minimumLearningRate = 0;
    std::int64_t warmupSteps = 50;
    double weightDecay = 0.05;
    double weightDecayEnd = 0.05;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double epsilon = 1e-8;
    bool amsgrad = false;
    double clipNorm = 0;
    ClipKind clipKind = ClipKind::Global;
    double emaDecay = 0;
    double heldOutFraction = 0.2;
    std::int64_t checkpointEvery = 500;
    std::int64_t checkpointCases = 16;
    std::int64_t keepEvery = 0;
    std::int64_t previewEvery = 50;
    std::int64_t metricEvery = 1;
    std::int64_t loaderThreads = 1;
    std::int64_t prefetch = 4;
    bool activationCheckpointing = false;
    std::string startFrom;

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        constexpr double Many = 1e9;
        visit(field("steps").text("Steps", "Updates of the weights in the whole run.").range(1, Many).inUnit("steps").in("Training"), o.steps);
        visit(field("batch").text("Batch", "Images whose gradients are computed together.").range(1, 4096).inUnit("images").in("Training"), o.batch);
        visit(field("accumulation").text("Accumulation", "Batches whose gradients are averaged before one update.").range(1, 4096).inUnit("batches").in("Training").expert(),
              o.accumulation);
        visit(field("seed").text("Seed", "Fixes the split, the order of images, augmentation, masks and the first weights.").range(0, 9e15).in("Training"), o.seed);
        visit(field("lr").text("Learning rate", "Peak learning rate of AdamW, reached at the end of the warm-up.").range(0, 10).in("Training"), o.learningRate);
        visit(field("min_lr").text("Lowest learning rate", "Where the half cosine ends.").range(0, 10).in("Training").expert(), o.minimumLearningRate);
        visit(field("warmup_steps").text("Warm-up", "Updates over which the learning rate rises linearly.").range(0, Many).inUnit("steps").in("Training"), o.warmupSteps);
        visit(field("weight_decay").text("Weight decay", "Decoupled decay at the start; biases, norms, tokens and tables have none.").range(0, 10).in("Training"), o.weightDecay);
        visit(field("weight_decay_end").text("Weight decay at the end", "Reached along a half cosine.").range(0, 10).in("Training").expert(), o.weightDecayEnd);
        visit(field("beta1").text("Beta 1", "Decay of AdamW's mean of gradients.").range(0, 0.9999).in("Training").expert(), o.beta1);
        visit(field("beta2").text("Beta 2", "Decay of AdamW's mean of squared gradients.").range(0, 0.999999).in("Training").expert(), o.beta2);
        visit(field("epsilon").text("Epsilon", "Added to AdamW's denominator.").range(1e-12, 1).in("Training").expert(), o.epsilon);
        visit(field("amsgrad").text("AMSGrad", "AdamW divides by the largest mean of squared gradients so far, not by the present one.").in("Training").expert(), o.amsgrad);
        visit(field("clip_norm").text("Gradient limit", "Longest gradient (L2 norm) that is used as it is; 0 sets no limit.").range(0, 1e6).in("Training"), o.clipNorm);
        visit(field("clip_kind").text("Gradient limit applies to", "What is measured and shortened.")
                  .oneOf({{"global", "All gradients together", "One norm over all parameters."}, {"per-tensor", "Each tensor", "Every parameter by itself."}})
                  .in("Training").expert(),
              o.clipKind);
        visit(field("ema_decay").text("Averaged weights", "Decay of a moving average of the weights that is evaluated and kept as the model; 0 switches it off.")
                  .range(0, 0.99999).in("Training").expert(),
              o.emaDecay);
        visit(field("held_out_fraction").text("Held out", "Share of the patients that is kept for evaluation and never trained on.").range(0, 0.9).in("Data"), o.heldOutFraction);
        visit(field("checkpoint_every").text("Checkpoint every", "A kill loses at most this many updates.").range(1, Many).inUnit("steps").in("Record"), o.checkpointEvery);
        visit(field("checkpoint_cases").text("Cases per checkpoint", "Held-out cases whose loss tells which checkpoint is the best; 0 switches it off.")
                  .range(0, 100000).inUnit("images").in("Record").expert(),
              o.checkpointCases);
        visit(field("keep_every").text("Keep every", "Checkpoints at multiples of this are kept for good, besides the last two and the best; 0 keeps none.")
                  .range(0, Many).inUnit("steps").in("Record").expert(),
              o.keepEvery);
        visit(field("preview_every").text("Preview every", "Updates between pictures of the watched case; 0 makes none.").range(0, Many).inUnit("steps").in("Record"), o.previewEvery);
        visit(field("metric_every").text("Curve point every", "Updates between points of the curves.").range(1, Many).inUnit("steps").in("Record").expert(), o.metricEvery);
        visit(field("loader_threads").text("Loader threads", "Threads that read and augment; the result does not depend on it.").range(1, 64).in("Data").expert(), o.loaderThreads);
        visit(field("prefetch").text("Prefetch", "Batches that are made ahead.").range(1, 64).inUnit("batches").in("Data").expert(), o.prefetch);
        visit(field("activation_checkpointing").text("Recompute activations", "Transformer and Swin blocks keep their input alone and are computed again for the gradient: less memory, more time, the same numbers up to rounding.")
                  .in("Training").expert(),
              o.activationCheckpointing);
        visit(field("start_from").text("Start from", "Model file whose weights the run begins with: one of this method, or any with the same encoder. Empty: weights drawn by the seed.").in("Training"),
              o.startFrom);
    }
};

} // namespace hilum::learning
