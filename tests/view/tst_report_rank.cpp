#include "core/view/report_rank.h"

#include "tests/support/compare.h"

#include <QTest>

#include <array>
#include <stdexcept>

using namespace hilum::view;

/// Reports by their likeness to an image.
class TestReportRank : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theOwnReportAmongOthers_data()
    {
        QTest::addColumn<QList<double>>("cosines");
        QTest::addColumn<QList<int>>("says");
        QTest::addColumn<int>("own");
        QTest::addColumn<QString>("text");
        const QList<double> cosines{0.1, 0.4, 0.2, 0.3};
        QTest::newRow("nearest") << cosines << QList<int>{0, 1, 2, 3} << 1 << "own report: 1st of 4, in the first 5: yes";
        QTest::newRow("last") << cosines << QList<int>{0, 1, 2, 3} << 0 << "own report: 4th of 4, in the first 5: yes";
        QTest::newRow("equal reports count as one") << cosines << QList<int>{0, 1, 2, 1} << 2 << "own report: 2nd of 3, in the first 5: yes";
        QTest::newRow("its own copies are no rivals") << cosines << QList<int>{0, 0, 2, 3} << 0 << "own report: 3rd of 3, in the first 5: yes";
        QTest::newRow("sentences are no reports") << cosines << QList<int>{0, -1, 2, -1} << 0 << "own report: 2nd of 2, in the first 5: yes";
        QTest::newRow("a tie is no hit") << QList<double>{0.2, 0.2, 0.2} << QList<int>{0, 1, 2} << 1 << "own report: 3rd of 3, in the first 5: yes";
        QTest::newRow("alone") << QList<double>{-0.5} << QList<int>{7} << 0 << "own report: 1st of 1, in the first 5: yes";
    }
    void theOwnReportAmongOthers()
    {
        QFETCH(QList<double>, cosines);
        QFETCH(QList<int>, says);
        QFETCH(int, own);
        QFETCH(QString, text);
        const Matrix similarity{1, cosines.size(), std::vector<double>(cosines.begin(), cosines.end())};
        const std::vector<std::int64_t> numbers(says.begin(), says.end());
        QCOMPARE(QString::fromStdString(rankText(rankOf(similarity, 0, own, numbers))), text);
    }
    void placesHaveTheirWords()
    {
        const std::array<std::pair<std::int64_t, const char*>, 7> places{{{5, "5th of 130, in the first 5: yes"}, {6, "6th of 130, in the first 5: no"}, {11, "11th"}, {13, "13th"}, {21, "21st"}, {112, "112th"}, {123, "123rd"}}};
        for (const auto& [place, words] : places) {
            const std::string text = rankText({.place = place, .of = 130});
            QVERIFY2(text.starts_with(std::string("own report: ") + words), text.c_str());
        }
    }
    void aReportIsListedOnce()
    {
        const Matrix similarity{1, 5, {0.1, 0.5, 0.5, 0.3, 0.4}};
        const std::vector<std::int64_t> says{0, 1, 1, -1, -1};
        QCOMPARE(nearestDifferent(similarity, 0, 9, says), (std::vector<std::int64_t>{1, 4, 3, 0}));
        QCOMPARE(nearestDifferent(similarity, 0, 2, says), (std::vector<std::int64_t>{1, 4}));
    }
    void whatDoesNotFitThrows()
    {
        const Matrix similarity{1, 2, {0.1, 0.5}};
        const std::vector<std::int64_t> says{0, -1}, more{0, 1, 2};
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, rankOf(similarity, 0, 1, says));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, rankOf(similarity, 0, -1, says));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, rankOf(similarity, 0, 0, more));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, nearestDifferent(similarity, 0, 1, more));
    }
};

QTEST_APPLESS_MAIN(TestReportRank)
#include "tst_report_rank.moc"
