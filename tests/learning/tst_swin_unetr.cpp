#include "core/base/format.h"
#include "core/learning/allocator.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/train/layer_order.h"
#include "core/learning/train/placement.h"
#include "tests/support/compare.h"
#include "tests/support/layers.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <stdexcept>

using namespace hilum;
using namespace hilum::learning;

namespace {

SwinSizes tiny(MergeMode merging, bool v2)
{
    return {.channels = 1, .featureSize = 3, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = v2, .merging = merging};
}

double worst(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

} // namespace

/// Property 16: SwinUNETR as its published weights need it.
class TestSwinUnetr : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void layersAreInOrder()
    {
        const SwinUnetrEncoder net(tiny(MergeMode::V2, true), Rng(0));
        const auto order = layerOrder(net.named_parameters().keys());
        HILUM_VERIFY_OK(order);
        QCOMPARE(order->layers, 9); // four stages of two blocks
        tests::verifyLayers(*order, {{"swinViT.patch_embed.", 0}, {"swinViT.layers1c.", 1}, {"swinViT.layers1.0.blocks.1.", 2}, {"swinViT.layers1.0.downsample.", 2}, {"swinViT.layers3c.", 5},
                                        {"swinViT.layers4.0.blocks.1.", 8}, {"encoder10.", 9}});
    }
    void tensorCountsOfThePublishedNetworks_data()
    {
        QTest::addColumn<bool>("v2");
        QTest::addColumn<bool>("decoder");
        QTest::addColumn<int>("features");
        QTest::addColumn<QString>("part");
        QTest::addColumn<int>("tensors");
        QTest::addColumn<double>("millions");
        QTest::newRow("encoder, v2") << true << false << 48 << "" << 145 << 53.16;
        QTest::newRow("encoder, v2, VoCo-L") << true << false << 96 << "" << 145 << 212.00;
        QTest::newRow("encoder, v2, VoCo-H") << true << false << 192 << "" << 145 << 847.28;
        QTest::newRow("v1") << false << true << 48 << "" << 159 << 62.19;
        QTest::newRow("v1, Swin transformer alone") << false << true << 48 << "swinViT." << 126 << 8.06;
        QTest::newRow("v2") << true << true << 48 << "" << 167 << 72.76;
    }
    void tensorCountsOfThePublishedNetworks()
    {
        QFETCH(bool, v2);
        QFETCH(bool, decoder);
        QFETCH(int, features);
        QFETCH(QString, part);
        QFETCH(int, tensors);
        QFETCH(double, millions);
        // parameters are a polynomial of second degree in the feature size: three small networks tell that of larger ones
        const std::string prefix = part.toStdString();
        const auto parameters = [&](std::int64_t featureSize) {
            const SwinSizes sizes{.featureSize = featureSize, .convolutionBeforeStage = v2};
            std::unique_ptr<torch::nn::Module> network;
            if (decoder)
                network = std::make_unique<SwinUnetr>(sizes, v2 ? 21 : 14, Rng(0));
            else
                network = std::make_unique<SwinUnetrEncoder>(sizes, Rng(0));
            std::int64_t count = 0, names = 0;
            for (const auto& p : network->named_parameters())
                count += p.key().starts_with(prefix) ? p.value().numel() : 0;
            for (const auto& [name, tensor] : namedState(*network))
                names += name.starts_with(prefix) ? 1 : 0;
            return std::pair{count, names};
        };
        const auto [at3, names] = parameters(3);
        const std::int64_t at6 = parameters(6).first, at9 = parameters(9).first, step = (features - 3) / 3;
        const std::int64_t larger = at3 + step * (at6 - at3) + step * (step - 1) / 2 * (at9 - 2 * at6 + at3); // Newton's differences
        QCOMPARE(names, std::int64_t(tensors));
        QCOMPARE(std::round(static_cast<double>(larger) / 1e4) / 100, millions);
    }

    void relativePositionsHaveTheirGoldenValues()
    {
        const at::Tensor index = relativePositionIndex(7);
        QCOMPARE(index.sizes().vec(), (std::vector<std::int64_t>{343, 343}));
        QCOMPARE(index[0][0].item<std::int64_t>(), std::int64_t(1098));
        QCOMPARE(index[0][342].item<std::int64_t>(), std::int64_t(0));
        QCOMPARE(index[342][0].item<std::int64_t>(), std::int64_t(2196));
    }

    void octantsAreJoinedInThreeOrders()
    {
        at::Tensor x = at::empty({1, 2, 2, 2, 1}); // the octant's digits d, h, w as its value
        for (int o = 0; o < 8; ++o)
            x[0][o >> 2 & 1][o >> 1 & 1][o & 1][0] = 100 * (o >> 2 & 1) + 10 * (o >> 1 & 1) + (o & 1);
        const auto order = [&](MergeMode mode) { return joinOctants(x, mode).flatten(); };
        QVERIFY(at::equal(order(MergeMode::Legacy), at::tensor({0.f, 100.f, 10.f, 1.f, 101.f, 10.f, 1.f, 111.f})));
        QVERIFY(at::equal(order(MergeMode::Monai15), at::tensor({0.f, 100.f, 10.f, 1.f, 110.f, 101.f, 11.f, 111.f})));
        QVERIFY(at::equal(order(MergeMode::V2), at::tensor({0.f, 1.f, 10.f, 11.f, 100.f, 101.f, 110.f, 111.f})));
        for (const MergeMode mode : {MergeMode::Legacy, MergeMode::Monai15, MergeMode::V2})
            QCOMPARE(mergeModeOf(name(mode)), mode);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, mergeModeOf("merging"));
        QVERIFY_THROWS_EXCEPTION(c10::Error, joinOctants(at::zeros({1, 3, 2, 2, 1}), MergeMode::V2));
    }

    void theSameWeightsInAnotherOrderGiveOtherFeatures()
    {
        torch::manual_seed(3);
        const torch::NoGradGuard none;
        const at::Tensor volume = at::randn({1, 1, 64, 32, 32});
        std::vector<at::Tensor> outputs;
        for (const MergeMode mode : {MergeMode::Legacy, MergeMode::Monai15, MergeMode::V2}) {
            const SwinUnetr network(tiny(mode, false), 2, Rng(7));
            QCOMPARE(network.forward(volume).hidden[4].sizes().vec(), (std::vector<std::int64_t>{1, 48, 2, 1, 1}));
            outputs.push_back(network.logits(volume));
        }
        QVERIFY(worst(outputs[0], outputs[1]) > 1e-3 && worst(outputs[0], outputs[2]) > 1e-3 && worst(outputs[1], outputs[2]) > 1e-3);
    }

    void hiddenStatesAreNormalisedOnRequest()
    {
        torch::manual_seed(4);
        const torch::NoGradGuard none;
        const SwinUnetrEncoder network(tiny(MergeMode::Monai15, true), Rng(1));
        const at::Tensor volume = at::randn({2, 1, 32, 64, 32});
        const auto normalised = network.forward(volume), raw = network.forward(volume, HiddenStates::Raw);
        QVERIFY(normalised.hidden[2].mean(1).abs().max().item<double>() < 1e-5);
        QVERIFY(raw.hidden[2].mean(1).abs().max().item<double>() > 1e-3);
        // only what is handed out is normalised, not what the next stage gets
        const at::Tensor again = at::layer_norm(raw.hidden[3].permute({0, 2, 3, 4, 1}), {raw.hidden[3].size(1)}).permute({0, 4, 1, 2, 3});
        QVERIFY(worst(normalised.hidden[3], again) < 1e-5);
        // side by side, the embedding first and the bottleneck last
        const at::Tensor pooled = pooledStates(raw.hidden);
        QCOMPARE(pooled.sizes().vec(), (std::vector<std::int64_t>{2, 93}));
        QVERIFY(at::equal(pooled.slice(1, 0, 3), raw.hidden[0].mean(at::IntArrayRef{2, 3, 4})));
        QVERIFY(at::equal(pooled.slice(1, 45, 93), raw.hidden[4].mean(at::IntArrayRef{2, 3, 4})));
        QCOMPARE(network.pooled(volume).sizes().vec(), (std::vector<std::int64_t>{2, 72}));
        // cases of a batch do not touch each other
        QVERIFY(worst(network.pooled(volume.slice(0, 1, 2)), network.pooled(volume).slice(0, 1, 2)) < 1e-4); // other sums in the products
    }

    void recomputedActivationsGiveTheSameBits_data()
    {
        QTest::addColumn<bool>("swin");
        QTest::addColumn<bool>("half");
        QTest::newRow("Swin encoder, float32") << true << false;
        QTest::newRow("transformer, float32") << false << false;
        QTest::newRow("transformer, bfloat16 by autocast") << false << true;
    }
    void recomputedActivationsGiveTheSameBits()
    {
        QFETCH(bool, swin);
        QFETCH(bool, half);
        torch::manual_seed(5);
        const at::Tensor volume = at::randn({2, 1, 64, 64, 32}), tokens = at::randn({4, 128, 64});
        Placement placement;
        placement.dtype = half ? at::kBFloat16 : at::kFloat;
        std::map<std::string, at::Tensor> gradients[2];
        double losses[2] = {};
        std::size_t held[2] = {};
        for (const int pass : {0, 1}) {
            const SwinUnetrEncoder encoder(tiny(MergeMode::Legacy, true), Rng(3));
            const TransformerStack stack(64, 6, 4, 4, Rng(3));
            const torch::nn::Module& network = swin ? static_cast<const torch::nn::Module&>(encoder) : stack;
            const std::size_t before = allocatedBytes();
            at::Tensor loss;
            {
                const PrecisionScope precision(placement);
                const ActivationCheckpoints scope(pass == 0 ? ActivationCheckpoints::Keep::Everything : ActivationCheckpoints::Keep::InputsAlone);
                loss = (swin ? encoder.pooled(volume) : stack.forward(tokens)).to(at::kFloat).square().sum();
            }
            held[pass] = allocatedBytes() - before;
            losses[pass] = loss.item<double>();
            loss.backward();
            for (const auto& p : network.named_parameters())
                if (p.value().grad().defined())
                    gradients[pass][p.key()] = p.value().grad().clone();
        }
        QCOMPARE(losses[1], losses[0]);
        QCOMPARE(gradients[1].size(), gradients[0].size());
        QVERIFY(!gradients[0].empty());
        for (const auto& [name, gradient] : gradients[0])
            QVERIFY2(at::equal(gradient, gradients[1].at(name)), name.c_str());
        qInfo("kept for the gradient: %.1f MB, inputs alone %.1f MB", static_cast<double>(held[0]) / 1e6, static_cast<double>(held[1]) / 1e6);
        QVERIFY(2 * held[1] < held[0]);
    }

    void gradientsReachEveryParameterAndWrongSizesAreRefused()
    {
        torch::manual_seed(5);
        SwinSizes sizes = tiny(MergeMode::Legacy, true);
        sizes.embedding = VolumeEmbedding::ConvBlock;
        const SwinUnetr network(sizes, 2, Rng(2));
        network.logits(at::randn({1, 1, 64, 64, 32})).square().mean().backward();
        for (const auto& p : network.named_parameters())
            QVERIFY2(p.value().grad().defined() && p.value().grad().isfinite().all().item<bool>(), p.key().c_str());
        QVERIFY_THROWS_EXCEPTION(c10::Error, network.logits(at::randn({1, 1, 64, 48, 32})));
        QVERIFY_THROWS_EXCEPTION(c10::Error, network.logits(at::randn({1, 2, 64, 64, 32})));
        const SwinSizes same = swinSizesOf(sizes.architecture());
        QCOMPARE(jsonLine(same.architecture()), jsonLine(sizes.architecture()));
    }

    void aWindowIsOneNumberOrThreeEqualOnes()
    {
        QCOMPARE(swinSizesOf({{"window", 5}}).window, std::int64_t(5));
        QCOMPARE(swinSizesOf({{"window", {5, 5, 5}}}).window, std::int64_t(5));
        for (const Json& window : {Json{7, 7, 5}, Json{7, 5, 7}, Json{7, 7}, Json{7, 7, 7, 7}}) {
            try {
                swinSizesOf({{"window", window}});
                QFAIL(jsonLine(window).c_str());
            } catch (const std::invalid_argument& e) {
                QCOMPARE(std::string(e.what()), hilum::format("window = {} is no cube: one number or three equal ones are needed", jsonLine(window)));
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestSwinUnetr)
#include "tst_swin_unetr.moc"
