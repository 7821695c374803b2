// Attention within windows, with both passes (vector_kernels.h). Included after simd.inl by one file per instruction set.
//
// Letters: n tokens of a window, d channels of a head, c one of them, i a row (query), j a column (key). Keys, values and their gradients lie turned,
// [d, columns], so that every loop runs along the keys; columns is n rounded up, and what lies beyond n gets a score that exp makes 0.

constexpr int Rows = 4; // queries at once: their loads of keys are shared
constexpr float Nothing = -1e30f;

HILUM_INLINE std::int64_t columnsOf(std::int64_t n) { return (n + 2 * Width - 1) / (2 * Width) * (2 * Width); }

/// out[r][j] += sum_c a[r][c] b[c][j]; a [Rows, d], b [d, columns], out [Rows, columns].
inline void addProducts(const float* a, const float* b, float* out, std::int64_t d, std::int64_t columns)
{
    for (std::int64_t j = 0; j < columns; j += 2 * Width) {
        Floats total[Rows][2];
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < 2; ++v)
                total[r][v] = load(out + r * columns + j + v * Width);
        for (std::int64_t c = 0; c < d; ++c) {
            const Floats b0 = load(b + c * columns + j), b1 = load(b + c * columns + j + Width);
            for (int r = 0; r < Rows; ++r) {
                const Floats x = all(a[r * d + c]);
                total[r][0] += x * b0;
                total[r][1] += x * b1;
            }
        }
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < 2; ++v)
                store(out + r * columns + j + v * Width, total[r][v]);
    }
}

/// out[r][c] = scale[r] sum_j a[r][j] b[c][j]; a [Rows, columns], b [d, columns], out [Rows, d].
inline void dotProducts(const float* a, const float* b, const float* scale, float* out, std::int64_t d, std::int64_t columns)
{
    for (std::int64_t c = 0; c < d; c += 2) {
        const float* b0 = b + c * columns;
        const float* b1 = b + (c + 1 < d ? c + 1 : c) * columns;
        Floats total[Rows][2] = {};
        for (std::int64_t j = 0; j < columns; j += Width) {
            const Floats x0 = load(b0 + j), x1 = load(b1 + j);
            for (int r = 0; r < Rows; ++r) {
                const Floats x = load(a + r * columns + j);
                total[r][0] += x * x0;
                total[r][1] += x * x1;
            }
        }
        for (int r = 0; r < Rows; ++r) {
            out[r * d + c] = scale[r] * sum(total[r][0]);
            if (c + 1 < d)
                out[r * d + c + 1] = scale[r] * sum(total[r][1]);
        }
    }
}

/// out[c][j] += sum_r a[r][c] b[r][j]; a [Rows, d], b [Rows, columns], out [d, columns].
inline void addOuterProducts(const float* a, const float* b, float* out, std::int64_t d, std::int64_t columns)
{
    for (std::int64_t c = 0; c < d; c += 2) {
        const std::int64_t more = c + 1 < d ? 1 : 0;
        for (std::int64_t j = 0; j < columns; j += Width) {
            Floats first = load(out + c * columns + j), second = load(out + (c + more) * columns + j);
            for (int r = 0; r < Rows; ++r) {
                const Floats x = load(b + r * columns + j);
                first += all(a[r * d + c]) * x;
                second += all(a[r * d + c + more]) * x;
            }
            store(out + c * columns + j, first);
            if (more)
                store(out + (c + 1) * columns + j, second);
        }
    }
}

/// Rows of scores begin as the bias, less 100 between regions; beyond n as Nothing. Rows beyond n repeat the last.
inline void beginScores(const WindowShape& s, const float* bias, const std::int32_t* region, std::int64_t first, float* scores, std::int64_t columns)
{
    const std::int64_t n = s.tokens;
    for (int r = 0; r < Rows; ++r) {
        const std::int64_t i = first + r < n ? first + r : n - 1;
        float* row = scores + r * columns;
        __builtin_memcpy(row, bias + i * n, static_cast<std::size_t>(n) * sizeof(float));
        for (std::int64_t j = n; j < columns; ++j)
            row[j] = Nothing;
        if (region)
            for (std::int64_t j = 0; j < n; ++j)
                row[j] += region[j] == region[i] ? 0.0f : -100.0f;
    }
}

/// n rows of d numbers, `stride` apart: turned to [d, columns].
inline void turned(const float* from, std::int64_t stride, float* to, std::int64_t n, std::int64_t d, std::int64_t columns)
{
    for (std::int64_t c = 0; c < d; ++c) {
        for (std::int64_t j = 0; j < n; ++j)
            to[c * columns + j] = from[j * stride + c];
        for (std::int64_t j = n; j < columns; ++j)
            to[c * columns + j] = 0;
    }
}

/// Rows [Rows, d] from the first on, times `scale`; beyond n the last again.
inline void rowsOf(const float* from, std::int64_t stride, float scale, float* to, std::int64_t first, std::int64_t n, std::int64_t d)
{
    for (int r = 0; r < Rows; ++r) {
        const std::int64_t i = first + r < n ? first + r : n - 1;
        for (std::int64_t c = 0; c < d; ++c)
            to[r * d + c] = scale * from[i * stride + c];
    }
}

void windowForward(const WindowShape& s, const float* qkv, const float* bias, const std::int32_t* regions, float* out, float* logSums, float* scratch, std::int64_t window, std::int64_t head)
{
    const std::int64_t n = s.tokens, d = s.headWidth, columns = columnsOf(n), stride = 3 * s.heads * d;
    const float* q = qkv + window * n * stride + head * d;
    const float* b = bias + head * n * n;
    const std::int32_t* region = regions ? regions + window % s.windows * n : nullptr;
    float *keys = scratch, *values = keys + d * columns, *scores = values + d * columns, *queries = scores + Rows * columns, *result = queries + Rows * d;
    turned(q + s.heads * d, stride, keys, n, d, columns);
    turned(q + 2 * s.heads * d, stride, values, n, d, columns);
    for (std::int64_t first = 0; first < n; first += Rows) {
        beginScores(s, b, region, first, scores, columns);
        rowsOf(q, stride, s.scale, queries, first, n, d);
        addProducts(queries, keys, scores, d, columns);
        float inverse[Rows], logSum[Rows];
        for (int r = 0; r < Rows; ++r) {
            float* row = scores + r * columns;
            Floats top = load(row);
            for (std::int64_t j = Width; j < columns; j += Width)
                top = larger(top, load(row + j));
            const float most = largest(top);
            Floats total{};
            for (std::int64_t j = 0; j < columns; j += Width) {
                const Floats e = exponential(load(row + j) - most);
                store(row + j, e);
                total += e;
            }
            const float whole = sum(total);
            inverse[r] = 1 / whole;
            logSum[r] = most + __builtin_logf(whole);
        }
        dotProducts(scores, values, inverse, result, d, columns);
        for (std::int64_t r = 0; r < Rows && first + r < n; ++r) {
            __builtin_memcpy(out + ((window * n + first + r) * s.heads + head) * d, result + r * d, static_cast<std::size_t>(d) * sizeof(float));
            logSums[(window * s.heads + head) * n + first + r] = logSum[r];
        }
    }
}

void windowBackward(const WindowShape& s, const float* qkv, const float* bias, const std::int32_t* regions, const float* out, const float* logSums, const float* dOut, float* dQkv, float* dBias,
    float* scratch, std::int64_t window, std::int64_t head)
{
    const std::int64_t n = s.tokens, d = s.headWidth, columns = columnsOf(n), stride = 3 * s.heads * d, outStride = s.heads * d;
    const float* q = qkv + window * n * stride + head * d;
    const float* b = bias + head * n * n;
    const std::int32_t* region = regions ? regions + window % s.windows * n : nullptr;
    const float *o = out + window * n * outStride + head * d, *dO = dOut + window * n * outStride + head * d, *logSum = logSums + (window * s.heads + head) * n;
    float* dq = dQkv + window * n * stride + head * d;
    float *keys = scratch, *values = keys + d * columns, *dKeys = values + d * columns, *dValues = dKeys + d * columns, *scores = dValues + d * columns, *dScores = scores + Rows * columns,
          *queries = dScores + Rows * columns, *rows = queries + Rows * d, *result = rows + Rows * d;
    turned(q + s.heads * d, stride, keys, n, d, columns);
    turned(q + 2 * s.heads * d, stride, values, n, d, columns);
    for (std::int64_t i = 0; i < 2 * d * columns; ++i)
        dKeys[i] = 0;
    float scales[Rows];
    for (float& one : scales)
        one = s.scale;
    for (std::int64_t first = 0; first < n; first += Rows) {
        beginScores(s, b, region, first, scores, columns);
        rowsOf(q, stride, s.scale, queries, first, n, d);
        rowsOf(dO, outStride, 1, rows, first, n, d);
        addProducts(queries, keys, scores, d, columns);
        for (std::int64_t j = 0; j < Rows * columns; ++j)
            dScores[j] = 0;
        addProducts(rows, values, dScores, d, columns);
        for (int r = 0; r < Rows; ++r) {
            const std::int64_t i = first + r;
            float *p = scores + r * columns, *ds = dScores + r * columns;
            if (i >= n) { // a row that is there to fill the block adds nothing
                for (std::int64_t j = 0; j < columns; ++j)
                    p[j] = ds[j] = 0;
                continue;
            }
            float mean = 0;
            for (std::int64_t c = 0; c < d; ++c)
                mean += dO[i * outStride + c] * o[i * outStride + c];
            for (std::int64_t j = 0; j < columns; j += Width) {
                const Floats e = exponential(load(p + j) - logSum[i]);
                store(p + j, e);
                store(ds + j, e * (load(ds + j) - mean));
            }
            float* db = dBias + i * n;
            std::int64_t j = 0;
            for (; j + Width <= n; j += Width)
                store(db + j, load(db + j) + load(ds + j));
            for (; j < n; ++j)
                db[j] += ds[j];
        }
        dotProducts(dScores, keys, scales, result, d, columns);
        for (std::int64_t r = 0; r < Rows && first + r < n; ++r)
            for (std::int64_t c = 0; c < d; ++c)
                dq[(first + r) * stride + c] = result[r * d + c];
        addOuterProducts(queries, dScores, dKeys, d, columns); // queries hold the scale already
        addOuterProducts(rows, scores, dValues, d, columns);
    }
    for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t c = 0; c < d; ++c) {
            dq[j * stride + s.heads * d + c] = dKeys[c * columns + j];
            dq[j * stride + 2 * s.heads * d + c] = dValues[c * columns + j];
        }
}

std::int64_t windowScratch(const WindowShape& s)
{
    const std::int64_t columns = columnsOf(s.tokens);
    return (4 * s.headWidth + 2 * Rows) * columns + 3 * Rows * s.headWidth;
}
