// The loops of vector_kernels.h. Included by one file per instruction set inside a namespace of its own, after simd.inl.

template <class X, class Y>
void layerNormRows(const X* x, const float* gamma, const float* beta, float epsilon, Y* y, float* mean, float* rstd, std::int64_t first, std::int64_t last,
    std::int64_t width)
{
    const std::int64_t full = width / Width * Width, rest = width - full;
    const float inverse = 1.0f / static_cast<float>(width);
    for (std::int64_t row = first; row < last; ++row) {
        const X* in = x + row * width;
        Y* out = y + row * width;
        Floats total{}, other{};
        std::int64_t i = 0;
        for (; i + 2 * Width <= full; i += 2 * Width) {
            total += load(in + i);
            other += load(in + i + Width);
        }
        for (; i < full; i += Width)
            total += load(in + i);
        if (rest)
            total += loadPart(in + full, rest);
        const float m = sum(total + other) * inverse;
        Floats squares{}, more{};
        for (i = 0; i + 2 * Width <= full; i += 2 * Width) {
            const Floats a = load(in + i) - m, b = load(in + i + Width) - m;
            squares += a * a;
            more += b * b;
        }
        for (; i < full; i += Width) {
            const Floats a = load(in + i) - m;
            squares += a * a;
        }
        float tail = 0;
        for (std::int64_t k = 0; k < rest; ++k) {
            const float a = loadPart(in + full + k, 1)[0] - m;
            tail += a * a;
        }
        const float scale = 1.0f / __builtin_sqrtf((sum(squares + more) + tail) * inverse + epsilon);
        mean[row] = m;
        rstd[row] = scale;
        for (i = 0; i < full; i += Width) {
            Floats value = (load(in + i) - m) * scale;
            if (gamma)
                value = value * load(gamma + i) + load(beta + i);
            store(out + i, value);
        }
        if (rest) {
            Floats value = (loadPart(in + full, rest) - m) * scale;
            if (gamma)
                value = value * loadPart(gamma + full, rest) + loadPart(beta + full, rest);
            storePart(out + full, value, rest);
        }
    }
}

template <class G, class X, class D>
void layerNormBackwardRows(const G* dy, const X* x, const float* gamma, const float* mean, const float* rstd, const float* residual, D* dx, float* gammaSum, float* betaSum,
    std::int64_t first, std::int64_t last, std::int64_t width)
{
    const std::int64_t full = width / Width * Width, rest = width - full;
    const float inverse = 1.0f / static_cast<float>(width);
    for (std::int64_t i = 0; i < width; ++i)
        gammaSum[i] = betaSum[i] = 0;
    for (std::int64_t row = first; row < last; ++row) {
        const G* g = dy + row * width;
        const X* in = x + row * width;
        const float* skip = residual ? residual + row * width : nullptr;
        D* out = dx + row * width;
        const float m = mean[row], scale = rstd[row];
        Floats sumG{}, sumGx{};
        const auto gather = [&](Floats d, Floats normalised, Floats weight) {
            const Floats weighted = d * weight;
            sumG += weighted;
            sumGx += weighted * normalised;
        };
        for (std::int64_t i = 0; i < full; i += Width) {
            const Floats d = load(g + i), normalised = (load(in + i) - m) * scale;
            store(gammaSum + i, load(gammaSum + i) + d * normalised);
            store(betaSum + i, load(betaSum + i) + d);
            gather(d, normalised, gamma ? load(gamma + i) : all(1));
        }
        if (rest) {
            const Floats d = loadPart(g + full, rest), normalised = (loadPart(in + full, rest) - m) * scale;
            storePart(gammaSum + full, loadPart(gammaSum + full, rest) + d * normalised, rest);
            storePart(betaSum + full, loadPart(betaSum + full, rest) + d, rest);
            gather(d, normalised, gamma ? loadPart(gamma + full, rest) : all(1)); // d is 0 beyond the row
        }
        const float meanG = sum(sumG) * inverse, meanGx = sum(sumGx) * inverse;
        for (std::int64_t i = 0; i < full; i += Width) {
            const Floats normalised = (load(in + i) - m) * scale;
            Floats value = scale * (load(g + i) * (gamma ? load(gamma + i) : all(1)) - meanG - normalised * meanGx);
            if (skip)
                value += load(skip + i);
            store(out + i, value);
        }
        if (rest) {
            const Floats normalised = (loadPart(in + full, rest) - m) * scale;
            Floats value = scale * (loadPart(g + full, rest) * (gamma ? loadPart(gamma + full, rest) : all(1)) - meanG - normalised * meanGx);
            if (skip)
                value += loadPart(skip + full, rest);
            storePart(out + full, value, rest);
        }
    }
}

template <class X, class Y>
void geluAll(const X* x, Y* y, std::int64_t count)
{
    std::int64_t i = 0;
    for (; i + Width <= count; i += Width)
        store(y + i, geluOf(load(x + i)));
    if (i < count)
        storePart(y + i, geluOf(loadPart(x + i, count - i)), count - i);
}

template <class G, class X, class D>
void geluBackwardAll(const G* dy, const X* x, D* dx, std::int64_t count)
{
    std::int64_t i = 0;
    for (; i + Width <= count; i += Width)
        store(dx + i, load(dy + i) * geluSlope(load(x + i)));
    if (i < count)
        storePart(dx + i, loadPart(dy + i, count - i) * geluSlope(loadPart(x + i, count - i)), count - i);
}

/// Calls f with a pointer of the right type.
const float* floatsOf(ConstNumbers n) { return static_cast<const float*>(n.data); }
float* floatsOf(Numbers n) { return static_cast<float*>(n.data); }
const std::uint16_t* halvesOf(ConstNumbers n) { return static_cast<const std::uint16_t*>(n.data); }
std::uint16_t* halvesOf(Numbers n) { return static_cast<std::uint16_t*>(n.data); }
template <class N, class F>
void withType(N n, F f)
{
    if (n.kind == Kind::Float)
        f(floatsOf(n));
    else
        f(halvesOf(n));
}

void layerNorm(ConstNumbers x, const float* gamma, const float* beta, float epsilon, Numbers y, float* mean, float* rstd, std::int64_t first, std::int64_t last,
    std::int64_t width)
{
    withType(x, [&](auto* in) { withType(y, [&](auto* out) { layerNormRows(in, gamma, beta, epsilon, out, mean, rstd, first, last, width); }); });
}

void layerNormBackward(ConstNumbers dy, ConstNumbers x, const float* gamma, const float* mean, const float* rstd, const float* residual, Numbers dx, float* gammaSum,
    float* betaSum, std::int64_t first, std::int64_t last, std::int64_t width)
{
    withType(dy, [&](auto* g) {
        withType(x, [&](auto* in) {
            withType(dx, [&](auto* out) { layerNormBackwardRows(g, in, gamma, mean, rstd, residual, out, gammaSum, betaSum, first, last, width); });
        });
    });
}

void gelu(ConstNumbers x, Numbers y, std::int64_t count)
{
    withType(x, [&](auto* in) { withType(y, [&](auto* out) { geluAll(in, out, count); }); });
}

void geluBackward(ConstNumbers dy, ConstNumbers x, Numbers dx, std::int64_t count)
{
    withType(dy, [&](auto* g) { withType(x, [&](auto* in) { withType(dx, [&](auto* out) { geluBackwardAll(g, in, out, count); }); }); });
}

void toHalves(const float* x, std::uint16_t* y, std::int64_t count)
{
    std::int64_t i = 0;
    for (; i + Width <= count; i += Width)
        store(y + i, load(x + i));
    if (i < count)
        storePart(y + i, loadPart(x + i, count - i), count - i);
}
