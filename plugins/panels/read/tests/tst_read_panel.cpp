#include "plugins/panels/read/read_panel.h"

#include "tests/support/compare.h"
#include "tests/widgets/letter_phantom.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"

#include <QAction>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTimer>
#include <QVBoxLayout>

#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using panels::ReadPanel;

namespace {

/// A window with the panel and a text field, as far as the panel needs one.
struct Bench {
    QWidget window;
    Selection selection;
    Messages messages;
    Actions actions{&window};
    QLineEdit* field = nullptr;
    ReadPanel* panel = nullptr;

    Bench()
    {
        actions.addContextWidget(QStringLiteral("read"), &window);
        PanelContext context;
        context.services.selection = &selection;
        context.services.messages = &messages;
        context.actions = &actions;
        context.workspace = QStringLiteral("read");
        panel = new ReadPanel(context, &window);
        field = new QLineEdit(&window);
        auto* rows = new QVBoxLayout(&window);
        rows->addWidget(panel, 1);
        rows->addWidget(field);
        window.resize(900, 700);
        window.show();
        QVERIFY(QTest::qWaitForWindowActive(&window));
    }
    void open(const imaging::Volume& volume)
    {
        project::SeriesRow row;
        row.id = 5;
        row.kind = "volume";
        selection.setSeries(row);
        selection.setVolume(volume);
        panel->workspaceShown();
    }
    SliceView* axial() const { return panel->grid()->slice(0); }
    QString words(const char* name) const { return panel->findChild<QLabel*>(QString::fromLatin1(name))->text(); }
};

imaging::Volume withHeader(const imaging::Volume& volume, const std::function<void(imaging::ImageHeader&)>& change)
{
    imaging::ImageHeader header = volume.header();
    change(header);
    return volume.withHeader(header);
}

imaging::Volume radiograph()
{
    imaging::ImageHeader header;
    header.geometry.size = {120, 100, 1};
    header.geometry.spacingMm = {0.5, 0.5, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = imaging::SpacingMeaning::DetectorPlane;
    header.modality = "DX";
    header.seriesUid = "1.9";
    std::vector<std::uint16_t> pixels(120 * 100);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint16_t>(i % 120);
    return imaging::Volume(header, pixels);
}

} // namespace

class TestReadPanel : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;
    const imaging::Volume m_ct = m_phantom.volume(tests::all48()[0]);

private Q_SLOTS:
    void numberKeysSetWindowsAndWordsSaySo()
    {
        Bench bench;
        bench.open(m_ct);
        QVERIFY(!bench.panel->grid()->isFlat());
        QTest::keyClick(bench.axial(), Qt::Key_3);
        QCOMPARE(bench.words("wlText"), QStringLiteral("W 1500 L -600"));
        QVERIFY(bench.words("fidelityBadge").contains(QStringLiteral("lung")));
        QTest::keyClick(bench.axial(), Qt::Key_2);
        QCOMPARE(bench.words("wlText"), QStringLiteral("W 400 L 40"));
        QTest::keyClick(bench.axial(), Qt::Key_I);
        QVERIFY(bench.panel->state()->transfer.get().inverted);
        // 9: nothing set by hand yet
        QVERIFY(!bench.actions.find(QStringLiteral("actionPreset9"))->isEnabled());
    }

    void singleLetterKeysDoNotFireInATextField()
    {
        Bench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_3);
        const view::Transfer before = bench.panel->state()->transfer.get();
        bench.field->setFocus();
        QTest::keyClicks(bench.field, QStringLiteral("2i5rv\\"));
        QCOMPARE(bench.field->text(), QStringLiteral("2i5rv\\"));
        QVERIFY(bench.panel->state()->transfer.get() == before);
        QVERIFY(bench.panel->state()->poses[0].get() == view::Pose{});
        QCOMPARE(bench.panel->state()->layout.get(), view::Layout::TwoByTwo);
    }

    void hounsfieldPresetsAreGreyedWithAReasonElsewhere()
    {
        Bench bench;
        bench.open(withHeader(m_ct, [](imaging::ImageHeader& h) {
            h.modality = "MR";
            h.unit = imaging::Unit::Signal;
        }));
        const QAction* lung = bench.actions.find(QStringLiteral("actionPreset3"));
        QVERIFY(!lung->isEnabled());
        QCOMPARE(lung->toolTip(), QStringLiteral("MR values are not Hounsfield units."));
        const view::Transfer before = bench.panel->state()->transfer.get();
        QTest::keyClick(bench.axial(), Qt::Key_3);
        bench.panel->applyPreset(3);
        QVERIFY(bench.panel->state()->transfer.get() == before);
        QVERIFY(bench.actions.find(QStringLiteral("actionPreset0"))->isEnabled());
    }

    void keyOneGoesRoundTheWindowsOfTheFile()
    {
        Bench bench;
        bench.open(withHeader(m_ct, [](imaging::ImageHeader& h) {
            h.windows = {{40, 350, "A"}, {-500, 1400, "B"}};
        }));
        QCOMPARE(bench.words("wlText"), QStringLiteral("W 350 L 40"));
        QTest::keyClick(bench.axial(), Qt::Key_1);
        QCOMPARE(bench.words("wlText"), QStringLiteral("W 1400 L -500"));
        QTest::keyClick(bench.axial(), Qt::Key_1);
        QCOMPARE(bench.words("wlText"), QStringLiteral("W 350 L 40"));
        QTest::keyClick(bench.axial(), Qt::Key_0);
        QVERIFY(bench.words("fidelityBadge").contains(QStringLiteral("percentiles 1 to 99")));
    }

    void crosshairIsThatOfTheWindow()
    {
        Bench bench;
        bench.open(m_ct);
        QVERIFY(bench.selection.crosshair().space == Crosshair::Space::Patient);
        const Vec3 place = bench.axial()->stack().moved({12, -20, 0}, 4);
        bench.selection.setCrosshair({Crosshair::Space::Patient, place});
        QCOMPARE(bench.axial()->slice(), std::int64_t{4});
        QVERIFY(norm(bench.panel->state()->crosshair.get().pointLps - place) < 1e-9);
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QVERIFY(std::abs(bench.selection.crosshair().point[2] - (place[2] + 4)) < 1e-9);
    }

    // each view jumped to the middle of its stack
    void viewsStayWhereTheyAreWhenTheLinkGoes()
    {
        Bench bench;
        bench.open(m_ct); // voxels of 2 x 2.5 x 4 mm, the first at (-22, -49.75, -25)
        bench.selection.setCrosshair({Crosshair::Space::Patient, {-22 + 2 * 3, -49.75 + 2.5 * 30, -25 + 4 * 5}});
        const auto slices = [&] { return QList<std::int64_t>{bench.axial()->slice(), bench.panel->grid()->slice(1)->slice(), bench.panel->grid()->slice(2)->slice()}; };
        QCOMPARE(slices(), (QList<std::int64_t>{5, 3, 30}));
        QTest::keyClick(bench.axial(), Qt::Key_L);
        QVERIFY(!bench.panel->state()->linked.get());
        QCOMPARE(slices(), (QList<std::int64_t>{5, 3, 30}));
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QCOMPARE(slices(), (QList<std::int64_t>{7, 3, 30}));
        // linked again the crosshair comes to the slice that is looked at
        QTest::keyClick(bench.axial(), Qt::Key_L);
        QCOMPARE(slices(), (QList<std::int64_t>{7, 3, 30}));
        QVERIFY(norm(bench.selection.crosshair().point - Vec3{-16, 25.25, -25 + 4 * 7}) < 1e-9);
        QTest::keyClick(bench.axial(), Qt::Key_L); // not where the views were left the last time
        QCOMPARE(slices(), (QList<std::int64_t>{7, 3, 30}));
    }

    void radiographHasOneViewAndAPixelCrosshair()
    {
        Bench bench;
        bench.open(radiograph());
        QVERIFY(bench.panel->grid()->isFlat());
        QVERIFY(bench.axial()->isVisible() && !bench.panel->grid()->slice(1)->isVisible() && !bench.panel->grid()->volumeView()->isVisible());
        bench.selection.setCrosshair({Crosshair::Space::Plane, {30, 40, 0}});
        QVERIFY(norm(bench.panel->state()->crosshair.get().pointLps - Vec3{15, 20, 0}) < 1e-6);
        bench.axial()->moveCrosshair({50, 10, 0});
        QVERIFY(norm(bench.selection.crosshair().point - Vec3{100, 20, 0}) < 1e-6);
        QVERIFY(!bench.actions.find(QStringLiteral("actionPreset2"))->isEnabled());
        QCOMPARE(bench.actions.find(QStringLiteral("actionPreset2"))->toolTip(), QStringLiteral("DX values are not Hounsfield units."));
    }

    void noticesOfReadingAreShown()
    {
        Bench bench;
        bench.open(m_ct);
        auto* bar = bench.panel->findChild<QLabel*>(QStringLiteral("noticeBar"));
        QVERIFY(!bar->isVisible());
        bench.open(withHeader(m_ct, [](imaging::ImageHeader& h) {
            h.notices = {{"missing_slice", "1 slice is missing at z = 30 mm"}, {"gantry_tilt", "tilt of 8 degrees corrected"}};
        }));
        QVERIFY(bar->isVisible());
        QVERIFY(bar->text().contains(QStringLiteral("z = 30")) && bar->text().contains(QStringLiteral("tilt of 8")));
        QVERIFY(bench.words("fidelityBadge").contains(QStringLiteral("regularised")));
    }

    void spaceHeldHidesOverlays()
    {
        Bench bench;
        bench.open(m_ct);
        QTest::keyPress(bench.axial(), Qt::Key_Space);
        QVERIFY(bench.panel->state()->overlaysHidden.get());
        QTest::keyRelease(bench.axial(), Qt::Key_Space);
        QVERIFY(!bench.panel->state()->overlaysHidden.get());
    }

    void labelsOfTheSameGridAreShownAndFadeWithKeys()
    {
        Bench bench;
        bench.open(m_ct);
        imaging::ImageHeader header = m_ct.header();
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(m_ct.geometry().voxelCount()), 1);
        bench.panel->showLabels({imaging::Volume(header, mask), {{.value = 1, .name = "all"}}}, QStringLiteral("seg"));
        QCOMPARE(bench.words("overlayText"), QStringLiteral("seg"));
        const QPointF centre(bench.axial()->width() / 2.0, bench.axial()->height() / 2.0);
        QCOMPARE(bench.axial()->probeAt(centre).notes.at(0), std::string("all"));
        const double before = bench.axial()->labelOpacity();
        QTest::keyClick(bench.axial(), Qt::Key_E);
        QVERIFY(bench.axial()->labelOpacity() > before);
        QTest::keyClick(bench.axial(), Qt::Key_Q);
        QTest::keyClick(bench.axial(), Qt::Key_Q);
        QVERIFY(bench.axial()->labelOpacity() < before);
        bench.open(radiograph()); // another image: its overlay is gone
        QVERIFY(bench.axial()->probeAt(centre).notes.empty());
    }

    void labelsOfAnotherGridAskFirst_data()
    {
        QTest::addColumn<QString>("button");
        QTest::addColumn<bool>("shown");
        QTest::newRow("resample") << QStringLiteral("resampleButton") << true;
        QTest::newRow("cancel") << QStringLiteral("cancelButton") << false;
        QTest::newRow("separately") << QStringLiteral("separateButton") << false;
    }
    void labelsOfAnotherGridAskFirst()
    {
        QFETCH(QString, button);
        QFETCH(bool, shown);
        Bench bench;
        bench.open(m_ct);
        const Geometry flipped = tests::all48()[7]; // the same box, all axes the other way
        imaging::ImageHeader header = m_ct.header();
        header.geometry = flipped;
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(flipped.voxelCount()), 1);
        bool asked = false;
        QTimer::singleShot(0, &bench.window, [&] {
            auto* dialog = QApplication::activeModalWidget();
            asked = dialog && dialog->objectName() == QLatin1String("spaceDialog");
            if (asked)
                dialog->findChild<QPushButton*>(button)->click();
        });
        bench.panel->showLabels({imaging::Volume(header, mask), {}}, QStringLiteral("flipped"));
        QVERIFY(asked);
        QCOMPARE(bench.words("overlayText").contains(QStringLiteral("resampled")), shown);
        QCOMPARE(bench.words("fidelityBadge").contains(QStringLiteral("resampled")), shown);
    }

    void labelsOfAnotherPlaceAreRefused()
    {
        Bench bench;
        bench.open(m_ct);
        QSignalSpy errors(&bench.messages, &Messages::errorReported);
        imaging::ImageHeader header = m_ct.header();
        header.geometry.originLps[2] += 1000;
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(m_ct.geometry().voxelCount()), 1);
        bench.panel->showLabels({imaging::Volume(header, mask), {}}, QStringLiteral("far"));
        header.geometry = m_ct.geometry();
        header.frameOfReferenceUid = "9.9";
        bench.panel->showLabels({imaging::Volume(header, mask), {}}, QStringLiteral("other frame"));
        QCOMPARE(errors.count(), 2);
        QVERIFY(bench.words("overlayText").isEmpty());
    }

    void cineIsOnOnlyWhereItRuns()
    {
        Bench bench;
        QAction* cine = bench.actions.find(QStringLiteral("actionCine"));
        QVERIFY(!cine->isEnabled()); // no image
        bench.open(m_ct);
        QVERIFY(cine->isEnabled());
        QTest::keyClick(bench.axial(), Qt::Key_C);
        QVERIFY(cine->isChecked());
        const std::int64_t first = bench.axial()->slice();
        QTRY_VERIFY(bench.axial()->slice() != first);
        // another image stops it, and the button says so
        bench.open(withHeader(m_ct, [](imaging::ImageHeader& h) { h.seriesUid = "1.2.3"; }));
        QVERIFY(!cine->isChecked() && cine->isEnabled());
        const std::int64_t still = bench.axial()->slice();
        QTest::qWait(350);
        QCOMPARE(bench.axial()->slice(), still);
        // one slice: nothing to run through
        cine->setChecked(true);
        bench.open(radiograph());
        QVERIFY(!cine->isChecked() && !cine->isEnabled());
        QVERIFY(cine->toolTip().contains(QStringLiteral("one slice")));
        QTest::keyClick(bench.axial(), Qt::Key_C);
        QVERIFY(!cine->isChecked());
        bench.open(m_ct);
        QVERIFY(cine->isEnabled());
    }

    void turningAndMirroringKeepThePlaceInTheMiddle()
    {
        Bench bench;
        bench.open(m_ct); // its middle lies at (7, -11)
        bench.panel->state()->poses[0].modify([](view::Pose& pose) {
            pose.zoom = 4;
            pose.panMm = {-16, 9}; // to the patient's right and to the back
        });
        const auto middle = [&] { return bench.axial()->worldAt({bench.axial()->width() / 2.0, bench.axial()->height() / 2.0}); };
        const double height = bench.axial()->stack().positionMm(bench.axial()->slice());
        QVERIFY(norm(middle() - Vec3{-9, -2, height}) < 1e-9);
        for (const Qt::Key key : {Qt::Key_H, Qt::Key_R, Qt::Key_H, Qt::Key_V, Qt::Key_R, Qt::Key_V}) {
            const view::EdgeLetters before = bench.axial()->letters();
            QTest::keyClick(bench.axial(), key);
            QVERIFY(norm(middle() - Vec3{-9, -2, height}) < 1e-9);
            const view::EdgeLetters now = bench.axial()->letters();
            if (key == Qt::Key_H)
                QVERIFY(now.left == before.right && now.right == before.left && now.top == before.top && now.bottom == before.bottom);
            else if (key == Qt::Key_V)
                QVERIFY(now.left == before.left && now.right == before.right && now.top == before.bottom && now.bottom == before.top);
            else
                QVERIFY(now.top == before.left && now.right == before.top && now.bottom == before.right && now.left == before.bottom);
        }
    }

    void layoutKeyCyclesAndToolsChange()
    {
        Bench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_Backslash);
        QCOMPARE(bench.panel->state()->layout.get(), view::Layout::Single);
        QTest::keyClick(bench.axial(), Qt::Key_Z);
        QCOMPARE(bench.axial()->gesture(Qt::LeftButton), Gesture::Zoom);
        QTest::keyClick(bench.axial(), Qt::Key_Escape);
        QCOMPARE(bench.axial()->gesture(Qt::LeftButton), Gesture::WindowLevel);
        QTest::keyClick(bench.axial(), Qt::Key_R);
        QCOMPARE(bench.panel->state()->poses[0].get().quarterTurns, 1);
        QTest::keyClick(bench.axial(), Qt::Key_Equal);
        QVERIFY(bench.panel->state()->poses[0].get() == view::Pose{});
    }
};

QTEST_MAIN(TestReadPanel)
#include "tst_read_panel.moc"
