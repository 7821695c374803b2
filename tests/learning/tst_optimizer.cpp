#include "tests/learning/toy_method.h"

#include "core/learning/model_file.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/nn/vision_transformer.h"
#include "core/learning/train/ema.h"
#include "core/learning/train/optimizer.h"

#include "tests/support/compare.h"

using namespace hilum;
using namespace hilum::learning;

namespace {

struct Two : torch::nn::Module {
    Two()
    {
        weight = register_parameter("weight", torch::tensor({{1.0f, -2.0f}, {0.5f, 4.0f}}));
        bias = register_parameter("bias", torch::tensor({0.25f, -1.0f}));
        token = register_parameter("mask_token", torch::tensor({{0.1f, 0.2f}}));
    }
    at::Tensor weight, bias, token;
};

/// One number through AdamW (Loshchilov & Hutter 2019, Algorithm 2), in double.
/// With `amsgrad` the largest v so far stands for v (Reddi et al. 2018, Algorithm 2).
double adamw(double p, const std::vector<double>& gradients, double lr, double decay, double b1, double b2, double eps, bool amsgrad = false)
{
    double m = 0, v = 0, largest = 0;
    for (std::size_t t = 0; t < gradients.size(); ++t) {
        p *= 1 - lr * decay;
        m = b1 * m + (1 - b1) * gradients[t];
        v = b2 * v + (1 - b2) * gradients[t] * gradients[t];
        const double mHat = m / (1 - std::pow(b1, static_cast<double>(t + 1))), root = 1 - std::pow(b2, static_cast<double>(t + 1));
        largest = std::max(largest, v);
        const double vHat = (amsgrad ? largest : v) / root;
        p -= lr * mHat / (std::sqrt(vHat) + eps);
    }
    return p;
}

} // namespace

class TestOptimizer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void followsTheEquations()
    {
        Two two;
        AdamW optimizer(two, 0.9, 0.95, 1e-8);
        const std::vector<double> gradients{0.3, -0.1, 0.7};
        for (const double g : gradients) {
            two.weight.mutable_grad() = at::full_like(two.weight, g);
            two.bias.mutable_grad() = at::full_like(two.bias, g);
            two.token.mutable_grad() = at::full_like(two.token, g);
            optimizer.step(0.01, 0.1);
        }
        // float32 against double: three updates of about 0.01
        QVERIFY(qAbs(two.weight[1][1].item<double>() - adamw(4.0, gradients, 0.01, 0.1, 0.9, 0.95, 1e-8)) < 1e-6);
        // biases and tokens are not decayed
        QVERIFY(qAbs(two.bias[1].item<double>() - adamw(-1.0, gradients, 0.01, 0.0, 0.9, 0.95, 1e-8)) < 1e-6);
        QVERIFY(qAbs(two.token[0][1].item<double>() - adamw(0.2, gradients, 0.01, 0.0, 0.9, 0.95, 1e-8)) < 1e-6);
    }

    void decayLeavesOutBiasesNormsTokensPositionsAndTables()
    {
        const MaskedAutoencoder masked({.imageSize = 16, .channels = 1, .strides = {4, 2}, .tokeniserWidth = 8, .width = 8, .depth = 1, .heads = 2, .decoderWidth = 8, .decoderDepth = 1, .decoderHeads = 2}, Rng(1));
        const VisionTransformer transformer({.imageSize = 16, .patch = 8, .channels = 1, .width = 8, .depth = 1, .heads = 2}, Rng(1));
        const SwinUnetrEncoder swin({.featureSize = 3, .convolutionBeforeStage = true}, Rng(1));
        std::map<std::string, int> spared;
        int decayed = 0;
        for (const torch::nn::Module* network : {static_cast<const torch::nn::Module*>(&masked), static_cast<const torch::nn::Module*>(&transformer), static_cast<const torch::nn::Module*>(&swin)})
            for (const auto& p : network->named_parameters()) {
                std::string kind;
                for (const char* word : {"cls_token", "mask_token", "pos_embed", "relative_position_bias_table"})
                    if (p.key().ends_with(word))
                        kind = word;
                if (kind.empty() && p.value().dim() == 1)
                    kind = p.key().ends_with("bias") ? "bias" : "norm";
                QVERIFY2(isDecayed(p.key(), p.value()) == kind.empty(), p.key().c_str());
                if (kind.empty()) {
                    QVERIFY2(p.key().ends_with("weight") && p.value().dim() > 1, p.key().c_str());
                    ++decayed;
                } else {
                    ++spared[kind];
                }
            }
        // masked.pos_embed is a buffer; one table in each of the eight Swin blocks
        QVERIFY(spared["cls_token"] == 2 && spared["mask_token"] == 1 && spared["pos_embed"] == 1 && spared["relative_position_bias_table"] == 8);
        QVERIFY(spared["norm"] > 20 && spared["bias"] > 40 && decayed > 40);
    }

    void ratesCanDifferByName()
    {
        Two two;
        AdamW optimizer(two, 0.9, 0.95, 1e-8);
        optimizer.scaleRates([](const std::string& name) { return name == "weight" ? 0.25 : 1.0; });
        const std::vector<double> gradients{0.3, -0.1, 0.7};
        for (const double g : gradients) {
            two.weight.mutable_grad() = at::full_like(two.weight, g);
            two.bias.mutable_grad() = at::full_like(two.bias, g);
            optimizer.step(0.01, 0.1);
        }
        // float32 against double: three updates of about 0.01; the decay goes with the rate
        QVERIFY(qAbs(two.weight[1][1].item<double>() - adamw(4.0, gradients, 0.0025, 0.1, 0.9, 0.95, 1e-8)) < 1e-6);
        QVERIFY(qAbs(two.bias[1].item<double>() - adamw(-1.0, gradients, 0.01, 0.0, 0.9, 0.95, 1e-8)) < 1e-6);
    }

    void amsgradKeepsTheLargestSquare()
    {
        Two two, plain;
        AdamW optimizer(two, 0.9, 0.95, 1e-8, AdamW::AmsGrad::On), other(plain, 0.9, 0.95, 1e-8);
        std::vector<double> gradients{2.0}; // a large one, then small ones: plain AdamW forgets it
        gradients.resize(40, 0.05);
        for (const double g : gradients)
            for (auto& [module, adam] : {std::pair{&two, &optimizer}, {&plain, &other}}) {
                module->weight.mutable_grad() = at::full_like(module->weight, g);
                adam->step(0.01, 0.1);
            }
        // float32 against double: forty updates of about 0.01
        QVERIFY(qAbs(two.weight[1][1].item<double>() - adamw(4.0, gradients, 0.01, 0.1, 0.9, 0.95, 1e-8, true)) < 1e-5);
        QVERIFY(qAbs(plain.weight[1][1].item<double>() - adamw(4.0, gradients, 0.01, 0.1, 0.9, 0.95, 1e-8)) < 1e-5);
        QVERIFY(qAbs(two.weight[1][1].item<double>() - plain.weight[1][1].item<double>()) > 1e-3);
        // the state holds it, and a state without is refused
        QVERIFY(optimizer.state().contains("largest.weight") && !other.state().contains("largest.weight"));
        HILUM_VERIFY_ERROR(optimizer.load(other.state()), ErrorCode::Mismatch);
        HILUM_VERIFY_OK(optimizer.load(optimizer.state()));
    }

    void clipsAllTogetherOrEach()
    {
        for (const ClipKind kind : {ClipKind::Global, ClipKind::PerTensor}) {
            Two two;
            AdamW optimizer(two, 0.9, 0.95, 1e-8);
            two.weight.mutable_grad() = torch::tensor({{3.0f, 0.0f}, {0.0f, 4.0f}}); // norm 5
            two.bias.mutable_grad() = torch::tensor({0.0f, 12.0f});                  // norm 12, together 13
            QVERIFY(qAbs(optimizer.clipGradients(6.5, kind) - 13.0) < 1e-6);
            const double weight = two.weight.grad().norm().item<double>(), bias = two.bias.grad().norm().item<double>();
            QVERIFY(qAbs(weight - (kind == ClipKind::Global ? 2.5 : 5.0)) < 1e-5);
            QVERIFY(qAbs(bias - (kind == ClipKind::Global ? 6.0 : 6.5)) < 1e-5);
        }
    }

    void stateContinuesBitEqually_data()
    {
        QTest::addColumn<bool>("amsgrad");
        QTest::newRow("AdamW") << false;
        QTest::newRow("AMSGrad") << true;
    }
    void stateContinuesBitEqually()
    {
        QFETCH(bool, amsgrad);
        const auto kind = amsgrad ? AdamW::AmsGrad::On : AdamW::AmsGrad::Off;
        const auto run = [](Two& two, AdamW& optimizer, int from, int to) {
            for (int i = from; i < to; ++i) {
                two.weight.mutable_grad() = at::full_like(two.weight, std::sin(i));
                two.bias.mutable_grad() = at::full_like(two.bias, std::cos(i));
                optimizer.step(0.01 / (1 + i), 0.1);
            }
        };
        Two whole, part, resumed;
        AdamW a(whole, 0.9, 0.95, 1e-8, kind), b(part, 0.9, 0.95, 1e-8, kind), c(resumed, 0.9, 0.95, 1e-8, kind);
        run(whole, a, 0, 7);
        run(part, b, 0, 3);
        {
            const at::NoGradGuard none;
            for (const auto& [name, tensor] : namedState(part))
                namedState(resumed).at(name).copy_(tensor);
        }
        HILUM_VERIFY_OK(c.load(b.state()));
        run(resumed, c, 3, 7);
        QCOMPARE(weightsDigest(namedState(resumed)), weightsDigest(namedState(whole)));
    }

    void refusesTheStateOfAnotherNetwork()
    {
        Two two;
        AdamW optimizer(two, 0.9, 0.95, 1e-8);
        TensorMap state = optimizer.state();
        state["mean.weight"] = at::zeros({3});
        HILUM_VERIFY_ERROR(optimizer.load(state), ErrorCode::Mismatch);
    }

    void averageFollowsAndSwapsExactly()
    {
        Two two;
        MovingAverage average(two);
        {
            const at::NoGradGuard none;
            two.bias.add_(1);
        }
        average.update(two, 0.9);
        QVERIFY(qAbs(average.values().at("bias")[0].item<double>() - (0.9 * 0.25 + 0.1 * 1.25)) < 1e-6);
        QVERIFY(!average.values().at("bias").requires_grad());
        const std::string before = weightsDigest(namedState(two)), averaged = weightsDigest(average.values());
        average.swapWith(two);
        QCOMPARE(weightsDigest(namedState(two)), averaged);
        average.swapWith(two);
        QCOMPARE(weightsDigest(namedState(two)), before);
    }
};

QTEST_APPLESS_MAIN(TestOptimizer)
#include "tst_optimizer.moc"
