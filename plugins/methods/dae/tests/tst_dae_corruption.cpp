#include "core/learning/data/shard_reader.h"
#include "core/learning/train/placement.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"
#include "plugins/methods/dae/dae_method.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <stdexcept>
#include <vector>

using namespace hilum;
using namespace hilum::learning;

namespace {

/// Crops of 64 x 32 x 32, one block a stage.
DaeOptions toy()
{
    DaeOptions o;
    o.cropSize = {64, 32, 32};
    o.depths = {1, 1, 1, 1};
    return o;
}

/// The first `count` of four crops of these modalities (modalityNumber).
TensorMap batchOf(std::vector<std::int64_t> modalities, std::int64_t count)
{
    torch::manual_seed(9);
    return {{"image", at::rand({4, 1, 64, 32, 32}).slice(0, 0, count)}, {"modality", at::tensor(modalities, at::kLong).slice(0, 0, count).unsqueeze(1)}};
}

} // namespace

/// Properties 11 to 13: noise, decimation, hidden channels, contrastive losses, and what the method gives these.
class TestDaeCorruption : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void noiseHasItsVariance()
    {
        const at::Tensor clean = at::full({1, 1, 64, 64, 64}, 0.25);
        const at::Tensor noise = addNoise(clean, 0.1, Rng(3)) - clean;
        QVERIFY(std::abs(noise.var().item<double>() / 0.1 - 1) < 0.02); // 262,144 draws: deviation of the estimate 0.3 %
        QVERIFY(std::abs(noise.mean().item<double>()) < 0.005);
        QVERIFY(at::equal(addNoise(clean, 0.1, Rng(3)), clean + noise));
    }

    void decimationKeepsTheCornerVoxelOfEachBlock()
    {
        torch::manual_seed(2);
        const at::Tensor x = at::randn({2, 1, 8, 16, 12}), out = decimate(x, 4);
        QVERIFY(at::equal(out.slice(2, 0, {}, 4).slice(3, 0, {}, 4).slice(4, 0, {}, 4), x.slice(2, 0, {}, 4).slice(3, 0, {}, 4).slice(4, 0, {}, 4)));
        for (std::int64_t d = 0; d < 4; ++d)
            QVERIFY(at::equal(out.slice(2, d, {}, 4).slice(3, 3 - d, {}, 4).slice(4, d, {}, 4), x.slice(2, 0, {}, 4).slice(3, 0, {}, 4).slice(4, 0, {}, 4)));
        QVERIFY(at::equal(decimate(x, 1), x));
        // sides that are no multiples: 8, 16 and 12 become 2, 5 and 4
        const at::Tensor odd = decimate(x, 3);
        for (std::int64_t a = 0; a < 8; ++a)
            QVERIFY(at::equal(odd[0][0][a][15], x[0][0][a / 4 * 4][12].index_select(0, at::tensor({0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9}, at::kLong))));
        QCOMPARE(decimate(x, 2.5).sizes(), x.sizes());
        QVERIFY(!at::equal(decimate(x, 2.5), decimate(x, 2)));
        QVERIFY_THROWS_EXCEPTION(c10::Error, decimate(x, 9)); // longer than a side
        QVERIFY_THROWS_EXCEPTION(c10::Error, decimate(x, 0.5));
    }

    void twentyEightOf48ChannelsAreHiddenEverywhere()
    {
        torch::manual_seed(2);
        const at::Tensor x = at::randn({3, 48, 4, 4, 4}) + 10, mask = drawChannelMask(48, 0.6, Rng(5));
        QCOMPARE(mask.sum().item<double>(), 28.0);
        const at::Tensor out = hideChannels(x, mask);
        for (std::int64_t c = 0; c < 48; ++c) {
            const at::Tensor expected = mask[c].item<double>() > 0 ? at::zeros({3, 4, 4, 4}) : x.select(1, c);
            QVERIFY2(at::equal(out.select(1, c), expected), std::to_string(c).c_str());
        }
        QVERIFY(!at::equal(mask, drawChannelMask(48, 0.6, Rng(6))));
    }

    void contrastiveLossAsCodedTakesClassesForSamples()
    {
        const at::Tensor f = at::tensor({1.0, 0.0, 0.0, 2.0}, at::kDouble).reshape({2, 2}), classes = modalityClasses({"t2", "ct"});
        QVERIFY(at::equal(classes, at::tensor({1, 0}, at::kLong)));
        // logits diag(1, 4) exp(T): the wanted entries are the zeros beside them
        const double e = std::exp(0.5), expected = (std::log(1 + std::exp(e)) + std::log(1 + std::exp(4 * e))) / 2;
        QVERIFY(std::abs(contrastiveAsCoded(f, classes, 0.5).item<double>() - expected) < 1e-9);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, modalityClasses({"pet"}));
    }

    void supervisedContrastiveHasItsGoldenValue()
    {
        const at::Tensor f = at::tensor({3.f, 0.f, 3.f, 0.f, 0.f, 2.f, 0.f, 2.f}).reshape({4, 2}), classes = at::tensor({0, 0, 1, 1}, at::kLong);
        const double golden = -std::log(std::exp(2.0) / (std::exp(2.0) + 2));
        QVERIFY(std::abs(golden - 0.2395) < 1e-4);
        QVERIFY(std::abs(supervisedContrastive(f, classes, 0.5).item<double>() - golden) < 1e-6);
        // the order of the batch does not matter
        const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong);
        QVERIFY(std::abs(supervisedContrastive(f.index_select(0, order), classes.index_select(0, order), 0.5).item<double>() - golden) < 1e-6);
        QVERIFY(supervisedContrastive(f.slice(0, 1, 3), classes.slice(0, 1, 3), 0.5).item<double>() == 0);  // no positive
        QVERIFY(supervisedContrastive(f.slice(0, 0, 2), classes.slice(0, 0, 2), 0.5).item<double>() == 0);  // one modality
        QVERIFY(std::isfinite(supervisedContrastive(f.to(at::kHalf) * 2000, classes, 0.1).item<double>())); // 16-bit features
        at::Tensor g = f.clone().requires_grad_(true);
        supervisedContrastive(g, classes, 0.5).backward();
        QVERIFY(g.grad().isfinite().all().item<bool>());
    }

    /// bfloat16 has steps of 0.004 near a cosine of 1, and of 256 near the products of 20,736 numbers.
    void autocastDoesNotShortenTheContrastiveLosses()
    {
        torch::manual_seed(6);
        const at::Tensor alike = at::randn({1, 768}) + 0.1 * at::randn({4, 768}), bottleneck = at::randn({1, 768, 3, 3, 3}) + 0.1 * at::randn({4, 768, 3, 3, 3}),
                         classes = at::tensor({0, 0, 1, 1}, at::kLong);
        const double supervised = supervisedContrastive(alike, classes, 0.1).item<double>(), coded = contrastiveAsCoded(bottleneck, classes, 0.5).item<double>();
        QVERIFY(coded > 1); // it tells the samples apart
        const PrecisionScope shortened({.dtype = at::kBFloat16});
        QCOMPARE(at::matmul(alike, alike.t()).scalar_type(), at::kBFloat16); // what products are without a guard
        QVERIFY(std::abs(supervisedContrastive(alike, classes, 0.1).item<double>() - supervised) < 1e-5);
        QVERIFY(std::abs(contrastiveAsCoded(bottleneck, classes, 0.5).item<double>() / coded - 1) < 1e-5);
    }

    /// Two volumes of which nothing is known are not alike for that: neither a pair, nor the others of a known one.
    void unknownModalitiesAreLeftOut()
    {
        const at::Tensor f = at::tensor({3.f, 0.f, 3.f, 0.f, 0.f, 2.f, 1.f, 1.f, 1.f, 1.f}).reshape({5, 2}), classes = at::tensor({0, 0, 1, 6, 6}, at::kLong);
        // both cosines between the pair and the third are 0, its own is 1: -log(e^2 / (e^2 + 1))
        QVERIFY(std::abs(supervisedContrastive(f, classes, 0.5, OtherModality).item<double>() + std::log(std::exp(2.0) / (std::exp(2.0) + 1))) < 1e-6);
        QCOMPARE(supervisedContrastive(f, at::full({5}, 6, at::kLong), 0.5, OtherModality).item<double>(), 0.0);
        // and so the method hands them over
        DaeMethod method(toy(), Rng(1));
        const auto term = [&](const std::vector<std::int64_t>& modalities, std::int64_t count) { return method.step(batchOf(modalities, count), Rng(2)).metrics.at("loss_cmcl"); };
        const double three = term({0, 0, 1}, 3);
        QVERIFY(three > 0);
        QVERIFY(std::abs(term({0, 0, 1, OtherModality}, 4) - three) < 1e-4);
        QCOMPARE(term({OtherModality, OtherModality, 1, 0}, 4), 0.0);
        QVERIFY(term({5, 5, 1, 0}, 4) > 0); // "mr" is one that is known
    }

    /// The coded term takes the bottleneck as the encoder gives it, whether or not the decoder's states are normalised: else all of its products with themselves were equal.
    void theCodedTermIsOfTheRawBottleneck()
    {
        DaeOptions o = toy();
        o.contrastive = ContrastiveTerm::AsCoded;
        DaeMethod normalised(o, Rng(1));
        o.hidden = HiddenKind::Raw;
        DaeMethod raw(o, Rng(1));
        const TensorMap batch = batchOf({0, 1}, 2);
        const StepOutput a = normalised.step(batch, Rng(2)), b = raw.step(batch, Rng(2));
        QCOMPARE(a.metrics.at("loss_cmcl"), b.metrics.at("loss_cmcl"));
        QVERIFY(a.metrics.at("loss_reconstruction") != b.metrics.at("loss_reconstruction"));
    }
};

QTEST_APPLESS_MAIN(TestDaeCorruption)
#include "tst_dae_corruption.moc"
