// Instance norm, an optional sum and leaky ReLU of one channel of one case (vector_kernels.h). Included after simd.inl by one file per instruction set.

constexpr std::int64_t SumBlock = 4096; // float sums of this many numbers, doubles of those: precise over a million voxels, in an order of its own

/// Adds up f(i) [Width numbers] over whole vectors and g(i) over the rest, for two sums at once.
template <class F, class G>
HILUM_INLINE void twoSums(std::int64_t n, double& first, double& second, F&& whole, G&& rest)
{
    first = second = 0;
    const std::int64_t full = n / Width * Width;
    for (std::int64_t begin = 0; begin < full; begin += SumBlock) {
        const std::int64_t end = begin + SumBlock < full ? begin + SumBlock : full;
        Floats a{}, b{};
        for (std::int64_t i = begin; i < end; i += Width)
            whole(i, a, b);
        first += static_cast<double>(sum(a));
        second += static_cast<double>(sum(b));
    }
    for (std::int64_t i = full; i < n; ++i)
        rest(i, first, second);
}

void planeNorm(const PlaneNorm& p, const float* x, const float* residual, float* y, float* mean, float* rstd)
{
    const float origin = x[0]; // near the values: their squares do not swamp the variance
    double first = 0, second = 0;
    twoSums(p.count, first, second, [&](std::int64_t i, Floats& a, Floats& b) {
        const Floats v = load(x + i) - origin;
        a += v;
        b += v * v;
    }, [&](std::int64_t i, double& a, double& b) {
        const float v = x[i] - origin;
        a += static_cast<double>(v);
        b += static_cast<double>(v) * static_cast<double>(v);
    });
    const double n = static_cast<double>(p.count), shift = first / n, variance = second / n - shift * shift;
    *mean = origin + static_cast<float>(shift);
    *rstd = static_cast<float>(1 / __builtin_sqrt((variance > 0 ? variance : 0) + static_cast<double>(p.epsilon)));
    const float scale = *rstd * p.gamma, offset = p.beta - *mean * scale;
    std::int64_t i = 0;
    for (; i + Width <= p.count; i += Width) {
        Floats u = load(x + i) * scale + offset;
        if (residual)
            u += load(residual + i);
        store(y + i, u > 0.0f ? u : u * p.slope);
    }
    for (; i < p.count; ++i) {
        const float u = x[i] * scale + offset + (residual ? residual[i] : 0);
        y[i] = u > 0 ? u : u * p.slope;
    }
}

void planeNormBackward(const PlaneNorm& p, const float* dy, const float* x, const float* y, float mean, float rstd, float* dx, float* dResidual, float* dGamma, float* dBeta)
{
    const auto through = [&](Floats g, Floats out) { return out > 0.0f ? g : g * p.slope; };
    double gradients = 0, products = 0;
    twoSums(p.count, gradients, products, [&](std::int64_t i, Floats& a, Floats& b) {
        const Floats g = through(load(dy + i), load(y + i));
        a += g;
        b += g * ((load(x + i) - mean) * rstd);
    }, [&](std::int64_t i, double& a, double& b) {
        const float g = y[i] > 0 ? dy[i] : dy[i] * p.slope;
        a += static_cast<double>(g);
        b += static_cast<double>(g * ((x[i] - mean) * rstd));
    });
    *dBeta = static_cast<float>(gradients);
    *dGamma = static_cast<float>(products);
    const float scale = p.gamma * rstd, meanGradient = static_cast<float>(gradients / static_cast<double>(p.count)), meanProduct = static_cast<float>(products / static_cast<double>(p.count));
    std::int64_t i = 0;
    for (; i + Width <= p.count; i += Width) {
        const Floats g = through(load(dy + i), load(y + i));
        store(dx + i, scale * (g - meanGradient - (load(x + i) - mean) * rstd * meanProduct));
        if (dResidual)
            store(dResidual + i, g);
    }
    for (; i < p.count; ++i) {
        const float g = y[i] > 0 ? dy[i] : dy[i] * p.slope;
        dx[i] = scale * (g - meanGradient - (x[i] - mean) * rstd * meanProduct);
        if (dResidual)
            dResidual[i] = g;
    }
}
