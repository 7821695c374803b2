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

/// One window and head, and what is added to its scores: the bias, and the penalty between regions.
struct WindowPlace {
    const float* bias;           // [n, padded]
    const std::int32_t* regions; // [padded], or null
    const std::int32_t* rows;    // [attending]
    std::int64_t attending;      // tokens
    float penalty;

    WindowPlace(const WindowAttention& a, std::int64_t window, std::int64_t head)
        : bias(a.bias + head * a.tokens * a.paddedTokens()), regions(a.regions ? a.regions + window % a.windows * a.paddedTokens() : nullptr), rows(a.rows + window % a.windows * a.tokens),
          attending(0), penalty(a.penalty)
    {
        while (attending < a.tokens && rows[attending] >= 0)
            ++attending;
    }

    /// For each RowsTogether of the attending tokens; those left over are filled up with the last one, so that a row's bits do not depend on how many there are.
    /// \param each  f(const std::int32_t* rows, number of them that count)
    template <class Each>
    HILUM_INLINE void forRows(const Each& each) const
    {
        std::int64_t row = 0;
        for (; row + RowsTogether <= attending; row += RowsTogether)
            each(rows + row, RowsTogether);
        if (row == attending)
            return;
        std::int32_t last[RowsTogether];
        for (int r = 0; r < RowsTogether; ++r)
            last[r] = rows[row + r < attending ? row + r : attending - 1];
        each(last, static_cast<int>(attending - row));
    }

    HILUM_INLINE void add(const std::int32_t* of, std::int64_t padded, std::int64_t j, Floats* scores) const
    {
        for (int r = 0; r < RowsTogether; ++r)
            scores[r] = load(bias + of[r] * padded + j);
        if (regions) {
            const Ints here = load(regions + j);
            for (int r = 0; r < RowsTogether; ++r)
                scores[r] += here == regions[of[r]] ? Floats{} : all(penalty);
        }
    }
};

/// Of tokens that do not attend. \param rows [n] with that stride
template <class Y>
void clearRows(const WindowAttention& a, const WindowPlace& place, Y* rows, std::int64_t stride)
{
    if (place.attending == a.tokens)
        return;
    for (std::int64_t t = 0; t < a.tokens; ++t)
        for (std::int64_t c = 0; c < a.headWidth; ++c)
            rows[t * stride + c] = Y{};
}

/// \param out, logSums  of the window; those of `rows` are written
template <class Y>
void windowRows(const WindowAttention& a, const WindowParts& parts, const WindowPlace& place, const std::int32_t* rows, Y* out, float* logSums)
{
    const std::int64_t padded = a.paddedTokens(), d = a.headWidth, stride = a.heads * d;
    Floats most[RowsTogether], sums[RowsTogether];
    const float* query[RowsTogether];
    for (int r = 0; r < RowsTogether; ++r) {
        most[r] = all(-3e38f);
        sums[r] = Floats{};
        query[r] = parts.query + rows[r] * d;
    }
    for (std::int64_t j = 0; j < padded; j += Width) {
        Floats score[RowsTogether];
        place.add(rows, padded, j, score);
        for (std::int64_t c = 0; c < d; ++c) {
            const Floats key = load(parts.key + c * padded + j);
            for (int r = 0; r < RowsTogether; ++r)
                score[r] += query[r][c] * key;
        }
        for (int r = 0; r < RowsTogether; ++r) {
            store(parts.scores + r * padded + j, score[r]);
            most[r] = larger(most[r], score[r]);
        }
    }
    float inverse[RowsTogether];
    for (int r = 0; r < RowsTogether; ++r) {
        const float top = largest(most[r]);
        float* p = parts.scores + r * padded;
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats weight = exponential(load(p + j) - top);
            store(p + j, weight);
            sums[r] += weight;
        }
        const float total = sum(sums[r]);
        inverse[r] = 1.0f / total;
        logSums[rows[r]] = top + __builtin_logf(total);
    }
    for (std::int64_t c = 0; c < d; ++c) {
        Floats mixed[RowsTogether] = {};
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats value = load(parts.value + c * padded + j);
            for (int r = 0; r < RowsTogether; ++r)
                mixed[r] += value * load(parts.scores + r * padded + j);
        }
        for (int r = 0; r < RowsTogether; ++r)
            put(out + rows[r] * stride + c, sum(mixed[r]) * inverse[r]);
    }
}

template <class X, class Y>
void windowForward(const WindowAttention& a, const X* qkv, Y* out, float* logSums, std::int64_t window, std::int64_t head, float* scratch)
{
    const std::int64_t n = a.tokens, width = a.heads * a.headWidth;
    const WindowParts parts(a, scratch);
    unpackWindow(a, qkv + window * n * 3 * width, head, parts);
    const WindowPlace place(a, window, head);
    Y* to = out + window * n * width + head * a.headWidth;
    float* sums = logSums + (window * a.heads + head) * n;
    clearRows(a, place, to, width);
    place.forRows([&](const std::int32_t* some, int) { windowRows(a, parts, place, some, to, sums); });
}

/// \param dOut, out, logSums  of the window, with a stride of heads * headWidth \param dBias [n, padded], added to
/// \param dQuery  of the window, with a stride of 3 * heads * headWidth
/// \param count  of the rows; the others add nothing
template <class Y, class G, class D>
void windowRowsBackward(const WindowAttention& a, const WindowParts& parts, const WindowPlace& place, const std::int32_t* rows, int count, const Y* out, const G* dOut, const float* logSums,
    float* dBias, D* dQuery)
{
    const std::int64_t padded = a.paddedTokens(), d = a.headWidth, stride = a.heads * d;
    const float* query[RowsTogether];
    float inner[RowsTogether] = {}, logSum[RowsTogether], *gradient = parts.gradient, *biasRow[RowsTogether];
    for (int r = 0; r < RowsTogether; ++r) {
        query[r] = parts.query + rows[r] * d;
        logSum[r] = logSums[rows[r]];
        biasRow[r] = dBias + rows[r] * padded;
        for (std::int64_t c = 0; c < d; ++c) {
            gradient[r * d + c] = r < count ? get(dOut + rows[r] * stride + c) : 0.0f;
            inner[r] += gradient[r * d + c] * get(out + rows[r] * stride + c);
        }
    }
    for (std::int64_t j = 0; j < padded; j += Width) {
        Floats score[RowsTogether], pull[RowsTogether] = {};
        place.add(rows, padded, j, score);
        for (std::int64_t c = 0; c < d; ++c) {
            const Floats key = load(parts.key + c * padded + j), value = load(parts.value + c * padded + j);
            for (int r = 0; r < RowsTogether; ++r) {
                score[r] += query[r][c] * key;
                pull[r] += gradient[r * d + c] * value;
            }
        }
        for (int r = 0; r < RowsTogether; ++r) {
            const Floats weight = exponential(score[r] - logSum[r]), change = weight * (pull[r] - inner[r]);
            store(parts.weights + r * padded + j, weight);
            store(parts.scores + r * padded + j, change);
            store(biasRow[r] + j, load(biasRow[r] + j) + change);
        }
    }
    for (std::int64_t c = 0; c < d; ++c) {
        Floats back[RowsTogether] = {};
        float *dKey = parts.dKey + c * padded, *dValue = parts.dValue + c * padded;
        for (std::int64_t j = 0; j < padded; j += Width) {
            const Floats key = load(parts.key + c * padded + j);
            Floats toKey = load(dKey + j), toValue = load(dValue + j);
            for (int r = 0; r < RowsTogether; ++r) {
                const Floats change = load(parts.scores + r * padded + j);
                back[r] += change * key;
                toKey += query[r][c] * change;
                toValue += gradient[r * d + c] * load(parts.weights + r * padded + j);
            }
            store(dKey + j, toKey);
            store(dValue + j, toValue);
        }
        for (int r = 0; r < count; ++r)
            put(dQuery + rows[r] * 3 * stride + c, a.scale * sum(back[r]));
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
    const WindowPlace place(a, window, head);
    const float* sums = logSums + (window * a.heads + head) * n;
    const std::int64_t first = window * n * width + head * d;
    D* to = dQkv + window * n * 3 * width + head * d;
    clearRows(a, place, to, 3 * width);
    place.forRows([&](const std::int32_t* some, int count) { windowRowsBackward(a, parts, place, some, count, out + first, dOut + first, sums, dBias, to); });
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
