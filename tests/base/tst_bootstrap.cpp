#include "core/stats/bootstrap.h"
#include "core/base/random.h"
#include "tests/support/compare.h"

#include <cmath>
#include <set>
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
    /// Limits at the value itself looked like certainty, and a gain over one patient like a gain that is shown.
    void onePatientHasNoInterval()
    {
        const std::vector<double> v{2};
        const auto one = stats::bootstrapMean(v, 5);
        QVERIFY(one.estimate == 2 && std::isnan(one.low) && std::isnan(one.high));
        const std::vector<std::size_t> images{7, 7, 7};
        const auto group = stats::bootstrapGroups(images, [](std::span<const std::size_t> rows) { return std::optional(static_cast<double>(rows.size())); }, 5);
        QVERIFY(group.interval.estimate == 3 && std::isnan(group.interval.low) && std::isnan(group.interval.high) && group.undefined == 0);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, stats::bootstrapMean({}, 5));
    }
    /// A patient without a finite value gave limits out of an unsorted list.
    void whatIsNotFiniteHasNoInterval()
    {
        const double nan = std::nan("");
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, stats::bootstrapMean(std::vector<double>{1, nan, 2}, 5));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, stats::bootstrapMean(std::vector<double>{1, HUGE_VAL}, 5));
        const std::vector<std::size_t> groups{0, 1, 2, 3};
        const auto mean = [&](std::span<const std::size_t> rows) -> std::optional<double> {
            double sum = 0;
            for (const std::size_t r : rows)
                sum += r == 3 ? nan : static_cast<double>(r);
            return sum / static_cast<double>(rows.size());
        };
        const auto all = stats::bootstrapGroups(groups, mean, 5);
        QVERIFY(std::isnan(all.interval.estimate) && std::isnan(all.interval.low) && std::isnan(all.interval.high));
        // a metric that some draws alone have no value of
        const auto some = stats::bootstrapGroups(
            groups, [&](std::span<const std::size_t> rows) -> std::optional<double> { return std::set(rows.begin(), rows.end()).size() < 2 ? nan : static_cast<double>(rows[0]); }, 5);
        QVERIFY(some.undefined > 0 && some.undefined < 2000);
        QVERIFY(some.interval.low >= 0 && some.interval.low <= some.interval.high && some.interval.high <= 3);
    }
};

QTEST_APPLESS_MAIN(TestBootstrap)
#include "tst_bootstrap.moc"
