#include "core/learning/train/layer_order.h"
#include "core/learning/train/schedule.h"
#include "tests/support/compare.h"

#include <QTest>

using namespace hilum;
using namespace hilum::learning;

class TestSchedule : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void risesLinearlyPeaksAndEndsAtTheMinimum()
    {
        QCOMPARE(warmupCosine(0, 110, 10, 1.0, 0.0), 0.1);
        QCOMPARE(warmupCosine(4, 110, 10, 1.0, 0.0), 0.5);
        QCOMPARE(warmupCosine(9, 110, 10, 1.0, 0.0), 1.0);
        QCOMPARE(warmupCosine(10, 110, 10, 1.0, 0.0), 1.0);
        QVERIFY(qAbs(warmupCosine(60, 110, 10, 1.0, 0.2) - 0.6) < 1e-12); // half way between peak and minimum
        QVERIFY(qAbs(warmupCosine(110, 110, 10, 1.0, 0.2) - 0.2) < 1e-12);
    }
    void noWarmupBeginsAtThePeak() { QCOMPARE(warmupCosine(0, 10, 0, 2.0, 0.0), 2.0); }
    void allWarmup() { QCOMPARE(warmupCosine(9, 10, 20, 1.0, 0.0), 0.5); }
    void weightDecayRisesMonotonously()
    {
        double last = cosineBetween(0, 50, 0.04, 0.4);
        QVERIFY(qAbs(last - 0.04) < 1e-12);
        for (int step = 1; step <= 50; ++step) {
            const double value = cosineBetween(step, 50, 0.04, 0.4);
            QVERIFY(value > last);
            last = value;
        }
        QVERIFY(qAbs(last - 0.4) < 1e-12);
    }
    void layerDecayOfVitB()
    {
        // MAE's ViT-B: depth 12, decay 0.65
        QCOMPARE(layerScale(0.65, 13, 13), 1.0);
        QVERIFY(qAbs(layerScale(0.65, 13, 0) - std::pow(0.65, 13)) < 1e-15);
    }
    void layersFollowTheNames()
    {
        const std::vector<std::string> transformer{"encoder/patch_embed/proj/weight", "encoder/cls_token", "encoder/blocks/0/attn/qkv/weight", "encoder/blocks/10/norm1/bias", "encoder/norm/weight",
                                                   "encoder/decoder_blocks/3/norm1/bias", "head/weight"};
        const auto order = layerOrder(transformer);
        HILUM_VERIFY_OK(order);
        QCOMPARE(order->layers, 3); // two blocks, by number and not by letter
        for (const auto& [name, layer] : std::map<std::string, int>{{transformer[0], 0}, {transformer[1], 0}, {transformer[2], 1}, {transformer[3], 2}, {transformer[4], 3}, {transformer[5], 3}, {transformer[6], 3}})
            QVERIFY2(order->layer.at(name) == layer, name.c_str());
    }
    void namesThatTellNoBlockAreRefused()
    {
        const std::vector<std::string> plain{"first.weight", "patch_embed.weight", "layers1.0.norm.weight", "blocks.norm.weight"};
        const auto refused = layerOrder(plain);
        HILUM_VERIFY_ERROR(refused, ErrorCode::Options);
        for (const char* part : {"4 parameters", "\"first.weight\"", "set layer_decay = 1"})
            QVERIFY2(refused.error().sentence().find(part) != std::string::npos, refused.error().sentence().c_str());
        HILUM_VERIFY_ERROR(layerOrder({}), ErrorCode::Options);
    }
    void polynomialEndsAtZero()
    {
        QCOMPARE(polynomial(0, 10, 3.0, 0.9), 3.0);
        QCOMPARE(polynomial(10, 10, 3.0, 0.9), 0.0);
    }
};

QTEST_APPLESS_MAIN(TestSchedule)
#include "tst_schedule.moc"
