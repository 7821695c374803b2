#include "widgets/shell/about_dialog.h"

#include <QFile>
#include <QRegularExpression>
#include <QTableWidget>
#include <QTest>

using namespace hilum::widgets;

/// What the program says of itself.
class TestAboutDialog : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void namesAllThatIsLinked() // a third of the libraries stood in no notice
    {
        QFile notice(qEnvironmentVariable("HILUM_SOURCE_DIR") + QStringLiteral("/resources/docs/user/third_party.md"));
        QVERIFY(notice.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(notice.readAll());
        const AboutDialog dialog;
        const auto* table = dialog.findChild<QTableWidget*>(QStringLiteral("licenceTable"));
        QVERIFY(table);
        QStringList names;
        for (int row = 0; row < table->rowCount(); ++row) {
            for (int column = 0; column < 3; ++column)
                QVERIFY2(!table->item(row, column)->text().isEmpty(), qPrintable(QStringLiteral("row %1, column %2").arg(row).arg(column)));
            names << table->item(row, 0)->text();
            const QString line = QStringLiteral("| %1 | %2 | %3 |").arg(names.last(), table->item(row, 1)->text(), table->item(row, 2)->text());
            QVERIFY2(text.contains(line), qPrintable(line));
        }
        for (const char* name : {"Qt 6", "VTK", "ITK", "GDCM", "DCMTK", "OpenSSL", "OpenJPEG", "libjpeg-turbo", "libpng", "libtiff", "zlib", "libzip", "SQLite", "SQLiteCpp", "Qwt",
                                 "Qt Advanced Docking System", "LibTorch", "OpenBLAS", "Gloo", "NCCL", "nlohmann/json", "spdlog", "CLI11", "GCC's libraries", "Inter"})
            QVERIFY2(names.contains(QString::fromLatin1(name)), name);
        // the rows of the notice, by their last column, are those of the dialog
        int rows = 0;
        static const QRegularExpression row(QStringLiteral("^\\|[^|]+\\|[^|]+\\|[^|]+\\|[^|]*\\|$"), QRegularExpression::MultilineOption);
        for (auto match = row.globalMatch(text); match.hasNext(); match.next())
            ++rows;
        QCOMPARE(table->rowCount(), rows - 2);
    }
};

QTEST_MAIN(TestAboutDialog)
#include "tst_about_dialog.moc"
