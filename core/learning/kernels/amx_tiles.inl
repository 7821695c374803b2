// Matrix tiles: 16 rows of 64 bytes. Included by the AMX files inside a namespace of their own, after simd.inl.
// Operand A of a product: 16 rows x 32 depth, bfloat16, rows 64 bytes. Operand B: pairs of depth side by side, [16 pairs][16 columns][2].

typedef std::uint16_t Half;
constexpr std::int64_t Tile = 16, Step = 32, TileHalves = 512; // rows or columns of a tile, its depth, its numbers

HILUM_INLINE __m512i bits(__m512 x) { return _mm512_castps_si512(x); }
HILUM_INLINE __m512i halvesOf(__m512 low, __m512 high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }
HILUM_INLINE __m256i halvesOf(__m512 x) { return (__m256i)_mm512_cvtneps_pbh(x); }

/// [low 16 halves | high 16 halves] to pairs low0 high0 low1 high1 ...
HILUM_INLINE __m512i pairUp(__m512i x)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, x);
}

/// 16 x 16 transpose of 32-bit items, in place.
HILUM_INLINE void transpose(__m512i (&r)[16])
{
    __m512i t[16];
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; ++i) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    // r[4 i + j] holds, in its 128-bit lane l, rows 4 i .. 4 i + 3 of column 4 l + j
    for (int j = 0; j < 4; ++j) {
        const __m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88), d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
        t[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        t[8 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
        t[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        t[12 + j] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
    for (int i = 0; i < 16; ++i)
        r[i] = t[i];
}

struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t rowBytes[16] = {};
    std::uint8_t rows[16] = {};
};
/// All eight tiles at full size, until the end of the scope.
class Tiles {
public:
    Tiles()
    {
        TileShapes shapes;
        for (int i = 0; i < 8; ++i) {
            shapes.rowBytes[i] = 64;
            shapes.rows[i] = 16;
        }
        _tile_loadconfig(&shapes);
    }
    ~Tiles() { _tile_release(); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
};

/// Memory of a thread that is kept between calls.
class Scratch {
public:
    ~Scratch() { std::free(m_data); }
    /// At least `bytes`, 64-byte aligned; what was in it is lost.
    void* take(std::int64_t bytes)
    {
        if (bytes > m_bytes) {
            std::free(m_data);
            m_bytes = (bytes + 4095) / 4096 * 4096;
            m_data = std::aligned_alloc(4096, static_cast<std::size_t>(m_bytes));
            if (!m_data)
                std::abort(); // as when a stack does not fit
        }
        return m_data;
    }

private:
    void* m_data = nullptr;
    std::int64_t m_bytes = 0;
};
