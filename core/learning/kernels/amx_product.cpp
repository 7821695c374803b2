// Products on matrix tiles (AMX, bfloat16); this file alone is compiled for them (core/learning/CMakeLists.txt).
#include "core/learning/kernels/amx_product.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__)
#include <cstdlib>
#include <immintrin.h>

namespace hilum::learning::kernels {

namespace {

#include "core/learning/kernels/simd.inl"
#include "core/learning/kernels/amx_tiles.inl"

constexpr std::int64_t Panel = 32;               // columns that a block of four tiles makes
constexpr std::int64_t ChunkBytes = 1280 << 10;   // packed columns that stay in the second-level cache
constexpr std::int64_t MaxPanels = 16;
constexpr std::int64_t LeftSteps = 24;           // 32 rows of 768 numbers stay in the first-level cache
constexpr std::int64_t DepthChunk = 1024;        // tokens that a weight gradient sums before it stores

/// W [columns, depth] to operand B for 16 columns x 32 depth. Rows are far apart: `ahead` is a tile that will be wanted soon. It is asked for
/// in the second-level cache: rows that lie a power of two apart would push each other out of the first.
HILUM_INLINE void packTransposed(const float* w, std::int64_t stride, const float* ahead, Half* to)
{
    for (int n = 0; n < 16; ++n) {
        _mm_prefetch(reinterpret_cast<const char*>(ahead + n * stride), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(ahead + n * stride + 16), _MM_HINT_T1);
    }
    __m512i r[16];
    for (int n = 0; n < 16; ++n)
        r[n] = halvesOf(_mm512_loadu_ps(w + n * stride), _mm512_loadu_ps(w + n * stride + 16));
    transpose(r);
    for (int k = 0; k < 16; ++k)
        _mm512_store_si512(to + k * 32, r[k]);
}

/// W [depth, columns] to operand B for 16 columns x 32 depth.
HILUM_INLINE void packPlain(const float* w, std::int64_t stride, const float* ahead, Half* to)
{
    for (int k = 0; k < 32; ++k)
        _mm_prefetch(reinterpret_cast<const char*>(ahead + k * stride), _MM_HINT_T1);
    for (int k = 0; k < 16; ++k)
        _mm512_store_si512(to + k * 32, pairUp(halvesOf(_mm512_loadu_ps(w + 2 * k * stride), _mm512_loadu_ps(w + (2 * k + 1) * stride))));
}

/// Two of four result tiles' rows to their place, with everything that belongs to a value.
HILUM_INLINE void finishRow(const ProductOutput& o, const float* tiles, int r, std::int64_t row, std::int64_t column, std::int64_t columns)
{
    const float* from = tiles + (r >> 4) * 512 + (r & 15) * 16;
    const std::int64_t at = row * columns + column;
    Floats a = load(from), b = load(from + 256);
    if (o.bias) {
        a += load(o.bias + column);
        b += load(o.bias + column + 16);
    }
    if (o.slopeAt) {
        a *= geluSlope(load(o.slopeAt + at));
        b *= geluSlope(load(o.slopeAt + at + 16));
    }
    if (o.residual) {
        a += load(o.residual + at);
        b += load(o.residual + at + 16);
    }
    if (o.floats) {
        store(o.floats + at, a);
        store(o.floats + at + 16, b);
    }
    if (o.halves)
        _mm512_storeu_si512(o.halves + at, halvesOf((__m512)a, (__m512)b));
    if (o.activated)
        _mm512_storeu_si512(o.activated + at, halvesOf((__m512)geluOf(a), (__m512)geluOf(b)));
}

/// A block of 32 x 32 whose sums wait in memory.
struct Waiting {
    const float* tiles = nullptr;
    std::int64_t row = 0, column = 0;
    int next = 0, rows = 0;
};
HILUM_INLINE void finish(const ProductOutput& o, Waiting& w, std::int64_t columns, int upTo)
{
    const int last = upTo < w.rows ? upTo : w.rows;
    for (; w.next < last; ++w.next)
        finishRow(o, w.tiles, w.next, w.row + w.next, w.column, columns);
}

/// Where a part of `parts` lies when rows and columns are cut into a grid of parts that wastes the least.
struct Area {
    std::int64_t firstRow = 0, lastRow = 0, firstColumn = 0, lastColumn = 0;
};
std::int64_t ceilDivided(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
Area areaOf(std::int64_t part, std::int64_t parts, std::int64_t rows, std::int64_t columns)
{
    std::int64_t best = 1, leastWork = INT64_MAX;
    for (std::int64_t across = 1; across <= parts; ++across) { // parts side by side
        if (parts % across)
            continue;
        // a panel is packed for each row of parts: about as dear as three rows of blocks
        const std::int64_t work = ceilDivided(columns, across) * (ceilDivided(rows, parts / across) + 3);
        if (work <= leastWork) {
            leastWork = work;
            best = across;
        }
    }
    const std::int64_t down = parts / best, r = part / best, c = part % best;
    return {rows * r / down, rows * (r + 1) / down, columns * c / best, columns * (c + 1) / best};
}

/// Panels [first, last) of the weight as operand B, in the order in which the weight lies in memory. \param packed [panel][step][2] tiles
void packPanels(const WeightProduct& p, std::int64_t first, std::int64_t last, Half* packed)
{
    constexpr std::int64_t Ahead = 4; // tiles
    const std::int64_t steps = p.depth / Step, tiles = 2 * (last - first);
    const auto place = [&](std::int64_t tile, std::int64_t k) { return packed + ((tile / 2 * steps + k) * 2 + tile % 2) * TileHalves; };
    if (p.use == WeightUse::Transposed) {
        const auto at = [&](std::int64_t tile, std::int64_t k) { return p.weight + (first * Panel + tile * Tile) * p.depth + k * Step; };
        for (std::int64_t tile = 0; tile < tiles; ++tile)
            for (std::int64_t k = 0; k < steps; ++k)
                packTransposed(at(tile, k), p.depth, k + Ahead < steps ? at(tile, k + Ahead) : at(tile + 1 < tiles ? tile + 1 : tile, (k + Ahead) % steps), place(tile, k));
    } else {
        const auto at = [&](std::int64_t tile, std::int64_t k) { return p.weight + k * Step * p.columns + first * Panel + tile * Tile; };
        for (std::int64_t k = 0; k < steps; ++k)
            for (std::int64_t tile = 0; tile < tiles; ++tile)
                packPlain(at(tile, k), p.columns, tile + Ahead < tiles ? at(tile + Ahead, k) : at((tile + Ahead) % tiles, k + 1 < steps ? k + 1 : k), place(tile, k));
    }
}

/// Asks for the memory that finishRow will read and write.
HILUM_INLINE void prepareRow(const ProductOutput& o, std::int64_t at)
{
    const auto ask = [](const auto* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); };
    if (o.slopeAt)
        ask(o.slopeAt + at);
    if (o.residual) {
        ask(o.residual + at);
        ask(o.residual + at + 16);
    }
    if (o.floats) {
        ask(o.floats + at);
        ask(o.floats + at + 16);
    }
    if (o.halves)
        ask(o.halves + at);
    if (o.activated)
        ask(o.activated + at);
}

thread_local Scratch scratch;

} // namespace

void runPart(const WeightProduct& p, std::int64_t part, std::int64_t parts)
{
    const std::int64_t blocks = ceilDivided(p.rows, Panel), panels = p.columns / Panel, steps = p.depth / Step;
    const Area area = areaOf(part, parts, blocks, panels);
    if (area.firstRow >= area.lastRow || area.firstColumn >= area.lastColumn)
        return;
    std::int64_t chunk = ChunkBytes / (p.depth * Panel * 2);
    chunk = chunk < 1 ? 1 : chunk > MaxPanels ? MaxPanels : chunk;
    const std::int64_t panelHalves = steps * 2 * TileHalves;
    auto* packed = static_cast<Half*>(scratch.take(chunk * panelHalves * 2 + Panel * p.depth * 2 + 2 * chunk * 4096));
    Half* edge = packed + chunk * panelHalves; // the last rows, filled up with zeros
    auto* results = reinterpret_cast<float*>(edge + Panel * p.depth); // those of two rows of blocks in turn
    const std::int64_t edgeRows = p.rows % Panel;
    if (edgeRows && area.lastRow == blocks) {
        const std::int64_t count = edgeRows * p.depth;
        __builtin_memcpy(edge, p.x + (p.rows - edgeRows) * p.depth, static_cast<std::size_t>(count) * 2);
        __builtin_memset(edge + count, 0, static_cast<std::size_t>(Panel * p.depth - count) * 2);
    }

    const Tiles tiles;
    Waiting waiting;
    int turn = 0;
    const int rowsPerStep = static_cast<int>(ceilDivided(Panel, steps < LeftSteps ? steps : LeftSteps));
    const std::int64_t stride = p.depth * 2;
    for (std::int64_t first = area.firstColumn; first < area.lastColumn; first += chunk) {
        const std::int64_t last = first + chunk < area.lastColumn ? first + chunk : area.lastColumn;
        packPanels(p, first, last, packed);
        for (std::int64_t block = area.firstRow; block < area.lastRow; ++block) {
            const bool isEdge = edgeRows && block == blocks - 1;
            const Half* upper = isEdge ? edge : p.x + block * Panel * p.depth;
            const Half* lower = upper + Tile * p.depth;
            // the rows of the next block lie behind these: a few lines of them are asked for at each step
            const char* next = reinterpret_cast<const char*>(p.x + (block + 1) * Panel * p.depth);
            const std::int64_t lines = ceilDivided(Panel, last - first);
            for (std::int64_t begin = 0; begin < steps; begin += LeftSteps) {
                const std::int64_t end = begin + LeftSteps < steps ? begin + LeftSteps : steps;
                for (std::int64_t n = first; n < last; ++n) {
                    const Half* right = packed + (n - first) * panelHalves;
                    float* to = results + (turn * chunk + n - first) * 1024;
                    if (begin == 0) {
                        _tile_zero(0);
                        _tile_zero(1);
                        _tile_zero(2);
                        _tile_zero(3);
                    } else {
                        _tile_loadd(0, to, 64);
                        _tile_loadd(1, to + 256, 64);
                        _tile_loadd(2, to + 512, 64);
                        _tile_loadd(3, to + 768, 64);
                    }
                    std::int64_t soon = end == steps ? block * Panel * p.columns + n * Panel : 0;
                    for (std::int64_t k = begin; k < end; ++k) {
                        for (std::int64_t line = 0; line < lines; ++line, next += 64)
                            _mm_prefetch(next, _MM_HINT_T1);
                        if (end == steps)
                            for (int r = 0; r < rowsPerStep; ++r, soon += p.columns)
                                prepareRow(p.out, soon);
                        _tile_loadd(6, right + 2 * k * TileHalves, 64);
                        _tile_loadd(4, upper + k * Step, stride);
                        _tile_dpbf16ps(0, 4, 6);
                        _tile_loadd(7, right + (2 * k + 1) * TileHalves, 64);
                        _tile_dpbf16ps(1, 4, 7);
                        _tile_loadd(5, lower + k * Step, stride);
                        _tile_dpbf16ps(2, 5, 6);
                        _tile_dpbf16ps(3, 5, 7);
                        // the vector units finish the block before while the tiles multiply this one
                        finish(p.out, waiting, p.columns, static_cast<int>(k - begin + 1) * rowsPerStep);
                    }
                    _tile_stored(0, to, 64);
                    _tile_stored(1, to + 256, 64);
                    _tile_stored(2, to + 512, 64);
                    _tile_stored(3, to + 768, 64);
                    if (end == steps) {
                        finish(p.out, waiting, p.columns, static_cast<int>(Panel));
                        waiting = {to, block * Panel, n * Panel, 0, isEdge ? static_cast<int>(edgeRows) : static_cast<int>(Panel)};
                    }
                }
            }
            turn ^= 1;
        }
    }
    finish(p.out, waiting, p.columns, static_cast<int>(Panel));
}

void packPart(const WeightGradient& g, std::int64_t part, std::int64_t parts)
{
    // dy^T as operand A: [out / 16][steps] tiles. Pairs of tokens are read along their rows into a strip first: down its columns, rows a power
    // of two apart would push each other out of the cache
    constexpr std::int64_t Strip = 512, StripStride = 2 * (Strip + 16); // columns; halves from pair to pair
    const std::int64_t blocks = g.out / Panel, steps = g.steps();
    const std::int64_t firstColumn = blocks * part / parts * Panel, lastColumn = blocks * (part + 1) / parts * Panel;
    auto* strip = static_cast<Half*>(scratch.take(16 * StripStride * 2 + Strip * 4));
    auto* sums = reinterpret_cast<float*>(strip + 16 * StripStride);
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (std::int64_t column = firstColumn; column < lastColumn; column += Strip) {
        const std::int64_t width = lastColumn - column < Strip ? lastColumn - column : Strip;
        for (std::int64_t c = 0; c < width; ++c)
            sums[c] = 0;
        for (std::int64_t step = 0; step < steps; ++step) {
            for (std::int64_t pair = 0; pair < 16; ++pair) {
                const std::int64_t token = step * Step + 2 * pair;
                const Half* from = g.dy + token * g.out + column;
                Half* to = strip + pair * StripStride;
                for (std::int64_t c = 0; c < width; c += Tile) {
                    const __m256i low = token < g.tokens ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + c)) : _mm256_setzero_si256();
                    const __m256i high = token + 1 < g.tokens ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + g.out + c)) : _mm256_setzero_si256();
                    const __m512i both = pairUp(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
                    _mm512_store_si512(to + 2 * c, both);
                    if (g.bias)
                        _mm512_store_ps(sums + c, _mm512_dpbf16_ps(_mm512_load_ps(sums + c), (__m512bh)both, ones));
                }
            }
            for (std::int64_t c = 0; c < width; c += Tile) {
                __m512i r[16];
                for (int pair = 0; pair < 16; ++pair)
                    r[pair] = _mm512_load_si512(strip + pair * StripStride + 2 * c);
                transpose(r);
                Half* to = g.packed + ((column + c) / Tile * steps + step) * TileHalves;
                for (int i = 0; i < 16; ++i)
                    _mm512_store_si512(to + i * 32, r[i]);
            }
        }
        if (g.bias)
            __builtin_memcpy(g.bias + column, sums, static_cast<std::size_t>(width) * 4);
    }
}

void runPart(const WeightGradient& g, std::int64_t part, std::int64_t parts)
{
    const std::int64_t blocks = g.out / Panel, panels = g.in / Panel, steps = g.steps(), depthSteps = DepthChunk / Step;
    const Area area = areaOf(part, parts, blocks, panels);
    if (area.firstRow >= area.lastRow || area.firstColumn >= area.lastColumn)
        return;
    const std::int64_t panelHalves = (steps < depthSteps ? steps : depthSteps) * 2 * TileHalves;
    auto* packed = static_cast<Half*>(scratch.take(MaxPanels * panelHalves * 2));
    const Tiles tiles;
    const std::int64_t stride = g.in * 4;
    for (std::int64_t first = area.firstColumn; first < area.lastColumn; first += MaxPanels) {
        const std::int64_t last = first + MaxPanels < area.lastColumn ? first + MaxPanels : area.lastColumn;
        for (std::int64_t begin = 0; begin < steps; begin += depthSteps) {
            const std::int64_t count = steps - begin < depthSteps ? steps - begin : depthSteps;
            for (std::int64_t k = 0; k < count; ++k)
                for (int pair = 0; pair < 16; ++pair) {
                    const std::int64_t token = (begin + k) * Step + 2 * pair;
                    for (std::int64_t n = first; n < last; ++n) {
                        const Half* from = g.x + token * g.in + n * Panel;
                        const __m512i low = token < g.tokens ? _mm512_loadu_si512(from) : _mm512_setzero_si512();
                        const __m512i high = token + 1 < g.tokens ? _mm512_loadu_si512(from + g.in) : _mm512_setzero_si512();
                        Half* to = packed + (n - first) * panelHalves + 2 * k * TileHalves + pair * 32;
                        _mm512_store_si512(to, pairUp(_mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1)));
                        _mm512_store_si512(to + TileHalves, pairUp(_mm512_inserti64x4(high, _mm512_extracti64x4_epi64(low, 1), 0)));
                    }
                }
            for (std::int64_t block = area.firstRow; block < area.lastRow; ++block) {
                const Half* upper = g.packed + (2 * block * steps + begin) * TileHalves;
                const Half* lower = upper + steps * TileHalves;
                const char* next = reinterpret_cast<const char*>(upper + 2 * steps * TileHalves); // the next block's tiles
                const std::int64_t lines = ceilDivided(16, last - first), apart = steps * TileHalves * 2, soonRows = ceilDivided(Panel, count);
                for (std::int64_t n = first; n < last; ++n) {
                    const Half* right = packed + (n - first) * panelHalves;
                    float* to = g.weight + block * Panel * g.in + n * Panel;
                    const float* soon = to + Panel; // the next sums to be written, or read and written
                    if (begin == 0) {
                        _tile_zero(0);
                        _tile_zero(1);
                        _tile_zero(2);
                        _tile_zero(3);
                    } else {
                        _tile_loadd(0, to, stride);
                        _tile_loadd(1, to + 16, stride);
                        _tile_loadd(2, to + 16 * g.in, stride);
                        _tile_loadd(3, to + 16 * g.in + 16, stride);
                    }
                    for (std::int64_t k = 0; k < count; ++k) {
                        for (std::int64_t line = 0; line < lines; ++line, next += 64) {
                            _mm_prefetch(next, _MM_HINT_T1);
                            _mm_prefetch(next + apart, _MM_HINT_T1);
                        }
                        for (std::int64_t r = 0; r < soonRows; ++r, soon += g.in) {
                            _mm_prefetch(reinterpret_cast<const char*>(soon), _MM_HINT_T0);
                            _mm_prefetch(reinterpret_cast<const char*>(soon + 16), _MM_HINT_T0);
                        }
                        _tile_loadd(6, right + 2 * k * TileHalves, 64);
                        _tile_loadd(4, upper + k * TileHalves, 64);
                        _tile_dpbf16ps(0, 4, 6);
                        _tile_loadd(7, right + (2 * k + 1) * TileHalves, 64);
                        _tile_dpbf16ps(1, 4, 7);
                        _tile_loadd(5, lower + k * TileHalves, 64);
                        _tile_dpbf16ps(2, 5, 6);
                        _tile_dpbf16ps(3, 5, 7);
                    }
                    _tile_stored(0, to, stride);
                    _tile_stored(1, to + 16, stride);
                    _tile_stored(2, to + 16 * g.in, stride);
                    _tile_stored(3, to + 16 * g.in + 16, stride);
                }
            }
        }
    }
}

bool matrixTilesCompiled() { return true; }

} // namespace hilum::learning::kernels
#else
namespace hilum::learning::kernels {

bool matrixTilesCompiled() { return false; }
void runPart(const WeightProduct&, std::int64_t, std::int64_t) { __builtin_trap(); }
void packPart(const WeightGradient&, std::int64_t, std::int64_t) { __builtin_trap(); }
void runPart(const WeightGradient&, std::int64_t, std::int64_t) { __builtin_trap(); }

} // namespace hilum::learning::kernels
#endif
