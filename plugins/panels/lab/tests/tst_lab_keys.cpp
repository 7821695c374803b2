// Keys of the Lab, its brush beside them, and what follows the crosshair.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QCheckBox>
#include <QSpinBox>
#include <QTableWidget>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;

class TestLabKeys : public QObject, tests::LabBench {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }
    void attentionFollowsTheCrosshair()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QCheckBox>("attentionShown")->setChecked(true);
        auto* view = find<QWidget>("labView1");
        const auto marked = [&] { return view->property("markedPatch").toString(); };
        // of the class token at first, which no crosshair changes
        move(view, at(view, 6, 6), Qt::ShiftModifier);
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 3, 9));
        QTRY_COMPARE_WITH_TIMEOUT(marked(), QStringLiteral("r3 c9"), Wait);
        QList<QVariant> pictures;
        for (const char* one : {"labView1", "labView2", "labView3", "labView4"})
            pictures << find<QWidget>(one)->property("picture");
        const QString log = m_home.filePath(QStringLiteral("attention.log"));
        QVERIFY(!lines(log).contains(QString::number(6 * 16 + 6)));
        // dragged: the last place, and not one request a patch
        const auto before = lines(log).size();
        QTest::mousePress(view, Qt::LeftButton, {}, at(view, 3, 9));
        for (int column = 8; column >= 1; --column)
            move(view, at(view, 5, column), {}, Qt::LeftButton);
        QTest::mouseRelease(view, Qt::LeftButton, {}, at(view, 5, 1));
        QTRY_COMPARE_WITH_TIMEOUT(marked(), QStringLiteral("r5 c1"), Wait);
        for (const char* one : {"labView1", "labView2", "labView3", "labView4"}) // another map over the same pictures: none is drawn again
            QCOMPARE(find<QWidget>(one)->property("picture"), pictures.takeFirst());
        QTRY_VERIFY_WITH_TIMEOUT((move(view, at(view, 5, 2)), move(view, at(view, 5, 1)), label("tokenProbe").contains(QStringLiteral("attn 1.000"))), Wait);
        QVERIFY2(lines(log).size() - before <= 3, qPrintable(lines(log).join(QLatin1Char(' '))));
        // Shift+move
        move(view, at(view, 12, 4), Qt::ShiftModifier);
        QTRY_COMPARE_WITH_TIMEOUT(marked(), QStringLiteral("r12 c4"), Wait);
        // from another workspace
        m_selection->setCrosshair({Crosshair::Space::Plane, {2 * 32 + 16, 10 * 32 + 16, 0}});
        QTRY_COMPARE_WITH_TIMEOUT(marked(), QStringLiteral("r10 c2"), Wait);
        // from the table
        auto* worst = find<QTableWidget>("patchErrorTable");
        QTRY_VERIFY(worst->rowCount() > 0);
        const QString patch = QStringLiteral("r%1 c%2").arg(worst->item(0, 0)->text(), worst->item(0, 1)->text());
        QTest::mouseClick(worst->viewport(), Qt::LeftButton, {}, worst->visualItemRect(worst->item(0, 0)).center());
        QTRY_COMPARE_WITH_TIMEOUT(marked(), patch, Wait);
        // the class token stays when it is asked for
        press("Shift+A");
        QTRY_VERIFY_WITH_TIMEOUT(marked().isEmpty(), Wait);
        const auto asked = lines(log).size();
        m_selection->setCrosshair({Crosshair::Space::Plane, {400, 300, 0}});
        QTest::qWait(200);
        QVERIFY(marked().isEmpty());
        QCOMPARE(lines(log).size(), asked);
    }
    void overlayOpacityHasKeys()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* view = find<QWidget>("labView1");
        const auto opacity = [&] { return view->property("overlayOpacity").toDouble(); };
        const double first = opacity();
        press("Q");
        QVERIFY(std::abs(opacity() - (first - 0.1)) < 1e-9);
        press("E");
        press("E");
        QVERIFY(std::abs(opacity() - (first + 0.1)) < 1e-9);
        press("W");
        QCOMPARE(opacity(), 0.0);
        press("W");
        QVERIFY(std::abs(opacity() - (first + 0.1)) < 1e-9);
        press("W");
        press("A"); // an attention that nobody sees helps nobody
        QVERIFY(opacity() > 0);
        QVERIFY(find<QCheckBox>("attentionShown")->isChecked());
        press("D");
        QVERIFY(!find<QCheckBox>("attentionShown")->isChecked());
    }
    void layoutsCycle()
    {
        m_selection->setVolume(ramp());
        settle();
        const auto shown = [&] {
            QString out;
            for (int n = 1; n <= 4; ++n)
                if (find<QWidget>(qPrintable(QStringLiteral("labView%1").arg(n)))->isVisible())
                    out += QString::number(n);
            return out;
        };
        QCOMPARE(shown(), QStringLiteral("1234"));
        auto* disrupted = find<QWidget>("labView2");
        move(disrupted, at(disrupted, 8, 8));
        press("\\");
        QCOMPARE(shown(), QStringLiteral("12"));
        press("\\");
        QCOMPARE(shown(), QStringLiteral("2"));
        press("4"); // a view made large, whatever the layout
        QCOMPARE(shown(), QStringLiteral("4"));
        press("4");
        QCOMPARE(shown(), QStringLiteral("2"));
        press("\\");
        QCOMPARE(shown(), QStringLiteral("1234"));
    }
    void layoutsHaveNames()
    {
        m_selection->setVolume(ramp());
        settle();
        const auto shown = [&] {
            QStringList out;
            for (const char* name : {"labView1", "labView2", "labView3", "labView4"})
                if (const auto* one = find<QWidget>(name); one->isVisible())
                    out << one->accessibleName();
            return out.join(QLatin1Char(' '));
        };
        const auto chosen = [&] {
            QStringList out;
            for (const QAction* action : m_actions->all())
                if (action->isChecked() && m_actions->info(action).menu == QStringLiteral("view/layout"))
                    out << m_actions->info(action).id.mid(15); // without actionLabLayout
            return out.join(QLatin1Char(' '));
        };
        const QString all = QStringLiteral("Original Disrupted Reconstruction Error");
        QCOMPARE(shown(), all);
        QCOMPARE(chosen(), QStringLiteral("All"));
        press("5"); // another picture in one view
        QCOMPARE(shown(), QStringLiteral("Original Disrupted Pasted back Error"));
        press("Alt+5");
        QCOMPARE(shown(), QStringLiteral("Original Attention"));
        QCOMPARE(chosen(), QStringLiteral("Attention"));
        QVERIFY(find<QCheckBox>("attentionShown")->isChecked());
        press("Alt+4");
        QCOMPARE(shown(), QStringLiteral("Attention Disrupted Reconstruction Error"));
        press("A");
        QCOMPARE(shown(), all);
        press("Alt+5");
        press("A"); // without attention nothing is left of its layout
        QCOMPARE(shown(), all);
        QCOMPARE(chosen(), QStringLiteral("All"));
        press("Alt+6");
        QCOMPARE(chosen(), QStringLiteral("All"));
        QCOMPARE(label("labStatus"), QStringLiteral("HD X-ray MAE compares no crops"));
        auto* error = find<QWidget>("labView4");
        move(error, at(error, 8, 8));
        press("Alt+2");
        QCOMPARE(shown(), QStringLiteral("Original Error"));
        press("Alt+1");
        QCOMPARE(shown(), QStringLiteral("Error"));
        QCOMPARE(chosen(), QStringLiteral("One"));
        QString workspace;
        connect(m_selection.get(), &Selection::workspaceRequested, this, [&](const QString& id) { workspace = id; });
        press("Alt+7");
        QCOMPARE(workspace, QStringLiteral("jobs"));
        // crops: the axial slice, whatever was looked at
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(m_panel->property("baseGrid").toString(), QStringLiteral("3 x 3"), Wait);
        find<QComboBox>("planeCombo")->setCurrentIndex(2);
        press("Alt+6");
        QCOMPARE(find<QComboBox>("planeCombo")->currentIndex(), 0);
        QCOMPARE(chosen(), QStringLiteral("Crops"));
        QCOMPARE(shown(), QStringLiteral("Original"));
        QVERIFY(find<QWidget>("randomCrop")->isVisible());
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("HD X-ray MAE"));
        settle();
        QCOMPARE(shown(), all);
        QCOMPARE(chosen(), QStringLiteral("All"));
    }
    void theBrushLeavesOtherGesturesAlone()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* view = find<QWidget>("labView3");
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        const QString mask = hash("maskHash");
        const auto dragWith = [&](Qt::KeyboardModifiers keys, const QPoint& by) {
            const QPoint from = view->rect().center();
            QTest::mousePress(view, Qt::LeftButton, keys, from);
            for (int piece = 1; piece <= 4; ++piece)
                move(view, from + by * piece / 4, keys, Qt::LeftButton);
            QTest::mouseRelease(view, Qt::LeftButton, keys, from + by);
        };
        const double zoom = view->property("zoom").toDouble();
        dragWith(Qt::ControlModifier, {0, -60});
        QVERIFY(view->property("zoom").toDouble() > zoom);
        const auto column = [&] {
            move(view, view->rect().center());
            return view->property("crosshairPatch").toString().section(QLatin1Char('c'), 1).toInt();
        };
        const int left = column();
        dragWith(Qt::ShiftModifier, {120, 0}); // the picture goes along
        QVERIFY(column() < left);
        const auto cross = m_selection->crosshair();
        move(view, view->rect().center() + QPoint(0, 40), Qt::ShiftModifier);
        QVERIFY(!(m_selection->crosshair() == cross));
        QCOMPARE(hash("maskHash"), mask);
        // a wheel of small steps: one for each notch
        auto* radius = find<QSpinBox>("brushRadius");
        radius->setValue(5);
        for (int n = 0; n < 7; ++n)
            turn(view, 15, Qt::ShiftModifier);
        QCOMPARE(radius->value(), 5);
        turn(view, 15, Qt::ShiftModifier);
        QCOMPARE(radius->value(), 6);
        turn(view, -240, Qt::ShiftModifier);
        QCOMPARE(radius->value(), 4);
    }
    void escapeGivesUpTheStrokeFirst()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* view = find<QWidget>("labView3");
        auto* brush = m_actions->find(QStringLiteral("actionMaskBrush"));
        brush->setChecked(true);
        find<QSpinBox>("brushRadius")->setValue(6);
        const QString before = hash("maskHash");
        QTest::mousePress(view, Qt::RightButton, {}, at(view, 8, 8));
        move(view, at(view, 8, 12), {}, Qt::RightButton);
        QVERIFY(hash("maskHash") != before);
        press("Esc");
        QCOMPARE(hash("maskHash"), before);
        QVERIFY(brush->isChecked());
        move(view, at(view, 2, 12), {}, Qt::RightButton); // the button is still down
        QTest::mouseRelease(view, Qt::RightButton, {}, at(view, 2, 12));
        settle();
        QCOMPARE(hash("maskHash"), before);
        press("Ctrl+Z"); // nothing to take back
        QCOMPARE(hash("maskHash"), before);
        press("Esc");
        QVERIFY(!brush->isChecked());
        // a stroke that is taken back is made again with either key
        brush->setChecked(true);
        QTest::mouseClick(view, Qt::RightButton, {}, at(view, 8, 8));
        const QString painted = hash("maskHash");
        for (const char* redo : {"Ctrl+Shift+Z", "Ctrl+Y"}) {
            press("Ctrl+Z");
            QCOMPARE(hash("maskHash"), before);
            press(redo);
            QCOMPARE(hash("maskHash"), painted);
        }
    }
    // a map of many tokens takes tens of seconds, and nothing said so or stopped it
    void longWorkHasALineAndIsStopped()
    {
        m_selection->setVolume(ramp());
        settle();
        QVERIFY(m_tasks->running().isEmpty());
        auto* shown = find<QCheckBox>("attentionShown");
        auto* brush = m_actions->find(QStringLiteral("actionMaskBrush"));
        brush->setChecked(true);
        const auto lines = [&] {
            QStringList out;
            for (const TaskCenter::Entry& one : m_tasks->running())
                out << one.title;
            return out.join(QLatin1Char('|'));
        };
        // the status bar's Cancel: whoever waited is free at once, and no box says that a map is shown
        hold(true);
        shown->setChecked(true);
        QTRY_COMPARE_WITH_TIMEOUT(lines(), QStringLiteral("Computing attention"), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").startsWith(QStringLiteral("Computing attention… ")), qPrintable(label("labStatus")), Wait);
        m_tasks->cancel(m_tasks->running().front().number);
        QVERIFY(m_tasks->running().isEmpty());
        QVERIFY(!shown->isChecked());
        QCOMPARE(find<QWidget>("labView1")->accessibleName(), QStringLiteral("Original"));
        // another mask is asked of the next process; Esc gives it up, and puts the brush down only after that
        const QString before = hash("arraysHash");
        press("N");
        QTRY_COMPARE_WITH_TIMEOUT(lines(), QStringLiteral("Asking the model"), Wait);
        press("Esc");
        QVERIFY(m_tasks->running().isEmpty());
        QVERIFY(brush->isChecked());
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        QCOMPARE(hash("arraysHash"), before);
        press("Esc");
        QVERIFY(!brush->isChecked());
        // and it goes on from there
        hold(false);
        press("Shift+N");
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != before, Wait);
        settle();
        shown->setChecked(true);
        QTRY_COMPARE_WITH_TIMEOUT(find<QWidget>("labView1")->accessibleName(), QStringLiteral("Attention"), Wait);
        auto* view = find<QWidget>("labView1");
        QTRY_VERIFY_WITH_TIMEOUT((move(view, at(view, 5, 2)), move(view, at(view, 5, 1)), label("tokenProbe").contains(QStringLiteral("attn "))), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(m_tasks->running().isEmpty(), Wait);
    }
    void aLoadIsStoppedAndDoneAfterAll()
    {
        m_selection->setVolume(ramp());
        settle();
        const path folder = checkpoint(40);
        std::ofstream(folder / "wait") << "x";
        m_selection->setModel({.checkpoint = folder});
        QTRY_VERIFY_WITH_TIMEOUT(!m_tasks->running().isEmpty() && m_tasks->running().front().title == QStringLiteral("Loading the model"), Wait);
        press("Esc");
        QVERIFY(m_tasks->running().isEmpty());
        QVERIFY(!m_panel->property("waiting").toBool());
        QVERIFY(hash("arraysHash").isEmpty());
        QVERIFY(std::filesystem::remove(folder / "wait"));
        press("Shift+N");
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 40")), Wait);
        settle();
    }
    void checkpointsAreSteppedAndPlayed()
    {
        const QString run = m_home.filePath(QStringLiteral("run"));
        for (const char* step : {"step-10", "step-20", "step-30"}) {
            const auto folder = std::filesystem::path(run.toStdString()) / "checkpoints" / step;
            std::filesystem::create_directories(folder);
            std::ofstream(folder / "model.safetensors") << "weights";
        }
        m_selection->setVolume(ramp());
        settle();
        press("]");
        QVERIFY(label("labStatus").contains(QStringLiteral("no checkpoints")));
        auto* play = byKeys("P");
        QVERIFY(play);
        play->trigger();
        QVERIFY(!play->isChecked());
        press("K"); // the bar with the button is not there
        QVERIFY(label("pinLabel").isEmpty());
        m_selection->setModel({.checkpoint = path(run.toStdString()) / "checkpoints" / "step-30"});
        QTRY_COMPARE_WITH_TIMEOUT(label("checkpointStep"), QStringLiteral("step 30"), Wait);
        settle();
        press("[");
        QCOMPARE(label("checkpointStep"), QStringLiteral("step 20"));
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 20")), Wait);
        settle();
        press("]");
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 30")), Wait);
        settle();
        press("]");
        QCOMPARE(label("checkpointStep"), QStringLiteral("step 30"));
        // from the last one it begins with the first, and ends at the last
        play->trigger();
        QVERIFY(play->isChecked());
        QCOMPARE(label("checkpointStep"), QStringLiteral("step 10"));
        for (const char* step : {"step 10", "step 20", "step 30"})
            QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QLatin1String(step)), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(!play->isChecked(), Wait);
        settle();
        // keys of the buttons
        auto* compare = find<QComboBox>("compareMode");
        press("M");
        QCOMPARE(compare->currentIndex(), 0);
        press("K");
        QVERIFY(label("pinLabel").startsWith(QStringLiteral("step 30")));
        press("M");
        QCOMPARE(compare->currentIndex(), 1);
        press("Shift+K");
        QVERIFY(label("pinLabel").isEmpty());
        QCOMPARE(compare->currentIndex(), 0);
        QVERIFY(find<QWidget>("pinButton")->toolTip().endsWith(QStringLiteral("[K]")));
        m_actions->setChosenKeys({{QStringLiteral("actionLabPin"), QStringLiteral("G")}});
        QVERIFY(find<QWidget>("pinButton")->toolTip().endsWith(QStringLiteral("[G]")));
    }
    void sliceKeysAreThoseOfRead()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(m_panel->property("baseGrid").toString(), QStringLiteral("3 x 3"), Wait);
        const auto slice = [&] { return m_panel->property("slice").toInt(); };
        const std::pair<const char*, int> steps[] = {{"Home", 1}, {"PgUp", 2}, {"Shift+PgUp", 7}, {"Up", 8}, {"Down", 7}, {"PgDown", 6}, {"Shift+PgDown", 1}, {"End", 24}};
        for (const auto& [keys, wanted] : steps) {
            press(keys);
            QCOMPARE(slice(), wanted);
        }
    }
};

QTEST_MAIN(TestLabKeys)
#include "tst_lab_keys.moc"
