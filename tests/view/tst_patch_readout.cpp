#include "core/view/patch_readout.h"

#include <QTest>

#include <stdexcept>

using namespace hilum::view;

class TestPatchReadout : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void findsThePatchUnderAPixel_data()
    {
        QTest::addColumn<double>("x");
        QTest::addColumn<double>("y");
        QTest::addColumn<int>("row"); // -1: outside
        QTest::addColumn<int>("column");
        QTest::newRow("first pixel's corner") << -0.5 << -0.5 << 0 << 0;
        QTest::newRow("last pixel of the first patch") << 63.4 << 0.0 << 0 << 0;
        QTest::newRow("first pixel of the second") << 63.6 << 0.0 << 0 << 1;
        QTest::newRow("middle") << 480.0 << 800.0 << 12 << 7;
        QTest::newRow("last pixel") << 1279.4 << 1279.4 << 19 << 19;
        QTest::newRow("right of the image") << 1279.6 << 3.0 << -1 << -1;
        QTest::newRow("above") << 3.0 << -0.6 << -1 << -1;
    }
    void findsThePatchUnderAPixel()
    {
        QFETCH(double, x);
        QFETCH(double, y);
        QFETCH(int, row);
        QFETCH(int, column);
        const TokenGrid grid{20, 20, 1280, 1280};
        const auto patch = grid.patchAt(x, y);
        QCOMPARE(patch.has_value(), row >= 0);
        if (patch) {
            QCOMPARE((*patch)[0], row);
            QCOMPARE((*patch)[1], column);
        }
    }
    void theCentreOfAPatchLiesInIt()
    {
        const TokenGrid grid{16, 8, 256, 512};
        for (std::int64_t r = 0; r < grid.rows; ++r)
            for (std::int64_t c = 0; c < grid.columns; ++c) {
                const auto p = grid.centre(r, c);
                QCOMPARE(grid.patchAt(p[0], p[1]), (std::optional(std::array{r, c})));
                const auto token = grid.toToken(p[0], p[1]);
                QCOMPARE(token[0], static_cast<double>(r));
                QCOMPARE(token[1], static_cast<double>(c));
            }
    }
    void probeNamesWhatIsKnown()
    {
        QCOMPARE(probeText({12, 7, true, true, 0.031, 0.034}), std::string("patch r12 c7 hidden · inside · loss 0.031 · attn 0.034"));
        QCOMPARE(probeText({0, 3, false, false, {}, {}}), std::string("patch r0 c3 visible · outside"));
        QCOMPARE(probeText({0, 3, false, {}, {}, 0.0000123}), std::string("patch r0 c3 visible · attn 1.23e-05"));
        QCOMPARE(probeText({2, 3, true, {}, 0.5, {}, Disturbance::Corrupted}), std::string("patch r2 c3 corrupted · loss 0.500"));
        QCOMPARE(probeText({2, 4, false, {}, {}, {}, Disturbance::Corrupted}), std::string("patch r2 c4 as it is"));
    }
    void statsShowTrueRatios()
    {
        MaskNumbers numbers{.counts = {130, 124, 270, 230}, .hasRegion = true};
        QCOMPARE(maskStatsText(numbers), std::string("inside 95.4 % (124 of 130) · outside 85.2 % (230 of 270) · hidden 354 of 400"));
        numbers.hasRegion = false;
        numbers.counts = {0, 0, 256, 192};
        numbers.loss = 0.031;
        numbers.meanError = 0.02;
        QCOMPARE(maskStatsText(numbers), std::string("hidden 75.0 % (192 of 256) · loss 0.031 · mean error 0.020"));
    }
    void corruptedPlacesHaveTheirL1()
    {
        MaskNumbers numbers{.counts = {0, 0, 256, 82}, .loss = 0.5, .meanError = 0.021, .disturbance = Disturbance::Corrupted, .l1Inside = 0.081, .l1All = 0.04};
        QCOMPARE(maskStatsText(numbers), std::string("corrupted 32.0 % (82 of 256) · L1 loss inside 0.081, whole image 0.040 · mean error 0.021"));
        numbers.l1Inside.reset(); // nothing was corrupted
        QCOMPARE(maskStatsText(numbers), std::string("corrupted 32.0 % (82 of 256) · L1 loss whole image 0.040 · mean error 0.021"));
        numbers.l1All.reset(); // an older worker: what the patches say
        QCOMPARE(maskStatsText(numbers), std::string("corrupted 32.0 % (82 of 256) · loss 0.500 · mean error 0.021"));
    }
    void lossesAreSplitAndSorted()
    {
        MaskModel mask;
        mask.reset(2, 2, {1, 1, 0, 1}, {1, 0, 0, 0});
        const std::vector<float> loss{0.5f, 0.25f, 9.0f, 0.75f};
        MaskNumbers numbers;
        addLosses(numbers, mask, loss);
        QCOMPARE(numbers.loss, std::optional(0.5));
        QCOMPARE(numbers.lossInside, std::optional(0.5));
        QCOMPARE(numbers.lossOutside, std::optional(0.5));
        const auto worst = worstPatches(mask, loss, 2);
        QCOMPARE(worst.size(), std::size_t{2});
        QCOMPARE(worst[0].row, 1);
        QCOMPARE(worst[0].column, 1);
        QCOMPARE(worst[1].loss, std::optional(0.5));
        QCOMPARE(worst[1].inside, std::optional(true)); // a visible patch never ranks, whatever its number
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, (void)worstPatches(mask, std::vector<float>{1.f}, 1));
    }
};

QTEST_APPLESS_MAIN(TestPatchReadout)
#include "tst_patch_readout.moc"
