#include "widgets/tasks/error_banner.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QLabel>
#include <QPushButton>
#include <QTest>
#include <QToolButton>

using namespace hilum;
using namespace hilum::widgets;

class TestErrorBanner : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void saysWhatWhyAndWhatToDo()
    {
        ErrorBanner banner;
        const Error error{.code = ErrorCode::BadData, .message = "x.dcm: pixel data end after 12 of 524 bytes", .reason = "truncated", .details = {"one", "two"}};
        banner.showError(error, "Opening the series");
        QVERIFY(banner.isVisibleTo(nullptr));
        QCOMPARE(text(banner, "errorWhat"), QString("Opening the series did not work"));
        QVERIFY(text(banner, "errorWhy").startsWith("X.dcm: pixel data end after 12 of 524 bytes."));
        QVERIFY(text(banner, "errorWhy").contains("two"));
        QVERIFY(text(banner, "errorAdvice").size() > 10);
        QTest::mouseClick(banner.findChild<QPushButton*>("errorCopy"), Qt::LeftButton);
        const QString copied = QGuiApplication::clipboard()->text();
        for (const char* part : {"12 of 524", "code 5 (bad_data)", "truncated", "- two", "hilum "})
            QVERIFY2(copied.contains(part), part);
    }

    void showsTheOneBeforeAfterClosing()
    {
        ErrorBanner banner;
        banner.showError({.code = ErrorCode::NotFound, .message = "first"}, "One");
        banner.showError({.code = ErrorCode::NotFound, .message = "second"}, "Two");
        QCOMPARE(text(banner, "errorWhat"), QString("Two did not work"));
        auto* close = banner.findChild<QToolButton*>("errorClose");
        QTest::mouseClick(close, Qt::LeftButton);
        QCOMPARE(text(banner, "errorWhat"), QString("One did not work"));
        // a note does not swallow an error that is still open
        banner.showNote("done");
        QCOMPARE(text(banner, "errorWhat"), QString("done"));
        QTest::mouseClick(close, Qt::LeftButton);
        QCOMPARE(text(banner, "errorWhat"), QString("One did not work"));
        QTest::mouseClick(close, Qt::LeftButton);
        QVERIFY(banner.isHidden());
    }

private:
    static QString text(const ErrorBanner& banner, const char* name) { return banner.findChild<QLabel*>(name)->text(); }
};

QTEST_MAIN(TestErrorBanner)
#include "tst_error_banner.moc"
