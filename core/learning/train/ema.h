#pragma once

#include "core/learning/method.h"

namespace hilum::learning {

/// A moving average of a module's parameters: average = decay * average + (1 - decay) * parameter, buffers copied. A teacher, or the
/// averaged weights of a run. No gradient reaches it.
class MovingAverage {
public:
    /// Begins as a copy of `module`.
    explicit MovingAverage(const torch::nn::Module& module);
    /// \param decay in [0, 1]; 0 copies
    void update(const torch::nn::Module& module, double decay);
    const TensorMap& values() const { return m_values; }
    /// Takes values over, shapes as before; Mismatch otherwise.
    Status load(const TensorMap& values);
    /// Exchanges the module's weights and the average, for the time of an evaluation; called twice it restores both bit by bit.
    void swapWith(torch::nn::Module& module);

private:
    TensorMap m_values;
};

} // namespace hilum::learning
