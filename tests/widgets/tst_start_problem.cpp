#include "widgets/shell/start_problem.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QLabel>
#include <QPushButton>
#include <QTest>
#include <QTimer>

using namespace hilum;
using namespace hilum::widgets;
using Way = StartProblem::Way;

// the program ended with a line on standard error: started from a menu, nothing was seen
class TestStartProblem : public QObject {
    Q_OBJECT

    static Error missing() { return {.code = ErrorCode::NotFound, .message = "/media/disk/studies holds no library: its disk may not be connected", .reason = "library_missing"}; }

    /// What is chosen when this button is clicked in the dialog that waits.
    Way chosenBy(const char* button, const std::vector<Way>& ways)
    {
        StartProblem problem(missing(), "Opening the library of studies", ways);
        QTimer::singleShot(0, &problem, [&] {
            auto* one = problem.findChild<QPushButton*>(button);
            if (one)
                QTest::mouseClick(one, Qt::LeftButton);
            else
                problem.reject();
        });
        return problem.ask();
    }

private Q_SLOTS:
    void saysWhatWhyAndWhatToDo()
    {
        StartProblem problem(missing(), "Opening the library of studies", {Way::Other});
        QCOMPARE(problem.findChild<QLabel*>("startWhat")->text(), QString("Opening the library of studies did not work"));
        QVERIFY(problem.findChild<QLabel*>("startWhy")->text().contains("/media/disk/studies holds no library"));
        QVERIFY(problem.findChild<QLabel*>("startAdvice")->text().contains("Connect the disk"));
        problem.findChild<QPushButton*>("startCopy")->click();
        const QString copied = QGuiApplication::clipboard()->text();
        QVERIFY(copied.contains("/media/disk/studies"));
        QVERIFY(copied.contains("library_missing"));
        for (const auto* button : problem.findChildren<QPushButton*>())
            QVERIFY2(!button->toolTip().isEmpty() && !button->objectName().isEmpty(), qPrintable(button->text()));
        QVERIFY(!problem.findChild<QPushButton*>("startMake")); // only where it is offered
    }

    void returnsTheWayThatWasChosen()
    {
        const std::vector<Way> all{Way::Make, Way::Other, Way::Usual};
        QCOMPARE(chosenBy("startMake", all), Way::Make);
        QCOMPARE(chosenBy("startOther", all), Way::Other);
        QCOMPARE(chosenBy("startUsual", all), Way::Usual);
        QCOMPARE(chosenBy("startAgain", all), Way::Again);
        QCOMPARE(chosenBy("startQuit", all), Way::Quit);
        QCOMPARE(chosenBy("closed by its frame", all), Way::Quit);
    }
};

QTEST_MAIN(TestStartProblem)
#include "tst_start_problem.moc"
