#include "widgets/shell/help_window.h"

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>
#include <QTest>
#include <QTextBrowser>
#include <QTextDocument>

using namespace hilum::widgets;

/// The pages that the program's help shows.
class TestHelpPages : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void whatTheyNameIsInTheProgram() // a picture that is not is an empty frame, a page that is not a dead link
    {
        const QRegularExpression named(QStringLiteral("\\]\\(([^)#:]+\\.(?:md|png))"));
        QStringList absent;
        int found = 0;
        for (QDirIterator pages(QStringLiteral(":/docs/user"), {QStringLiteral("*.md")}, QDir::Files, QDirIterator::Subdirectories); pages.hasNext();) {
            QFile page(pages.next());
            QVERIFY(page.open(QIODevice::ReadOnly));
            for (auto match = named.globalMatch(QString::fromUtf8(page.readAll())); match.hasNext(); ++found)
                if (const QString target = QDir::cleanPath(QFileInfo(page).path() + QLatin1Char('/') + match.next().captured(1)); !QFile::exists(target))
                    absent << QStringLiteral("%1 names %2").arg(page.fileName(), target);
        }
        QVERIFY(found > 20);
        QVERIFY2(absent.isEmpty(), qPrintable(absent.join(QStringLiteral("; "))));
    }

    void picturesAreFoundFromTheirPage()
    {
        HelpWindow help;
        help.showPage(QStringLiteral("methods/mae"));
        QCOMPARE(help.page(), QStringLiteral("mae"));
        const auto* text = help.findChild<QTextBrowser*>(QStringLiteral("helpText"));
        QVERIFY(!text->document()->resource(QTextDocument::ImageResource, QUrl(QStringLiteral("../pictures/mae.png"))).isNull());
    }
};

QTEST_MAIN(TestHelpPages)
#include "tst_help_pages.moc"
