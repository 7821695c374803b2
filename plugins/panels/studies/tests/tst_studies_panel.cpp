#include "plugins/panels/studies/studies_panel.h"

#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableWidget>
#include <QTest>
#include <QThread>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>

#include <atomic>
#include <mutex>

using namespace hilum;
using namespace hilum::widgets;

namespace {

/// Says whether the window's own thread changed it, which an import would hold up; changes can be made to fail.
class WatchedLibrary : public tests::FakeLibrary {
public:
    std::atomic<bool> fromWindow = false, broken = false;

    Status remove(const std::vector<project::RowId>& series) override
    {
        HILUM_TRY_STATUS(look());
        return FakeLibrary::remove(series);
    }
    Status clearProblems() override
    {
        HILUM_TRY_STATUS(look());
        return FakeLibrary::clearProblems();
    }

private:
    Status look()
    {
        if (QThread::currentThread() == QCoreApplication::instance()->thread())
            fromWindow = true;
        if (broken)
            return fail(ErrorCode::Io, "the disk is gone");
        return {};
    }
};

/// Clicks a button once it is there: of a dialog that runs a loop of its own.
void clickSoon(QWidget* above, const char* name)
{
    auto* timer = new QTimer(above);
    QObject::connect(timer, &QTimer::timeout, above, [above, name, timer] {
        auto* button = above->findChild<QPushButton*>(QLatin1String(name));
        if (!button || !button->isVisible())
            return;
        timer->stop();
        timer->deleteLater();
        button->click();
    });
    timer->start(20);
}

QModelIndex firstSeries(const QTreeView* tree)
{
    return tree->model()->index(0, 0, tree->model()->index(0, 0, tree->model()->index(0, 0)));
}

} // namespace

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
        QCOMPARE(f.selection.cases().size(), std::size_t(3)); // of one study each
        panel.findChild<QLineEdit*>("searchEdit")->setText("Name00001");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 2);
        QCOMPARE(f.selection.cases().size(), std::size_t(1)); // what the search lets through
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
        // what the buttons do, by keys
        actions.find("actionStudiesOpenRead")->trigger();
        QCOMPARE(opened.size(), 3);
        QCOMPARE(opened.last().at(1).toString(), QString("read"));
        QSignalSpy explained(&f.selection, &Selection::explanationRequested);
        actions.find("actionStudiesExplain")->trigger();
        QCOMPARE(explained.size(), 1);
        tree->setCurrentIndex(series.parent()); // a study
        for (const auto& [action, button] : {std::pair("actionStudiesOpenRead", "openReadButton"), std::pair("actionStudiesOpenLab", "openLabButton"), std::pair("actionStudiesExplain", "explainButton")}) {
            QVERIFY2(!actions.find(action)->isEnabled(), action);
            QVERIFY2(!panel.findChild<QPushButton*>(button)->isEnabled(), button);
        }
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
        const QAction* list = actions.find("actionStudiesProblems");
        QTRY_VERIFY(!list->isEnabled()); // its tip was "0 files could not be read"
        QVERIFY2(!list->toolTip().contains("0 files"), qPrintable(list->toolTip()));
        f.imports.start({"/data/cxr/good.png", "/data/cxr/broken.dcm"});
        QTRY_VERIFY(badge->isVisible());
        QVERIFY(list->isEnabled());
        QCOMPARE(badge->text(), QString("1"));
        QTRY_COMPARE(panel.findChild<QTreeView*>("studyTree")->property("seriesCount").toInt(), 1);
        QVERIFY2(badge->toolTip().contains("Ctrl+Shift+E"), qPrintable(badge->toolTip()));
        actions.find("actionStudiesProblems")->trigger(); // as the badge does
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
        QVERIFY(panel.findChild<QPushButton*>("relinkButton")->isEnabled());
        QVERIFY(actions.find("actionStudiesRelink")->isEnabled());
        QVERIFY(!panel.findChild<QPushButton*>("openReadButton")->isEnabled());
        QVERIFY(!actions.find("actionStudiesOpenRead")->isEnabled());
    }

    // every batch of an import opened again what had been closed
    void whatWasClosedStaysClosed()
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
        const auto patient = [&](int row) { return tree->model()->index(row, 0); };
        QVERIFY(tree->isExpanded(patient(0)) && tree->isExpanded(tree->model()->index(0, 0, patient(0))));
        tree->collapse(patient(0));
        f.imports.start({"/data/cxr/a.png", "/data/cxr/b.png"});
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 8);
        QVERIFY(!tree->isExpanded(patient(0)));
        QVERIFY(tree->isExpanded(patient(1)));
        QVERIFY(tree->isExpanded(patient(3))); // the new folder
    }

    // a disk was away at the last run and is here now: its series stayed grey and could not be opened
    void filesThatAreBackCanBeOpened()
    {
        struct Back : tests::FakeLibrary {
            std::atomic<int> looks = 0;
            Result<Look> refreshMissing() override
            {
                const std::lock_guard lock(mutex);
                ++looks;
                for (auto& row : rows)
                    row.missing = false;
                return Look{.missing = 0, .changed = true};
            }
        } library;
        library.fill(1, 1);
        library.rows[0].missing = true;
        tests::WindowFixture f;
        f.services.library = &library;
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        auto* tree = panel.findChild<QTreeView*>("studyTree");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 1);
        tree->setCurrentIndex(firstSeries(tree));
        QVERIFY(!actions.find("actionStudiesOpenRead")->isEnabled());
        panel.workspaceShown();
        QTRY_VERIFY(actions.find("actionStudiesOpenRead")->isEnabled());
        QCOMPARE(library.looks.load(), 1);
        panel.workspaceShown(); // at once again: the disk is left alone
        QTest::qWait(200);
        QCOMPARE(library.looks.load(), 1);
    }

    // every return to the window read a library of some ten thousand series anew
    void aLookThatFindsNothingNewLeavesTheList()
    {
        struct Counted : tests::FakeLibrary {
            std::atomic<int> looks = 0;
            Result<Look> refreshMissing() override
            {
                ++looks;
                return FakeLibrary::refreshMissing();
            }
        } library;
        library.fill(3, 1);
        library.rows[0].missing = true; // and stays away
        tests::WindowFixture f;
        f.services.library = &library;
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        auto* tree = panel.findChild<QTreeView*>("studyTree");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 3);
        QTRY_VERIFY(!tree->property("loading").toBool());
        const int lists = library.listCalls;
        panel.workspaceShown();
        QTRY_COMPARE(library.looks.load(), 1);
        QTest::qWait(200);
        QCOMPARE(library.listCalls, lists);
    }

    void changesTheLibraryOffTheThreadOfTheWindow()
    {
        WatchedLibrary library;
        library.fill(6, 3);
        library.problemRows.push_back({.file = "/data/broken.dcm", .code = "truncated", .reason = "pixel data end after 12 of 524 bytes"});
        tests::WindowFixture f;
        f.services.library = &library;
        std::vector<std::string> errors;
        connect(&f.messages, &Messages::errorReported, this, [&](const Error& error) { errors.push_back(error.message); });
        QWidget window;
        Actions actions(&window);
        panels::StudiesPanel panel({.services = f.services, .actions = &actions, .workspace = "studies"});
        panel.resize(1200, 700);
        panel.show();
        auto* tree = panel.findChild<QTreeView*>("studyTree");
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 6);
        tree->setCurrentIndex(firstSeries(tree));
        clickSoon(&panel, "removeConfirm");
        actions.find("actionRemoveSeries")->trigger();
        QTRY_COMPARE(tree->property("seriesCount").toInt(), 5);

        library.broken = true;
        tree->setCurrentIndex(firstSeries(tree));
        clickSoon(&panel, "removeConfirm");
        actions.find("actionRemoveSeries")->trigger();
        QTRY_COMPARE(errors, std::vector<std::string>{"the disk is gone"});
        QCOMPARE(tree->property("seriesCount").toInt(), 5);

        library.broken = false;
        auto* badge = panel.findChild<QToolButton*>("problemsBadge");
        QTRY_VERIFY(badge->isVisible());
        QTest::mouseClick(badge, Qt::LeftButton);
        clickSoon(&panel, "problemsClear");
        QTRY_VERIFY(!badge->isVisible());
        QVERIFY(!library.fromWindow);
    }
};

QTEST_MAIN(TestStudiesPanel)
#include "tst_studies_panel.moc"
