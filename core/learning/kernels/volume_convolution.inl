// The inner loops of convolutions of volumes (vector_kernels.h says what the arguments are). Included like vector_kernels.inl.
// Twelve sums stay in registers; the counts below are for the sixteen registers of AVX2.

/// V vectors of neighbouring places of a row.
template <int V>
void convolvePlaces(const ConvolutionRow& r, std::int64_t first)
{
    constexpr int Outs = ConvolutionRow::Outs;
    Floats sums[Outs][V] = {};
    for (int o = 0; o < Outs && r.out[o]; ++o)
        for (int v = 0; v < V; ++v) {
            const std::int64_t at = first + v * Width, left = r.width - at;
            sums[o][v] = r.bias ? all(r.bias[o]) : left >= Width ? load(r.out[o] + at) : left > 0 ? loadPart(r.out[o] + at, left) : Floats{};
        }
    const float* w = r.weights;
    for (std::int64_t c = 0; c < r.channels; ++c)
        for (int kd = 0; kd < 3; ++kd) {
            const float* p = r.planes[kd] + c * r.channelStride + first;
            for (int kh = 0; kh < 3; ++kh, p += r.rowStride)
#pragma GCC unroll 3
                for (int kw = 0; kw < 3; ++kw, w += Outs) {
                    Floats x[V];
#pragma GCC unroll 3
                    for (int v = 0; v < V; ++v)
                        x[v] = load(p + kw - 1 + v * Width);
#pragma GCC unroll 4
                    for (int o = 0; o < Outs; ++o) {
                        const float weight = w[o];
#pragma GCC unroll 3
                        for (int v = 0; v < V; ++v)
                            sums[o][v] += x[v] * weight;
                    }
                }
        }
    for (int o = 0; o < Outs && r.out[o]; ++o)
        for (int v = 0; v < V; ++v) {
            const std::int64_t at = first + v * Width, left = r.width - at;
            if (left >= Width)
                store(r.out[o] + at, sums[o][v]);
            else if (left > 0)
                storePart(r.out[o] + at, sums[o][v], left);
        }
}

void convolveRow(const ConvolutionRow& r)
{
    std::int64_t first = 0;
    for (; r.width - first > 2 * Width; first += 3 * Width)
        convolvePlaces<3>(r, first);
    if (r.width - first > Width)
        convolvePlaces<2>(r, first);
    else if (r.width > first)
        convolvePlaces<1>(r, first);
}

void correlateRows(const CorrelationTile& t)
{
    constexpr int Outs = CorrelationTile::Outs, Ins = CorrelationTile::Ins;
    Floats products[Outs][Ins] = {};
    std::int64_t ofDy = 0, ofX = 0;
    for (std::int64_t row = 0; row < t.rows; ++row, ofDy += t.dyRowStride, ofX += t.xRowStride)
        for (std::int64_t i = 0; i < t.width; i += Width) {
            Floats dy[Outs];
#pragma GCC unroll 3
            for (int o = 0; o < Outs; ++o)
                dy[o] = load(t.dy[o] + ofDy + i);
#pragma GCC unroll 4
            for (int c = 0; c < Ins; ++c) {
                const Floats x = load(t.x[c] + ofX + i);
#pragma GCC unroll 3
                for (int o = 0; o < Outs; ++o)
                    products[o][c] += dy[o] * x;
            }
        }
    static_assert(Ins == 4);
    for (int o = 0; o < Outs; ++o) {
        Four total;
        __builtin_memcpy(&total, t.sums + o * Ins, sizeof total);
        total += sums(products[o][0], products[o][1], products[o][2], products[o][3]);
        __builtin_memcpy(t.sums + o * Ins, &total, sizeof total);
    }
}
