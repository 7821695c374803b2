#include "core/stats/bootstrap.h"
#include "core/stats/roc.h"
#include "tests/support/compare.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace hilum;
using namespace hilum::stats;

namespace {

struct Cases {
    std::vector<double> scores;
    std::vector<std::uint8_t> positive;
};

/// Hanley & McNeil 1982, table I: 109 CT images rated from 1 (definitely normal) to 5 (definitely abnormal).
Cases ratings()
{
    Cases out;
    const int normal[] = {33, 6, 6, 11, 2}, abnormal[] = {3, 2, 2, 11, 33};
    for (int rating = 0; rating < 5; ++rating) {
        out.scores.insert(out.scores.end(), static_cast<std::size_t>(normal[rating] + abnormal[rating]), rating + 1);
        out.positive.insert(out.positive.end(), static_cast<std::size_t>(normal[rating]), 0);
        out.positive.insert(out.positive.end(), static_cast<std::size_t>(abnormal[rating]), 1);
    }
    return out;
}

bool near(double a, double b, double tolerance = 1e-12) { return std::abs(a - b) <= tolerance; }

} // namespace

class TestRoc : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void fourCasesByHand()
    {
        // falling: + - + -: three of four pairs are in order
        const std::vector<double> s{0.9, 0.8, 0.7, 0.1};
        const std::vector<std::uint8_t> p{1, 0, 1, 0};
        QVERIFY(near(auroc(s, p), 0.75));
        QVERIFY(near(averagePrecision(s, p), 0.5 * 1 + 0.5 * 2 / 3));
        const auto curve = rocCurve(s, p);
        QCOMPARE(curve.size(), std::size_t{5});
        QVERIFY(std::isinf(curve[0].threshold));
        QVERIFY(near(curve[2].falsePositiveRate, 0.5) && near(curve[2].truePositiveRate, 0.5));
        QVERIFY(near(curve[4].falsePositiveRate, 1) && near(curve[4].truePositiveRate, 1));
        const Confusion c = confusionAt(s, p, 0.75);
        QVERIFY(near(c.accuracy(), 0.5) && near(c.f1(), 0.5));
    }
    void tiesCountHalfAndConstantsSayNothing()
    {
        const std::vector<double> same(6, 0.5);
        const std::vector<std::uint8_t> p{1, 0, 0, 1, 0, 0};
        QVERIFY(near(auroc(same, p), 0.5));
        QVERIFY(near(averagePrecision(same, p), 2.0 / 6));
        QVERIFY(near(auroc(std::vector<double>{1, 1, 0}, std::vector<std::uint8_t>{1, 0, 0}), 0.75));
    }
    void publishedRatings()
    {
        const Cases c = ratings();
        QVERIFY(near(auroc(c.scores, c.positive), 0.893, 5e-4)); // Hanley & McNeil 1982, table II
        const DeLong d = deLong(c.scores, c.scores, c.positive);
        QVERIFY(near(d.first, auroc(c.scores, c.positive)));
        QVERIFY(near(std::sqrt(d.firstVariance), 0.032, 2e-3));   // their standard error by pairs: 0.032
        QVERIFY(near(d.differenceVariance(), 0));
    }
    void deLongByHand()
    {
        // positives 3, 1; negatives 2, 0: components of positives 1, 1/2; of negatives 1/2, 1; variance (1/8)/2 + (1/8)/2
        const DeLong d = deLong(std::vector<double>{3, 1, 2, 0}, std::vector<double>{1, 3, 0, 2}, std::vector<std::uint8_t>{1, 1, 0, 0});
        QVERIFY(near(d.first, 0.75) && near(d.second, 0.75));
        QVERIFY(near(d.firstVariance, 0.125));
        QVERIFY(near(d.covariance, -0.125)); // the other score has the components the other way round
    }
    void youdenLiesBetweenTheScores()
    {
        QVERIFY(near(youdenThreshold(std::vector<double>{0.9, 0.6, 0.4, 0.1}, std::vector<std::uint8_t>{1, 1, 0, 0}), 0.5));
        QVERIFY(youdenThreshold(std::vector<double>{0.1, 0.9}, std::vector<std::uint8_t>{1, 0}) > 0.9); // worse than none: all negative
    }
    void groupsStayTogether()
    {
        // five copies of every row of a patient add no knowledge: the interval is that of one copy
        std::vector<double> once, often;
        std::vector<std::size_t> groupsOnce, groupsOften;
        for (std::size_t g = 0; g < 30; ++g) {
            once.push_back(std::sin(static_cast<double>(g)));
            groupsOnce.push_back(g);
            for (int copy = 0; copy < 5; ++copy) {
                often.push_back(once.back());
                groupsOften.push_back(g);
            }
        }
        const auto meanOf = [](const std::vector<double>& values) {
            return [&values](std::span<const std::size_t> rows) -> std::optional<double> {
                double sum = 0;
                for (const std::size_t r : rows)
                    sum += values[r];
                return sum / static_cast<double>(rows.size());
            };
        };
        const auto a = bootstrapGroups(groupsOnce, meanOf(once), 7).interval, b = bootstrapGroups(groupsOften, meanOf(often), 7).interval, c = bootstrapMean(once, 7);
        QVERIFY(near(a.low, b.low, 1e-9) && near(a.high, b.high, 1e-9) && near(a.low, c.low, 1e-9) && near(a.high, c.high, 1e-9));
        QCOMPARE(bootstrapGroups(groupsOnce, meanOf(once), 7).undefined, 0);
    }
    void drawsWithoutAValueAreCounted()
    {
        const std::vector<std::size_t> groups{0, 1};
        int calls = 0;
        const auto onlyBoth = [&](std::span<const std::size_t> rows) -> std::optional<double> {
            ++calls;
            return rows[0] == rows[1] ? std::nullopt : std::optional<double>(1);
        };
        const auto drawn = bootstrapGroups(groups, onlyBoth, 1, 400);
        QCOMPARE(calls, 401);
        QVERIFY(drawn.undefined > 150 && drawn.undefined < 250); // half of the pairs are of one group
        QCOMPARE(drawn.interval.low, 1.0);
    }
    /// The middle of two neighbouring numbers is one of them, and it was the lower one.
    void thresholdLiesAboveTheHighestNegative()
    {
        const double low = 0.1, high = std::nextafter(low, 1.0), infinite = std::numeric_limits<double>::infinity();
        const std::vector<std::uint8_t> labels{1, 0};
        for (const auto& scores : {std::vector{high, low}, std::vector{std::nextafter(high, 1.0), high}, std::vector{1.0, -infinite}, std::vector{infinite, -infinite}, std::vector{3.0, 1.0}}) {
            const double at = youdenThreshold(scores, labels);
            QVERIFY2(at > scores[1] && at <= scores[0], std::to_string(at).c_str());
        }
        QCOMPARE(youdenThreshold(std::vector{3.0, 1.0}, labels), 2.0);
    }
    void whatCannotBeAnsweredIsRefused()
    {
        const std::vector<double> two{1, 2};
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, auroc(two, std::vector<std::uint8_t>{1, 1}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, auroc(two, std::vector<std::uint8_t>{1}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, auroc(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, std::vector<std::uint8_t>{1, 0}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, deLong(two, two, std::vector<std::uint8_t>{1, 0}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, bootstrapGroups({}, [](auto) { return std::optional<double>(1); }, 1));
    }
};

QTEST_APPLESS_MAIN(TestRoc)
#include "tst_roc.moc"
