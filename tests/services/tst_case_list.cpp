#include "core/services/case_list.h"
#include "tests/support/compare.h"

using namespace hilum;
using namespace hilum::services;

class TestCaseList : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stepsFromStudyToStudyInTheListsOrder_data()
    {
        QTest::addColumn<int>("open");
        QTest::addColumn<int>("step");
        QTest::addColumn<int>("next");
        QTest::addColumn<QString>("why");
        QTest::newRow("onwards") << 7 << 1 << 2 << "";
        QTest::newRow("from a later series of the study") << 9 << 1 << 2 << "";
        QTest::newRow("back to the first series") << 2 << -1 << 7 << "";
        QTest::newRow("beyond the last") << 5 << 1 << 0 << "this is the last of 3 cases in the list of Studies";
        QTest::newRow("before the first") << 8 << -1 << 0 << "this is the first of 3 cases in the list of Studies";
        QTest::newRow("not in the list, onwards") << 77 << 1 << 7 << "";
        QTest::newRow("not in the list, back") << 77 << -1 << 5 << "";
        QTest::newRow("nothing is open") << 0 << 1 << 7 << "";
    }
    void stepsFromStudyToStudyInTheListsOrder()
    {
        QFETCH(int, open);
        QFETCH(int, step);
        QFETCH(int, next);
        QFETCH(QString, why);
        const std::vector<Case> list{Case{{7, 8, 9}}, Case{{2}}, Case{{5}}};
        const auto found = caseBeside(list, open, step);
        if (!why.isEmpty()) {
            HILUM_VERIFY_ERROR(found, ErrorCode::Empty);
            QCOMPARE(QString::fromStdString(found.error().message), why);
            return;
        }
        HILUM_VERIFY_OK(found);
        QCOMPARE(*found, project::RowId(next));
    }

    void anEmptyListSaysSo()
    {
        HILUM_VERIFY_ERROR(caseBeside({}, 3, 1), ErrorCode::Empty);
        const auto alone = caseBeside({Case{{3}}}, 3, 1);
        HILUM_VERIFY_ERROR(alone, ErrorCode::Empty);
        QCOMPARE(alone.error().message, std::string("this is the last of 1 case in the list of Studies"));
    }
};

QTEST_APPLESS_MAIN(TestCaseList)
#include "tst_case_list.moc"
