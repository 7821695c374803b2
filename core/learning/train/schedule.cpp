#include "core/learning/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hilum::learning {

double cosineBetween(std::int64_t step, std::int64_t steps, double first, double last)
{
    const double t = steps > 0 ? std::clamp(static_cast<double>(step) / static_cast<double>(steps), 0.0, 1.0) : 1.0;
    return last + 0.5 * (first - last) * (1 + std::cos(std::numbers::pi * t));
}

double warmupCosine(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak, double minimum)
{
    if (step < warmup)
        return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
    return cosineBetween(step - warmup, steps - warmup, peak, minimum);
}

double polynomial(std::int64_t step, std::int64_t steps, double peak, double power)
{
    const double t = steps > 0 ? std::clamp(static_cast<double>(step) / static_cast<double>(steps), 0.0, 1.0) : 1.0;
    return peak * std::pow(1 - t, power);
}

double layerScale(double decay, std::int64_t layers, std::int64_t id)
{
    return std::pow(decay, static_cast<double>(layers - id));
}

} // namespace hilum::learning
