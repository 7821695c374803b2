#pragma once

#include <cstdint>

namespace hilum::learning {

/// Learning rate of update `step` (0-based): linear from peak/warmup to `peak` over `warmup` updates, then half a cosine down to
/// `minimum`, which the last update nearly reaches. MAE's and DINO's schedule, per update instead of per epoch.
/// warmup >= steps means that the whole run is warm-up.
double warmupCosine(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak, double minimum);

/// Half a cosine from `first` at step 0 to `last` at `steps`, monotone. Weight decay of HD X-ray MAE: 0.04 to 0.4.
double cosineBetween(std::int64_t step, std::int64_t steps, double first, double last);

/// Polynomial decay peak * (1 - step/steps)^power.
double polynomial(std::int64_t step, std::int64_t steps, double peak, double power);

/// Layer-wise learning rate of MAE's and BEiT's fine-tuning: decay^(layers - id), layers = depth + 1. Patch embedding has id 0
/// (decay^(depth + 1)), block i has i + 1, the head has `layers` (1).
double layerScale(double decay, std::int64_t layers, std::int64_t id);

} // namespace hilum::learning
