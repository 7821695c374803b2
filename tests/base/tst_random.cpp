#include "core/base/random.h"
#include "tests/support/compare.h"

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

using namespace hilum;

class TestRandom : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void philoxGivesThePublishedVectors()
    {
        // known-answer test of the Random123 distribution, philox4x32-10
        QCOMPARE((philox({0, 0, 0, 0}, {0, 0})), (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
        QCOMPARE((philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff})),
                 (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
        QCOMPARE((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0})),
                 (std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
    }

    void forksDoNotDependOnReading()
    {
        Rng a(7), b(7);
        for (int i = 0; i < 5; ++i)
            a.bits();
        QCOMPARE(a.fork("mask").fork(3).bits(), b.fork("mask").fork(3).bits());
        QVERIFY(b.fork("mask").bits() != b.fork("noise").bits());
        QVERIFY(b.fork(std::uint64_t{1}).bits() != b.fork(std::uint64_t{2}).bits());
        QVERIFY(Rng(7).bits() != Rng(8).bits());
    }

    void samplesOfASharedBatchDrawWhatTheWholeBatchDraws()
    {
        const Rng step = Rng(7).fork("step");
        QCOMPARE(step.startingAt(4).sample(1).bits(), step.sample(5).bits());
        QCOMPARE(step.startingAt(4).fork("mask").sample(1).bits(), step.fork("mask").sample(5).bits());
        QCOMPARE(step.startingAt(4).fork("mask").bits(), step.fork("mask").bits()); // what the whole batch draws at once is not moved
        QCOMPARE(step.sample(3).bits(), step.fork(3).bits());
    }

    void momentsAreRight()
    {
        Rng rng(1);
        const int n = 200000;
        double sum = 0, squares = 0, uniform = 0;
        for (int i = 0; i < n; ++i) {
            const double z = rng.normal();
            sum += z;
            squares += z * z;
            uniform += rng.uniform();
        }
        QVERIFY(std::abs(sum / n) < 5 / std::sqrt(n)); // five standard errors
        QVERIFY(std::abs(squares / n - 1) < 5 * std::sqrt(2.0 / n));
        QVERIFY(std::abs(uniform / n - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
    }

    void integersCoverTheRangeEvenly()
    {
        Rng rng(3);
        std::map<std::int64_t, int> counts;
        for (int i = 0; i < 60000; ++i)
            ++counts[rng.integer(-2, 4)];
        QCOMPARE(counts.size(), std::size_t{6});
        for (const auto& [value, count] : counts)
            QVERIFY2(std::abs(count - 10000) < 500, qPrintable(QString::number(value)));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, rng.integer(4, 4));
    }

    void shuffleKeepsEveryElement()
    {
        std::vector<int> v(100);
        std::iota(v.begin(), v.end(), 0);
        const auto before = v;
        Rng(5).shuffle(std::span(v));
        QVERIFY(v != before);
        std::sort(v.begin(), v.end());
        QCOMPARE(v, before);
    }
};

QTEST_APPLESS_MAIN(TestRandom)
#include "tst_random.moc"
