// Window from a box, texts, time points and uneven labels of the Read workspace.
#include "plugins/panels/read/tests/read_bench.h"

#include "core/services/importer.h"
#include "plugins/panels/read/overlay_loader.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"
#include "tests/widgets/letter_phantom.h"

#include <QAction>
#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>
#include <QLabel>
#include <QSignalSpy>
#include <QTimer>
#include <QWheelEvent>

#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using tests::ReadBench;

namespace {

void turn(SliceView* view, int steps, Qt::KeyboardModifiers keys)
{
    QWheelEvent event(QPointF(50, 50), view->mapToGlobal(QPointF(50, 50)), {}, QPoint(0, 120 * steps), Qt::NoButton, keys, Qt::NoScrollPhase, false);
    QApplication::sendEvent(view, &event);
}

} // namespace

class TestReadTools : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;
    const imaging::Volume m_ct = m_phantom.volume(tests::all48()[0]);

    static QInputDialog* dialogOf(ReadBench& bench) { return bench.panel->findChild<QInputDialog*>(QStringLiteral("noteDialog")); }
    /// The dialog is gone and the window has the keys again; without a window manager nobody else gives them back.
    static void backToTheImage(ReadBench& bench)
    {
        QTRY_VERIFY(!dialogOf(bench));
        bench.window.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&bench.window));
        bench.axial()->setFocus();
    }

private Q_SLOTS:
    void aBoxGivesTheWindowOfItsValues()
    {
        ReadBench bench;
        bench.open(tests::radiograph(imaging::SpacingMeaning::DetectorPlane)); // a pixel holds its column
        QTest::keyClick(bench.axial(), Qt::Key_W, Qt::ShiftModifier);
        QVERIFY(bench.panel->tool() == Gesture::WindowBox);
        const auto place = [&](double column, double row) { return bench.axial()->positionOfImagePoint({column, row}).toPoint(); };
        bench.drag(Qt::LeftButton, place(60, 70), place(20, 30)); // from the lower right: a box all the same
        const view::Transfer t = bench.panel->state()->transfer.get();
        // 1 and 99 per cent of columns 20 to 60, give or take a screen pixel
        QVERIFY2(std::abs(t.window.centre - 40) < 1, qPrintable(QString::number(t.window.centre)));
        QVERIFY2(std::abs(t.window.width - 40) < 3, qPrintable(QString::number(t.window.width)));
        QCOMPARE(t.source, std::string("from a box"));
        QVERIFY(bench.panel->state()->userWindow == t.window); // key 9 brings it back
        // a click is no box, a box beside the image neither, Escape gives one up
        bench.drag(Qt::LeftButton, place(30, 30), place(30, 30));
        QVERIFY(bench.panel->state()->transfer.get() == t);
        QTest::mousePress(bench.axial(), Qt::LeftButton, {}, place(80, 20));
        QMouseEvent move(QEvent::MouseMove, QPointF(place(100, 60)), bench.axial()->mapToGlobal(QPointF(place(100, 60))), Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(bench.axial(), &move);
        QTest::keyClick(bench.axial(), Qt::Key_Escape);
        QTest::mouseRelease(bench.axial(), Qt::LeftButton, {}, place(100, 60));
        QVERIFY(bench.panel->state()->transfer.get() == t);
        QVERIFY(bench.panel->tool() == Gesture::WindowBox);
    }

    void aTextIsWrittenChangedAndTakenBack()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_B);
        bench.drag(Qt::LeftButton, {150, 150}, {220, 190});
        QTRY_VERIFY(dialogOf(bench));
        dialogOf(bench)->setTextValue(QStringLiteral("  old fracture?  "));
        dialogOf(bench)->accept();
        QTRY_COMPARE(bench.measured().items.size(), std::size_t{1});
        QCOMPARE(bench.measured().items[0].text, std::string("old fracture?"));
        QVERIFY(bench.measured().items[0].kind == view::MeasureKind::Note);
        backToTheImage(bench);

        bench.panel->setTool(Gesture::Note);
        bench.drag(Qt::LeftButton, {250, 110}, {290, 130}); // without words it goes again
        QTRY_VERIFY(dialogOf(bench));
        dialogOf(bench)->reject();
        QTRY_COMPARE(bench.measured().items.size(), std::size_t{1});
        backToTheImage(bench);

        bench.panel->state()->measurements.modify([](view::MeasurementList& list) { list.selected = list.items[0].id; });
        QTest::keyClick(bench.axial(), Qt::Key_F2);
        QTRY_VERIFY(dialogOf(bench));
        QCOMPARE(dialogOf(bench)->textValue(), QStringLiteral("old fracture?"));
        dialogOf(bench)->setTextValue(QStringLiteral("=new, \"healed\""));
        dialogOf(bench)->accept();
        QTRY_COMPARE(bench.measured().items[0].text, std::string("=new, \"healed\""));
        backToTheImage(bench);
        const std::string csv = bench.panel->measurementText(panels::ReadPanel::ExportFormat::Csv);
        QVERIFY2(csv.find("\"'=new, \"\"healed\"\"\"") != std::string::npos, csv.c_str()); // no formula for a spreadsheet
        QTest::keyClick(bench.axial(), Qt::Key_Z, Qt::ControlModifier);
        QTRY_COMPARE(bench.measured().items[0].text, std::string("old fracture?"));
        QTest::keyClick(bench.axial(), Qt::Key_Z, Qt::ControlModifier);
        QTRY_VERIFY(bench.measured().items.empty());
    }

    void closingTellsOfWhatWasNotExported()
    {
        ReadBench bench;
        QVERIFY(bench.panel->aboutToClose().isEmpty());
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_D);
        bench.drag(Qt::LeftButton, {150, 150}, {220, 190});
        QCOMPARE(bench.measured().items.size(), std::size_t{1});
        QCOMPARE(bench.panel->aboutToClose(), QStringLiteral("The measurements and texts of 1 image are not exported. They are kept only until the window closes."));
        bench.open(tests::radiograph(imaging::SpacingMeaning::DetectorPlane), 6); // they are the other image's now
        QVERIFY(!bench.panel->aboutToClose().isEmpty());
        bench.open(m_ct);

        const QString file = bench.folder.filePath(QStringLiteral("measurements.json"));
        auto* chooses = new QTimer(&bench.window);
        connect(chooses, &QTimer::timeout, &bench.window, [=] {
            if (auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget())) {
                chooses->stop();
                dialog->selectFile(file);
                static_cast<QDialog*>(dialog)->accept();
            }
        });
        chooses->start(20);
        bench.actions.find(QStringLiteral("actionMeasureExport"))->trigger();
        QTRY_VERIFY(bench.panel->aboutToClose().isEmpty());
        QVERIFY(QFileInfo::exists(file));
        bench.panel->setTool(Gesture::Distance);
        bench.drag(Qt::LeftButton, {160, 115}, {210, 125}); // one more
        QCOMPARE(bench.measured().items.size(), std::size_t{2});
        QVERIFY(!bench.panel->aboutToClose().isEmpty());
    }

    // labels above a missing slice lay one gap too low, without a question
    void labelsAboveAMissingSliceLieWhereTheyWereDrawn()
    {
        ReadBench bench;
        // slices at 0, 5, 10, 20 and 25 mm; label 7 on the one at 20 mm
        project::SeriesRow row{.id = 8, .kind = "volume", .format = "dicom", .description = "uneven", .where = path(bench.folder.filePath(QStringLiteral("uneven")).toStdString())};
        std::filesystem::create_directory(row.where);
        for (const int k : {0, 1, 2, 4, 5}) {
            const path file = row.where / std::to_string(k);
            tests::dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", 5 * k), .values = std::vector<std::int16_t>(20, static_cast<std::int16_t>(k == 4 ? 7 : 0))}).write(file);
            row.files.push_back(file);
        }
        const auto image = imaging::readVolume(row.where, {.spacing = imaging::SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->geometry().size[2], std::int64_t{6});
        bench.open(*image);
        Q_EMIT bench.selection.labelMapRequested(row);
        auto* words = bench.panel->findChild<QLabel*>(QStringLiteral("overlayText"));
        QTRY_COMPARE(words->text(), QStringLiteral("uneven (labels resampled)"));
        QVERIFY2(bench.axial()->fidelityText().contains(QStringLiteral("labels resampled")), qPrintable(bench.axial()->fidelityText()));
        for (std::int64_t k = 0; k < 6; ++k) {
            bench.axial()->scrollTo(k);
            const view::Probe probe = bench.axial()->probeAt(bench.axial()->positionOf({1, 1, 5.0 * static_cast<double>(k)}));
            QVERIFY(std::abs((*probe.pointLps)[2] - 5.0 * static_cast<double>(k)) < 1e-9);
            QCOMPARE(probe.notes, k == 4 ? std::vector<std::string>{"label 7"} : std::vector<std::string>{});
        }
        // as they were acquired they are refused: their geometry is not where they lie
        const auto found = imaging::scan({row.where});
        HILUM_VERIFY_OK(found);
        const auto acquired = imaging::readLabelMap(found->items.front());
        HILUM_VERIFY_OK(acquired);
        const panels::Placement placement = panels::placementOf(*image, *acquired);
        QVERIFY(placement.kind == panels::Placement::Kind::Foreign);
        QVERIFY2(placement.sentence.starts_with("its slices are uneven: "), placement.sentence.c_str());
        bench.actions.find(QStringLiteral("actionOverlayRemove"))->trigger();
        QSignalSpy errors(&bench.messages, &Messages::errorReported);
        bench.panel->showLabels(*acquired, QStringLiteral("as acquired"));
        QCOMPARE(errors.count(), 1);
        QVERIFY(words->text().isEmpty());
    }

    // a file that was overwritten came under the measurements of the picture before
    void measurementsStayWithTheirFile()
    {
        ReadBench bench;
        bench.open(m_ct, 5, "100 1");
        QTest::keyClick(bench.axial(), Qt::Key_D);
        bench.drag(Qt::LeftButton, {150, 150}, {220, 190});
        QCOMPARE(bench.measured().items.size(), std::size_t{1});
        bench.open(m_ct, 5, "100 2");
        QVERIFY(bench.measured().items.empty());
        bench.open(m_ct, 5, "100 1");
        QCOMPARE(bench.measured().items.size(), std::size_t{1});
    }

    // its row held the next disc's series by then, whose file was shown under the title of this one
    void aStepInTimeReadsTheOpenImagesFile()
    {
        ReadBench bench;
        const path file = tests::writeSeriesInTime(bench.folder.path());
        const auto first = imaging::readVolume(file);
        HILUM_VERIFY_OK(first);
        project::SeriesRow shown{.id = 9, .kind = "volume", .format = "nifti", .patientId = "P1", .width = tests::Side, .height = tests::Side, .slices = tests::Slices, .files = {file}, .where = file};
        project::SeriesRow other = shown;
        other.patientId = "P2";
        other.files = {path(bench.folder.path().toStdString()) / "another.nii"};
        HILUM_VERIFY_OK(bench.library.addSeries({{.row = other}}, nullptr));
        bench.selection.setSeries(shown);
        bench.selection.setVolume(*first);
        bench.panel->workspaceShown();
        turn(bench.axial(), 1, Qt::ShiftModifier);
        QTRY_COMPARE(bench.selection.volume().at(0, 0, 0), 100.0);
    }

    void theWheelWithShiftGoesThroughTime()
    {
        ReadBench bench;
        const path file = tests::writeSeriesInTime(bench.folder.path());
        const auto first = imaging::readVolume(file);
        HILUM_VERIFY_OK(first);
        QCOMPARE(first->header().timePoints, std::int64_t{tests::Times});
        project::SeriesRow row{.id = 9, .kind = "volume", .format = "nifti", .width = tests::Side, .height = tests::Side, .slices = tests::Slices, .files = {file}, .where = file};
        HILUM_VERIFY_OK(bench.library.addSeries({{.row = row}}, nullptr));
        bench.open(*first, 9);
        const auto value = [&] { return bench.selection.volume().at(5, 0, 0) - bench.selection.volume().at(0, 0, 0) == 5 ? bench.selection.volume().at(0, 0, 0) : -1.0; };
        QCOMPARE(value(), 0.0);
        bench.axial()->scrollBy(2);
        const std::int64_t slice = bench.axial()->slice();
        bench.panel->state()->poses[0].modify([](view::Pose& p) { p.zoom = 2; });
        const auto window = bench.panel->state()->transfer.get();

        turn(bench.axial(), 2, Qt::ShiftModifier);
        QTRY_COMPARE(value(), 200.0);
        QCOMPARE(bench.axial()->slice(), slice);
        QCOMPARE(bench.panel->state()->poses[0].get().zoom, 2.0);
        QVERIFY(bench.panel->state()->transfer.get() == window);
        QVERIFY2(bench.axial()->fidelityText().contains(QStringLiteral("time point 3/4")), qPrintable(bench.axial()->fidelityText()));
        const view::Probe probe = bench.axial()->probeAt(bench.axial()->positionOf(bench.selection.volume().geometry().indexToWorld({3, 3, 2})));
        QCOMPARE(probe.values.at(0), 203.0); // what the views show, not only what the window keeps
        turn(bench.axial(), 7, Qt::ShiftModifier); // no further than the last
        QTRY_COMPARE(value(), 300.0);
        QTest::keyClick(bench.axial(), Qt::Key_Down, Qt::ShiftModifier);
        QTRY_COMPARE(value(), 200.0);
        // the automatic window is that of the time point that is shown
        QTest::keyClick(bench.axial(), Qt::Key_0);
        const double centre = bench.panel->state()->transfer.get().window.centre;
        QVERIFY2(std::abs(centre - 205.5) < 2, qPrintable(QString::number(centre)));

        bench.open(m_ct); // one time point: said, nothing changes
        turn(bench.axial(), 1, Qt::ShiftModifier);
        QVERIFY(!bench.axial()->fidelityText().contains(QStringLiteral("time point")));
    }
};

QTEST_MAIN(TestReadTools)
#include "tst_read_tools.moc"
