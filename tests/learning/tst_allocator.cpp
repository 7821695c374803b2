#include "core/learning/allocator.h"

#include <ATen/ops/ones.h>

#include <QTest>

#include <string>
#include <sys/resource.h>
#include <vector>

using namespace hilum::learning;

/// What keepFreedMemory promises: a step takes the memory that the one before has freed, whatever its blocks are called.
class TestAllocator : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { keepFreedMemory(); }

    void freedMemoryIsUsedAgain()
    {
        const auto faults = [] {
            rusage usage{};
            getrusage(RUSAGE_SELF, &usage);
            return usage.ru_minflt;
        };
        // blocks of 4 to 100 MB, as a step on volumes has them; the last ones are freed first
        const auto step = [&] {
            const long before = faults();
            std::vector<at::Tensor> kept;
            for (std::int64_t megabytes : {100, 4, 48, 12, 64, 8, 36})
                kept.push_back(at::ones({megabytes, 256, 1024}));
            return faults() - before;
        };
        const long first = step();
        QVERIFY2(first > 0, "the first step takes new pages");
        for (int n = 0; n < 4; ++n) {
            const long next = step();
            QVERIFY2(next <= first / 8, qPrintable(QStringLiteral("step %1 takes %2 new pages, the first took %3").arg(n + 2).arg(next).arg(first)));
        }
    }

    void whatIsHeldIsCounted()
    {
        const std::size_t before = allocatedBytes();
        const at::Tensor held = at::ones({64, 1024, 1024});
        const std::size_t more = allocatedBytes() - before;
        QVERIFY2(more >= std::size_t(held.nbytes()) && more < std::size_t(held.nbytes()) * 5 / 4, qPrintable(QString::number(more)));
    }

    void itHasAName()
    {
        const std::string name = allocatorName();
        QVERIFY2(allocatorIsJemalloc() ? name.starts_with("jemalloc ") && name.find('-') == std::string::npos : name == "the C library's", name.c_str());
        QCOMPARE(allocatorIsJemalloc(), bool(HILUM_EXPECTS_JEMALLOC));
    }
};

QTEST_APPLESS_MAIN(TestAllocator)
#include "tst_allocator.moc"
