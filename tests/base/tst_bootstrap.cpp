#include "core/stats/bootstrap.h"
#include "core/base/random.h"
#include "tests/support/compare.h"

#include <cmath>
#include <vector>

using namespace hilum;

class TestBootstrap : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void intervalHasTheWidthOfTheNormalTheory()
    {
        Rng rng(2);
        std::vector<double> values(400);
        for (double& v : values)
            v = 3 + rng.normal();
        const auto i = stats::bootstrapMean(values, 1);
        QVERIFY(std::abs(i.estimate - 3) < 0.2);
        QVERIFY(i.low < i.estimate && i.estimate < i.high);
        const double expected = 2 * 1.96 / std::sqrt(400.0); // known standard deviation 1
        QVERIFY(std::abs((i.high - i.low) / expected - 1) < 0.15);
    }
    void sameSeedSameInterval()
    {
        const std::vector<double> v{1, 2, 3, 4, 10};
        QCOMPARE(stats::bootstrapMean(v, 5).low, stats::bootstrapMean(v, 5).low);
    }
    void oneValueHasNoWidth()
    {
        const std::vector<double> v{2};
        QCOMPARE(stats::bootstrapMean(v, 5).high, 2.0);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, stats::bootstrapMean({}, 5));
    }
};

QTEST_APPLESS_MAIN(TestBootstrap)
#include "tst_bootstrap.moc"
