// Attention on matrix tiles (AMX, bfloat16); this file alone is compiled for them (core/learning/CMakeLists.txt).
#include "core/learning/kernels/amx_attention.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__)
#include <cstdlib>
#include <immintrin.h>

namespace hilum::learning::kernels {

namespace {

#include "core/learning/kernels/simd.inl"
#include "core/learning/kernels/amx_tiles.inl"

constexpr std::int64_t Rows = 32; // queries (forward) or keys (backward) that are worked on together

constexpr float PerTurn = 1.44269504f; // 1 / ln 2

/// 2^x for x <= 0 within 4e-6 of the result (what is rounded to bfloat16 afterwards keeps 4e-3); 0 far below. A minimax fit of ours.
HILUM_INLINE Floats powerOfTwo(Floats x)
{
    const __m512 whole = _mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Floats f = x - (Floats)whole;
    Floats p = all(9.57010182e-3f);
    p = p * f + 5.59178647e-2f;
    p = p * f + 0.240247449f;
    p = p * f + 0.693121814f;
    p = p * f + 0.999999261f;
    return (Floats)_mm512_scalef_ps((__m512)p, whole);
}

/// 32 columns of a [rows, 32 or more] array to one tile of operand B, rows being the columns of the product: 16 rows x 32 depth, transposed.
HILUM_INLINE void packAcross(const Half* from, std::int64_t stride, Half* to)
{
    __m512i r[16];
    for (int i = 0; i < 16; ++i)
        r[i] = _mm512_loadu_si512(from + i * stride);
    transpose(r);
    for (int i = 0; i < 16; ++i)
        _mm512_store_si512(to + i * 32, r[i]);
}

/// 32 rows x 16 columns to one tile of operand B, rows being the depth.
HILUM_INLINE void packDown(const Half* from, std::int64_t stride, Half* to)
{
    for (int i = 0; i < 16; ++i) {
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * i * stride));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + (2 * i + 1) * stride));
        _mm512_store_si512(to + i * 32, pairUp(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)));
    }
}

/// 32 rows x 16 columns to one tile of operand A of the transpose: 16 columns as rows, 32 rows as depth.
HILUM_INLINE void packTurned(const Half* from, std::int64_t stride, Half* to)
{
    __m512i r[16];
    for (int i = 0; i < 16; ++i) {
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * i * stride));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + (2 * i + 1) * stride));
        r[i] = pairUp(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
    }
    transpose(r);
    for (int i = 0; i < 16; ++i)
        _mm512_store_si512(to + i * 32, r[i]);
}

/// Rows of one head, and zeros after them. \param to [padded, width]
void gather(const Half* from, std::int64_t stride, std::int64_t rows, std::int64_t padded, std::int64_t width, Half* to)
{
    for (std::int64_t r = 0; r < rows; ++r)
        __builtin_memcpy(to + r * width, from + r * stride, static_cast<std::size_t>(width) * 2);
    __builtin_memset(to + rows * width, 0, static_cast<std::size_t>((padded - rows) * width) * 2);
}

/// c [32, columns] = a [32, depth] B, B packed as [columns / 16][depth / 32] tiles; columns a multiple of 32.
void multiply(const Half* a, std::int64_t aStride, std::int64_t steps, const Half* b, std::int64_t columns, float* c)
{
    const std::int64_t stride = columns * 4;
    for (std::int64_t n = 0; n < columns; n += 32) {
        const Half* left = b + n / 16 * steps * TileHalves;
        const Half* right = left + steps * TileHalves;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (std::int64_t k = 0; k < steps; ++k) {
            _tile_loadd(4, a + k * Step, aStride * 2);
            _tile_loadd(6, left + k * TileHalves, 64);
            _tile_loadd(7, right + k * TileHalves, 64);
            _tile_loadd(5, a + 16 * aStride + k * Step, aStride * 2);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, c + n, stride);
        _tile_stored(1, c + n + 16, stride);
        _tile_stored(2, c + 16 * columns + n, stride);
        _tile_stored(3, c + 16 * columns + n + 16, stride);
    }
}

/// Hands out pieces of one block of scratch, each 64-byte aligned.
class Pieces {
public:
    explicit Pieces(void* data) : m_at(static_cast<char*>(data)) {}
    template <class T>
    T* take(std::int64_t count)
    {
        T* out = reinterpret_cast<T*>(m_at);
        m_at += (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
        return out;
    }

private:
    char* m_at;
};

thread_local Scratch scratch;

std::int64_t paddedTo(std::int64_t n, std::int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

} // namespace

void attentionForward(const AttentionShape& s, const std::uint16_t* qkv, std::uint16_t* out, float* logSums, std::int64_t batch, std::int64_t head)
{
    const std::int64_t n = s.tokens, d = s.headWidth, padded = paddedTo(n, 32), steps = d / Step, rowStride = 3 * s.heads * d, outStride = s.heads * d;
    const std::int64_t bytes = 5 * padded * d * 2 + Rows * padded * 6 + Rows * d * 4 + padded * 4 + 1024;
    Pieces pieces(scratch.take(bytes));
    Half* q = pieces.take<Half>(padded * d);
    Half* k = pieces.take<Half>(padded * d);
    Half* v = pieces.take<Half>(padded * d);
    Half* across = pieces.take<Half>(padded * d); // k^T
    Half* down = pieces.take<Half>(padded * d);   // v
    float* scores = pieces.take<float>(Rows * padded);
    Half* weights = pieces.take<Half>(Rows * padded);
    float* result = pieces.take<float>(Rows * d);
    float* hidden = pieces.take<float>(padded); // 0, or minus infinity for keys that are out
    const Half* base = qkv + batch * n * rowStride + head * d;
    gather(base, rowStride, n, padded, d, q);
    gather(base + s.heads * d, rowStride, n, padded, d, k);
    gather(base + 2 * s.heads * d, rowStride, n, padded, d, v);
    for (std::int64_t i = 0; i < padded; ++i)
        hidden[i] = i < n && (!s.attend || s.attend[batch * n + i]) ? 0.0f : -__builtin_inff();
    for (std::int64_t t = 0; t < padded / 16; ++t)
        for (std::int64_t step = 0; step < steps; ++step)
            packAcross(k + t * 16 * d + step * Step, d, across + (t * steps + step) * TileHalves);
    for (std::int64_t t = 0; t < d / 16; ++t)
        for (std::int64_t step = 0; step < padded / Step; ++step)
            packDown(v + step * Step * d + t * 16, d, down + (t * (padded / Step) + step) * TileHalves);

    const Tiles tiles;
    for (std::int64_t first = 0; first < n; first += Rows) {
        multiply(q + first * d, d, steps, across, padded, scores);
        float sums[Rows];
        const std::int64_t rows = n - first < Rows ? n - first : Rows;
        for (std::int64_t r = 0; r < rows; ++r) {
            float* row = scores + r * padded;
            Floats top = all(-__builtin_inff());
            for (std::int64_t i = 0; i < padded; i += 16)
                top = larger(top, load(row + i) + load(hidden + i));
            const float highest = _mm512_reduce_max_ps((__m512)top), turns = s.scale * PerTurn;
            Floats total{};
            for (std::int64_t i = 0; i < padded; i += 32) {
                const Floats a = powerOfTwo((load(row + i) + load(hidden + i) - highest) * turns);
                const Floats b = powerOfTwo((load(row + i + 16) + load(hidden + i + 16) - highest) * turns);
                total += a + b;
                _mm512_store_si512(weights + r * padded + i, halvesOf((__m512)a, (__m512)b));
            }
            sums[r] = _mm512_reduce_add_ps((__m512)total);
            logSums[(batch * s.heads + head) * n + first + r] = highest * s.scale + __builtin_logf(sums[r]);
        }
        multiply(weights, padded, padded / Step, down, d, result);
        for (std::int64_t r = 0; r < rows; ++r) {
            Half* to = out + (batch * n + first + r) * outStride + head * d;
            const float inverse = 1.0f / sums[r];
            for (std::int64_t i = 0; i < d; i += 32)
                _mm512_storeu_si512(to + i, halvesOf((__m512)(load(result + r * d + i) * inverse), (__m512)(load(result + r * d + i + 16) * inverse)));
        }
    }
}

void attentionBackward(const AttentionShape& s, const std::uint16_t* qkv, const std::uint16_t* out, const std::uint16_t* outGradient, const float* logSums,
    std::uint16_t* qkvGradient, std::int64_t batch, std::int64_t head)
{
    // everything by keys: S^T = k q^T has the keys as rows, so that its rows are operand A of dv = P^T do and dk = dS^T q, and pairs of its
    // rows operand B of dq^T = k^T dS^T; nothing of size N x N is turned round
    const std::int64_t n = s.tokens, d = s.headWidth, padded = paddedTo(n, 32), steps = d / Step, depth = padded / Step, rowStride = 3 * s.heads * d,
                       outStride = s.heads * d, size = padded * d;
    const std::int64_t bytes = 9 * size * 2 + size * 4 + Rows * padded * (4 + 4 + 2 + 2 + 2) + Rows * d * 4 + padded * 8 + 2048;
    Pieces pieces(scratch.take(bytes));
    Half* q = pieces.take<Half>(size);
    Half* k = pieces.take<Half>(size);
    Half* v = pieces.take<Half>(size);
    Half* g = pieces.take<Half>(size);
    Half* qAcross = pieces.take<Half>(size);
    Half* gAcross = pieces.take<Half>(size);
    Half* qDown = pieces.take<Half>(size);
    Half* gDown = pieces.take<Half>(size);
    Half* kTurned = pieces.take<Half>(size); // [keys / 32][d / 16] tiles of operand A
    float* queries = pieces.take<float>(size); // dq^T [d, padded]
    float* scores = pieces.take<float>(Rows * padded);
    float* slopes = pieces.take<float>(Rows * padded);
    Half* weights = pieces.take<Half>(Rows * padded); // P^T
    Half* changes = pieces.take<Half>(Rows * padded); // dS^T
    Half* paired = pieces.take<Half>(Rows * padded);  // the same as operand B: [padded / 16] tiles
    float* result = pieces.take<float>(Rows * d);
    float* logSum = pieces.take<float>(padded);
    float* share = pieces.take<float>(padded); // sum over keys of P dP = do . o
    const Half* base = qkv + batch * n * rowStride + head * d;
    gather(base, rowStride, n, padded, d, q);
    gather(base + s.heads * d, rowStride, n, padded, d, k);
    gather(base + 2 * s.heads * d, rowStride, n, padded, d, v);
    gather(outGradient + batch * n * outStride + head * d, outStride, n, padded, d, g);
    for (std::int64_t i = 0; i < padded; ++i) {
        logSum[i] = i < n ? logSums[(batch * s.heads + head) * n + i] * PerTurn : 1e30f; // 2 to minus that is 0
        Floats product{};
        if (i < n) {
            const Half* o = out + (batch * n + i) * outStride + head * d;
            for (std::int64_t c = 0; c < d; c += 16)
                product += load(o + c) * load(g + i * d + c);
        }
        share[i] = _mm512_reduce_add_ps((__m512)product);
    }
    for (std::int64_t t = 0; t < padded / 16; ++t)
        for (std::int64_t step = 0; step < steps; ++step) {
            packAcross(q + t * 16 * d + step * Step, d, qAcross + (t * steps + step) * TileHalves);
            packAcross(g + t * 16 * d + step * Step, d, gAcross + (t * steps + step) * TileHalves);
        }
    for (std::int64_t t = 0; t < d / 16; ++t)
        for (std::int64_t step = 0; step < depth; ++step) {
            packDown(q + step * Step * d + t * 16, d, qDown + (t * depth + step) * TileHalves);
            packDown(g + step * Step * d + t * 16, d, gDown + (t * depth + step) * TileHalves);
            packTurned(k + step * Step * d + t * 16, d, kTurned + (step * (d / 16) + t) * TileHalves);
        }

    const Tiles tiles;
    const auto keep = [&](std::int64_t first, std::int64_t part) { // result [32, d] to the keys' rows
        const std::int64_t rows = n - first < Rows ? n - first : Rows;
        for (std::int64_t r = 0; r < rows; ++r) {
            Half* to = qkvGradient + (batch * n + first + r) * rowStride + part * s.heads * d + head * d;
            for (std::int64_t i = 0; i < d; i += 32)
                _mm512_storeu_si512(to + i, halvesOf((__m512)load(result + r * d + i), (__m512)load(result + r * d + i + 16)));
        }
    };
    for (std::int64_t first = 0; first < n; first += Rows) {
        multiply(k + first * d, d, steps, qAcross, padded, scores);
        multiply(v + first * d, d, steps, gAcross, padded, slopes);
        const float turns = s.scale * PerTurn;
        for (std::int64_t r = 0; r < Rows; r += 2) {
            // minus infinity in the power, not 0 times it: what nothing attends to may have any score, also one whose power is infinite
            const auto hidden = [&](std::int64_t row) { return first + row < n && (!s.attend || s.attend[batch * n + first + row]) ? 0.0f : -__builtin_inff(); };
            const float hidden0 = hidden(r), hidden1 = hidden(r + 1);
            const float *s0 = scores + r * padded, *s1 = s0 + padded, *t0 = slopes + r * padded, *t1 = t0 + padded;
            for (std::int64_t i = 0; i < padded; i += 16) {
                const Floats l = load(logSum + i), h = load(share + i);
                const Floats p0 = powerOfTwo(load(s0 + i) * turns - l + hidden0), p1 = powerOfTwo(load(s1 + i) * turns - l + hidden1);
                const Floats c0 = p0 * (load(t0 + i) - h) * s.scale, c1 = p1 * (load(t1 + i) - h) * s.scale;
                const __m512i p = halvesOf((__m512)p0, (__m512)p1), c = halvesOf((__m512)c0, (__m512)c1);
                _mm256_store_si256(reinterpret_cast<__m256i*>(weights + r * padded + i), _mm512_castsi512_si256(p));
                _mm256_store_si256(reinterpret_cast<__m256i*>(weights + (r + 1) * padded + i), _mm512_extracti64x4_epi64(p, 1));
                _mm256_store_si256(reinterpret_cast<__m256i*>(changes + r * padded + i), _mm512_castsi512_si256(c));
                _mm256_store_si256(reinterpret_cast<__m256i*>(changes + (r + 1) * padded + i), _mm512_extracti64x4_epi64(c, 1));
                _mm512_store_si512(paired + i / 16 * TileHalves + r / 2 * 32, pairUp(c));
            }
        }
        multiply(weights, padded, depth, gDown, d, result);
        keep(first, 2);
        multiply(changes, padded, depth, qDown, d, result);
        keep(first, 1);
        for (std::int64_t t = 0; t < d / 16; ++t) {
            _tile_loadd(4, kTurned + (first / Step * (d / 16) + t) * TileHalves, 64);
            for (std::int64_t i = 0; i < padded / 16; ++i) {
                float* to = queries + t * 16 * padded + i * 16;
                if (first == 0)
                    _tile_zero(0);
                else
                    _tile_loadd(0, to, padded * 4);
                _tile_loadd(6, paired + i * TileHalves, 64);
                _tile_dpbf16ps(0, 4, 6);
                _tile_stored(0, to, padded * 4);
            }
        }
    }
    // dq^T back to rows
    for (std::int64_t i = 0; i < n; i += 16)
        for (std::int64_t t = 0; t < d / 16; ++t) {
            __m512i r[16];
            for (int c = 0; c < 16; ++c)
                r[c] = _mm512_load_si512(queries + (t * 16 + c) * padded + i);
            transpose(r);
            for (std::int64_t row = 0; row < 16 && i + row < n; ++row)
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(qkvGradient + (batch * n + i + row) * rowStride + head * d + t * 16), halvesOf((__m512)r[row]));
        }
}

} // namespace hilum::learning::kernels
#else
namespace hilum::learning::kernels {

void attentionForward(const AttentionShape&, const std::uint16_t*, std::uint16_t*, float*, std::int64_t, std::int64_t) { __builtin_trap(); }
void attentionBackward(const AttentionShape&, const std::uint16_t*, const std::uint16_t*, const std::uint16_t*, const float*, std::uint16_t*, std::int64_t, std::int64_t)
{
    __builtin_trap();
}

} // namespace hilum::learning::kernels
#endif
