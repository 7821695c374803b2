#include "core/base/numbers.h"
#include "tests/support/compare.h"

using namespace hilum;

class TestNumbers : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsDicomStyleNumbers()
    {
        QCOMPARE(*parseDouble(" 1.5e-3 "), 1.5e-3);
        QCOMPARE(*parseDouble("+2"), 2.0);
        QCOMPARE(*parseInteger("-42 "), -42);
    }
    void refusesLeftovers()
    {
        HILUM_VERIFY_ERROR(parseDouble("1,5"), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(parseDouble(""), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(parseInteger("1.5"), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(parseInteger("99999999999999999999"), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(parseDouble("+-1"), ErrorCode::BadData);
    }
    void shortestReadsBack()
    {
        for (const double v : {0.1, 1.0 / 3, -2.5e-300, 12345678.9})
            QCOMPARE(*parseDouble(shortest(v)), v);
    }
    void peopleReadGroups()
    {
        QCOMPARE(grouped(1234567), std::string("1,234,567"));
        QCOMPARE(grouped(-1000), std::string("-1,000"));
        QCOMPARE(grouped(999), std::string("999"));
        QCOMPARE(byteSize(999999), std::string("1.0 MB"));
        QCOMPARE(duration(125), std::string("2 min 5 s"));
        QCOMPARE(duration(1e300), std::string("unknown"));
    }
};

QTEST_APPLESS_MAIN(TestNumbers)
#include "tst_numbers.moc"
