#include "core/learning/data/augment.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/masking.h"
#include "core/learning/nn/patch_embed.h"
#include "core/learning/torch_guard.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

/// Masks, crops and masked errors: properties 1 to 4 of the methods' specification.
class TestMasking : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void countsLikeThePublicCode_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<double>("ratio");
        QTest::addColumn<int>("visible");
        QTest::newRow("mae 196") << 196 << 0.75 << 49;
        QTest::newRow("truncated double") << 100 << 0.9 << 9;
        QTest::newRow("outer 20x20") << 270 << 0.85 << 40;
        QTest::newRow("inner 20x20") << 130 << 0.95 << 6;
        QTest::newRow("inner 16x16") << 80 << 0.95 << 4;
        QTest::newRow("outer 16x16") << 176 << 0.85 << 26;
    }
    void countsLikeThePublicCode()
    {
        QFETCH(int, tokens);
        QFETCH(double, ratio);
        QFETCH(int, visible);
        QCOMPARE(visibleCount(tokens, ratio), std::int64_t(visible));
    }

    void uniformMaskKeepsAndRestores()
    {
        const at::Tensor noise = maskNoise(3, 196, Rng(5));
        const TokenMask mask = uniformMask(noise, 0.75);
        QCOMPARE(mask.slots(), std::int64_t(49));
        QVERIFY(at::equal(mask.hidden.sum(1), at::full({3}, 147.0f)));
        QVERIFY(at::equal(mask.hidden.gather(1, mask.keep), at::zeros({3, 49})));
        // visible ++ hidden, gathered by restore, puts every token back
        const at::Tensor tokens = at::arange(196, at::kFloat).reshape({1, 196, 1}).expand({3, -1, 2}).contiguous();
        const at::Tensor shown = takeTokens(tokens, mask.keep);
        const at::Tensor all = takeTokens(at::cat({shown, at::full({3, 147, 2}, -1.0f)}, 1), mask.restore);
        const at::Tensor hidden = mask.hidden.unsqueeze(-1).to(at::kBool).expand_as(all);
        QVERIFY(at::equal(at::where(hidden, at::full_like(all, -1), tokens), all));
        QVERIFY(!at::equal(mask.keep[0], mask.keep[1])); // cases are independent
        QVERIFY(at::equal(mask.keep, uniformMask(maskNoise(3, 196, Rng(5)), 0.75).keep));
        QVERIFY(!at::equal(mask.keep, uniformMask(maskNoise(3, 196, Rng(6)), 0.75).keep));
        // a case's mask does not depend on how many share its batch
        QVERIFY(at::equal(mask.keep[1], uniformMask(maskNoise(2, 196, Rng(5)), 0.75).keep[1]));
    }

    /// The user's to change, not the program's fault.
    void ratiosThatShowNothingAreOptions()
    {
        QVERIFY_THROWS_EXCEPTION(OptionsFault, uniformMask(maskNoise(2, 16, Rng(5)), 0.95));
        QCOMPARE(uniformMask(maskNoise(2, 20, Rng(5)), 0.94).slots(), std::int64_t(1));
        QVERIFY_THROWS_EXCEPTION(OptionsFault, regionMask(maskNoise(1, 4, Rng(5)), at::ones({1, 4}, at::kBool), 0.95, 0.85));
    }

    void rectangleIsThePublishedOne()
    {
        const at::Tensor inside = publishedRectangle({20, 20}).reshape({20, 20});
        QCOMPARE(inside.sum().item<std::int64_t>(), std::int64_t(130));
        QVERIFY(inside.slice(0, 6, 16).slice(1, 3, 16).all().item<bool>());
        QCOMPARE(publishedRectangle({16, 16}).sum().item<std::int64_t>(), std::int64_t(80));
        QCOMPARE(publishedRectangle({8, 8}).sum().item<std::int64_t>(), std::int64_t(20));
    }

    void regionMaskHasThePublishedStatistics()
    {
        constexpr std::int64_t Draws = 2000;
        const at::Tensor inside = publishedRectangle({20, 20}).unsqueeze(0);
        const TokenMask mask = regionMask(maskNoise(Draws, 400, Rng(1)), inside.expand({Draws, -1}), 0.95, 0.85);
        QVERIFY(at::equal(mask.hidden.sum(1), at::full({Draws}, 354.0f)));
        QVERIFY(at::equal((mask.hidden * inside.to(at::kFloat)).sum(1), at::full({Draws}, 124.0f)));
        // kept outside first, then kept inside, as the public code orders them
        const at::Tensor keptInside = inside.expand({Draws, -1}).gather(1, mask.keep);
        QVERIFY(!keptInside.slice(1, 0, 40).any().item<bool>() && keptInside.slice(1, 40).all().item<bool>());
        const at::Tensor rate = 1 - mask.hidden.mean(0);
        const auto worst = [&](const at::Tensor& where, double p) {
            return (rate.masked_select(where) - p).abs().max().item<double>() / std::sqrt(p * (1 - p) / Draws);
        };
        // the largest of 400 standard deviations exceeds 5 once in 4,000 seeds
        QVERIFY(worst(inside[0], 6.0 / 130) < 5);
        QVERIFY(worst(~inside[0], 40.0 / 270) < 5);
    }

    void countsHoldForRegionsOfDifferentSize()
    {
        at::Tensor inside = at::zeros({2, 100}, at::kBool);
        inside[0].slice(0, 0, 60).fill_(true);
        inside[1].slice(0, 0, 20).fill_(true);
        const at::Tensor noise = maskNoise(2, 100, Rng(3));
        const TokenMask mask = regionMask(noise, inside, 0.95, 0.85);
        const std::int64_t first = visibleCount(60, 0.95) + visibleCount(40, 0.85), second = visibleCount(20, 0.95) + visibleCount(80, 0.85);
        QVERIFY(first < second);
        QCOMPARE(mask.slots(), second);
        QVERIFY(at::equal(mask.hidden.sum(1), at::tensor({100 - first, 100 - second}, at::kFloat)));
        QVERIFY(at::equal(mask.filler.sum(1), at::tensor({second - first, std::int64_t(0)}, at::kLong)));
        // what is kept is visible, fillers are hidden tokens
        QVERIFY(at::equal(mask.hidden.gather(1, mask.keep), mask.filler.to(at::kFloat)));
        const TokenMask alone = regionMask(noise.slice(0, 0, 1), inside.slice(0, 0, 1), 0.95, 0.85);
        QVERIFY(!alone.filler.defined());
        QVERIFY(at::equal(alone.hidden[0], mask.hidden[0]));
    }

    void givenMaskIsHonoured()
    {
        at::Tensor hidden = at::zeros({1, 9}, at::kByte);
        hidden[0][4] = 1;
        hidden[0][8] = 7;
        const TokenMask mask = givenMask(hidden);
        QVERIFY(at::equal(mask.hidden, hidden.ne(0).to(at::kFloat)));
        QVERIFY(at::equal(mask.keep[0], at::tensor({0, 1, 2, 3, 5, 6, 7}, at::kLong)));
        QVERIFY_THROWS_EXCEPTION(c10::Error, givenMask(at::ones({1, 9})));
    }

    void halfOfTheePixelsDecideATokensRegion()
    {
        at::Tensor region = at::zeros({1, 4, 8}, at::kByte);
        region[0].slice(1, 0, 2).fill_(1);                 // half of the first token
        region[0].slice(0, 0, 3).slice(1, 4, 6).fill_(1);  // 6 of 16 pixels of the second
        QVERIFY(at::equal(regionTokens(region, {1, 2}), at::tensor({1, 0}, at::kByte).to(at::kBool).unsqueeze(0)));
    }

    void lossIgnoresVisiblePatchesAndEmptyMasks()
    {
        torch::manual_seed(1);
        const at::Tensor target = at::randn({2, 6, 12}), hidden = at::tensor({1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1}, at::kFloat).reshape({2, 6});
        at::Tensor prediction = target.clone();
        QCOMPARE(maskedMean(patchError(prediction, target), hidden).item<double>(), 0.0);
        prediction = prediction + 1;
        QVERIFY(std::abs(maskedMean(patchError(prediction, target), hidden).item<double>() - 1) < 1e-6);
        const at::Tensor moved = prediction + 100 * (1 - hidden).unsqueeze(-1);
        QCOMPARE(maskedMean(patchError(moved, target), hidden).item<double>(), maskedMean(patchError(prediction, target), hidden).item<double>());
        // the same permutation of patches in everything changes nothing (sums in another order: float32 rounding)
        const at::Tensor order = at::tensor({3, 0, 5, 2, 1, 4}, at::kLong);
        const auto permuted = [&](const at::Tensor& t) { return t.index_select(1, order); };
        QVERIFY(std::abs((maskedMean(patchError(permuted(prediction), permuted(target)), permuted(hidden)) - maskedMean(patchError(prediction, target), hidden)).item<double>()) < 1e-6);
        at::Tensor open = prediction.clone().requires_grad_(true);
        const at::Tensor empty = maskedMean(patchError(open, target), at::zeros_like(hidden));
        QCOMPARE(empty.item<double>(), 0.0);
        empty.backward();
        QCOMPARE(open.grad().abs().max().item<double>(), 0.0);
    }

    void gradientOfTheLossIsRight()
    {
        torch::manual_seed(2);
        const at::Tensor target = at::randn({1, 3, 4}, at::kDouble), hidden = at::tensor({1.0, 0.0, 1.0}, at::kDouble).unsqueeze(0);
        at::Tensor prediction = at::randn({1, 3, 4}, at::kDouble).requires_grad_(true);
        maskedMean(patchError(prediction, target), hidden).backward();
        // d/dp of sum (p - t)^2 / P / 2 over two hidden patches: (p - t) / 4
        const at::Tensor expected = (prediction.detach() - target) / 4 * hidden.unsqueeze(-1);
        QVERIFY((prediction.grad() - expected).abs().max().item<double>() < 1e-12);
    }

    void normalisedPatchesHaveMeanZeroAndVarianceOne()
    {
        torch::manual_seed(3);
        const at::Tensor patches = at::rand({2, 5, 48}) * 3 + 1;
        const NormalisedPatches n = normalisePatches(patches);
        QVERIFY(n.values.mean(-1).abs().max().item<double>() < 1e-5);
        QVERIFY((n.values.var(-1, /*unbiased=*/true) - 1).abs().max().item<double>() < 1e-3); // 1e-6 in the denominator
        QVERIFY((n.values * n.scale + n.mean - patches).abs().max().item<double>() < 1e-5);
    }

    void patchesAreChannelFastestAndReversible()
    {
        const at::Tensor image = at::arange(2 * 3 * 4 * 6, at::kFloat).reshape({2, 3, 4, 6});
        const at::Tensor patches = patchify(image, 2);
        QCOMPARE(patches.sizes().vec(), (std::vector<std::int64_t>{2, 6, 12}));
        // patch 1 of image 0 begins at row 0, column 2: pixel (0,2) of the three channels, then pixel (0,3)
        QVERIFY(at::equal(patches[0][1].slice(0, 0, 4), at::stack({image[0][0][0][2], image[0][1][0][2], image[0][2][0][2], image[0][0][0][3]})));
        QVERIFY(at::equal(unpatchify(patches, 2, 3, {2, 3}), image));
    }

    void cropsAreFunctionsOfTheirSeed()
    {
        Rng rng(9), again(9);
        for (int i = 0; i < 200; ++i) {
            const CropBox box = drawCrop(256, 200, 0.2, 1, 0.5, rng);
            QVERIFY(box == drawCrop(256, 200, 0.2, 1, 0.5, again));
            QVERIFY(box.top >= 0 && box.left >= 0 && box.top + box.height <= 256 && box.left + box.width <= 200);
            const double share = static_cast<double>(box.height * box.width) / (256.0 * 200.0), ratio = static_cast<double>(box.width) / static_cast<double>(box.height);
            QVERIFY(share > 0.19 && share <= 1.0 && ratio > 0.74 && ratio < 1.35); // whole pixels
        }
    }

    void cropCutsImageAndRegionAlike()
    {
        at::Tensor image = at::zeros({1, 32, 32});
        image[0].slice(0, 8, 16).slice(1, 0, 8).fill_(1);
        const at::Tensor region = image[0].to(at::kByte);
        const CropBox whole{0, 0, 32, 32, false};
        QVERIFY((cropImage(image, whole, 32, Interpolation::Bicubic) - image).abs().max().item<double>() < 1e-6);
        const CropBox part{8, 0, 16, 16, true};
        const at::Tensor cut = cropImage(image, part, 32, Interpolation::Bilinear), labels = cropLabels(region, part, 32);
        QVERIFY(at::equal(labels, (cut[0] > 0.5).to(at::kByte)));
        QCOMPARE(labels.sum().item<std::int64_t>(), std::int64_t(16 * 16)); // top right quarter after the flip
        QVERIFY(labels.slice(0, 0, 16).slice(1, 16).all().item<bool>());
    }
};

QTEST_APPLESS_MAIN(TestMasking)
#include "tst_masking.moc"
