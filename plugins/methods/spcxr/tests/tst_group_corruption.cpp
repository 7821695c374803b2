#include "plugins/methods/spcxr/group_corruption.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <string>

using namespace hilum;
using namespace hilum::learning;

/// Property 6: which pixels are overwritten, and with what.
class TestGroupCorruption : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void groupsCoverWhatTheyShall_data()
    {
        QTest::addColumn<int>("align");
        QTest::newRow("anywhere") << 1;
        QTest::newRow("on the patches") << 16;
    }
    void groupsCoverWhatTheyShall()
    {
        QFETCH(int, align);
        GroupOptions o;
        o.align = align;
        const double block = 66.0 * 66 / (224 * 224); // int(0.3 x 224) is the exclusive limit 67
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            Rng rng(seed);
            at::Tensor covered = at::zeros({224, 224}, at::kByte);
            for (const GroupBox& box : drawGroups(224, 0.6 * 224 * 224, o, rng)) {
                QVERIFY(box[2] >= 1 && box[3] >= 1 && box[2] <= 66 && box[3] <= 66 && box[0] + box[2] <= 224 && box[1] + box[3] <= 224);
                for (const std::int64_t edge : {box[0], box[1], box[2], box[3]})
                    QCOMPARE(edge % align, std::int64_t(0));
                covered.slice(0, box[0], box[0] + box[2]).slice(1, box[1], box[1] + box[3]).fill_(1);
            }
            const double share = covered.to(at::kDouble).mean().item<double>();
            QVERIFY2(share >= 0.6 && share < 0.6 + block, std::to_string(share).c_str());
        }
    }

    void corruptionIsNoiseOrAnotherImage()
    {
        torch::manual_seed(1);
        const at::Tensor images = at::randn({200, 2, 64, 64});
        GroupOptions o;
        o.align = 8;
        const CorruptedBatch out = corruptGroups(images, o, Rng(4));
        const double block = 18.0 * 18 / (64 * 64);
        int aliens = 0;
        for (std::int64_t b = 0; b < 200; ++b) {
            const at::Tensor hidden = out.mask[b].unsqueeze(0).expand({2, -1, -1}).ne(0);
            QVERIFY(at::equal(out.images[b].masked_select(hidden.logical_not()), images[b].masked_select(hidden.logical_not())));
            const double share = out.mask[b].mean().item<double>();
            const std::int64_t donor = out.donors[static_cast<std::size_t>(b)];
            if (donor >= 0) {
                ++aliens;
                QVERIFY(share >= 0.3 && share < 0.3 + block);
                QVERIFY(at::equal(out.images[b].masked_select(hidden), images[donor].masked_select(hidden)));
            } else {
                QVERIFY(share >= 0.5 && share < 0.75 + block);
                const at::Tensor noise = out.images[b].masked_select(hidden);
                QVERIFY(std::abs(noise.mean().item<double>()) < 0.1 && std::abs(noise.std().item<double>() - 1) < 0.1); // at least 4096 draws
            }
        }
        QVERIFY2(std::abs(aliens - 100) < 36, std::to_string(aliens).c_str()); // five deviations of 200 fair draws
        // noise alone depends on the case, not on its batch
        o.alienProbability = 0;
        const CorruptedBatch few = corruptGroups(images.slice(0, 0, 3), o, Rng(4)), many = corruptGroups(images.slice(0, 0, 9), o, Rng(4));
        QVERIFY(at::equal(few.images, many.images.slice(0, 0, 3)));
    }

    /// The same routine as for noise: up to a half the share itself, above it one that is drawn between half the image and the share.
    void largeReplacedSharesAreDrawn()
    {
        Rng rng(3), untouched(3);
        QCOMPARE(replacedShare({.maxReplaced = 0.3}, rng), 0.3);
        QCOMPARE(replacedShare({.maxReplaced = 0.5}, rng), 0.5);
        QCOMPARE(rng.uniform(), untouched.uniform()); // nothing was drawn: runs with the published share stay what they were
        torch::manual_seed(1);
        const at::Tensor images = at::randn({200, 1, 64, 64});
        const CorruptedBatch out = corruptGroups(images, {.maxReplaced = 0.9, .alienProbability = 1, .align = 8}, Rng(4));
        const at::Tensor shares = out.mask.mean({1, 2});
        const double block = 18.0 * 18 / (64 * 64);
        QVERIFY(shares.min().item<double>() >= 0.5 && shares.max().item<double>() < 0.9 + block);
        QVERIFY(shares.min().item<double>() < 0.6 && shares.max().item<double>() > 0.85);
        QVERIFY(std::abs(shares.mean().item<double>() - 0.7 - block / 4) < block / 4 + 0.03); // 0.7 and part of a rectangle; 200 draws of deviation 0.12
    }

    void otherFillsKeepTheirWord()
    {
        torch::manual_seed(2);
        const at::Tensor images = at::rand({3, 1, 64, 64}) + 5; // no value that noise or zero could have
        GroupOptions o{.alienProbability = 0, .align = 8, .fill = GroupFill::Zeros};
        const CorruptedBatch zeros = corruptGroups(images, o, Rng(1));
        QCOMPARE((zeros.images * zeros.mask.unsqueeze(1)).abs().max().item<double>(), 0.0);
        o.fill = GroupFill::Place;
        const CorruptedBatch place = corruptGroups(images, o, Rng(1));
        QVERIFY(place.images.min().item<double>() >= 5);
        QVERIFY(!at::equal(place.images, images));
        QVERIFY_THROWS_EXCEPTION(c10::Error, corruptGroups(images, GroupOptions{.align = 32}, Rng(1)));
    }

    void rectanglesThatCannotCoverEnoughAreRefused()
    {
        // 32 pixels, multiples of 8, at most 9 long: they begin at 16 at the latest and end at 24
        const GroupOptions o{.alienProbability = 0, .align = 8};
        QCOMPARE(reachableShare(32, o), 24.0 * 24 / (32 * 32));
        QCOMPARE(reachableShare(224, {}), 1.0);
        Rng rng(1);
        QVERIFY_THROWS_EXCEPTION(c10::Error, drawGroups(32, 0.6 * 32 * 32, o, rng)); // it would draw for ever
        QVERIFY(!drawGroups(32, 0.5 * 32 * 32, o, rng).empty());
    }
};

QTEST_APPLESS_MAIN(TestGroupCorruption)
#include "tst_group_corruption.moc"
