#include "core/learning/kernels/instruction_set.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/train/optimizer.h"
#include "core/learning/train/placement.h"
#include "tests/support/tensors.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;
using tests::drawn, tests::relativeError;

namespace {

Placement in(at::ScalarType type)
{
    Placement placement;
    placement.dtype = type;
    return placement;
}

/// Output and gradients of a transformer block: out, dx, then the parameters in order.
std::vector<at::Tensor> passes(TransformerBlock& block, const at::Tensor& start, const at::Tensor& weights, at::ScalarType type, const at::Tensor& attend = {})
{
    block.zero_grad();
    at::Tensor x = start.detach().clone().requires_grad_(true);
    at::Tensor out;
    {
        const PrecisionScope precision(in(type));
        out = block.forward(x, nullptr, attend);
    }
    (out * weights.to(out.scalar_type())).sum().backward();
    std::vector<at::Tensor> all{out.detach(), x.grad()};
    for (const at::Tensor& p : block.parameters())
        all.push_back(p.grad());
    return all;
}

MaskedAutoencoderSizes smallSizes()
{
    return {.imageSize = 64, .channels = 1, .strides = {8}, .tokeniserWidth = 64, .width = 64, .depth = 3, .heads = 2, .decoderWidth = 32, .decoderDepth = 2, .decoderHeads = 1};
}

/// Losses of `steps` updates of a small masked autoencoder, a new mask each step. Smooth made-up images: there is something to learn.
std::vector<double> lossCurve(at::ScalarType type, std::int64_t steps)
{
    const MaskedAutoencoderSizes sizes = smallSizes();
    MaskedAutoencoder network(sizes, Rng(1));
    AdamW optimizer(network, 0.9, 0.95, 1e-8);
    const at::Tensor coarse = drawn({8, 1, 6, 6}, 2);
    const at::Tensor images = at::upsample_bicubic2d(coarse, {64, 64}, false);
    std::vector<double> losses;
    for (std::int64_t step = 0; step < steps; ++step) {
        const TokenMask mask = uniformMask(maskNoise(8, sizes.tokens(), Rng(3).fork(static_cast<std::uint64_t>(step))), 0.75);
        at::Tensor prediction;
        {
            const PrecisionScope precision(in(type));
            prediction = network.decode(network.encode(images, mask), mask).to(at::kFloat);
        }
        const at::Tensor loss = maskedMean(patchError(prediction, patchify(images, sizes.patch())), mask.hidden);
        loss.backward();
        optimizer.step(1e-3, 0.05);
        optimizer.zeroGradients();
        losses.push_back(loss.item<double>());
    }
    return losses;
}

} // namespace

/// Forward and backward passes written by hand against LibTorch's own.
class TestFusedOps : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cleanup() { kernels::limitInstructionSet(kernels::InstructionSet::Tiles); }

    void gradientsAreThoseOfThePlainOperations_data()
    {
        QTest::addColumn<QString>("set");
        QTest::addColumn<bool>("half");
        QTest::addColumn<bool>("masked");
        for (int s = 1; s <= static_cast<int>(kernels::bestInstructionSet()); ++s)
            for (const bool half : {false, true})
                for (const bool masked : {false, true}) {
                    const std::string set(kernels::name(static_cast<kernels::InstructionSet>(s)));
                    QTest::newRow((set + (half ? ", bfloat16" : ", float32") + (masked ? ", some tokens out" : "")).c_str()) << QString::fromStdString(set) << half << masked;
                }
    }
    void gradientsAreThoseOfThePlainOperations()
    {
        QFETCH(QString, set);
        QFETCH(bool, half);
        QFETCH(bool, masked);
        for (int s = 0; s <= static_cast<int>(kernels::InstructionSet::Tiles); ++s)
            if (kernels::name(static_cast<kernels::InstructionSet>(s)) == set.toStdString())
                kernels::limitInstructionSet(static_cast<kernels::InstructionSet>(s));
        TransformerBlock block(64, 2, 4, Rng(1)), reference(64, 2, 4, Rng(1));
        for (auto& p : block.named_parameters()) // biases and norms off their first values
            if (p.value().dim() == 1) {
                const at::NoGradGuard none;
                const at::Tensor shift = 0.3 * drawn(p.value().sizes(), std::hash<std::string>{}(p.key()));
                p.value().add_(shift);
                reference.named_parameters()[p.key()].add_(shift);
            }
        reference.to(at::kDouble);
        const at::Tensor x = drawn({3, 37, 64}, 2), weights = drawn({3, 37, 64}, 3);
        at::Tensor attend;
        if (masked) {
            attend = at::ones({3, 1, 1, 37}, at::kBool);
            attend[1][0][0].slice(0, 30).fill_(false);
        }
        const auto plain = passes(reference, x.to(at::kDouble), weights.to(at::kDouble), at::kFloat, attend);
        const auto own = passes(block, x, weights, half ? at::kBFloat16 : at::kFloat, attend);
        QCOMPARE(own.size(), plain.size());
        const double limit = half ? 2e-2 : 5e-6; // 8 bits through a dozen roundings; float32 sums
        for (std::size_t i = 0; i < own.size(); ++i)
            QVERIFY2(relativeError(own[i], plain[i]) < limit, qPrintable(QStringLiteral("array %1: %2").arg(i).arg(relativeError(own[i], plain[i]))));
        for (std::size_t i = 1; i < own.size(); ++i)
            QCOMPARE(own[i].scalar_type(), at::kFloat);
    }

    void threadsChangeNoBit()
    {
        const int before = at::get_num_threads();
        TransformerBlock block(96, 3, 4, Rng(1));
        const at::Tensor x = drawn({5, 61, 96}, 2), weights = drawn({5, 61, 96}, 3);
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            if (type == at::kBFloat16 && !kernels::hasMatrixTiles())
                continue; // LibTorch's products: not ours to promise
            std::vector<std::vector<at::Tensor>> runs;
            for (const int threads : {1, 2, 3}) {
                at::set_num_threads(threads);
                runs.push_back(passes(block, x, weights, type));
            }
            at::set_num_threads(before);
            for (std::size_t i = 0; i < runs[0].size(); ++i) {
                // LibTorch's float32 products may cut their sums by threads; what is ours may not
                const bool exact = type == at::kBFloat16;
                for (const std::size_t other : {1u, 2u})
                    QVERIFY2(exact ? at::equal(runs[0][i], runs[other][i]) : relativeError(runs[other][i], runs[0][i]) < 1e-6, qPrintable(QString::number(i)));
            }
        }
    }

    void frozenWeightsGetNoGradient()
    {
        TransformerBlock block(64, 2, 4, Rng(1));
        for (at::Tensor& p : block.parameters())
            if (p.dim() == 1)
                p.requires_grad_(false);
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            block.zero_grad();
            const PrecisionScope precision(in(type));
            block.forward(drawn({2, 9, 64}, 2)).square().sum().backward();
            for (const auto& p : block.named_parameters())
                QCOMPARE(p.value().grad().defined(), p.value().dim() > 1);
        }
    }

    void matricesComeFromThePlainPathAndAgree()
    {
        TransformerBlock block(64, 2, 4, Rng(1));
        const at::Tensor x = drawn({2, 9, 64}, 2);
        const at::NoGradGuard none;
        at::Tensor tap;
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            const PrecisionScope precision(in(type));
            const at::Tensor with = block.forward(x, &tap), without = block.forward(x);
            QCOMPARE(tap.sizes(), at::IntArrayRef({2, 2, 9, 9}));
            QVERIFY(relativeError(with, without) < (type == at::kFloat ? 1e-5 : 1e-2));
        }
    }

    void oddWidthsAndOtherTypesTakeThePlainPath()
    {
        const at::Tensor odd = drawn({2, 5, 40}, 1);
        const Linear linear(40, 24, Rng(1));
        const LayerNorm norm(40);
        const PrecisionScope precision(in(at::kBFloat16));
        QVERIFY(!canFuseLinear(odd, linear.weight));
        QCOMPARE(linear.forward(odd).scalar_type(), at::kBFloat16);
        QVERIFY(!canFuseNorm(odd.to(at::kDouble), norm.weight));
        QVERIFY(!canFuseGelu(odd.to(at::kDouble)));
        QCOMPARE(norm.forward(odd).scalar_type(), at::kFloat);
    }

    void bfloat16LearnsAsFloat32()
    {
        const std::vector<double> full = lossCurve(at::kFloat, 50), half = lossCurve(at::kBFloat16, 50);
        QVERIFY(full.back() < 0.8 * full.front()); // there is a curve to compare
        for (std::size_t i = 0; i < full.size(); ++i)
            QVERIFY2(std::abs(half[i] - full[i]) < 0.02 * full[i], qPrintable(QStringLiteral("step %1: %2 against %3").arg(i + 1).arg(half[i]).arg(full[i])));
    }
};

QTEST_APPLESS_MAIN(TestFusedOps)
#include "tst_fused_ops.moc"
