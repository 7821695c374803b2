#include "core/learning/train/schedule.h"

#include <QTest>

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
    void polynomialEndsAtZero()
    {
        QCOMPARE(polynomial(0, 10, 3.0, 0.9), 3.0);
        QCOMPARE(polynomial(10, 10, 3.0, 0.9), 0.0);
    }
};

QTEST_APPLESS_MAIN(TestSchedule)
#include "tst_schedule.moc"
