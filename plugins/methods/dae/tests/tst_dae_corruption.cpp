#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <stdexcept>

using namespace hilum;
using namespace hilum::learning;

/// Properties 11 to 13: noise, decimation, hidden channels, contrastive losses.
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
};

QTEST_APPLESS_MAIN(TestDaeCorruption)
#include "tst_dae_corruption.moc"
