#include "plugins/panels/studies/studies_panel.h"

#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableWidget>
#include <QTest>
#include <QToolButton>
#include <QTreeView>

using namespace hilum;
using namespace hilum::widgets;

class TestStudiesPanel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void showsSearchesAndOpens()
    {
        tests::WindowFixture f;
        f.library.fill(6, 3);
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        panel.resize(1200, 700);
        panel.show();
        auto* tree = panel.findChild<QTreeView*>("studyTree");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 6);
        panel.findChild<QLineEdit*>("searchEdit")->setText("Name00001");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 2);
        QSignalSpy opened(&f.selection, &Selection::openRequested);
        const QModelIndex series = tree->model()->index(0, 0, tree->model()->index(0, 0, tree->model()->index(0, 0)));
        tree->setCurrentIndex(series);
        QVERIFY(panel.findChild<QLabel*>("detailsTitle")->text().startsWith("Series "));
        const QPoint middle = tree->visualRect(series).center();
        QTest::mouseClick(tree->viewport(), Qt::LeftButton, {}, middle);
        QTest::mouseDClick(tree->viewport(), Qt::LeftButton, {}, middle);
        QCOMPARE(opened.size(), 1);
        QCOMPARE(opened.first().at(0).toLongLong(), series.data(SeriesModel::RowIdRole).toLongLong());
        QCOMPARE(opened.first().at(1).toString(), QString("read"));
        QTest::mouseClick(panel.findChild<QPushButton*>("openLabButton"), Qt::LeftButton);
        QCOMPARE(opened.last().at(1).toString(), QString("lab"));
    }

    void listsProblemsByNameAndReason()
    {
        tests::WindowFixture f;
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        panel.show();
        auto* badge = panel.findChild<QToolButton*>("problemsBadge");
        QVERIFY(!badge->isVisible());
        f.imports.start({"/data/cxr/good.png", "/data/cxr/broken.dcm"});
        QTRY_VERIFY(badge->isVisible());
        QCOMPARE(badge->text(), QString("1"));
        QTRY_COMPARE(panel.findChild<QTreeView*>("studyTree")->property("seriesCount").toInt(), 1);
        QTest::mouseClick(badge, Qt::LeftButton);
        QTRY_VERIFY(panel.findChild<QTableWidget*>("problemTable"));
        auto* table = panel.findChild<QTableWidget*>("problemTable");
        QCOMPARE(table->item(0, 0)->text(), QString("broken.dcm"));
        QCOMPARE(table->item(0, 1)->text(), QString("pixel data end after 12 of 524 bytes"));
    }

    void greysMissingFoldersAndOffersRelink()
    {
        tests::WindowFixture f;
        f.library.fill(1, 1);
        f.library.rows[0].missing = true;
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        panel.show();
        auto* tree = panel.findChild<QTreeView*>("studyTree");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 1);
        tree->setCurrentIndex(tree->model()->index(0, 0, tree->model()->index(0, 0, tree->model()->index(0, 0))));
        QVERIFY(panel.findChild<QPushButton*>("relinkButton")->isVisible());
        QVERIFY(!panel.findChild<QPushButton*>("openReadButton")->isEnabled());
    }
};

QTEST_MAIN(TestStudiesPanel)
#include "tst_studies_panel.moc"
