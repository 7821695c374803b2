#pragma once

#include "core/learning/data/case_dataset.h"
#include "core/learning/train/placement.h"

#include <functional>

namespace hilum::learning {

/// What an evaluation works on.
struct EvaluationSetup {
    const ShardReader* cache = nullptr;
    Split split;
    std::uint64_t seed = 0;
    std::int64_t batch = 1;          ///< of methods whose loss needs several cases at once; masked reconstruction goes case by case
    Placement placement;
    std::function<bool()> cancelled; ///< asked between cases; may be empty
    std::function<void(std::int64_t done, std::int64_t total)> progress; ///< images looked at, each as often as it will be; may be empty
};

/// The loss of a model on some cases, one number per case. Masks and corruption of a case depend on (seed, case key) alone.
/// Cancelled when `setup.cancelled` says so.
Result<std::vector<double>> caseLosses(PretrainingMethod& method, const EvaluationSetup& setup, const std::vector<std::size_t>& cases);

/// Held-out evaluation: the content of evaluation.json.
///
/// Letters: N patches of an image, P numbers a patch, h(n) = 1 where the fixed mask hides patch n. With t the target and q a guess, the loss
/// of an image is sum_n h(n) mean_p (q - t)^2 / sum_n h(n): the training's own loss, in the space that it is computed in (per-patch
/// normalised targets where the method trains on those). Images are averaged within a patient, patients with equal weight; the
/// interval is the bootstrap over patients. All rows use the same images, masks and targets:
///
/// - held_out_loss: the model's prediction from the visible patches
/// - untrained_loss: the same network with the weights that the run began with
/// - mean_picture_loss: q = mean of the targets over the training images, place by place (the best guess that ignores the image); left out where no training image is in the cache
/// - visible_mean_loss: q = one number per image, the mean of its visible target values
/// - swapped_loss: the model's prediction from the visible patches of the next held-out patient's image at the same places, against
///   the first patient's target: near held_out_loss when a model ignores what it sees
///
/// Methods without masked reconstruction get held_out_loss and untrained_loss. What PretrainingMethod::caseNumbers names comes beside them, and of the untrained
/// network as untrained_<name>, averaged in the same way over the cases that have the name.
/// \param untrained the network with its first weights, or null
/// \return Empty when no patient is held out
Result<Json> evaluateHeldOut(PretrainingMethod& trained, PretrainingMethod* untrained, const EvaluationSetup& setup);

} // namespace hilum::learning
