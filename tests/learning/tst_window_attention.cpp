#include "core/learning/kernels/instruction_set.h"
#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/swin_encoder.h"
#include "tests/support/tensors.h"

#include <torch/types.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;
using tests::drawn, tests::relativeError;
using kernels::InstructionSet;

Q_DECLARE_METATYPE(hilum::learning::kernels::InstructionSet)

namespace {

constexpr double Penalty = -100;

struct Case {
    at::Tensor qkv, bias, regions, weights;
    std::int64_t heads;
};

/// Three images of two windows; regions of the second window: its first third and the rest.
Case made(std::int64_t tokens, std::int64_t heads, std::int64_t headWidth, bool shifted)
{
    Case out{drawn({6, tokens, 3 * heads * headWidth}, 1), drawn({heads, tokens, tokens}, 2), {}, drawn({6, tokens, heads * headWidth}, 3), heads};
    if (shifted) {
        out.regions = at::zeros({2, tokens}, at::kInt);
        out.regions[1].slice(0, 0, (tokens + 2) / 3).fill_(5);
    }
    return out;
}

struct Passes {
    at::Tensor out, dQkv, dBias;
};

template <class F>
Passes passes(const Case& c, at::ScalarType type, F attention)
{
    at::Tensor qkv = c.qkv.detach().to(type).clone().requires_grad_(true), bias = c.bias.detach().to(type == at::kDouble ? at::kDouble : at::kFloat).clone().requires_grad_(true);
    const at::Tensor out = attention(qkv, bias);
    (out * c.weights.to(out.scalar_type())).sum().backward();
    return {out.detach(), qkv.grad(), bias.grad()};
}

/// The definition, in double precision.
Passes expected(const Case& c, at::ScalarType given)
{
    Case rounded = c; // bfloat16 inputs: what they really hold
    rounded.qkv = c.qkv.to(given).to(at::kDouble);
    rounded.weights = c.weights.to(given).to(at::kDouble);
    return passes(rounded, at::kDouble, [&](const at::Tensor& qkv, const at::Tensor& bias) {
        const std::int64_t n = qkv.size(1), d = qkv.size(2) / (3 * c.heads);
        const at::Tensor parts = qkv.reshape({6, n, 3, c.heads, d}).permute({2, 0, 3, 1, 4});
        at::Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(d)) + bias;
        if (c.regions.defined())
            scores = scores + (c.regions.unsqueeze(1).ne(c.regions.unsqueeze(2)).to(at::kDouble) * Penalty).repeat({3, 1, 1}).unsqueeze(1);
        return at::softmax(scores, -1).matmul(parts[2]).transpose(1, 2).reshape({6, n, c.heads * d});
    });
}

Passes fused(const Case& c, at::ScalarType type)
{
    return passes(c, type, [&](const at::Tensor& qkv, const at::Tensor& bias) { return fusedWindowAttention(qkv, c.heads, bias, c.regions, Penalty); });
}

} // namespace

class TestWindowAttention : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { kernels::limitInstructionSet(InstructionSet::Tiles); }

    void isTheDefinition_data()
    {
        QTest::addColumn<InstructionSet>("set");
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("headWidth");
        QTest::addColumn<bool>("shifted");
        for (const InstructionSet set : {InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512})
            if (set <= kernels::bestInstructionSet())
                for (const auto& [tokens, heads, headWidth] : {std::tuple{1, 1, 1}, {3, 2, 5}, {16, 2, 4}, {98, 3, 16}, {343, 3, 4}})
                    for (const bool shifted : {false, true})
                        QTest::addRow("%s, %d tokens, %d x %d%s", kernels::name(set).data(), tokens, heads, headWidth, shifted ? ", shifted" : "")
                            << set << tokens << heads << headWidth << shifted;
    }
    void isTheDefinition()
    {
        QFETCH(InstructionSet, set);
        QFETCH(int, tokens);
        QFETCH(int, heads);
        QFETCH(int, headWidth);
        QFETCH(bool, shifted);
        kernels::limitInstructionSet(set);
        const Case c = made(tokens, heads, headWidth, shifted);
        QVERIFY(canFuseWindowAttention(c.qkv));
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            const Passes want = expected(c, type), got = fused(c, type);
            QCOMPARE(got.out.scalar_type(), type);
            const double within = type == at::kFloat ? 3e-6 : 8e-3; // bfloat16, 8 bits: outputs are rounded, and taken rounded for the gradient
            QVERIFY2(relativeError(got.out, want.out) < within, qPrintable(QString::number(relativeError(got.out, want.out))));
            if (tokens == 1)
                continue; // one weight of 1: the true gradients of queries, keys and bias are 0
            QVERIFY2(relativeError(got.dQkv, want.dQkv) < within, qPrintable(QString::number(relativeError(got.dQkv, want.dQkv))));
            QVERIFY2(relativeError(got.dBias, want.dBias) < within, qPrintable(QString::number(relativeError(got.dBias, want.dBias))));
        }
    }

    /// Tokens of the padding attend to nothing: all others get the same bits as if they did.
    void whoIsNotReadIsLeftOut()
    {
        for (const bool shifted : {false, true}) {
            Case c = made(98, 3, 4, shifted);
            at::Tensor rows = at::full({2, 98}, -1, at::kInt), read = at::zeros({6, 98, 1});
            rows[0].slice(0, 0, 49).copy_(2 * at::arange(49, at::kInt) + 1); // 12 fours and one more
            rows[1].slice(0, 0, 2).copy_(at::tensor({7, 96}, at::kInt));
            for (std::int64_t w = 0; w < 6; ++w)
                for (std::int64_t i = 0; i < 98 && rows[w % 2][i].item<int>() >= 0; ++i)
                    read[w][rows[w % 2][i].item<std::int64_t>()].fill_(1);
            c.weights = c.weights * read; // nobody reads the others
            for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
                const Passes all = fused(c, type);
                const Passes some = passes(c, type, [&](const at::Tensor& qkv, const at::Tensor& bias) { return fusedWindowAttention(qkv, c.heads, bias, c.regions, Penalty, rows); });
                QVERIFY(some.out.equal(all.out * read.to(type)));
                QVERIFY(some.dQkv.equal(all.dQkv) && some.dBias.equal(all.dBias));
            }
        }
        const Case c = made(16, 1, 4, true);
        QVERIFY_THROWS_EXCEPTION(c10::Error, fusedWindowAttention(c.qkv, 1, c.bias, c.regions, Penalty, at::zeros({3, 16}, at::kInt)));
    }

    void threadsChangeNothing()
    {
        const Case c = made(98, 3, 16, true);
        const int before = at::get_num_threads();
        at::set_num_threads(1);
        const Passes one = fused(c, at::kFloat);
        at::set_num_threads(2);
        const Passes two = fused(c, at::kFloat);
        at::set_num_threads(before);
        QVERIFY(one.out.equal(two.out) && one.dQkv.equal(two.dQkv) && one.dBias.equal(two.dBias));
    }

    void largeScoresStayFinite()
    {
        Case c = made(16, 2, 4, true);
        c.qkv = c.qkv * 100;
        const Passes want = expected(c, at::kFloat), got = fused(c, at::kFloat);
        QVERIFY(got.out.isfinite().all().item<bool>() && got.dQkv.isfinite().all().item<bool>());
        QVERIFY(relativeError(got.out, want.out) < 1e-4);
    }

    /// The whole encoder with its own loops and without them: windows that are padded, shifted and smaller than seven.
    void encoderWithAndWithout()
    {
        const SwinEncoder encoder({.featureSize = 12}, Rng(4));
        const at::Tensor volume = drawn({2, 1, 64, 32, 32}, 5);
        const auto run = [&](InstructionSet set) {
            kernels::limitInstructionSet(set);
            for (at::Tensor& p : encoder.parameters())
                p.mutable_grad() = at::Tensor();
            const auto maps = encoder.stages(encoder.embed(volume), HiddenStates::Raw);
            at::Tensor loss = at::zeros({});
            for (const at::Tensor& map : maps)
                loss = loss + map.square().mean();
            loss.backward();
            std::vector<at::Tensor> out(maps.begin(), maps.end());
            for (const at::Tensor& p : encoder.parameters())
                if (p.grad().defined())
                    out.push_back(p.grad());
            return out;
        };
        const auto plain = run(InstructionSet::Off), own = run(InstructionSet::Tiles);
        QCOMPARE(own.size(), plain.size());
        QVERIFY(own.size() > 50);
        for (std::size_t i = 0; i < own.size(); ++i)
            QVERIFY2(relativeError(own[i], plain[i]) < 1e-4 || plain[i].abs().max().item<double>() < 1e-7,
                qPrintable(QStringLiteral("%1: %2 of %3").arg(i).arg(relativeError(own[i], plain[i])).arg(plain[i].abs().max().item<double>())));
    }
};

QTEST_APPLESS_MAIN(TestWindowAttention)
#include "tst_window_attention.moc"
