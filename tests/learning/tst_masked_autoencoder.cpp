#include "core/learning/device.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/nn/positions.h"
#include "core/learning/rollout.h"
#include "core/learning/train/layer_order.h"
#include "tests/support/compare.h"

#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

MaskedAutoencoderSizes toySizes()
{
    return {.imageSize = 64, .channels = 1, .strides = {4, 2, 1}, .tokeniserWidth = 12, .width = 24, .depth = 2, .heads = 4, .decoderWidth = 16, .decoderDepth = 1,
        .decoderHeads = 2};
}

double worst(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Tensors and elements of a network of this depth, from networks of depth 1 and 2: counts grow linearly with depth.
TensorCount extrapolated(MaskedAutoencoderSizes sizes, bool encoderOnly)
{
    const std::int64_t depth = sizes.depth, decoderDepth = sizes.decoderDepth;
    const auto count = [&](std::int64_t d, std::int64_t e) {
        sizes.depth = d;
        sizes.decoderDepth = e;
        return countTensors(MaskedAutoencoder(sizes, Rng(0)), encoderOnly);
    };
    const TensorCount one = count(1, 1), deeper = count(2, 1), decoder = count(1, 2);
    const auto total = [&](std::int64_t TensorCount::*m) {
        return one.*m + (depth - 1) * (deeper.*m - one.*m) + (decoderDepth - 1) * (decoder.*m - one.*m);
    };
    return {total(&TensorCount::tensors), total(&TensorCount::elements)};
}

} // namespace

/// Positions, tokeniser, transformer and the masked autoencoder around them: properties 1 and 5, counts, attention.
class TestMaskedAutoencoder : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void positionsHaveTheGoldenValue()
    {
        const at::Tensor p = sineCosinePositions({5, 7}, 4);
        QVERIFY(at::equal(p[0][0], at::zeros({4})));
        for (const auto& [r, c] : {std::pair{0, 0}, {3, 2}, {4, 6}}) {
            const at::Tensor expected = at::tensor({std::sin(double(c)), std::cos(double(c)), std::sin(double(r)), std::cos(double(r))}, at::kFloat);
            QVERIFY(worst(p[0][1 + r * 7 + c], expected) < 1e-6);
        }
        const at::Tensor same = resizePositions(p, {5, 7}, {5, 7}), larger = resizePositions(p, {5, 7}, {10, 14});
        QVERIFY(at::equal(same, p));
        QCOMPARE(larger.size(1), std::int64_t(141));
        QVERIFY(at::equal(larger[0][0], p[0][0]));
        QVERIFY_THROWS_EXCEPTION(c10::Error, sineCosinePositions({2, 2}, 6));
    }

    void tokeniserIsTheConvolutionItStandsFor()
    {
        torch::manual_seed(4);
        PatchEmbed embed(3, {4, 2, 1}, 5, 6, Rng(1));
        for (auto& p : embed.named_parameters())
            if (p.key().ends_with("bias")) {
                torch::NoGradGuard none;
                p.value().normal_(0, 0.3);
            }
        const auto w = [&](const char* name) { return embed.named_parameters()[name]; };
        const at::Tensor image = at::randn({2, 3, 32, 32});
        at::Tensor x = at::conv2d(image, w("conv1.weight"), w("conv1.bias"), 4);
        x = at::conv2d(at::relu(x), w("conv2.weight"), w("conv2.bias"), 2);
        x = at::conv2d(at::relu(x), w("proj.weight"), w("proj.bias"), 1);
        const at::Tensor expected = x.flatten(2).transpose(1, 2);
        QVERIFY(worst(embed.forward(image), expected) < 1e-5); // another order of sums
        const at::Tensor keep = at::tensor({3, 0, 15, 1, 2, 9}, at::kLong).reshape({2, 3});
        QVERIFY(worst(embed.forward(image, keep), takeTokens(expected, keep)) < 1e-5);
    }

    void countsOfThePublishedNetworks_data()
    {
        QTest::addColumn<int>("which");
        QTest::addColumn<bool>("encoderOnly");
        QTest::addColumn<int>("tensors");
        QTest::addColumn<double>("millions");
        QTest::newRow("vit-b encoder") << 0 << true << 150 << 85.8;
        QTest::newRow("vit-b full") << 0 << false << 254 << 111.9;
        QTest::newRow("vit-l encoder") << 1 << true << 294 << 303.3;
        QTest::newRow("vit-l full") << 1 << false << 398 << 329.5;
        QTest::newRow("vit-h/14 encoder") << 3 << true << 390 << 630.8;
        QTest::newRow("vit-h/14 full") << 3 << false << 494 << 657.1;
        QTest::newRow("hd x-ray mae encoder") << 2 << true << 298 << 320.8;
        // the published 404 tensors include decoder_image (197 numbers), which nothing uses
        QTest::newRow("hd x-ray mae full") << 2 << false << 402 << 348.9;
    }
    void countsOfThePublishedNetworks()
    {
        QFETCH(int, which);
        QFETCH(bool, encoderOnly);
        QFETCH(int, tensors);
        QFETCH(double, millions);
        MaskedAutoencoderSizes sizes; // ViT-B
        if (which == 1 || which == 2)
            sizes.tokeniserWidth = sizes.width = 1024, sizes.depth = 24, sizes.heads = 16;
        if (which == 3)
            sizes.strides = {14}, sizes.tokeniserWidth = sizes.width = 1280, sizes.depth = 32, sizes.heads = 16;
        if (which == 2)
            sizes.imageSize = 1280, sizes.channels = 1, sizes.strides = {16, 4, 1};
        const TensorCount count = extrapolated(sizes, encoderOnly);
        QCOMPARE(count.tensors, std::int64_t(tensors));
        QCOMPARE(std::round(static_cast<double>(count.elements) / 1e5) / 10, millions);
    }

    void pathsOfAttentionAgree()
    {
        torch::manual_seed(5);
        const Attention attention(24, 4, Rng(2));
        const at::Tensor x = at::randn({2, 9, 24});
        setAttentionPath(at::kCPU, at::kFloat, AttentionPath::Plain);
        at::Tensor tap;
        const at::Tensor plain = attention.forward(x, &tap);
        setAttentionPath(at::kCPU, at::kFloat, AttentionPath::Fused);
        QVERIFY(worst(attention.forward(x), plain) < 1e-5);
        QVERIFY(worst(attention.forward(x, &tap), plain) < 1e-6);
        QVERIFY(worst(tap.sum(-1), at::ones({2, 4, 9})) < 1e-5);
    }

    void gradientsAreRight_data()
    {
        QTest::addColumn<bool>("fused");
        QTest::newRow("plain") << false;
        QTest::newRow("fused") << true;
    }
    void gradientsAreRight()
    {
        QFETCH(bool, fused);
        setAttentionPath(at::kCPU, at::kDouble, fused ? AttentionPath::Fused : AttentionPath::Plain);
        torch::manual_seed(6);
        TransformerBlock block(8, 2, 2, Rng(3));
        block.to(at::kDouble);
        at::Tensor x = at::randn({1, 4, 8}, at::kDouble).requires_grad_(true);
        const at::Tensor weights = at::randn({1, 4, 8}, at::kDouble);
        (block.forward(x) * weights).sum().backward();
        const auto f = [&](const at::Tensor& at_) { return (block.forward(at_) * weights).sum().item<double>(); };
        const torch::NoGradGuard none;
        for (const std::int64_t i : {0, 7, 13, 31}) {
            at::Tensor step = at::zeros({32}, at::kDouble);
            step[i] = 1e-5;
            const double numeric = (f(x.detach() + step.view({1, 4, 8})) - f(x.detach() - step.view({1, 4, 8}))) / 2e-5;
            QVERIFY(std::abs(numeric - x.grad().flatten()[i].item<double>()) < 1e-7 * (1 + std::abs(numeric))); // central differences: error of h^2
        }
        setAttentionPath(at::kCPU, at::kFloat, AttentionPath::Fused);
    }

    void encoderSeesOnlyVisiblePatches()
    {
        torch::manual_seed(7);
        const MaskedAutoencoder net(toySizes(), Rng(4));
        const at::Tensor image = at::randn({2, 1, 64, 64});
        const TokenMask mask = uniformMask(maskNoise(2, 64, Rng(8)), 0.75);
        const at::Tensor latent = net.encode(image, mask), prediction = net.decode(latent, mask);
        QCOMPARE(latent.sizes().vec(), (std::vector<std::int64_t>{2, 17, 24}));
        QCOMPARE(prediction.sizes().vec(), (std::vector<std::int64_t>{2, 64, 64}));
        const at::Tensor hidden = mask.hidden.unsqueeze(-1);
        const at::Tensor changed = unpatchify(patchify(image, 8) + 50 * hidden, 8, 1, {8, 8});
        QVERIFY(worst(net.encode(changed, mask), latent) < 1e-6);
        // a mask's order is no information: the same tokens in another order give the same prediction
        const TokenMask sorted = givenMask(mask.hidden);
        QVERIFY(worst(net.decode(net.encode(image, sorted), sorted), prediction) < 1e-5);
    }

    void casesWithDifferentCountsDoNotTouchEachOther_data()
    {
        QTest::addColumn<bool>("fused");
        QTest::newRow("plain") << false;
        QTest::newRow("fused") << true;
    }
    void casesWithDifferentCountsDoNotTouchEachOther()
    {
        QFETCH(bool, fused);
        setAttentionPath(at::kCPU, at::kFloat, fused ? AttentionPath::Fused : AttentionPath::Plain);
        torch::manual_seed(9);
        const MaskedAutoencoder net(toySizes(), Rng(4));
        const at::Tensor image = at::randn({2, 1, 64, 64});
        at::Tensor hidden = at::ones({2, 64});
        hidden[0].slice(0, 3, 8).zero_();
        hidden[1].slice(0, 20, 51).zero_();
        const TokenMask both = givenMask(hidden);
        QVERIFY(both.filler.defined());
        const at::Tensor together = net.decode(net.encode(image, both), both);
        for (const std::int64_t b : {0, 1}) {
            const TokenMask one = givenMask(hidden.slice(0, b, b + 1));
            const at::Tensor alone = net.decode(net.encode(image.slice(0, b, b + 1), one), one);
            QVERIFY(worst(together[b], alone[0]) < 1e-5);
        }
        setAttentionPath(at::kCPU, at::kFloat, AttentionPath::Fused);
    }

    void positionsStayFixedInTraining()
    {
        MaskedAutoencoder net(toySizes(), Rng(4));
        const at::Tensor before = net.named_buffers()["pos_embed"].clone();
        torch::optim::SGD optimiser(net.parameters(), 0.1);
        const TokenMask mask = uniformMask(maskNoise(1, 64, Rng(8)), 0.5);
        net.decode(net.encode(at::ones({1, 1, 64, 64}), mask), mask).square().mean().backward();
        optimiser.step();
        QVERIFY(at::equal(net.named_buffers()["pos_embed"], before));
        for (const auto& p : net.named_parameters())
            QVERIFY2(p.value().grad().defined(), p.key().c_str());
    }

    void layersAreInOrder()
    {
        MaskedAutoencoder net(toySizes(), Rng(4));
        const auto order = layerOrder(net.named_parameters().keys());
        HILUM_VERIFY_OK(order);
        QCOMPARE(order->layers, toySizes().depth + 1);
        for (const auto& [name, layer] : order->layer) {
            const std::int64_t wanted = name.starts_with("blocks.0.") ? 1 : name.starts_with("blocks.1.") ? 2 : name.starts_with("patch_embed.") || name.ends_with("_token") ? 0 : 3;
            QVERIFY2(layer == wanted, name.c_str());
        }
    }

    void sameSeedSameWeights()
    {
        const MaskedAutoencoder a(toySizes(), Rng(4)), b(toySizes(), Rng(4)), c(toySizes(), Rng(5));
        const auto x = a.named_parameters(), y = b.named_parameters(), z = c.named_parameters();
        for (const auto& p : x)
            QVERIFY2(at::equal(p.value(), y[p.key()]), p.key().c_str());
        QVERIFY(!at::equal(x["blocks.0.attn.qkv.weight"], z["blocks.0.attn.qkv.weight"]));
        QVERIFY(!at::equal(x["blocks.0.attn.proj.weight"], x["blocks.1.attn.proj.weight"]));
        const double bound = std::sqrt(6.0 / (24 + 72)), largest = x["blocks.0.attn.qkv.weight"].abs().max().item<double>();
        QVERIFY(largest <= bound && largest > 0.95 * bound);
    }

    void rolloutRowIsARowOfTheFullProduct()
    {
        torch::manual_seed(8);
        std::vector<at::Tensor> layers;
        at::Tensor product = at::eye(7);
        for (int l = 0; l < 3; ++l) {
            layers.push_back(at::softmax(2 * at::randn({4, 7, 7}), -1));
            product = at::matmul(0.5 * layers.back().mean(0) + 0.5 * at::eye(7), product);
        }
        for (const std::int64_t query : {0, 3, 6}) {
            const at::Tensor row = rolloutRow(layers, query);
            QVERIFY(worst(row, product[query]) < 1e-6);
            QVERIFY(std::abs(row.sum().item<double>() - 1) < 1e-5);
        }
        QVERIFY(worst(meanRow(layers, 1, 2), layers[1].mean(0)[2]) < 1e-7);
        QVERIFY(at::equal(headRow(layers, 2, 3, 5), layers[2][3][5]));
        QVERIFY_THROWS_EXCEPTION(c10::Error, rolloutRow(layers, 7));
        QVERIFY_THROWS_EXCEPTION(c10::Error, headRow(layers, 3, 0, 0));
        // attention that no gradient supports leaves the query alone
        const std::vector<at::Tensor> none(3, at::zeros({4, 7, 7}));
        QVERIFY(at::equal(gradientRow(layers, none, 2), at::eye(7)[2]));
    }

    void devicesAreParsedOrRefused()
    {
        QVERIFY(parseDevice("cpu") && parseDevice("cpu")->is_cpu());
        QVERIFY(parseDevice("auto").has_value());
        const auto far = parseDevice("cuda:99");
        QVERIFY(!far && far.error().code == ErrorCode::Device && far.error().message.find("cuda:99") != std::string::npos);
        for (const char* text : {"gpu", "cuda:x", "cuda:-1", "cudax"})
            QVERIFY(!parseDevice(text) && parseDevice(text).error().code == ErrorCode::Usage);
        QVERIFY(!chooseCompute("cpu", "float64") && !chooseCompute("cpu", "float32", "magic"));
    }
};

QTEST_APPLESS_MAIN(TestMaskedAutoencoder)
#include "tst_masked_autoencoder.moc"
