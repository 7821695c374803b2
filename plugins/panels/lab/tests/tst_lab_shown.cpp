// What the Lab says of a model and its answer: hidden shares, letters, losses, the menu of a view.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QDoubleSpinBox>
#include <QLineEdit>
#include <QMenu>
#include <QTableWidget>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;

class TestLabShown : public QObject, tests::LabBench {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }
    void lettersStandOnAllFourSides()
    {
        const auto letters = [&](const char* view) { return find<QWidget>(view)->property("letters").toString(); };
        m_selection->setVolume(ramp(1, {"L", "F"}));
        settle();
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"})
            QCOMPARE(letters(view), QStringLiteral("R L H F"));
        m_selection->setVolume(ramp()); // its file does not say
        settle();
        QCOMPARE(letters("labView1"), QStringLiteral("? ? ? ?"));
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(letters("labView1"), QStringLiteral("R L A P"), Wait);
        find<QComboBox>("planeCombo")->setCurrentIndex(1);
        QCOMPARE(letters("labView1"), QStringLiteral("R L H F"));
        find<QComboBox>("planeCombo")->setCurrentIndex(2);
        QCOMPARE(letters("labView1"), QStringLiteral("A P H F"));
    }
    void corruptedShareAndItsLossAreTold()
    {
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("SPCXR"));
        QTRY_COMPARE_WITH_TIMEOUT(label("maskStats"), QStringLiteral("corrupted 12.5 % (32 of 256) · L1 loss inside 0.250, whole image 0.031 · mean error 0.000"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        const auto* worst = find<QTableWidget>("patchErrorTable");
        QCOMPARE(worst->rowCount(), 12);
        // groups that do not keep to the patches: their numbers are there all the same, rows of the other grid are not
        find<QLineEdit>("option_align")->setText(QStringLiteral("1"));
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").startsWith(QStringLiteral("corrupted 12.5 % (8192 of 65536) · L1 loss inside 0.250")), qPrintable(label("maskStats")), Wait);
        QCOMPARE(worst->rowCount(), 0);
        auto* disrupted = find<QWidget>("labView2");
        move(disrupted, at(disrupted, 5, 5));
        QTRY_VERIFY2(label("tokenProbe").contains(QStringLiteral(" corrupted")), qPrintable(label("tokenProbe")));
    }
    void theMenuOfAViewHasNamesTipsAndKeys()
    {
        m_selection->setVolume(ramp());
        settle();
        QStringList names, faults;
        QTimer::singleShot(0, m_panel, [&] {
            auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
            if (!menu)
                return;
            for (const QAction* one : menu->actions())
                if (!one->isSeparator()) {
                    names << one->objectName();
                    if (one->toolTip().isEmpty() || one->toolTip() == one->text())
                        faults << one->text();
                }
            menu->close();
        });
        QTest::mouseClick(find<QWidget>("labView3"), Qt::RightButton);
        QCOMPARE(names.join(QLatin1Char(' ')), QStringLiteral("labMenuOriginal labMenuDisrupted labMenuReconstruction labMenuError labMenuPastedBack labMenuAttention actionLabProvenance actionLabExport"));
        QVERIFY2(faults.isEmpty(), qPrintable(faults.join(QLatin1Char(' '))));
    }
    // the layout said that it shows attention when no view did
    void anotherPictureEndsTheAttentionCross()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* cross = m_actions->find(QStringLiteral("actionLabLayoutAttention"));
        cross->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(cross->isChecked() && !m_panel->property("waiting").toBool(), Wait);
        QVERIFY(!find<QWidget>("labView3")->isVisible());
        QTimer::singleShot(0, m_panel, [] {
            auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
            QVERIFY(menu);
            auto* error = menu->findChild<QAction*>(QStringLiteral("labMenuError"));
            QVERIFY(error);
            error->trigger();
            menu->close();
        });
        QTest::mouseClick(find<QWidget>("labView2"), Qt::RightButton);
        QVERIFY(!cross->isChecked());
        QVERIFY(m_actions->find(QStringLiteral("actionLabLayoutAll"))->isChecked());
        QVERIFY(find<QWidget>("labView3")->isVisible());
        QCOMPARE(find<QWidget>("labView2")->accessibleName(), QStringLiteral("Error"));
    }
    // the window ended with an answer whose numbers were null
    void anAnswerNeedsNoNumbers()
    {
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.model = model("numberless")});
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        QVERIFY(!hash("arraysHash").isEmpty());
    }
    // every model was shown, recorded and trained on with 0.95 and 0.85, whatever its own were
    void hiddenSharesAreTheModels()
    {
        Json proposal;
        connect(m_selection.get(), &Selection::jobProposed, this, [&](const Json& p) { proposal = p["options"]; });
        const auto* inside = find<QDoubleSpinBox>("ratioInside");
        auto* outside = find<QDoubleSpinBox>("ratioOutside");
        m_selection->setVolume(ramp());
        settle();
        QCOMPARE(inside->value(), 0.95); // the method's defaults
        QCOMPARE(outside->value(), 0.85);
        m_selection->setModel({.model = model("ratios")});
        QTRY_COMPARE_WITH_TIMEOUT(inside->value(), 0.6, Wait);
        QCOMPARE(outside->value(), 0.4);
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        // of 80 inside int(80 * 0.4) = 32 stay visible, of 176 outside int(176 * 0.6) = 105
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").startsWith(QStringLiteral("inside 60.0 % (48 of 80) · outside 40.3 % (71 of 176)")), qPrintable(label("maskStats")), Wait);
        press("T");
        QCOMPARE(proposal.value("mask_ratio_inside", 0.0), 0.6);
        QCOMPARE(proposal.value("mask_ratio_outside", 0.0), 0.4);
        find<QComboBox>("modelCombo")->setCurrentIndex(0); // untrained weights, of which the method is chosen
        chooseMethod(QStringLiteral("MAE"));
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").startsWith(QStringLiteral("hidden 75.0 % (192 of 256)")), qPrintable(label("maskStats")), Wait);
        QCOMPARE(outside->value(), 0.75);
        QVERIFY(outside->isVisibleTo(m_panel));
        QVERIFY(!inside->isVisibleTo(m_panel));
        press("T");
        QCOMPARE(proposal.value("mask_ratio", 0.0), 0.75);
        // it has the option for its training alone: nothing is hidden here
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_VERIFY_WITH_TIMEOUT(label("hiddenReason").startsWith(QStringLiteral("UniMedI hides nothing")), Wait);
        QVERIFY(!outside->isVisibleTo(m_panel));
        press("T");
        QVERIFY2(!proposal.contains("mask_ratio"), proposal.dump().c_str());
    }
    void aChosenShareStaysWithTheCheckpointsOfARun()
    {
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.checkpoint = checkpoint(10)});
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 10")), Wait);
        settle();
        auto* outside = find<QDoubleSpinBox>("ratioOutside");
        QCOMPARE(outside->value(), 0.85);
        outside->setValue(0.5);
        m_selection->setModel({.checkpoint = checkpoint(20)});
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 20")), Wait);
        settle();
        QCOMPARE(outside->value(), 0.5);
    }
};

QTEST_MAIN(TestLabShown)
#include "tst_lab_shown.moc"
