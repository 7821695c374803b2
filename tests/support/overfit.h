#pragma once

#include "core/base/random.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/method.h"

#include <torch/optim/adamw.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <tuple>
#include <vector>

/// A method that learns one batch by heart (property 19).
namespace hilum::tests {

inline constexpr int OverfitSteps = 200;

/// The rate of a step from 0 on: it rises for `warmup` steps, times half a cosine over OverfitSteps.
inline double overfitRate(int step, double peak, double warmup)
{
    return peak * std::min(1.0, (step + 1) / warmup) * (0.5 + 0.5 * std::cos(std::numbers::pi * step / OverfitSteps));
}

inline void setRate(torch::optim::Optimizer& optimiser, double rate)
{
    for (auto& group : optimiser.param_groups())
        group.options().set_lr(rate);
}

/// OverfitSteps of AdamW on one batch, 20 of them warm-up. \param options with the highest rate \param stream of a step \return the losses
inline std::vector<double> overfit(learning::PretrainingMethod& method, const learning::TensorMap& batch, const torch::optim::AdamWOptions& options, const std::function<Rng(std::uint64_t)>& stream)
{
    torch::optim::AdamW optimiser(method.trainable().parameters(), options);
    std::vector<double> losses;
    for (int step = 0; step < OverfitSteps; ++step) {
        setRate(optimiser, overfitRate(step, options.lr(), 20));
        const learning::StepOutput out = method.step(batch, stream(static_cast<std::uint64_t>(step)));
        optimiser.zero_grad();
        out.loss.backward();
        optimiser.step();
        losses.push_back(out.loss.item<double>());
    }
    return losses;
}

/// Mean squared error of a guess at the hidden patches. \param guess [B, N, P], or what expands to it
inline double maskedError(const learning::PretrainingMethod::MaskedTarget& target, const at::Tensor& guess)
{
    return learning::maskedMean(learning::patchError(guess.expand_as(target.target), target.target), target.mask).item<double>();
}

/// Verifies that a masked autoencoder learns to fill in the patches that one fixed mask hides: twice as well as the best constant, as the mean picture and as before.
inline void verifyOverfitsMasked(learning::PretrainingMethod& method, const learning::TensorMap& batch)
{
    // the mask that every step(batch, Rng(7)) draws
    const auto target = method.maskedTarget(batch, Rng(7).fork("mask"));
    const auto own = [&] {
        const torch::NoGradGuard none;
        return maskedError(target, method.predictMasked(batch, target.mask));
    };
    // the best constant is the mean of what is hidden
    const double constant = maskedError(target, target.target.masked_select(target.mask.unsqueeze(-1).ne(0)).mean()), meanPicture = maskedError(target, target.target.mean(0, true)), first = own();
    const std::vector<double> losses = overfit(method, batch, torch::optim::AdamWOptions(5e-3).betas(std::make_tuple(0.9, 0.95)), [](std::uint64_t) { return Rng(7); });
    QVERIFY(std::abs(losses.front() - first) < 1e-4); // the same mask
    const double last = own();
    qInfo("squared error %.4f -> %.4f; best constant %.4f, mean picture %.4f", first, last, constant, meanPicture);
    QVERIFY(last < 0.5 * first && 2 * last < constant && 2 * last < meanPicture);
}

} // namespace hilum::tests
