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
};

QTEST_GUILESS_MAIN(TestVolumeLayers)
#include "tst_volume_layers.moc"
