// Attention inside one window for one head, forward and backward (vector_kernels.h says what the arguments are). Included like vector_kernels.inl.
// The scores of a few rows at a time stay in the first cache; none are kept for the backward pass, which makes them again.

constexpr int RowsTogether = WindowAttention::RowsAtOnce;

HILUM_INLINE Ints load(const std::int32_t* p)
{
    Ints out;
    __builtin_memcpy(&out, p, sizeof out);
    return out;
}

HILUM_INLINE float get(const float* p) { return *p; }
HILUM_INLINE float get(const std::uint16_t* p)
{
    const std::uint32_t bits = static_cast<std::uint32_t>(*p) << 16;
    float out;
    __builtin_memcpy(&out, &bits, sizeof out);
    return out;
}
HILUM_INLINE void put(float* p, float x) { *p = x; }
HILUM_INLINE void put(std::uint16_t* p, float x) { *p = roundToHalves(all(x))[0]; }

/// Parts of the caller's scratch memory; `padded` is WindowAttention::paddedTokens.
struct WindowParts {
    float* query;                        // [tokens, headWidth]
    float* gradient;                     // [RowsTogether, headWidth]
    float *key, *value, *dKey, *dValue;  // [headWidth, padded]
    float *scores, *weights;             // [RowsTogether, padded]

    WindowParts(const WindowAttention& a, float* scratch)
    {
        const std::int64_t columns = a.headWidth * a.paddedTokens();
        query = scratch;
        gradient = query + a.tokens * a.headWidth;
        key = gradient + RowsTogether * a.headWidth;
        value = key + columns;
        dKey = value + columns;
        dValue = dKey + columns;
        scores = dValue + columns;
        weights = scores + RowsTogether * a.paddedTokens();
    }
};

/// Queries times the scale, keys and values with one row a feature, zeros behind the last token. \param x [tokens, 3, heads, headWidth] of the window
template <class X>
void unpackWindow(const WindowAttention& a, const X* x, std::int64_t head, const WindowParts& parts)
{
    const std::int64_t width = a.heads * a.headWidth, padded = a.paddedTokens();
    for (std::int64_t t = 0; t < a.tokens; ++t) {
        const X* row = x + t * 3 * width + head * a.headWidth;
        for (std::int64_t c = 0; c < a.headWidth; ++c) {
            parts.query[t * a.headWidth + c] = a.scale * get(row + c);
            parts.key[c * padded + t] = get(row + width + c);
            parts.value[c * padded + t] = get(row + 2 * width + c);
        }
    }
    for (std::int64_t c = 0; c < a.headWidth; ++c)
        for (std::int64_t t = a.tokens; t < padded; ++t)
            parts.key[c * padded + t] = parts.value[c * padded + t] = 0;
}

/// What is added to the scores of `Rows` rows: the bias, and the penalty between regions.
template <int Rows>
struct Added {
    const float* bias;           // [Rows, padded]
    const std::int32_t* regions; // [padded] of the window, or null
    std::int64_t padded, row;
    float penalty;

    HILUM_INLINE void at(std::int64_t j, Floats* scores) const
    {
        for (int r = 0; r < Rows; ++r)
            scores[r] = load(bias + r * padded + j);
        if (regions) {
            const Ints here = load(regions + j);
            for (int r = 0; r < Rows; ++r)
                scores[r] += here == regions[row + r] ? Floats{} : all(penalty);
        }
    }
};

template <int Rows, class Y>
void windowRows(const WindowAttention& a, const WindowParts& parts, const Added<Rows>& added, std::int64_t row, Y* out, float* logSums)
{
    const std::int64_t padded = a.paddedTokens(), d = a.headWidth, stride = a.heads * d;
    Floats most[Rows], sums[Rows];
    for (int r = 0; r < Rows; ++r) {
        most[r] = all(-3e38f);
        sums[r] = Floats{};
    }
    const float* query = parts.query + row * d;
    for (std::int64_t j = 0; j < padded; j += Width) {
        Floats score[Rows];
        added.at(j, score);
        for (std::int64_t c = 0; c < d; ++c) {
            const Floats key = load(parts.key + c * padded + j);
            for (int r = 0; r < Rows; ++r)
                score[r] += query[r * d + c] * key;
        }
        for (int r = 0; r < Rows; ++r) {
            store(parts.scores + r * padded + j, score[r]);
            most[r] = larger(most[r], score[r]);
        }
    }
    float inverse[Rows];
    for (int r = 0; r < Rows; ++r) {
        const float top = largest(most[r]);
        float* p = parts.scores + r * padded;
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats weight = exponential(load(p + j) - top);
            store(p + j, weight);
            sums[r] += weight;
        }
        const float total = sum(sums[r]);
        inverse[r] = 1.0f / total;
        logSums[row + r] = top + __builtin_logf(total);
    }
    for (std::int64_t c = 0; c < d; ++c) {
        Floats mixed[Rows] = {};
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats value = load(parts.value + c * padded + j);
            for (int r = 0; r < Rows; ++r)
                mixed[r] += value * load(parts.scores + r * padded + j);
        }
        for (int r = 0; r < Rows; ++r)
            put(out + (row + r) * stride + c, sum(mixed[r]) * inverse[r]);
    }
}

template <class X, class Y>
void windowForward(const WindowAttention& a, const X* qkv, Y* out, float* logSums, std::int64_t window, std::int64_t head, float* scratch)
{
    const std::int64_t n = a.tokens, padded = a.paddedTokens(), width = a.heads * a.headWidth;
    const WindowParts parts(a, scratch);
    unpackWindow(a, qkv + window * n * 3 * width, head, parts);
    const float* bias = a.bias + head * n * padded;
    const std::int32_t* regions = a.regions ? a.regions + window % a.windows * padded : nullptr;
    Y* to = out + window * n * width + head * a.headWidth;
    float* sums = logSums + (window * a.heads + head) * n;
    std::int64_t row = 0;
    for (; row + RowsTogether <= n; row += RowsTogether)
        windowRows<RowsTogether>(a, parts, {bias + row * padded, regions, padded, row, a.penalty}, row, to, sums);
    for (; row < n; ++row)
        windowRows<1>(a, parts, {bias + row * padded, regions, padded, row, a.penalty}, row, to, sums);
}

/// \param dOut, out [Rows of a window] with a stride of heads * headWidth \param dBias [Rows, padded], added to
/// \param dQuery [Rows] with a stride of 3 * heads * headWidth
template <int Rows, class Y, class G, class D>
void windowRowsBackward(const WindowAttention& a, const WindowParts& parts, const Added<Rows>& added, const Y* out, const G* dOut, const float* logSums, float* dBias, D* dQuery)
{
    const std::int64_t padded = a.paddedTokens(), d = a.headWidth, stride = a.heads * d;
    const float* query = parts.query + added.row * d;
    float inner[Rows] = {}, *gradient = parts.gradient;
    for (int r = 0; r < Rows; ++r)
        for (std::int64_t c = 0; c < d; ++c) {
            gradient[r * d + c] = get(dOut + r * stride + c);
            inner[r] += gradient[r * d + c] * get(out + r * stride + c);
        }
    for (std::int64_t j = 0; j < padded; j += Width) {
        Floats score[Rows], pull[Rows] = {};
        added.at(j, score);
        for (std::int64_t c = 0; c < d; ++c) {
            const Floats key = load(parts.key + c * padded + j), value = load(parts.value + c * padded + j);
            for (int r = 0; r < Rows; ++r) {
                score[r] += query[r * d + c] * key;
                pull[r] += gradient[r * d + c] * value;
            }
        }
        for (int r = 0; r < Rows; ++r) {
            const Floats weight = exponential(score[r] - logSums[r]), change = weight * (pull[r] - inner[r]);
            store(parts.weights + r * padded + j, weight);
            store(parts.scores + r * padded + j, change);
            store(dBias + r * padded + j, load(dBias + r * padded + j) + change);
        }
    }
    for (std::int64_t c = 0; c < d; ++c) {
        Floats back[Rows] = {};
        float *dKey = parts.dKey + c * padded, *dValue = parts.dValue + c * padded;
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats key = load(parts.key + c * padded + j);
            Floats toKey = load(dKey + j), toValue = load(dValue + j);
            for (int r = 0; r < Rows; ++r) {
                const Floats change = load(parts.scores + r * padded + j);
                back[r] += change * key;
                toKey += query[r * d + c] * change;
                toValue += gradient[r * d + c] * load(parts.weights + r * padded + j);
            }
            store(dKey + j, toKey);
            store(dValue + j, toValue);
        }
        for (int r = 0; r < Rows; ++r)
            put(dQuery + r * 3 * stride + c, a.scale * sum(back[r]));
    }
}

template <class X, class Y, class G, class D>
void windowBackward(const WindowAttention& a, const X* qkv, const Y* out, const G* dOut, const float* logSums, D* dQkv, float* dBias, std::int64_t window, std::int64_t head,
    float* scratch)
{
    const std::int64_t n = a.tokens, padded = a.paddedTokens(), d = a.headWidth, width = a.heads * d;
    const WindowParts parts(a, scratch);
    unpackWindow(a, qkv + window * n * 3 * width, head, parts);
    for (std::int64_t i = 0; i < d * padded; ++i)
        parts.dKey[i] = parts.dValue[i] = 0;
    const float* bias = a.bias + head * n * padded;
    const std::int32_t* regions = a.regions ? a.regions + window % a.windows * padded : nullptr;
    const float* sums = logSums + (window * a.heads + head) * n;
    const std::int64_t place = window * n * width + head * d;
    D* to = dQkv + window * n * 3 * width + head * d;
    std::int64_t row = 0;
    for (; row + RowsTogether <= n; row += RowsTogether)
        windowRowsBackward<RowsTogether>(a, parts, {bias + row * padded, regions, padded, row, a.penalty}, out + place + row * width, dOut + place + row * width, sums + row,
            dBias + row * padded, to + row * 3 * width);
    for (; row < n; ++row)
        windowRowsBackward<1>(a, parts, {bias + row * padded, regions, padded, row, a.penalty}, out + place + row * width, dOut + place + row * width, sums + row,
            dBias + row * padded, to + row * 3 * width);
    for (std::int64_t t = 0; t < n; ++t)
        for (std::int64_t c = 0; c < d; ++c) {
            put(to + t * 3 * width + width + c, parts.dKey[c * padded + t]);
            put(to + t * 3 * width + 2 * width + c, parts.dValue[c * padded + t]);
        }
}

void windowAttention(const WindowAttention& a, ConstNumbers qkv, Numbers out, float* logSums, std::int64_t window, std::int64_t head, float* scratch)
{
    withType(qkv, [&](auto* x) { withType(out, [&](auto* y) { windowForward(a, x, y, logSums, window, head, scratch); }); });
}

void windowAttentionBackward(const WindowAttention& a, ConstNumbers qkv, ConstNumbers out, ConstNumbers dOut, const float* logSums, Numbers dQkv, float* dBias,
    std::int64_t window, std::int64_t head, float* scratch)
{
    withType(qkv, [&](auto* x) {
        withType(out, [&](auto* y) {
            withType(dOut, [&](auto* g) { withType(dQkv, [&](auto* to) { windowBackward(a, x, y, g, logSums, to, dBias, window, head, scratch); }); });
        });
    });
}
