// Vectors of the instruction set that the including file is compiled for; included inside a namespace of that file's own, so that no
// function made with wide instructions can be taken for another file's. Its file includes immintrin.h before it.
// GCC's and Clang's vector extension: the compiler picks the instructions.

#if defined(__AVX512F__)
constexpr int Width = 16;
#elif defined(__AVX__)
constexpr int Width = 8;
#else
constexpr int Width = 4;
#endif

#define HILUM_INLINE inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(4 * Width)));
typedef std::int32_t Ints __attribute__((vector_size(4 * Width)));
typedef std::uint32_t Words __attribute__((vector_size(4 * Width)));
typedef std::uint16_t Halves __attribute__((vector_size(2 * Width))); // bfloat16 as bits

HILUM_INLINE Floats all(float x) { return x - Floats{}; } // x + 0 is another number where x is -0, and an addition is left
HILUM_INLINE Words asWords(Floats x)
{
    Words out;
    __builtin_memcpy(&out, &x, sizeof out);
    return out;
}
HILUM_INLINE Floats asFloats(Words x)
{
    Floats out;
    __builtin_memcpy(&out, &x, sizeof out);
    return out;
}

HILUM_INLINE Floats load(const float* p)
{
    Floats out;
    __builtin_memcpy(&out, p, sizeof out);
    return out;
}
HILUM_INLINE Floats load(const std::uint16_t* p)
{
    Halves bits;
    __builtin_memcpy(&bits, p, sizeof bits);
    return asFloats(__builtin_convertvector(bits, Words) << 16);
}
HILUM_INLINE void store(float* p, Floats x) { __builtin_memcpy(p, &x, sizeof x); }
/// Rounds to the nearest bfloat16, ties to even; a NaN stays one.
HILUM_INLINE Halves roundToHalves(Floats x)
{
    const Words bits = asWords(x);
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words quiet = (bits >> 16) | 0x40u;
    return __builtin_convertvector(x == x ? rounded : quiet, Halves);
}
HILUM_INLINE void store(std::uint16_t* p, Floats x)
{
    const Halves bits = roundToHalves(x);
    __builtin_memcpy(p, &bits, sizeof bits);
}

/// The first n numbers, then zeros.
template <class T>
HILUM_INLINE Floats loadPart(const T* p, std::int64_t n)
{
    T part[Width] = {};
    for (std::int64_t i = 0; i < n; ++i)
        part[i] = p[i];
    return load(part);
}
template <class T>
HILUM_INLINE void storePart(T* p, Floats x, std::int64_t n)
{
    T part[Width];
    store(part, x);
    for (std::int64_t i = 0; i < n; ++i)
        p[i] = part[i];
}

HILUM_INLINE Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
HILUM_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }
HILUM_INLINE float sum(Floats x)
{
    float part[Width];
    store(part, x);
    for (int half = Width / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i)
            part[i] += part[i + half];
    return part[0];
}
typedef float Four __attribute__((vector_size(16)));
HILUM_INLINE Four folded(Floats x)
{
#if defined(__AVX512F__)
    const auto half = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#elif defined(__AVX__)
    return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
    return x;
#endif
}
/// The sum of each.
HILUM_INLINE Four sums(Floats a, Floats b, Floats c, Floats d)
{
    const Four w = folded(a), x = folded(b), y = folded(c), z = folded(d);
    const Four first = __builtin_shufflevector(w, x, 0, 4, 1, 5) + __builtin_shufflevector(w, x, 2, 6, 3, 7);
    const Four second = __builtin_shufflevector(y, z, 0, 4, 1, 5) + __builtin_shufflevector(y, z, 2, 6, 3, 7);
    return __builtin_shufflevector(first, second, 0, 1, 4, 5) + __builtin_shufflevector(first, second, 2, 3, 6, 7);
}
HILUM_INLINE float largest(Floats x)
{
    float part[Width];
    store(part, x);
    for (int half = Width / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i)
            part[i] = part[i] > part[i + half] ? part[i] : part[i + half];
    return part[0];
}

/// e^x within 3e-7 of the result; 0 below -87, and as at 88 above that.
/// e^x = 2^n 2^f with |f| <= 1/2; the polynomial for 2^f is a minimax fit of ours (relative error 2e-9).
HILUM_INLINE Floats exponential(Floats x)
{
    const Floats bounded = smaller(larger(x, all(-87.0f)), all(88.0f));
    const Floats turns = bounded * 1.44269504f;
    const Floats shifted = turns + 12582912.0f; // 1.5 * 2^23: the sum's last bits are the nearest whole number
    const Floats whole = shifted - 12582912.0f;
    const Floats f = (bounded - whole * 0.693359375f + whole * 2.12194440e-4f) * 1.44269504f; // ln 2 in two parts
    Floats p = all(1.53458116e-4f);
    p = p * f + 1.33999318e-3f;
    p = p * f + 9.61848896e-3f;
    p = p * f + 5.55032878e-2f;
    p = p * f + 0.240226469f;
    p = p * f + 0.693147206f;
    p = p * f + 1.0f;
    const Words power = (asWords(shifted) - 0x4b400000u + 127u) << 23;
    return x < -87.0f ? Floats{} : p * asFloats(power);
}

/// 1 / x within two units of the last place, for x of ordinary size.
HILUM_INLINE Floats reciprocal(Floats x)
{
#if defined(__AVX512F__)
    const Floats guess = (Floats)_mm512_rcp14_ps((__m512)x);
    return guess * (2.0f - x * guess);
#else
    return 1.0f / x;
#endif
}

/// erf(x) within 4e-7: x P(x^2) / Q(x^2) on |x| <= 3.95, beyond which erf is 1 to float32; the coefficients are a minimax fit of ours.
HILUM_INLINE Floats errorFunction(Floats x)
{
    const Floats b = smaller(larger(x, all(-3.95f)), all(3.95f)), t = b * b;
    Floats p = all(2.01173652e-6f), q = all(3.78397031e-5f);
    p = p * t + 2.87601644e-4f;
    q = q * t + 1.19821066e-3f;
    p = p * t + 3.91735685e-3f;
    q = q * t + 1.52707786e-2f;
    p = p * t + 5.32071771e-2f;
    q = q * t + 0.115591121f;
    p = p * t + 0.194036582f;
    q = q * t + 0.50529193f;
    p = p * t + 1.12837901f;
    q = q * t + 1.0f;
    return b * p * reciprocal(q);
}

/// Exact GELU: x Phi(x), Phi the normal distribution.
HILUM_INLINE Floats geluOf(Floats x) { return 0.5f * x * (1.0f + errorFunction(x * 0.707106781f)); }

/// Its derivative Phi(x) + x phi(x) within 1e-6: 1/2 + x P(x^2) / Q(x^2) on |x| <= 5.4; a minimax fit of ours.
HILUM_INLINE Floats geluSlope(Floats x)
{
    const Floats b = smaller(larger(x, all(-5.4f)), all(5.4f)), t = b * b;
    Floats p = all(1.40854726e-8f), q = all(6.14200448e-7f);
    p = p * t + 2.45827177e-6f;
    q = q * t + 1.8426234e-5f;
    p = p * t + 3.09137814e-5f;
    q = q * t + 3.98772494e-4f;
    p = p * t + 9.02858651e-4f;
    q = q * t + 5.87392446e-3f;
    p = p * t + 1.20397583e-2f;
    q = q * t + 5.83093797e-2f;
    p = p * t + 1.70180023e-2f;
    q = q * t + 0.354662836f;
    p = p * t + 0.797884625f;
    q = q * t + 1.0f;
    return 0.5f + b * p * reciprocal(q);
}
