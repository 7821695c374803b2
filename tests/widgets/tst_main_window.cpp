#include "core/base/job_protocol.h"
#include "core/services/job_runner.h"
#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/main_window.h"
#include "widgets/shell/panel_host.h"
#include "widgets/shell/workspace.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/series_loader.h"

#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QSignalSpy>
#include <QTest>

#include <fstream>

using namespace hilum;
using namespace hilum::widgets;

class TestMainWindow : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { theme::apply(*qApp); }

    void listsPluginsThatFailAndGoesOn()
    {
        QTemporaryDir folder;
        QVERIFY(QDir().mkpath(folder.filePath("p")));
        for (const char* kind : {"good", "throws", "future"})
            QVERIFY(QFile::copy(QStringLiteral(TEST_PANELS "/test_panel_%1.so").arg(kind), folder.filePath(QStringLiteral("p/%1.so").arg(kind))));
        QFile junk(folder.filePath("p/junk.so"));
        QVERIFY(junk.open(QIODevice::WriteOnly));
        junk.write("not a plug-in");
        junk.close();

        tests::WindowFixture f;
        QSignalSpy errors(&f.messages, &Messages::errorReported);
        PanelHost host;
        host.scan({folder.filePath("p")});
        QCOMPARE(host.problems().size(), 2u); // junk and future; the one that throws is not loaded yet
        MainWindow window(f.services, &host);
        QCOMPARE(errors.size(), 1);
        const auto first = errors.first().first().value<Error>();
        QCOMPARE(first.details.size(), 2u);
        QVERIFY(first.details[0].find("future.so: needs version 99.0") != std::string::npos);
        QVERIFY(first.details[1].find("junk.so") != std::string::npos);

        window.showWorkspace("read");
        QCOMPARE(errors.size(), 2);
        const auto second = errors.last().first().value<Error>();
        QCOMPARE(second.details.size(), 1u);
        QVERIFY(second.details[0].find("no panel today") != std::string::npos);
        QVERIFY(window.findChild<QLineEdit*>("goodEdit")); // the good one is there
    }

    void singleLettersDoNotFireWhileTyping()
    {
        tests::WindowFixture f;
        QTemporaryDir folder;
        QVERIFY(QFile::copy(QStringLiteral(TEST_PANELS "/test_panel_good.so"), folder.filePath("good.so")));
        PanelHost host;
        host.scan({folder.path()});
        MainWindow window(f.services, &host);
        window.resize(1000, 700);
        window.showWorkspace("read");
        window.show();
        window.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&window));
        auto* panel = window.findChild<Panel*>("good");
        auto* edit = window.findChild<QLineEdit*>("goodEdit");
        QVERIFY(panel && edit);
        panel->setFocus();
        QTest::keyClick(window.windowHandle(), Qt::Key_G);
        QCOMPARE(panel->property("fired").toInt(), 1);
        edit->setFocus();
        QTest::keyClick(window.windowHandle(), Qt::Key_G);
        QCOMPARE(panel->property("fired").toInt(), 1);
        QCOMPARE(edit->text(), QString("g"));
        // the keys of a workspace are its own
        window.showWorkspace("studies");
        QTest::keyClick(window.windowHandle(), Qt::Key_G);
        QCOMPARE(panel->property("fired").toInt(), 1);
        // function keys work in a text field too
        window.showWorkspace("read");
        edit->setFocus();
        QTest::keyClick(window.windowHandle(), Qt::Key_F8);
        QCOMPARE(window.currentWorkspace(), QString("jobs"));
    }

    void keysAreTakenOnce()
    {
        QWidget window;
        Actions actions(&window);
        QObject owner;
        actions.add({.id = "one", .text = "One", .tip = "One", .shortcut = QKeySequence("F2")}, &owner, [] {});
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, actions.add({.id = "two", .text = "Two", .tip = "Two", .shortcut = QKeySequence("F2"), .context = "read"}, &owner, [] {}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, actions.add({.id = "one", .text = "Again", .tip = "Again"}, &owner, [] {}));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, actions.add({.id = "three", .text = "Three"}, &owner, [] {}));
        actions.add({.id = "a", .text = "A", .tip = "A", .shortcut = QKeySequence("R"), .context = "read"}, &owner, [] {});
        actions.add({.id = "b", .text = "B", .tip = "B", .shortcut = QKeySequence("R"), .context = "lab"}, &owner, [] {});
        QVERIFY(actions.find("b")->toolTip().contains("[R]"));
    }

    void everyActionHasTextTipAndName()
    {
        tests::WindowFixture f;
        PanelHost host;
        MainWindow window(f.services, &host);
        QVERIFY(window.actions()->all().size() >= 10);
        for (const QAction* action : window.actions()->all()) {
            QVERIFY2(!action->text().isEmpty() && !action->toolTip().isEmpty() && !action->objectName().isEmpty(), qPrintable(action->objectName()));
        }
    }

    void layoutComesBackAndDamageIsIgnored()
    {
        QWidget stack;
        stack.resize(900, 600);
        Workspace workspace("lab", "Lab", &stack);
        workspace.add({.id = "a", .title = "A", .area = "centre", .widget = new QWidget});
        workspace.add({.id = "b", .title = "B", .area = "right", .share = 0.3, .widget = new QWidget});
        workspace.finish();
        stack.show();
        const auto shown = [&](int i) { return workspace.panelActions().at(i)->isChecked(); };
        QVERIFY(shown(1));
        workspace.panelActions().at(1)->trigger(); // closes B
        QVERIFY(!shown(1));
        const QByteArray closed = workspace.save();
        workspace.reset();
        QVERIFY(shown(1));
        QVERIFY(workspace.restore(closed));
        QVERIFY(!shown(1));
        workspace.reset();
        QVERIFY(!workspace.restore("nonsense"));
        QVERIFY(!workspace.restore(closed.left(closed.size() / 2)));
        QByteArray flipped = closed;
        for (qsizetype i = 40; i < flipped.size(); i += 7)
            flipped[i] = char(flipped[i] ^ 0x55);
        QVERIFY(!workspace.restore(flipped));
        QVERIFY(shown(1)); // as it was

        QWidget other;
        Workspace more("lab", "Lab", &other);
        more.add({.id = "c", .title = "C", .area = "centre", .widget = new QWidget});
        more.finish();
        QVERIFY(!more.restore(closed)); // belongs to other panels
    }

    void dropImportsWithProgressAndNote()
    {
        tests::WindowFixture f;
        PanelHost host;
        MainWindow window(f.services, &host);
        window.showWorkspace("jobs");
        QTemporaryDir folder;
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(folder.filePath("a.png")), QUrl::fromLocalFile(folder.filePath("broken.dcm"))});
        QSignalSpy finished(&f.imports, &StudyImport::finished);
        QSignalSpy notes(&f.messages, &Messages::noteReported);
        QDragEnterEvent enter(QPoint(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &drop);
        QVERIFY(finished.wait(60000));
        QCOMPARE(window.currentWorkspace(), QString("studies"));
        QCOMPARE(f.library.rows.size(), 1u);
        QCOMPARE(f.library.problemRows.size(), 1u);
        QVERIFY(notes.last().first().toString().contains("1 could not be read"));
        QVERIFY(f.tasks.running().isEmpty());

        QMimeData words;
        words.setText("no file");
        QDragEnterEvent refused(QPoint(400, 300), Qt::CopyAction, &words, Qt::LeftButton, Qt::NoModifier);
        refused.ignore();
        QApplication::sendEvent(&window, &refused);
        QVERIFY(!refused.isAccepted());
    }

    // it was imported, the list of studies came up, and nothing was opened: the Lab asks to drag a picture onto it
    void oneDroppedPictureIsOpenedWhereItWasDropped_data()
    {
        QTest::addColumn<QString>("workspace");
        QTest::addColumn<QStringList>("names");
        QTest::addColumn<QString>("opened"); // in which workspace; empty: nothing is
        QTest::addColumn<QString>("shown");
        QTest::newRow("Lab") << "lab" << QStringList{"a.png"} << "lab" << "lab";
        QTest::newRow("Read") << "read" << QStringList{"a.png"} << "read" << "read";
        QTest::newRow("Studies") << "studies" << QStringList{"a.png"} << "read" << "read";
        QTest::newRow("folder") << "lab" << QStringList{"folder"} << "lab" << "lab";
        QTest::newRow("two pictures") << "lab" << QStringList{"a.png", "b.png"} << "" << "studies";
        QTest::newRow("no picture") << "lab" << QStringList{"broken.png"} << "" << "studies";
    }
    void oneDroppedPictureIsOpenedWhereItWasDropped()
    {
        QFETCH(QString, workspace);
        QFETCH(QStringList, names);
        QFETCH(QString, opened);
        QFETCH(QString, shown);
        tests::WindowFixture f;
        SeriesLoader loader(f.services, [](const project::SeriesRow&, const Work&) -> Result<imaging::Volume> { return imaging::Volume(); });
        PanelHost host;
        MainWindow window(f.services, &host);
        window.showWorkspace(workspace);
        QMimeData data;
        QList<QUrl> urls;
        for (const QString& name : names) {
            const std::filesystem::path where = f.folder.filePath(name).toStdString();
            if (name == "folder")
                QVERIFY(std::filesystem::create_directory(where));
            else
                std::ofstream(where) << "x";
            urls << QUrl::fromLocalFile(f.folder.filePath(name));
        }
        data.setUrls(urls);
        QSignalSpy finished(&f.imports, &StudyImport::finished), asked(&f.selection, &Selection::openRequested);
        QDragEnterEvent enter(QPoint(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &enter); // without it the drop reaches no widget
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &drop);
        QVERIFY(finished.wait(60000));
        QTRY_COMPARE_WITH_TIMEOUT(window.currentWorkspace(), shown, 60000);
        QTRY_COMPARE_WITH_TIMEOUT(asked.size(), opened.isEmpty() ? 0 : 1, 60000);
        if (!opened.isEmpty())
            QCOMPARE(asked.last().at(1).toString(), opened);
    }

    void aDroppedRunIsShownInJobs() // it was imported, and refused as a folder without images
    {
        tests::WindowFixture f;
        services::JobRunner jobs(nullptr);
        f.services.jobs = &jobs;
        PanelHost host;
        MainWindow window(f.services, &host);
        window.showWorkspace("read");
        const std::filesystem::path run = f.folder.filePath("run").toStdString();
        QVERIFY(std::filesystem::create_directory(run));
        HILUM_VERIFY_OK(writeFileAtomically(run / "job.json", jsonLine({{"schema", protocol::JobSchema}, {"id", "seven"}, {"method", "mae"}})));
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(f.folder.filePath("run"))});
        QSignalSpy shown(&f.selection, &Selection::jobRequested);
        QDragEnterEvent enter(QPoint(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(400, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &drop);
        QTRY_COMPARE(shown.size(), 1);
        QCOMPARE(shown.first().first().toString(), QString("seven"));
        QCOMPARE(window.currentWorkspace(), QString("jobs"));
        QVERIFY(jobs.job("seven"));
        QVERIFY(f.tasks.running().isEmpty()); // nothing is imported
    }

    void theTitleNamesWhatReadShows() // it named the study before over the first look of the next
    {
        tests::WindowFixture f;
        PanelHost host;
        MainWindow window(f.services, &host);
        window.showWorkspace("read");
        f.selection.setSeries(project::SeriesRow{.id = 1, .kind = "volume", .description = "Chest"});
        QVERIFY(window.windowTitle().startsWith("Chest"));
        f.selection.setFirstLook(project::SeriesRow{.id = 2, .kind = "volume", .description = "Abdomen"});
        QVERIFY(window.windowTitle().startsWith("Abdomen"));
        window.showWorkspace("lab"); // which shows the one that is open
        QVERIFY(window.windowTitle().startsWith("Chest"));
        window.showWorkspace("read");
        f.selection.setFirstLook({});
        QVERIFY(window.windowTitle().startsWith("Chest"));
    }

    void explainingDoesNotWaitForTheLibrary()
    {
        tests::WindowFixture f;
        f.library.fill(1, 1);
        PanelHost host;
        MainWindow window(f.services, &host);
        {
            const std::lock_guard busy(f.library.mutex); // with something else; on the window's thread this was waited for
            f.selection.showExplanation(1);
            QVERIFY(!window.findChild<QDialog*>("explanationDialog"));
        }
        QTRY_VERIFY(window.findChild<QDialog*>("explanationDialog"));
    }

    void intendedUseIsAlwaysThere()
    {
        tests::WindowFixture f;
        PanelHost host;
        MainWindow window(f.services, &host);
        window.show();
        auto* label = window.findChild<QLabel*>("researchUseLabel");
        QVERIFY(label && label->isVisible());
        QCOMPARE(label->text(), QString("Research use only, not for diagnosis"));
        f.selection.setProbe(QString(500, 'x')); // a long line must not push it away
        window.resize(window.minimumSize());
        QTest::qWait(50);
        QVERIFY(label->isVisible());
        QVERIFY(label->geometry().right() <= window.width());
    }
};

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
