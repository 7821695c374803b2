#include "core/learning/downstream/logistic_regression.h"

#include "core/base/random.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>

using namespace hilum;
using namespace hilum::learning;

namespace {

bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

/// Two columns; the first tells the class, with noise, the second nothing. Two rows a patient.
struct Made {
    FeatureTable x{.columns = 2, .values = {}};
    std::vector<std::size_t> labels, patients;
};
Made made(std::size_t patients, std::uint64_t seed)
{
    Made out;
    Rng rng(seed);
    for (std::size_t p = 0; p < patients; ++p)
        for (int image = 0; image < 2; ++image) {
            const std::size_t label = p % 2;
            out.x.values.push_back((label ? 1.0 : -1.0) + rng.normal());
            out.x.values.push_back(100 * rng.normal() + 7);
            out.labels.push_back(label);
            out.patients.push_back(p);
        }
    return out;
}

} // namespace

class TestLogisticRegression : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void twoPointsHaveAKnownAnswer()
    {
        // rows -1 and 1 of classes 0 and 1: with w for class 1 and -w for class 0 the loss is log(1 + exp(-2 w)) + penalty w^2, least where penalty w = 1 / (1 + exp(2 w))
        const FeatureTable x{.columns = 1, .values = {-1, 1}};
        const std::vector<std::size_t> labels{0, 1};
        for (const double w : {0.2, 1.0, 3.0}) {
            const LogisticModel m = fitLogistic(x, labels, 2, 1 / (w * (1 + std::exp(2 * w))));
            QVERIFY(m.converged);
            QVERIFY2(near(m.weights[1], w, 1e-4) && near(m.weights[0], -w, 1e-4), std::to_string(m.weights[1]).c_str());
            QVERIFY(near(m.bias[1] - m.bias[0], 0, 1e-5));
            QVERIFY(near(m.probabilities(std::vector<double>{1})[1], 1 / (1 + std::exp(-2 * w)), 1e-5));
        }
    }
    void withoutFeaturesItGivesTheFrequencies()
    {
        const FeatureTable x{.columns = 1, .values = std::vector<double>(10, 0.0)};
        const std::vector<std::size_t> labels{0, 0, 0, 0, 0, 1, 1, 1, 2, 2};
        const auto p = fitLogistic(x, labels, 3, 1).probabilities(std::vector<double>{0});
        QVERIFY(near(p[0], 0.5, 1e-6) && near(p[1], 0.3, 1e-6) && near(p[2], 0.2, 1e-6));
    }
    void theStartDoesNotMatter()
    {
        const Made d = made(40, 3);
        const FeatureTable x = Standardiser::of(d.x).apply(d.x);
        const LogisticModel strong = fitLogistic(x, d.labels, 2, 10), fromZero = fitLogistic(x, d.labels, 2, 1e-3), fromStrong = fitLogistic(x, d.labels, 2, 1e-3, &strong);
        QVERIFY(fromZero.converged && fromStrong.converged);
        for (std::size_t i = 0; i < fromZero.weights.size(); ++i)
            QVERIFY(near(fromZero.weights[i], fromStrong.weights[i], 1e-3));
        QVERIFY(std::abs(strong.weights[0]) < std::abs(fromZero.weights[0]));
    }
    void standardisedColumnsHaveMeanZeroAndDeviationOne()
    {
        FeatureTable x{.columns = 2, .values = {1, 5, 3, 5, 5, 5}};
        const Standardiser s = Standardiser::of(x);
        const FeatureTable y = s.apply(x);
        QVERIFY(near(y.row(0)[0], -std::sqrt(1.5), 1e-12) && near(y.row(1)[0], 0, 1e-12));
        QCOMPARE(s.deviation[1], 1.0); // constant: left at 0, not divided by 0
        QCOMPARE(y.row(2)[1], 0.0);
    }
    void leftOutPatientsWereNotSeen()
    {
        // noise alone, but every patient's two rows are equal and unlike all others: a fit that had seen the other row would know the class
        Made d;
        d.x.columns = 30;
        Rng rng(9);
        for (std::size_t p = 0; p < 40; ++p) {
            std::vector<double> row(30);
            for (double& v : row)
                v = rng.normal();
            for (int image = 0; image < 2; ++image) {
                d.x.values.insert(d.x.values.end(), row.begin(), row.end());
                d.labels.push_back(p % 2);
                d.patients.push_back(p);
            }
        }
        const PenaltyChoice c = choosePenalty(d.x, d.labels, d.patients, 2);
        QCOMPARE(c.folds, 5);
        QVERIFY(*std::ranges::min_element(c.loss) > 0.55);            // log 2 = 0.693 knows nothing
        QVERIFY(c.loss.back() > c.loss.front());                      // the weakest penalty is the worst here
        QVERIFY(c.penalty >= 1);
        for (std::size_t r = 0; r < d.labels.size(); r += 2)          // one fold, one fit: the same answer for both rows
            QCOMPARE(c.leftOut[r * 2], c.leftOut[r * 2 + 2]);
    }
    void whatTellsIsFound()
    {
        const Made d = made(60, 5);
        const PenaltyChoice c = choosePenalty(d.x, d.labels, d.patients, 2);
        QVERIFY(*std::ranges::min_element(c.loss) < 0.5);
        std::size_t right = 0;
        for (std::size_t r = 0; r < d.labels.size(); ++r)
            right += (c.leftOut[r * 2 + 1] > 0.5) == (d.labels[r] == 1);
        QVERIFY(right > d.labels.size() * 7 / 10);
    }
    void whatMakesNoSenseIsRefused()
    {
        const FeatureTable x{.columns = 1, .values = {1, 2}};
        const std::vector<std::size_t> labels{0, 1}, wrong{0, 2}, patients{0, 1};
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, fitLogistic(x, labels, 2, 0));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, fitLogistic(x, wrong, 2, 1));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, choosePenalty(x, labels, patients, 2));
    }
};

QTEST_APPLESS_MAIN(TestLogisticRegression)
#include "tst_logistic_regression.moc"
