// The Lab as the window loads it, found by object names, against a worker whose answers can be computed by hand.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QCheckBox>
#include <QImage>
#include <QLineEdit>
#include <QListWidget>
#include <QSpinBox>
#include <QTableWidget>

#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;

class TestLabPanel : public QObject, tests::LabBench {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }
    void rectangleOfThePublicCode()
    {
        m_selection->setVolume(ramp());
        QTRY_COMPARE_WITH_TIMEOUT(find<QComboBox>("methodCombo")->currentText(), QStringLiteral("HD X-ray MAE"), Wait);
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        find<QSpinBox>("seedSpin")->setValue(7);
        // rows 5..12 and columns 3..12 of 16 x 16: 80 inside, of which int(80 * 0.05) = 4 stay visible; int(176 * 0.15) = 26 outside
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").startsWith(QStringLiteral("inside 95.0 % (76 of 80) · outside 85.2 % (150 of 176) · hidden 226 of 256")),
                                  qPrintable(label("maskStats")), Wait);
        settle();
        const QString seven = hash("maskHash");
        find<QSpinBox>("seedSpin")->setValue(8);
        QTRY_VERIFY_WITH_TIMEOUT(hash("maskHash") != seven, Wait);
        find<QSpinBox>("seedSpin")->setValue(7);
        QTRY_COMPARE_WITH_TIMEOUT(hash("maskHash"), seven, Wait);
    }
    void anotherRegionLeavesTheOriginalAlone()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        QTRY_VERIFY_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        const QString original = hash("originalHash");
        QCOMPARE(original.size(), 64);
        find<QComboBox>("regionCombo")->setCurrentIndex(0);
        QTRY_VERIFY_WITH_TIMEOUT(!label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        QCOMPARE(hash("originalHash"), original);
    }
    void paintingHidesRevealsAndIsUndone()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QComboBox>("regionCombo")->setCurrentIndex(1);
        QTRY_VERIFY_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 80)")), Wait);
        settle();
        // everything visible first: a wide brush with the right button
        auto* view = find<QWidget>("labView3");
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        find<QSpinBox>("brushRadius")->setValue(20);
        QTest::mousePress(view, Qt::RightButton, {}, at(view, 8, 8));
        QTest::mouseMove(view, at(view, 1, 1));
        QTest::mouseMove(view, at(view, 14, 14));
        QTest::mouseRelease(view, Qt::RightButton, {}, at(view, 14, 14));
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("hidden 0 of 256")), qPrintable(label("maskStats")), Wait);
        const QString h0 = hash("maskHash"), arrays = hash("arraysHash");
        find<QSpinBox>("brushRadius")->setValue(2);
        QWheelEvent wheel(at(view, 4, 4), view->mapToGlobal(at(view, 4, 4)), {}, {0, 120}, Qt::NoButton, Qt::ShiftModifier, Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(view, &wheel);
        QCOMPARE(find<QSpinBox>("brushRadius")->value(), 3);
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 6, 6)); // 21 patches of a disc
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("hidden 21 of 256")), qPrintable(label("maskStats")), Wait);
        settle();
        QVERIFY(hash("arraysHash") != arrays); // refreshed without a click
        const QString h1 = hash("maskHash");
        find<QSpinBox>("brushRadius")->setValue(1);
        QTest::mouseClick(view, Qt::RightButton, {}, at(view, 6, 6));
        QTRY_VERIFY(label("maskStats").contains(QStringLiteral("hidden 20 of 256")));
        const QString h2 = hash("maskHash");
        auto* undo = m_actions->find(QStringLiteral("actionMaskUndo"));
        auto* redo = m_actions->find(QStringLiteral("actionMaskRedo"));
        undo->trigger();
        QCOMPARE(hash("maskHash"), h1);
        undo->trigger();
        QCOMPARE(hash("maskHash"), h0);
        redo->trigger();
        QCOMPARE(hash("maskHash"), h1);
        redo->trigger();
        QCOMPARE(hash("maskHash"), h2);
        settle();
        QCOMPARE(find<QTableWidget>("patchErrorTable")->rowCount(), 12);
    }
    void crosshairProbeAndWorstPatch()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* error = find<QWidget>("labView4");
        QTest::mouseMove(error, at(error, 12, 7));
        QTRY_VERIFY2(label("tokenProbe").startsWith(QStringLiteral("patch r12 c7 ")), qPrintable(label("tokenProbe")));
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"}) // the same place in all four, before any click
            QCOMPARE(find<QWidget>(view)->property("crosshairPatch").toString(), QStringLiteral("r12 c7"));
        QTest::mouseClick(error, Qt::LeftButton, {}, at(error, 12, 7));
        QCOMPARE(m_selection->crosshair().space, Crosshair::Space::Plane);
        // the middle of patch c7 of a 512 pixel wide image
        QVERIFY(std::abs(m_selection->crosshair().point[0] - 239.5) < 4);
        QVERIFY(std::abs(m_selection->crosshair().point[1] - 399.5) < 4);
        auto* worst = find<QTableWidget>("patchErrorTable");
        QTRY_VERIFY(worst->rowCount() > 0);
        // a ramp filled with mid-grey is worst in the first and the last column
        const int column = worst->item(0, 1)->text().toInt(), row = worst->item(0, 0)->text().toInt();
        QVERIFY(column == 0 || column == 15);
        QTest::mouseClick(worst->viewport(), Qt::LeftButton, {}, worst->visualItemRect(worst->item(0, 0)).center());
        QCOMPARE(static_cast<int>(m_selection->crosshair().point[0] / 32), column);
        QCOMPARE(static_cast<int>(m_selection->crosshair().point[1] / 32), row);
    }
    void attentionOfAClickedPatch()
    {
        m_selection->setVolume(ramp());
        settle();
        find<QCheckBox>("attentionShown")->setChecked(true);
        auto* view = find<QWidget>("labView1");
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 3, 9));
        QTest::mouseMove(view, at(view, 3, 10));
        QTest::mouseMove(view, at(view, 3, 9));
        QTRY_VERIFY2_WITH_TIMEOUT((QTest::mouseMove(view, at(view, 3, 8)), QTest::mouseMove(view, at(view, 3, 9)), label("tokenProbe").contains(QStringLiteral("attn 1.000"))),
                                  qPrintable(label("tokenProbe")), Wait);
        QTest::mouseMove(view, at(view, 4, 9));
        QVERIFY2(label("tokenProbe").contains(QStringLiteral("attn 0.000")), qPrintable(label("tokenProbe")));
    }
    void groupsAreOutlinedWithTheirFill()
    {
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("SPCXR"));
        QTRY_VERIFY_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("(32 of 256)")), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        auto* disrupted = find<QWidget>("labView2");
        QCOMPARE(disrupted->property("hatch").toString(), QStringLiteral("filled with mean grey"));
        QVERIFY(find<QComboBox>("otherCombo")->isVisibleTo(m_panel));
        // a second radiograph, and the first one as donor
        m_selection->setVolume(ramp());
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool() && label("maskStats").contains(QStringLiteral("(32 of 256)")), Wait);
        auto* other = find<QComboBox>("otherCombo");
        other->setCurrentIndex(1);
        Q_EMIT other->activated(1);
        QTRY_COMPARE_WITH_TIMEOUT(disrupted->property("hatch").toString(), QStringLiteral("filled from another image"), Wait);
        QCOMPARE(disrupted->property("thumbnail").toString(), QStringLiteral("the image before"));
        QCOMPARE(label("otherNote"), QStringLiteral("the image before"));
    }
    void cropsOfVoCoAreDragged()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(m_panel->property("baseGrid").toString(), QStringLiteral("3 x 3"), Wait);
        auto* bars = find<QWidget>("overlapBars");
        QTRY_VERIFY_WITH_TIMEOUT(bars->isVisibleTo(m_panel), Wait);
        // in the middle at first: all of it lies in base crop 4
        QCOMPARE(bars->property("trueBars").toString(), QStringLiteral("0.000 0.000 0.000 0.000 1.000 0.000 0.000 0.000 0.000"));
        QCOMPARE(bars->property("predictedBars").toString(), QStringLiteral("0.100 0.100 0.100 0.100 0.100 0.100 0.100 0.100 0.100"));
        // what VoCo does not show is not there, and the reason is
        QVERIFY(find<QWidget>("labView1")->isVisible());
        QVERIFY(!find<QWidget>("labView2")->isVisible());
        QVERIFY(!find<QWidget>("labView3")->isVisible());
        QVERIFY(label("hiddenReason").startsWith(QStringLiteral("VoCo hides nothing")));
        QCOMPARE(find<QComboBox>("attentionKind")->currentText(), QStringLiteral("Occlusion")); // the kind of map that it has
        // one crop to the left and one down on the screen is to the right and behind in the patient: base crop 6
        auto* crop = find<QWidget>("randomCrop");
        QVERIFY(crop->isVisible());
        drag(crop, QPoint(-crop->width(), crop->height()));
        QTRY_COMPARE_WITH_TIMEOUT(bars->property("trueBars").toString(), QStringLiteral("0.000 0.000 0.000 0.000 0.000 0.000 1.000 0.000 0.000"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        QCOMPARE(bars->property("trueBars").toString(), QStringLiteral("0.000 0.000 0.000 0.000 0.000 0.000 1.000 0.000 0.000"));
        QCOMPARE(crop->property("crop").toString(), QStringLiteral("0 64 32 96")); // pixels of the slice: left, bottom
        // half a crop back: half of it in base crop 3, which is nearer to the left
        drag(crop, QPoint(crop->width() / 2, 0));
        const QStringList half = bars->property("trueBars").toString().split(QLatin1Char(' '));
        QVERIFY2(std::abs(half[3].toDouble() - 0.5) < 0.05 && std::abs(half[6].toDouble() - 0.5) < 0.05, qPrintable(half.join(QLatin1Char(' '))));
        QVERIFY(find<QWidget>("baseSimilarity")->property("values").toString().startsWith(QStringLiteral("0.50 0.50")));
    }
    void aCropIsDrawnOnTheSlicesThatItCuts()
    {
        m_selection->setVolume(ct(48)); // its crop has the 24 in the middle, base crops all
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(m_panel->property("baseGrid").toString(), QStringLiteral("3 x 3"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        auto* crop = find<QWidget>("randomCrop");
        QCOMPARE(m_panel->property("slice").toInt(), 25);
        QVERIFY(crop->isVisible());
        m_actions->find(QStringLiteral("actionLabSliceFirst"))->trigger();
        QVERIFY(!crop->isVisible());
        QVERIFY(find<QWidget>("baseCrop4")->isVisible());
        for (int n = 0; n < 12; ++n) {
            QVERIFY(!crop->isVisible());
            m_actions->find(QStringLiteral("actionLabSliceUp"))->trigger();
        }
        QCOMPARE(m_panel->property("slice").toInt(), 13); // the first of the crop
        QVERIFY(crop->isVisible());
    }
    void channelsOfDaeAreMaskedNotPixels()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("Disruptive AE"));
        QTRY_VERIFY_WITH_TIMEOUT(find<QWidget>("channelBar")->isVisibleTo(m_panel), Wait);
        QCOMPARE(label("channelText"), QStringLiteral("6 of 12 channels masked, not pixels"));
        QCOMPARE(find<QWidget>("channelBar")->property("channels").toString(), QStringLiteral("111111000000"));
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"})
            QVERIFY(find<QWidget>(view)->isVisible());
        QVERIFY2(label("maskStats").contains(QStringLiteral("loss 0.2500")) && label("maskStats").contains(QStringLiteral("mean error 0.250")), qPrintable(label("maskStats")));
        QVERIFY2(label("maskStats").contains(QStringLiteral("alone: noise 0.0500, decimation 0.1500, hidden channels 0.2000")), qPrintable(label("maskStats")));
        QCOMPARE(find<QWidget>("cmclSimilarity")->property("values").toString(), QStringLiteral("1.00 0.50;0.50 1.00"));
        // the method's own option, from its declaration
        auto* ratio = find<QLineEdit>("option_channel_ratio");
        QVERIFY(ratio);
        ratio->setText(QStringLiteral("0.25"));
        QTRY_COMPARE_WITH_TIMEOUT(label("channelText"), QStringLiteral("3 of 12 channels masked, not pixels"), Wait);
        QVERIFY(!find<QWidget>("patchErrorTable")->isVisible());
    }
    void theCrosshairOfAVolumeIsThePatients()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("Disruptive AE"));
        QTRY_VERIFY_WITH_TIMEOUT(find<QWidget>("channelBar")->isVisibleTo(m_panel) && !m_panel->property("waiting").toBool(), Wait);
        // the marker of the file, in the patient
        const Vec3 marker = ct().geometry().indexToWorld({20, 30, 5});
        m_selection->setCrosshair({Crosshair::Space::Patient, marker});
        m_actions->find(QStringLiteral("actionLabCentre"))->trigger(); // the crop there
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool() && label("tokenProbe").contains(QStringLiteral("value 1.000")), Wait);
        QVERIFY2(label("tokenProbe").contains(QStringLiteral("(R 55.0, A 20.0, S 120.0)")), qPrintable(label("tokenProbe")));
        // the wheel steps through the slices and takes the crosshair along
        const int slice = m_panel->property("slice").toInt();
        auto* view = find<QWidget>("labView1");
        QWheelEvent wheel(view->rect().center(), view->mapToGlobal(view->rect().center()), {}, {0, 120}, Qt::NoButton, {}, Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(view, &wheel);
        QCOMPARE(m_panel->property("slice").toInt(), slice + 1);
        QCOMPARE(m_selection->crosshair().point[2], marker[2] + 4);
    }
    void slicesAndTextsOfUniMedI()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("UniMedI"));
        auto* weights = find<QWidget>("sliceWeights");
        QTRY_VERIFY_WITH_TIMEOUT(weights->isVisible(), Wait);
        QCOMPARE(weights->property("chosen").toString(), QStringLiteral("23 24"));
        auto* text = find<QLineEdit>("textQuery");
        QVERIFY(text->isVisibleTo(m_panel));
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
        text->setFocus();
        for (const char* sentence : {"no effusion", "effusion on the left"}) {
            text->setText(QLatin1String(sentence));
            QTest::keyClick(text, Qt::Key_Return);
        }
        auto* similarity = find<QWidget>("textSimilarity");
        QTRY_COMPARE_WITH_TIMEOUT(similarity->property("values").toString(), QStringLiteral("0.10 0.20"), Wait);
        const auto* nearest = find<QListWidget>("textBest");
        QCOMPARE(nearest->count(), 2);
        QCOMPARE(nearest->item(0)->text(), QStringLiteral("1. 0.200  effusion on the left"));
        QCOMPARE(nearest->item(1)->text(), QStringLiteral("2. 0.100  no effusion"));
        for (const char* sentence : {"a nodule", "a cyst", "a fracture", "a tube"}) {
            text->setText(QLatin1String(sentence));
            QTest::keyClick(text, Qt::Key_Return);
        }
        QTRY_COMPARE_WITH_TIMEOUT(similarity->property("values").toString(), QStringLiteral("0.10 0.20 0.30 0.40 0.50 0.60"), Wait);
        QCOMPARE(nearest->count(), 5); // of six
        QCOMPARE(nearest->item(0)->text(), QStringLiteral("1. 0.600  a tube"));
        QVERIFY(!find<QWidget>("ownReport")->isVisibleTo(m_panel)); // there are no candidates
        QVERIFY(!find<QWidget>("labView2")->isVisible());
        // a radiograph goes in too: no slices then
        m_selection->setVolume(ramp());
        QTRY_VERIFY_WITH_TIMEOUT(!weights->isVisible() && !m_panel->property("waiting").toBool(), Wait);
        QTRY_COMPARE_WITH_TIMEOUT(similarity->property("values").toString(), QStringLiteral("0.10 0.20 0.30 0.40 0.50 0.60"), Wait);
    }
    void attentionOfAVolumeLiesOverItsSlices()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("UniMedI"));
        QTRY_VERIFY_WITH_TIMEOUT(find<QWidget>("sliceWeights")->isVisible() && !m_panel->property("waiting").toBool(), Wait);
        auto* shown = find<QCheckBox>("attentionShown");
        QVERIFY(shown->isVisible());
        QVERIFY(!find<QWidget>("attentionKind")->isVisible()); // there is the one map
        QVERIFY(!find<QWidget>("attentionLayer")->isVisible());
        auto* view = find<QWidget>("labView1");
        const auto colour = [&](const QPoint& place) {
            const QImage image = view->grab().toImage();
            return image.pixelColor(place * image.devicePixelRatio());
        };
        // the first slice: the patch of the smallest i and j lies right and below
        m_actions->find(QStringLiteral("actionLabSliceFirst"))->trigger();
        QCOMPARE(m_panel->property("slice").toInt(), 1);
        const QPoint right = at(view, 12, 11), left = at(view, 12, 3);
        const QColor before = colour(right);
        QCOMPARE(before.red(), before.blue()); // grey
        shown->setChecked(true);
        QTRY_VERIFY(colour(right).red() != colour(right).blue());
        const QColor heat = colour(right), none = colour(left);
        QVERIFY(heat.red() + heat.green() > none.red() + none.green()); // bright and dark end of the map
        // the last slice: left and on top instead
        m_actions->find(QStringLiteral("actionLabSliceLast"))->trigger();
        QCOMPARE(m_panel->property("slice").toInt(), 24);
        QVERIFY(colour(at(view, 3, 3)).red() + colour(at(view, 3, 3)).green() > colour(at(view, 12, 3)).red() + colour(at(view, 12, 3)).green());
        QTest::mouseMove(view, at(view, 3, 3));
        QTRY_VERIFY2(label("tokenProbe").contains(QStringLiteral("patch d1 r1 c1  attn 0.50000")), qPrintable(label("tokenProbe")));
        // no other method has this one
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_COMPARE_WITH_TIMEOUT(find<QComboBox>("attentionKind")->currentText(), QStringLiteral("Occlusion"), Wait);
    }
    void theMouseFollowsTheProfile()
    {
        m_selection->setVolume(ct());
        chooseMethod(QStringLiteral("Disruptive AE"));
        QTRY_VERIFY_WITH_TIMEOUT(find<QWidget>("channelBar")->isVisibleTo(m_panel) && !m_panel->property("waiting").toBool(), Wait);
        auto* view = find<QWidget>("labView1");
        const Vec3 before = m_selection->crosshair().point;
        // ITK-SNAP: Alt+left pans
        m_settings->setValue(QStringLiteral("input/profile"), QStringLiteral("itk-snap"));
        QTest::mouseClick(view, Qt::LeftButton, Qt::AltModifier, view->rect().center() + QPoint(30, 30));
        QCOMPARE(m_selection->crosshair().point, before);
        QVERIFY(view->toolTip().contains(QStringLiteral("Alt+left drag: pan")));
        // Radiology: it moves the crosshair
        m_settings->setValue(QStringLiteral("input/profile"), QStringLiteral("radiology"));
        QTest::mouseClick(view, Qt::LeftButton, Qt::AltModifier, view->rect().center() + QPoint(30, 30));
        QVERIFY(m_selection->crosshair().point != before);
    }
    void handKeysAreRemapped()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* view = find<QWidget>("labView1");
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        m_actions->setChosenKeys({{QStringLiteral("actionLabHideOverlays"), QStringLiteral("H")}, {QStringLiteral("actionLabCancel"), QStringLiteral("X")}});
        QTest::keyPress(view, Qt::Key_Space);
        QVERIFY(!view->property("overlaysHidden").toBool());
        QTest::keyRelease(view, Qt::Key_Space);
        QTest::keyPress(view, Qt::Key_H);
        QVERIFY(view->property("overlaysHidden").toBool());
        QTest::keyRelease(view, Qt::Key_H);
        QVERIFY(!view->property("overlaysHidden").toBool());
        m_actions->find(QStringLiteral("actionLabCancel"))->trigger();
        QVERIFY(!m_actions->find(QStringLiteral("actionMaskBrush"))->isChecked());
    }
    void refusesAVolume()
    {
        m_selection->setVolume(ramp(5));
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").contains(QStringLiteral("volume of 5 slices")), qPrintable(label("labRefusal")), Wait);
        QVERIFY(find<QLabel>("labRefusal")->isVisible());
        QVERIFY(label("maskStats").isEmpty());
        m_selection->setVolume(ramp());
        settle();
        QVERIFY(!find<QLabel>("labRefusal")->isVisible());
    }
    void trainProposesWhatTheLabShows()
    {
        m_selection->setVolume(ramp());
        settle();
        Json proposal;
        connect(m_selection.get(), &Selection::jobProposed, this, [&](const Json& p) { proposal = p; });
        QTest::mouseClick(find<QWidget>("trainButton"), Qt::LeftButton);
        QVERIFY(proposal.is_object());
        proposal = {};
        press("T"); // the button's key
        QVERIFY(proposal.is_object());
        QCOMPARE(proposal.value("method", ""), std::string("hdxray-mae"));
        QCOMPARE(proposal["options"].value("mask_ratio_inside", 0.0), 0.95);
        QCOMPARE(proposal["options"].value("region_source", ""), std::string("paper-idea"));
        QVERIFY(!proposal["options"].contains("seed"));
        QCOMPARE(proposal.value("images", ""), std::string("library"));
    }
};

QTEST_MAIN(TestLabPanel)
#include "tst_lab_panel.moc"
