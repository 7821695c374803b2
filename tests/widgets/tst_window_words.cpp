// The whole window with the real panels: every action and button has its words, keys reach their panels, what is declared once is
// shown everywhere.
#include "core/services/job_runner.h"
#include "core/services/model_server.h"
#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/help_window.h"
#include "widgets/shell/key_bindings.h"
#include "widgets/shell/keys_table.h"
#include "widgets/shell/main_window.h"
#include "widgets/shell/panel_host.h"
#include "widgets/shell/settings_dialog.h"
#include "widgets/style/theme.h"

#include <DockManager.h>
#include <DockWidget.h>
#include <FloatingDockContainer.h>

#include <QAbstractButton>
#include <QComboBox>
#include <QFile>
#include <QHeaderView>
#include <QKeySequenceEdit>
#include <QLabel>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>
#include <QTabBar>
#include <QTest>
#include <QTextBrowser>
#include <QTimer>
#include <QToolButton>
#include <QTreeWidget>

#include <stdexcept>
#include <tuple>

using namespace hilum;
using namespace hilum::widgets;

namespace {

struct Whole : tests::WindowFixture {
    hilum::services::JobRunner jobs{&library};
    hilum::services::ModelServer models;
    PanelHost host;
    std::unique_ptr<MainWindow> window;

    Whole()
    {
        services.jobs = &jobs;
        services.models = &models;
        host.scan({QStringLiteral(HILUM_PANEL_FOLDER)});
        window = std::make_unique<MainWindow>(services, &host);
        window->resize(1400, 900);
        for (const char* id : {"studies", "read", "lab", "jobs"})
            window->showWorkspace(QString::fromLatin1(id));
    }
    ~Whole() { window.reset(); }
    void show(const QString& workspace)
    {
        window->showWorkspace(workspace);
        window->show();
        window->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(window.get()));
    }
};

/// Buttons that are ours: not the inner ones of spin boxes, scroll bars, line edits, tool bars and docks.
bool isOurs(const QAbstractButton* button)
{
    const QString name = button->objectName();
    for (const QObject* outer = button; outer; outer = outer->parent())
        if (QString::fromLatin1(outer->metaObject()->className()).startsWith(QLatin1String("ads::CDockAreaTitleBar"))
            || QString::fromLatin1(outer->metaObject()->className()).startsWith(QLatin1String("ads::CDockWidgetTab")))
            return false;
    return !name.startsWith(QLatin1String("qt_")) && !qobject_cast<const QLineEdit*>(button->parent()) && !qobject_cast<const QTabBar*>(button->parent());
}

} // namespace

class TestWindowWords : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        theme::apply(*qApp);
        QVERIFY2(QFile::exists(QStringLiteral(HILUM_PANEL_FOLDER "/read.so")), "the panels are not built");
    }

    void everyActionHasNameTipAndKeys()
    {
        Whole whole;
        const QList<QAction*> all = whole.window->actions()->all();
        QVERIFY(all.size() > 60);
        QStringList faults;
        for (const QAction* action : all) {
            const ActionInfo& info = whole.window->actions()->info(action);
            if (action->objectName().isEmpty() || action->text().isEmpty() || action->toolTip().isEmpty())
                faults << action->objectName() + " lacks words";
            if (info.shortcut.isEmpty())
                faults << action->objectName() + " lacks keys";
            if (info.group.isEmpty())
                faults << action->objectName() + " lacks a group";
        }
        QVERIFY2(faults.isEmpty(), qPrintable(faults.join("; ")));
    }

    void everyButtonHasNameAndTip()
    {
        Whole whole;
        SettingsDialog settings(whole.services, *whole.window->actions(), true, whole.window.get());
        HelpWindow help(whole.window.get());
        QStringList faults;
        int buttons = 0;
        for (const QAbstractButton* button : whole.window->findChildren<QAbstractButton*>()) {
            if (!isOurs(button))
                continue;
            ++buttons;
            const bool standard = button->objectName().startsWith(QLatin1String("settings")); // OK and Cancel say it all
            if (button->objectName().isEmpty())
                faults << QString("\"%1\" in %2 has no object name").arg(button->text(), button->parent()->objectName());
            else if (button->toolTip().isEmpty() && !standard)
                faults << button->objectName() + " has no tool tip";
        }
        QVERIFY(buttons > 40);
        QVERIFY2(faults.isEmpty(), qPrintable(faults.join("; ")));
    }

    void menusShowWhatIsDeclared()
    {
        Whole whole;
        Actions* actions = whole.window->actions();
        const auto open = [&](const char* name) {
            auto* menu = whole.window->menuBar()->findChild<QMenu*>(QString::fromLatin1(name));
            Q_EMIT menu->aboutToShow();
            return menu;
        };
        whole.window->showWorkspace(QStringLiteral("read"));
        for (const char* name : {"menuFile", "menuView", "menuHelp"})
            open(name);
        QMenu* layout = open("menuLayout");
        for (const char* id : {"actionLayoutSingle", "actionLayoutOneByTwo", "actionLayoutTwoByTwo", "actionLayoutNext"})
            QVERIFY2(layout->actions().contains(actions->find(QString::fromLatin1(id))), id);
        QVERIFY(open("menuMeasure")->actions().contains(actions->find(QStringLiteral("actionToolDistance"))));
        QVERIFY(whole.window->menuBar()->findChild<QMenu*>("menuMeasure")->menuAction()->isVisible());
        whole.window->showWorkspace(QStringLiteral("lab"));
        const std::pair<const char*, const char*> ofLab[] = {{"menuLayout", "actionLabLayoutAttention"}, {"menuImage", "actionLabReconstruction"}, {"menuImage", "actionMaskBrush"}, {"menuImage", "actionLabPin"},
                                                             {"menuView", "actionLabAttentionToggle"}, {"menuFile", "actionLabTrain"}, {"menuFile", "actionLabExport"}};
        for (const auto& [menu, id] : ofLab)
            QVERIFY2(open(menu)->actions().contains(actions->find(QString::fromLatin1(id))), id);
        // of another workspace: neither shown nor reachable
        whole.window->showWorkspace(QStringLiteral("studies"));
        QVERIFY(open("menuLayout")->isEmpty());
        QVERIFY(!whole.window->menuBar()->findChild<QMenu*>("menuMeasure")->menuAction()->isVisible());
        for (const QAction* action : actions->all())
            if (const ActionInfo& info = actions->info(action); !info.menu.isEmpty() && info.context.isEmpty())
                QVERIFY2(std::ranges::any_of(action->associatedObjects(), [](QObject* o) { return qobject_cast<QMenu*>(o); }), qPrintable(info.id));
    }

    void theInsideOfPanelsIsRemembered()
    {
        Whole whole;
        const auto columns = [&] { return whole.window->findChild<QHeaderView*>("studyColumns"); };
        whole.show(QStringLiteral("studies"));
        const int first = columns()->sectionSize(0);
        columns()->resizeSection(0, first - 111);
        QVERIFY(whole.window->close());
        whole.window = std::make_unique<MainWindow>(whole.services, &whole.host);
        whole.window->showWorkspace(QStringLiteral("studies"));
        QCOMPARE(columns()->sectionSize(0), first - 111);
        whole.window->actions()->find(QStringLiteral("actionResetLayout"))->trigger();
        QCOMPARE(columns()->sectionSize(0), first);
    }

    void workspacesHaveTheirActionsInTheMenuBar()
    {
        Whole whole;
        for (const auto& [workspace, name, id] : {std::tuple("studies", "menuStudies", "actionStudiesRelink"), std::tuple("jobs", "menuJobs", "actionJobResume")}) {
            whole.window->showWorkspace(QLatin1String(workspace));
            auto* menu = whole.window->menuBar()->findChild<QMenu*>(QLatin1String(name));
            QVERIFY2(menu && menu->menuAction()->isVisible(), name);
            Q_EMIT menu->aboutToShow();
            QVERIFY2(menu->actions().contains(whole.window->actions()->find(QLatin1String(id))), id);
        }
        QVERIFY(!whole.window->menuBar()->findChild<QMenu*>("menuStudies")->menuAction()->isVisible());
    }

    void ctrlSSavesWhereSomethingCanBeSaved()
    {
        Whole whole;
        for (const char* id : {"actionMeasureExport", "actionLabExport"})
            QCOMPARE(whole.window->actions()->alsoKeys(QString::fromLatin1(id)), QKeySequence("Ctrl+S"));
    }

    void theDocumentationNamesTheKeysThatWork()
    {
        Whole whole;
        const QString page = keysPage(*whole.window->actions());
        // to write it anew: HILUM_WRITE_KEYS=resources/docs/user/keys.md
        if (const QString to = qEnvironmentVariable("HILUM_WRITE_KEYS"); !to.isEmpty()) {
            QFile out(to);
            QVERIFY(out.open(QIODevice::WriteOnly));
            out.write(page.toUtf8());
        }
        QFile file(QStringLiteral(HILUM_SOURCE_FOLDER "/resources/docs/user/keys.md"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(QString::fromUtf8(file.readAll()), page);
        QFile inside(QStringLiteral(":/docs/user/keys.md"));
        QVERIFY(inside.open(QIODevice::ReadOnly)); // and the program carries it
    }

    void helpOpensThePageOfThePanel_data()
    {
        QTest::addColumn<QString>("workspace");
        QTest::addColumn<QString>("panel");
        for (const char* panel : {"studies", "read", "lab", "jobs"})
            QTest::newRow(panel) << panel << panel;
        QTest::newRow("report") << "read" << "report";
    }
    void helpOpensThePageOfThePanel()
    {
        QFETCH(QString, workspace);
        QFETCH(QString, panel);
        Whole whole;
        whole.show(workspace);
        auto* widget = whole.window->findChild<Panel*>(panel);
        QVERIFY(widget);
        if (panel == "report")
            widget->findChild<QWidget*>("reportText")->setFocus();
        else
            widget->setFocus();
        QTest::keyClick(whole.window->windowHandle(), Qt::Key_F1);
        auto* help = whole.window->findChild<HelpWindow*>();
        QVERIFY(help && help->isVisible());
        QCOMPARE(help->page(), panel);
        QVERIFY(help->findChild<QTextBrowser*>("helpText")->toPlainText().size() > 150);
        help->close();
    }

    void keysReachFloatedPanels()
    {
        Whole whole;
        whole.show(QStringLiteral("read"));
        auto* dock = whole.window->findChild<ads::CDockWidget*>(QStringLiteral("dock_read"));
        QVERIFY(dock);
        auto* panel = whole.window->findChild<Panel*>(QStringLiteral("read"));
        dock->setFloating();
        QWidget* floating = panel->window();
        QVERIFY(floating != whole.window.get());
        floating->show();
        QTRY_VERIFY((floating->activateWindow(), floating->isActiveWindow()));
        panel->setFocus();
        QVERIFY(floating->isAncestorOf(QApplication::focusWidget()));
        // one key of the workspace, then one of the program
        auto* pan = whole.window->actions()->find(QStringLiteral("actionToolPan"));
        QVERIFY(!pan->isChecked());
        QTest::keyClick(floating->windowHandle(), Qt::Key_T);
        QVERIFY(pan->isChecked());
        QTest::keyClick(floating->windowHandle(), Qt::Key_F4);
        QCOMPARE(whole.window->currentWorkspace(), QString("studies"));
    }

    void settingsChangeKeysWithConflictsShown()
    {
        Whole whole;
        Actions* actions = whole.window->actions();
        SettingsDialog dialog(whole.services, *actions, true, whole.window.get());
        auto* tree = dialog.findChild<QTreeWidget*>("keyTree");
        auto* edit = dialog.findChild<QKeySequenceEdit*>("keyEdit");
        auto* conflict = dialog.findChild<QLabel*>("keyConflict");
        auto* take = dialog.findChild<QPushButton*>("takeKeysButton");
        const auto choose = [&](const QString& text) {
            const auto found = tree->findItems(text, Qt::MatchExactly | Qt::MatchRecursive);
            QCOMPARE(found.size(), 1);
            tree->setCurrentItem(found.first());
        };
        choose("Invert");
        QCOMPARE(edit->keySequence(), QKeySequence("I"));
        edit->setKeySequence(QKeySequence("W")); // of the W/L tool, in the same workspace
        QVERIFY(conflict->text().contains("W belongs to \"W/L\" (Read)"));
        QVERIFY(!take->isHidden());
        QCOMPARE(tree->currentItem()->text(1), QString("I")); // nothing is given away yet
        take->click();
        QCOMPARE(tree->currentItem()->text(1), QString("W"));
        QCOMPARE(tree->findItems("W/L", Qt::MatchExactly | Qt::MatchRecursive).first()->text(1), QString("none"));
        choose("Attention on or off"); // keys of another workspace are free
        edit->setKeySequence(QKeySequence("I"));
        QVERIFY(conflict->text().isEmpty());
        edit->setKeySequence(QKeySequence("F5")); // those of the program are not
        QVERIFY(conflict->text().contains("\"Read\" (Everywhere)"));
        dialog.findChild<QComboBox*>("inputProfileBox")->setCurrentIndex(2);
        QCOMPARE(actions->keys("actionInvert"), QKeySequence("I")); // not before OK
        dialog.findChild<QPushButton*>("settingsOk")->click();
        QCOMPARE(actions->keys("actionInvert"), QKeySequence("W"));
        QVERIFY(actions->keys("actionToolWindow").isEmpty());
        QCOMPARE(actions->keys("actionLabAttentionToggle"), QKeySequence("I"));
        QCOMPARE(whole.settings.value("input/profile").toString(), QString("slicer"));
        QVERIFY(whole.window->findChild<QToolButton*>("inputProfileButton")->text().contains("3D Slicer"));

        // the next start has them
        PanelHost host;
        host.scan({QStringLiteral(HILUM_PANEL_FOLDER)});
        MainWindow again(whole.services, &host);
        again.showWorkspace("read");
        QCOMPARE(again.actions()->find("actionInvert")->shortcut(), QKeySequence("W"));
        QVERIFY(again.actions()->find("actionToolWindow")->shortcut().isEmpty());
    }

    void keysGoThroughAFile()
    {
        Whole whole;
        Actions* actions = whole.window->actions();
        KeyBindings bindings(*actions);
        bindings.set("actionInvert", QKeySequence("Ctrl+Alt+K"));
        const Json saved = bindings.toJson();
        KeyBindings other(*actions);
        HILUM_VERIFY_OK(other.fromJson(saved));
        QCOMPARE(other.find("actionInvert")->keys, QKeySequence("Ctrl+Alt+K"));
        QCOMPARE(other.chosen(), bindings.chosen());
        other.reset();
        QVERIFY(other.chosen().isEmpty());
        // every fault is named, and nothing is taken over
        const Status refused = other.fromJson({{"schema", "hilum.keys/1"}, {"keys", {{"actionNothing", "A"}, {"actionFit", 7}, {"actionInvert", "V"}, {"actionLinked", "J"}}}});
        QVERIFY(!refused);
        QCOMPARE(refused.error().details.size(), 3u);
        QVERIFY(other.chosen().isEmpty());
        QVERIFY(!other.fromJson({{"keys", Json::object()}}));
    }

    void secondKeysWorkUntilAnotherActionHoldsThem()
    {
        QMainWindow window;
        Actions actions(&window);
        using Keys = QList<QKeySequence>;
        const QKeySequence first("Ctrl+Shift+Z"), second("Ctrl+Y"), chosen("Ctrl+R");
        const QAction* redo = actions.add({.id = "actionRedo", .text = "Redo", .tip = "Makes it again", .shortcut = first, .also = second, .group = "Test"}, this, [] {});
        const QAction* list = actions.add({.id = "actionList", .text = "List", .tip = "Lists it", .shortcut = QKeySequence("Ctrl+L"), .group = "Test"}, this, [] {});
        QCOMPARE(redo->shortcuts(), (Keys{first, second}));
        QVERIFY(redo->toolTip().endsWith("[Ctrl+Shift+Z, Ctrl+Y]"));
        QVERIFY(keysPage(actions).contains("| `Ctrl+Shift+Z`, `Ctrl+Y` | Redo | Makes it again |"));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, actions.add({.id = "actionThird", .text = "Third", .tip = "Takes the same", .shortcut = second, .group = "Test"}, this, [] {}));
        // other keys of its own: the second ones stay
        actions.setChosenKeys({{"actionRedo", "Ctrl+R"}});
        QCOMPARE(redo->shortcuts(), (Keys{chosen, second}));
        // given away, with a conflict shown; nothing else changes
        KeyBindings bindings(actions);
        const auto conflicts = bindings.conflicts("actionList", second);
        QCOMPARE(conflicts.size(), 1);
        QCOMPARE(conflicts.first()->id, QString("actionRedo"));
        bindings.set("actionList", second);
        QCOMPARE(bindings.find("actionRedo")->keys, chosen);
        QVERIFY(bindings.alsoKeys(*bindings.find("actionRedo")).isEmpty());
        KeyBindings again(actions);
        HILUM_VERIFY_OK(again.fromJson(bindings.toJson()));
        actions.setChosenKeys(bindings.chosen());
        QCOMPARE(redo->shortcuts(), Keys{chosen});
        QCOMPARE(list->shortcuts(), Keys{second});
        // taken by choice as its first ones: not twice
        actions.setChosenKeys({{"actionRedo", "Ctrl+Y"}});
        QCOMPARE(redo->shortcuts(), Keys{second});
        // without keys it has none at all
        actions.setChosenKeys({{"actionRedo", ""}});
        QVERIFY(redo->shortcuts().isEmpty());
        actions.setChosenKeys({});
        QCOMPARE(redo->shortcuts(), (Keys{first, second}));
    }

    void profileIsSwitchedFromTheStatusBar()
    {
        Whole whole;
        auto* button = whole.window->findChild<QToolButton*>("inputProfileButton");
        QVERIFY(button->text().contains("Radiology"));
        QAction* snap = button->menu()->findChild<QAction*>("inputProfile_itk-snap");
        QVERIFY(snap && !snap->isChecked());
        snap->trigger();
        QVERIFY(snap->isChecked());
        QCOMPARE(whole.settings.value("input/profile").toString(), QString("itk-snap"));
        QVERIFY(whole.window->actions()->find("actionToolCrosshair")->isChecked());
        QVERIFY(button->toolTip().contains("Alt+left drag: pan"));
    }

    void theOverlayOfKeysShowsKeysAndMouse()
    {
        Whole whole;
        whole.show(QStringLiteral("read"));
        whole.window->findChild<Panel*>("read")->setFocus();
        QTest::keyClick(whole.window->windowHandle(), Qt::Key_Question, Qt::ShiftModifier);
        auto* overlay = whole.window->findChild<QWidget*>("keysOverlay");
        QVERIFY(overlay && overlay->isVisible());
        QStringList texts;
        for (const QLabel* label : overlay->findChildren<QLabel*>())
            texts << label->text();
        for (const char* wanted : {"Distance", "D", "Right drag", "zoom", "Previous series", "["})
            QVERIFY2(texts.contains(wanted), wanted);
        auto* card = overlay->findChild<QWidget*>("keysCard");
        QVERIFY2(overlay->rect().contains(card->geometry()), "the card does not fit");
        for (const QLabel* label : overlay->findChildren<QLabel*>())
            QVERIFY2(label->wordWrap() || label->width() >= label->sizeHint().width(), qPrintable(label->text()));
    }

    void placeAndLayoutComeBack()
    {
        tests::WindowFixture f;
        const QRect wanted(60, 50, 610, 520);
        {
            PanelHost host;
            MainWindow window(f.services, &host);
            window.setMinimumSize(300, 200); // the screen of the tests is small
            window.restoreLastTime();
            window.show();
            window.setGeometry(wanted);
            window.showWorkspace("jobs");
            QTest::qWait(20);
            window.close();
        }
        PanelHost host;
        MainWindow window(f.services, &host);
        window.setMinimumSize(300, 200);
        window.restoreLastTime();
        window.show();
        QCOMPARE(window.geometry().size(), wanted.size());
        QCOMPARE(window.geometry().topLeft(), wanted.topLeft());
        QCOMPARE(window.currentWorkspace(), QString("jobs"));
    }
};

QTEST_MAIN(TestWindowWords)
#include "tst_window_words.moc"
