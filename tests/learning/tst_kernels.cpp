#include "core/learning/kernels/amx_attention.h"
#include "core/learning/kernels/amx_product.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/kernels/vector_kernels.h"

#include "core/base/random.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

using namespace hilum;
using namespace hilum::learning::kernels;

Q_DECLARE_METATYPE(hilum::learning::kernels::InstructionSet)

namespace {

using Half = std::uint16_t;

Half rounded(float x) // to the nearest bfloat16, ties to even
{
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return static_cast<Half>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
float wide(Half x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

std::vector<float> drawn(std::int64_t count, std::uint64_t seed, double deviation = 1)
{
    Rng rng(seed);
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& x : out)
        x = static_cast<float>(deviation * rng.normal());
    return out;
}
std::vector<Half> drawnHalves(std::int64_t count, std::uint64_t seed)
{
    std::vector<Half> out;
    for (const float x : drawn(count, seed))
        out.push_back(rounded(x));
    return out;
}

/// sqrt(sum (a - b)^2 / sum b^2)
double relativeError(const std::vector<double>& a, const std::vector<double>& b)
{
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return std::sqrt(difference / size);
}
std::vector<double> doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }
std::vector<double> doubles(const std::vector<Half>& x)
{
    std::vector<double> out;
    for (const Half h : x)
        out.push_back(wide(h));
    return out;
}

struct Free {
    void operator()(void* p) const { std::free(p); }
};
std::unique_ptr<Half, Free> aligned(std::int64_t count)
{
    return std::unique_ptr<Half, Free>(static_cast<Half*>(std::aligned_alloc(64, static_cast<std::size_t>((count * 2 + 63) / 64 * 64))));
}

} // namespace

/// The loops of each instruction set that this machine has, against the same sums in double.
class TestKernels : public QObject {
    Q_OBJECT

    void sets()
    {
        QTest::addColumn<InstructionSet>("set");
        QTest::addColumn<int>("width");
        for (const InstructionSet set : {InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512})
            if (set <= bestInstructionSet())
                for (const int width : {1, 5, 16, 37, 64, 768}) // parts of a vector, whole ones, both
                    QTest::newRow((std::string(name(set)) + ", width " + std::to_string(width)).c_str()) << set << width;
    }

private Q_SLOTS:
    void cleanup() { limitInstructionSet(InstructionSet::Tiles); }

    void limitsAndNames()
    {
        QVERIFY(bestInstructionSet() >= InstructionSet::Baseline);
        limitInstructionSet(InstructionSet::Off);
        QVERIFY(!vectorKernels());
        QVERIFY(!hasMatrixTiles());
        limitInstructionSet(InstructionSet::Baseline);
        QCOMPARE(std::string(vectorKernels()->name), std::string("baseline"));
        limitInstructionSet(InstructionSet::Tiles);
        QCOMPARE(instructionSet(), bestInstructionSet());
    }

    void layerNorm_data() { sets(); }
    void layerNorm()
    {
        QFETCH(InstructionSet, set);
        QFETCH(int, width);
        limitInstructionSet(set);
        const VectorKernels& loops = *vectorKernels();
        const std::int64_t rows = 7, count = rows * width;
        const std::vector<float> x = drawn(count, 1, 3), gamma = drawn(width, 2), beta = drawn(width, 3), dy = drawn(count, 4), skip = drawn(count, 5);
        std::vector<float> y(x.size()), mean(rows), rstd(rows), dx(x.size()), dGamma(gamma.size()), dBeta(beta.size());
        constexpr float Epsilon = 1e-2f; // matters for width 1
        loops.layerNorm({x.data(), Kind::Float}, gamma.data(), beta.data(), Epsilon, {y.data(), Kind::Float}, mean.data(), rstd.data(), 0, rows, width);
        loops.layerNormBackward({dy.data(), Kind::Float}, {x.data(), Kind::Float}, gamma.data(), mean.data(), rstd.data(), skip.data(), {dx.data(), Kind::Float}, dGamma.data(),
            dBeta.data(), 0, rows, width);

        std::vector<double> wantY, wantDx, wantGamma(gamma.size()), wantBeta(beta.size());
        for (std::int64_t r = 0; r < rows; ++r) {
            const auto at = [&](const std::vector<float>& v, int i) { return static_cast<double>(v[static_cast<std::size_t>(r * width + i)]); };
            double m = 0, square = 0, g = 0, gx = 0;
            for (int i = 0; i < width; ++i)
                m += at(x, i) / width;
            for (int i = 0; i < width; ++i)
                square += (at(x, i) - m) * (at(x, i) - m) / width;
            const double s = 1 / std::sqrt(square + Epsilon);
            const auto w = [&](int i) { return static_cast<double>(gamma[static_cast<std::size_t>(i)]); };
            for (int i = 0; i < width; ++i) {
                const double n = (at(x, i) - m) * s;
                wantY.push_back(n * w(i) + beta[static_cast<std::size_t>(i)]);
                wantGamma[static_cast<std::size_t>(i)] += at(dy, i) * n;
                wantBeta[static_cast<std::size_t>(i)] += at(dy, i);
                g += at(dy, i) * w(i) / width;
                gx += at(dy, i) * w(i) * n / width;
            }
            for (int i = 0; i < width; ++i)
                wantDx.push_back(at(skip, i) + s * (at(dy, i) * w(i) - g - (at(x, i) - m) * s * gx));
        }
        // float32 sums of up to 768 terms
        QVERIFY(relativeError(doubles(y), wantY) < 2e-6);
        QVERIFY(relativeError(doubles(dx), wantDx) < 2e-6);
        if (width > 1) // at width 1 the true gradient is 0
            QVERIFY(relativeError(doubles(dGamma), wantGamma) < 2e-6);
        QVERIFY(relativeError(doubles(dBeta), wantBeta) < 2e-6);

        std::vector<Half> half(x.size());
        loops.layerNorm({x.data(), Kind::Float}, gamma.data(), beta.data(), Epsilon, {half.data(), Kind::Half}, mean.data(), rstd.data(), 0, rows, width);
        for (std::size_t i = 0; i < half.size(); ++i)
            QCOMPARE(half[i], rounded(y[i]));
    }

    void gelu_data() { sets(); }
    void gelu()
    {
        QFETCH(InstructionSet, set);
        QFETCH(int, width);
        limitInstructionSet(set);
        std::vector<float> x(static_cast<std::size_t>(width));
        for (int i = 0; i < width; ++i)
            x[static_cast<std::size_t>(i)] = width == 1 ? 0.7f : -9.0f + 18.0f * static_cast<float>(i) / static_cast<float>(width - 1);
        const std::vector<float> dy = drawn(width, 6);
        std::vector<float> y(x.size()), dx(x.size());
        vectorKernels()->gelu({x.data(), Kind::Float}, {y.data(), Kind::Float}, width);
        vectorKernels()->geluBackward({dy.data(), Kind::Float}, {x.data(), Kind::Float}, {dx.data(), Kind::Float}, width);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double v = x[i], phi = 0.5 * std::erfc(-v / std::sqrt(2.0)), density = std::exp(-v * v / 2) / std::sqrt(2 * 3.14159265358979);
            QVERIFY(std::abs(y[i] - v * phi) < 2e-6 * (1 + std::abs(v)));                       // the fits of simd.inl
            QVERIFY(std::abs(dx[i] - dy[i] * (phi + v * density)) < 3e-6 * (1 + std::abs(dy[i])));
        }
    }

    void roundsToHalves_data() { sets(); }
    void roundsToHalves()
    {
        QFETCH(InstructionSet, set);
        QFETCH(int, width);
        limitInstructionSet(set);
        std::vector<float> x = drawn(width, 7);
        x[0] = std::nanf("");
        if (width > 4) {
            x[1] = HUGE_VALF;
            x[2] = std::bit_cast<float>(0x3f808000u); // a tie: to even, down
            x[3] = std::bit_cast<float>(0x3f818000u); // a tie: to even, up
        }
        std::vector<Half> y(x.size());
        vectorKernels()->toHalves(x.data(), y.data(), width);
        QVERIFY(std::isnan(wide(y[0])));
        for (std::size_t i = 1; i < x.size(); ++i)
            QCOMPARE(y[i], rounded(x[i]));
    }

    void productsOnTiles_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("columns");
        QTest::addColumn<int>("depth");
        QTest::newRow("one block") << 32 << 32 << 32;
        QTest::newRow("odd rows") << 50 << 96 << 64;
        QTest::newRow("more than one chunk of columns and of depth") << 65 << 320 << 1088;
    }
    void productsOnTiles()
    {
        if (!hasMatrixTiles())
            QSKIP("this processor has no matrix tiles (AMX)");
        QFETCH(int, rows);
        QFETCH(int, columns);
        QFETCH(int, depth);
        const std::vector<Half> x = drawnHalves(rows * depth, 1), slope = drawnHalves(rows * columns, 2);
        const std::vector<float> weight = drawn(static_cast<std::int64_t>(columns) * depth, 3), bias = drawn(columns, 4), residual = drawn(rows * columns, 5);
        for (const WeightUse use : {WeightUse::Transposed, WeightUse::Plain}) {
            std::vector<double> sums;
            for (int r = 0; r < rows; ++r)
                for (int c = 0; c < columns; ++c) {
                    double sum = 0;
                    for (int k = 0; k < depth; ++k)
                        sum += static_cast<double>(wide(x[static_cast<std::size_t>(r * depth + k)])) *
                               wide(rounded(weight[static_cast<std::size_t>(use == WeightUse::Transposed ? c * depth + k : k * columns + c)]));
                    sums.push_back(sum);
                }
            std::vector<float> first;
            for (const int parts : {1, 2, 5}) {
                std::vector<float> floats(residual.size());
                std::vector<Half> half(residual.size()), active(residual.size());
                WeightProduct p;
                p.x = x.data();
                p.weight = weight.data();
                p.use = use;
                p.rows = rows;
                p.columns = columns;
                p.depth = depth;
                p.out.bias = bias.data();
                p.out.residual = residual.data();
                p.out.floats = floats.data();
                p.out.halves = half.data();
                p.out.activated = active.data();
                for (int part = 0; part < parts; ++part)
                    runPart(p, part, parts);
                std::vector<double> want, wantActive;
                for (std::size_t i = 0; i < sums.size(); ++i) {
                    const double v = sums[i] + bias[i % static_cast<std::size_t>(columns)] + residual[i];
                    want.push_back(v);
                    wantActive.push_back(v * 0.5 * std::erfc(-v / std::sqrt(2.0)));
                }
                QVERIFY(relativeError(doubles(floats), want) < 1e-6);         // float32 sums
                QVERIFY(relativeError(doubles(half), want) < 3e-3);           // 8 bits
                QVERIFY(relativeError(doubles(active), wantActive) < 3e-3);
                if (first.empty())
                    first = floats;
                QVERIFY(first == floats); // bit-equal for any number of parts

                p.out = {};
                p.out.slopeAt = slope.data();
                p.out.floats = floats.data();
                for (int part = 0; part < parts; ++part)
                    runPart(p, part, parts);
                std::vector<double> sloped;
                for (std::size_t i = 0; i < sums.size(); ++i) {
                    const double v = wide(slope[i]);
                    sloped.push_back(sums[i] * (0.5 * std::erfc(-v / std::sqrt(2.0)) + v * std::exp(-v * v / 2) / std::sqrt(2 * 3.14159265358979)));
                }
                QVERIFY(relativeError(doubles(floats), sloped) < 4e-6);
            }
        }
        // the same shapes as a gradient: rows are tokens
        std::vector<double> want(static_cast<std::size_t>(columns) * static_cast<std::size_t>(depth)), wantBias(static_cast<std::size_t>(columns));
        for (int r = 0; r < rows; ++r)
            for (int c = 0; c < columns; ++c) {
                const double dy = wide(slope[static_cast<std::size_t>(r * columns + c)]);
                wantBias[static_cast<std::size_t>(c)] += dy;
                for (int k = 0; k < depth; ++k)
                    want[static_cast<std::size_t>(c * depth + k)] += dy * wide(x[static_cast<std::size_t>(r * depth + k)]);
            }
        for (const int parts : {1, 2, 5}) {
            std::vector<float> gradient(want.size()), biasGradient(wantBias.size());
            WeightGradient g;
            g.dy = slope.data();
            g.x = x.data();
            g.tokens = rows;
            g.out = columns;
            g.in = depth;
            g.weight = gradient.data();
            g.bias = biasGradient.data();
            const auto packed = aligned(g.packedCount());
            g.packed = packed.get();
            for (int part = 0; part < parts; ++part)
                packPart(g, part, parts);
            for (int part = 0; part < parts; ++part)
                runPart(g, part, parts);
            QVERIFY(relativeError(doubles(gradient), want) < 1e-6);
            QVERIFY(relativeError(doubles(biasGradient), wantBias) < 1e-6);
        }
    }

    void longGradientsAreSummedInChunks()
    {
        if (!hasMatrixTiles())
            QSKIP("this processor has no matrix tiles (AMX)");
        const std::int64_t tokens = 2100, width = 32; // three chunks of 1024
        const std::vector<Half> x = drawnHalves(tokens * width, 1), dy = drawnHalves(tokens * width, 2);
        std::vector<double> want(static_cast<std::size_t>(width * width));
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t o = 0; o < width; ++o)
                for (std::int64_t i = 0; i < width; ++i)
                    want[static_cast<std::size_t>(o * width + i)] +=
                        static_cast<double>(wide(dy[static_cast<std::size_t>(t * width + o)])) * wide(x[static_cast<std::size_t>(t * width + i)]);
        std::vector<float> gradient(want.size());
        WeightGradient g;
        g.dy = dy.data();
        g.x = x.data();
        g.tokens = tokens;
        g.out = g.in = width;
        g.weight = gradient.data();
        const auto packed = aligned(g.packedCount());
        g.packed = packed.get();
        packPart(g, 0, 1);
        runPart(g, 0, 1);
        QVERIFY(relativeError(doubles(gradient), want) < 2e-6);
    }

    void attentionOnTiles_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("width");
        QTest::addColumn<bool>("masked");
        QTest::newRow("encoder of MAE") << 50 << 64 << false;
        QTest::newRow("decoder of MAE") << 197 << 32 << false;
        QTest::newRow("some tokens out") << 37 << 32 << true;
        QTest::newRow("one token") << 1 << 32 << false;
        QTest::newRow("wide heads") << 33 << 96 << true;
    }
    void attentionOnTiles()
    {
        if (!hasMatrixTiles())
            QSKIP("this processor has no matrix tiles (AMX)");
        QFETCH(int, tokens);
        QFETCH(int, width);
        QFETCH(bool, masked);
        const std::int64_t n = tokens, d = width, batch = 2, heads = 2;
        const std::vector<Half> qkv = drawnHalves(batch * n * 3 * heads * d, 1), dOut = drawnHalves(batch * n * heads * d, 2);
        std::vector<std::uint8_t> attend(static_cast<std::size_t>(batch * n), 1);
        for (std::size_t i = 0; i < attend.size(); ++i)
            attend[i] = masked && i % 5 == 3 ? 0 : 1;
        AttentionShape shape{.batch = batch, .tokens = n, .heads = heads, .headWidth = d, .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(d))),
            .attend = masked ? attend.data() : nullptr};
        std::vector<Half> out(dOut.size()), gradient(qkv.size());
        std::vector<float> logSums(static_cast<std::size_t>(batch * heads * n));
        for (std::int64_t b = 0; b < batch; ++b)
            for (std::int64_t h = 0; h < heads; ++h) {
                attentionForward(shape, qkv.data(), out.data(), logSums.data(), b, h);
                attentionBackward(shape, qkv.data(), out.data(), dOut.data(), logSums.data(), gradient.data(), b, h);
            }
        std::vector<double> wantOut(out.size()), wantGradient(qkv.size());
        for (std::int64_t b = 0; b < batch; ++b)
            for (std::int64_t h = 0; h < heads; ++h) {
                const auto at = [&](std::int64_t part, std::int64_t i, std::int64_t e) { return static_cast<std::size_t>((((b * n + i) * 3 + part) * heads + h) * d + e); };
                const auto atOut = [&](std::int64_t i, std::int64_t e) { return static_cast<std::size_t>(((b * n + i) * heads + h) * d + e); };
                for (std::int64_t i = 0; i < n; ++i) {
                    std::vector<double> p(static_cast<std::size_t>(n)), dp(p.size());
                    double total = 0, share = 0;
                    for (std::int64_t j = 0; j < n; ++j) {
                        double s = 0, t = 0;
                        for (std::int64_t e = 0; e < d; ++e) {
                            s += static_cast<double>(wide(qkv[at(0, i, e)])) * wide(qkv[at(1, j, e)]);
                            t += static_cast<double>(wide(dOut[atOut(i, e)])) * wide(qkv[at(2, j, e)]);
                        }
                        const auto k = static_cast<std::size_t>(j);
                        p[k] = attend[static_cast<std::size_t>(b * n + j)] ? std::exp(s * static_cast<double>(shape.scale)) : 0;
                        dp[k] = t;
                        total += p[k];
                    }
                    for (std::size_t k = 0; k < p.size(); ++k) {
                        p[k] /= total;
                        share += p[k] * dp[k];
                    }
                    for (std::int64_t j = 0; j < n; ++j) {
                        const auto k = static_cast<std::size_t>(j);
                        const double ds = p[k] * (dp[k] - share) * static_cast<double>(shape.scale);
                        for (std::int64_t e = 0; e < d; ++e) {
                            wantOut[atOut(i, e)] += p[k] * wide(qkv[at(2, j, e)]);
                            wantGradient[at(0, i, e)] += ds * wide(qkv[at(1, j, e)]);
                            wantGradient[at(1, j, e)] += ds * wide(qkv[at(0, i, e)]);
                            wantGradient[at(2, j, e)] += p[k] * wide(dOut[atOut(i, e)]);
                        }
                    }
                }
            }
        // weights, sums and their changes are rounded to 8 bits on the way
        QVERIFY(relativeError(doubles(out), wantOut) < 6e-3);
        QVERIFY(relativeError(doubles(gradient), wantGradient) < 8e-3);
    }

    /// HD X-ray MAE's gradient became NaN at step 1064: a padding token's score was so far above those that count that its power, times 0, was no number.
    void hiddenTokensOfAnyScoreGiveNoGradient()
    {
        if (!hasMatrixTiles())
            QSKIP("this processor has no matrix tiles (AMX)");
        const std::int64_t n = 37, d = 32;
        std::vector<std::uint8_t> attend(static_cast<std::size_t>(n), 1);
        const auto outOf = [&](std::int64_t token) { return token % 5 == 3; };
        for (std::int64_t i = 0; i < n; ++i)
            attend[static_cast<std::size_t>(i)] = outOf(i) ? 0 : 1;
        const AttentionShape shape{.batch = 1, .tokens = n, .heads = 1, .headWidth = d, .scale = 0.25f, .attend = attend.data()};
        const std::vector<Half> drawn = drawnHalves(n * 3 * d, 1), dOut = drawnHalves(n * d, 2);
        const auto gradientOf = [&](const std::vector<Half>& qkv) {
            std::vector<Half> out(dOut.size()), gradient(qkv.size());
            std::vector<float> logSums(static_cast<std::size_t>(n));
            attentionForward(shape, qkv.data(), out.data(), logSums.data(), 0, 0);
            attentionBackward(shape, qkv.data(), out.data(), dOut.data(), logSums.data(), gradient.data(), 0, 0);
            return gradient;
        };
        // keys and values of the tokens that are out: nothing, or thousands
        std::vector<Half> small = drawn, large = drawn;
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t e = d; outOf(i) && e < 3 * d; ++e) {
                const auto at = static_cast<std::size_t>(i * 3 * d + e);
                small[at] = 0;
                large[at] = static_cast<Half>(large[at] + (12u << 7)); // times 2^12
            }
        const std::vector<Half> gradient = gradientOf(large);
        QVERIFY(gradient == gradientOf(small));
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t e = d; outOf(i) && e < 3 * d; ++e)
                QVERIFY(wide(gradient[static_cast<std::size_t>(i * 3 * d + e)]) == 0);

        // all scores far below 0: the rows that fill up the last tile, whose score is 0, are above them
        std::vector<Half> opposed(drawn.size());
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t e = 0; e < d; ++e) {
                opposed[static_cast<std::size_t>(i * 3 * d + e)] = 0x4100;         // 8
                opposed[static_cast<std::size_t>(i * 3 * d + d + e)] = 0xc100;     // -8
                opposed[static_cast<std::size_t>(i * 3 * d + 2 * d + e)] = drawn[static_cast<std::size_t>(i * 3 * d + 2 * d + e)];
            }
        for (const Half x : gradientOf(opposed))
            QVERIFY(std::isfinite(wide(x)));
    }
};

QTEST_APPLESS_MAIN(TestKernels)
#include "tst_kernels.moc"
