#include "core/learning/kernels/instruction_set.h"
#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/volume_layers.h"
#include "core/learning/train/placement.h"
#include "tests/support/tensors.h"

#include <torch/types.h>

#include <QTest>

#include <limits>
#include <vector>

using namespace hilum;
using namespace hilum::learning;
using tests::drawn, tests::relativeError;

namespace {

struct Gradients {
    at::Tensor weight, input;
};

/// Freed memory that holds no numbers: what a kernel forgets to write shows.
void spoilFreedMemory()
{
    std::vector<at::Tensor> spoilt;
    for (const std::int64_t numbers : {1 << 10, 1 << 14, 1 << 16, 1 << 18, 1 << 20})
        for (int i = 0; i < 3; ++i)
            spoilt.push_back(at::full({numbers}, std::numeric_limits<float>::quiet_NaN()));
}

Gradients gradients(const Convolution3d& convolution, const at::Tensor& input, at::ScalarType type)
{
    spoilFreedMemory();
    for (const at::Tensor& p : convolution.parameters())
        p.mutable_grad().reset();
    const at::Tensor x = input.clone().requires_grad_();
    const at::Tensor y = [&] {
        const PrecisionScope precision(Placement{.device = at::kCPU, .dtype = type});
        return convolution.forward(x);
    }();
    y.backward(drawn(y.sizes(), 3).to(y.scalar_type()));
    return {convolution.parameters()[0].grad().clone(), x.grad().clone()};
}

} // namespace

class TestVolumeLayers : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void bfloat16GradientsAreThoseOfFloat32_data()
    {
        QTest::addColumn<std::int64_t>("channels");
        QTest::addColumn<std::vector<std::int64_t>>("size");
        for (const std::int64_t channels : {12, 16, 48, 96})
            for (const std::vector<std::int64_t>& size : std::vector<std::vector<std::int64_t>>{{1, 1, 2}, {2, 1, 1}, {2, 2, 2}, {2, 2, 4}, {2, 8, 8}, {4, 2, 2}, {3, 3, 3}, {6, 6, 6}})
                QTest::addRow("%d channels, %d x %d x %d", int(channels), int(size[0]), int(size[1]), int(size[2])) << channels << size;
    }
    void bfloat16GradientsAreThoseOfFloat32()
    {
        QFETCH(std::int64_t, channels);
        QFETCH(std::vector<std::int64_t>, size);
        const Convolution3d convolution(channels, channels, 3, 1, Convolution3d::Bias::None, Rng(1));
        const at::Tensor x = drawn({2, channels, size[0], size[1], size[2]}, 2);
        const Gradients wide = gradients(convolution, x, at::kFloat), first = gradients(convolution, x, at::kBFloat16), second = gradients(convolution, x, at::kBFloat16);
        QVERIFY2(relativeError(first.weight, wide.weight) < 0.01, qPrintable(QString::number(relativeError(first.weight, wide.weight))));
        QVERIFY2(relativeError(first.input, wide.input) < 0.01, qPrintable(QString::number(relativeError(first.input, wide.input))));
        QVERIFY(at::equal(first.weight, second.weight));
        QVERIFY(at::equal(first.input, second.input));
    }

    /// Values and gradients of the convolution of our own are those of LibTorch in double precision, with every instruction set that is here, whatever the number of threads.
    void ownConvolutionIsLibTorchs_data()
    {
        QTest::addColumn<std::vector<std::int64_t>>("size"); // cases, in, out, depth, height, width
        for (const std::vector<std::int64_t>& size : std::vector<std::vector<std::int64_t>>{{1, 4, 4, 1, 1, 8}, {2, 5, 7, 3, 4, 9}, {1, 4, 4, 5, 1, 16}, {1, 6, 4, 1, 9, 17}, {2, 12, 12, 13, 13, 13},
                 {1, 48, 48, 6, 50, 24}, {1, 33, 14, 7, 9, 25}, {1, 70, 12, 4, 5, 33}, {1, 8, 96, 9, 6, 48}, {1, 4, 6, 2, 3, 200}})
            QTest::addRow("%d x %d to %d channels, %d x %d x %d", int(size[0]), int(size[1]), int(size[2]), int(size[3]), int(size[4]), int(size[5])) << size;
    }
    void ownConvolutionIsLibTorchs()
    {
        QFETCH(std::vector<std::int64_t>, size);
        const at::Tensor x = drawn({size[0], size[1], size[3], size[4], size[5]}, 4), weight = drawn({size[2], size[1], 3, 3, 3}, 5), bias = drawn({size[2]}, 6);
        const at::Tensor dy = drawn({size[0], size[2], size[3], size[4], size[5]}, 7);
        const auto differentiated = [&](at::ScalarType type, auto convolution) {
            spoilFreedMemory();
            std::vector<at::Tensor> given;
            for (const at::Tensor& t : {x, weight, bias})
                given.push_back(t.to(type).clone().requires_grad_());
            const at::Tensor y = convolution(given[0], given[1], given[2]);
            y.backward(dy.to(type));
            return std::vector<at::Tensor>{y.detach(), given[0].grad(), given[1].grad(), given[2].grad()};
        };
        const auto wide = differentiated(at::kDouble, [](const auto& a, const auto& w, const auto& b) { return at::conv3d(a, w, b, 1, 1); });
        const int threads = at::get_num_threads();
        for (const kernels::InstructionSet set : {kernels::InstructionSet::Baseline, kernels::InstructionSet::Avx2, kernels::InstructionSet::Avx512}) {
            kernels::limitInstructionSet(set);
            if (kernels::instructionSet() != set)
                continue;
            std::vector<at::Tensor> first;
            for (const int n : {1, 2, 3}) {
                at::set_num_threads(n);
                const auto own = differentiated(at::kFloat, [](const auto& a, const auto& w, const auto& b) { return fusedConvolution(a, w, b); });
                if (first.empty())
                    first = own;
                for (std::size_t i = 0; i < own.size(); ++i) {
                    const double error = relativeError(own[i].to(at::kDouble), wide[i]);
                    QVERIFY2(error < 2e-6, qPrintable(QString("part %1, %2: %3").arg(i).arg(QLatin1StringView(kernels::name(set).data())).arg(error)));
                    QVERIFY2(at::equal(own[i], first[i]), qPrintable(QString("part %1 with %2 threads").arg(i).arg(n)));
                }
            }
        }
        at::set_num_threads(threads);
        kernels::limitInstructionSet(kernels::InstructionSet::Tiles);
    }

    void ownConvolutionIsTakenWhereItIsFaster()
    {
        kernels::limitInstructionSet(kernels::InstructionSet::Avx2);
        if (kernels::instructionSet() != kernels::InstructionSet::Avx2)
            QSKIP("this processor has no AVX2");
        const auto taken = [](std::int64_t in, std::int64_t out, std::int64_t width, std::int64_t kernel = 3, at::ScalarType type = at::kFloat) {
            return canFuseConvolution(at::zeros({1, in, 2, 2, width}, type), at::zeros({out, in, kernel, kernel, kernel}));
        };
        QVERIFY(taken(48, 48, 96));
        QVERIFY(!taken(1, 48, 96));
        QVERIFY(!taken(384, 192, 16));
        QVERIFY(!taken(48, 48, 7));
        QVERIFY(!taken(48, 48, 96, 1));
        QVERIFY(!taken(48, 48, 96, 3, at::kDouble));
        {
            const PrecisionScope precision(Placement{.device = at::kCPU, .dtype = at::kBFloat16});
            QVERIFY(!taken(48, 48, 96));
        }
        kernels::limitInstructionSet(kernels::InstructionSet::Off);
        QVERIFY(!taken(48, 48, 96));
        kernels::limitInstructionSet(kernels::InstructionSet::Tiles);
    }
};

QTEST_GUILESS_MAIN(TestVolumeLayers)
#include "tst_volume_layers.moc"
