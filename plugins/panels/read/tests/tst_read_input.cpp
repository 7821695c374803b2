// Mouse profiles, chosen keys, measuring, series keys and dropped label maps of the Read workspace.
#include "plugins/panels/read/tests/read_bench.h"

#include "core/base/jsonl.h"
#include "core/imaging/volume_write.h"
#include "tests/support/compare.h"
#include "tests/widgets/letter_phantom.h"
#include "widgets/shell/actions.h"

#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QSignalSpy>
#include <QTimer>
#include <QToolButton>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <QWheelEvent>

#include <atomic>
#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using panels::ReadPanel;
using tests::drop;
using tests::radiograph;
using tests::ReadBench;

class TestReadInput : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;
    const imaging::Volume m_ct = m_phantom.volume(tests::all48()[0]);

    /// Answers the next dialog of that name by its button.
    static void answer(ReadBench& bench, const QString& dialog, const QString& button, bool& asked)
    {
        auto* timer = new QTimer(&bench.window);
        timer->setInterval(20);
        connect(timer, &QTimer::timeout, &bench.window, [=, &asked] {
            auto* open = QApplication::activeModalWidget();
            if (!open)
                return;
            timer->stop();
            asked = open->objectName() == dialog;
            auto* press = open->findChild<QPushButton*>(button);
            if (press)
                press->click();
            else
                open->close();
        });
        timer->start();
    }

private Q_SLOTS:
    void profilesChangeWhatTheMouseDoes()
    {
        ReadBench bench;
        bench.open(m_ct);
        const auto pose = [&] { return bench.panel->state()->poses[0].get(); };
        const auto window = [&] { return bench.panel->state()->transfer.get().window; };
        const auto cross = [&] { return bench.panel->state()->crosshair.get().pointLps; };

        // Radiology: left windows, right zooms, Shift+left pans
        const auto first = window();
        bench.drag(Qt::LeftButton, {100, 100}, {140, 80});
        QVERIFY(window() != first);
        bench.drag(Qt::RightButton, {100, 100}, {100, 60});
        QVERIFY(pose().zoom > 1);
        bench.drag(Qt::LeftButton, {100, 100}, {130, 100}, Qt::ShiftModifier);
        QVERIFY(std::abs(pose().panMm[0]) > 1e-6);

        // MITK / PACS: left points, right windows, Ctrl+right zooms, Shift+right pans
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("mitk"));
        QVERIFY(bench.panel->tool() == Gesture::Crosshair);
        const Vec3 place = cross();
        auto before = window();
        auto beforePose = pose();
        bench.drag(Qt::LeftButton, {60, 60}, {90, 90});
        QVERIFY(norm(cross() - place) > 1);
        QVERIFY(window() == before && pose() == beforePose);
        bench.drag(Qt::RightButton, {100, 100}, {140, 80});
        QVERIFY(window() != before);
        QVERIFY(pose() == beforePose);
        bench.drag(Qt::RightButton, {100, 100}, {100, 60}, Qt::ControlModifier);
        QVERIFY(pose().zoom > beforePose.zoom);
        beforePose = pose();
        bench.drag(Qt::RightButton, {100, 100}, {140, 100}, Qt::ShiftModifier);
        QVERIFY(pose().zoom == beforePose.zoom && pose().panMm != beforePose.panMm);

        // 3D Slicer: bare left does nothing of its own, Ctrl+left fades the overlay
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("slicer"));
        before = window();
        beforePose = pose();
        const Vec3 here = cross();
        bench.drag(Qt::LeftButton, {60, 60}, {120, 120});
        QVERIFY(window() == before && pose() == beforePose && cross() == here);
        const double opacity = bench.axial()->labelOpacity();
        bench.drag(Qt::LeftButton, {100, 100}, {100, 60}, Qt::ControlModifier);
        QVERIFY(bench.axial()->labelOpacity() > opacity);

        // ITK-SNAP: Alt+left pans
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("itk-snap"));
        beforePose = pose();
        bench.drag(Qt::LeftButton, {100, 100}, {140, 100}, Qt::AltModifier);
        QVERIFY(pose().panMm != beforePose.panMm);
    }

    void profilesBringTheirOrderOfViews()
    {
        ReadBench bench;
        bench.open(m_ct);
        const auto corner = [&](const QWidget* view) { return std::pair{view->x() > 10, view->y() > 10}; };
        ViewportGrid* grid = bench.panel->grid();
        QCOMPARE(corner(grid->slice(2)), std::pair(false, true)); // coronal lower left
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("itk-snap"));
        QCOMPARE(corner(grid->slice(2)), std::pair(true, true));
        QCOMPARE(corner(grid->volumeView()), std::pair(false, true));
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("slicer"));
        QCOMPARE(corner(grid->volumeView()), std::pair(true, false));
        QCOMPARE(corner(grid->slice(2)), std::pair(false, true));
        QCOMPARE(corner(grid->slice(1)), std::pair(true, true));
    }

    void toolTipsAndOverlayFollowTheProfile()
    {
        ReadBench bench;
        const QAction* zoom = bench.actions.find(QStringLiteral("actionToolZoom"));
        QVERIFY(zoom->toolTip().contains(QStringLiteral("Left drag: zoom. Middle drag: pan. Right drag: zoom, click: menu.")));
        QVERIFY(zoom->toolTip().contains(QStringLiteral("[Z]")));
        bench.settings.setValue(QStringLiteral("input/profile"), QStringLiteral("mitk"));
        QVERIFY(zoom->toolTip().contains(QStringLiteral("Right drag: window and level, click: menu.")));
        const auto lines = bench.actions.gestures(QStringLiteral("read"));
        QVERIFY(std::ranges::any_of(lines, [](const GestureInfo& line) { return line.input == QStringLiteral("Ctrl+right drag") && line.text == QStringLiteral("zoom"); }));
        QVERIFY(std::ranges::any_of(lines, [](const GestureInfo& line) { return line.input == QStringLiteral("Left drag") && line.text == QStringLiteral("crosshair in all views"); }));
    }

    void chosenKeysReplaceTheDeclaredOnes()
    {
        ReadBench bench;
        bench.open(m_ct);
        bench.actions.setChosenKeys({{"actionInvert", "J"}, {"actionSliceUp", "PgDown"}, {"actionPageDown", ""}, {"actionHideOverlays", "G"}});
        QTest::keyClick(bench.axial(), Qt::Key_I);
        QVERIFY(!bench.panel->state()->transfer.get().inverted);
        QTest::keyClick(bench.axial(), Qt::Key_J);
        QVERIFY(bench.panel->state()->transfer.get().inverted);
        const std::int64_t slice = bench.axial()->slice();
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QCOMPARE(bench.axial()->slice(), slice);
        QTest::keyClick(bench.axial(), Qt::Key_PageDown);
        QCOMPARE(bench.axial()->slice(), slice + 1);
        QTest::keyPress(bench.axial(), Qt::Key_Space);
        QVERIFY(!bench.panel->state()->overlaysHidden.get());
        QTest::keyRelease(bench.axial(), Qt::Key_Space);
        QTest::keyPress(bench.axial(), Qt::Key_G);
        QVERIFY(bench.panel->state()->overlaysHidden.get());
        QTest::keyRelease(bench.axial(), Qt::Key_G);
        QVERIFY(!bench.panel->state()->overlaysHidden.get());
        QVERIFY(bench.actions.find(QStringLiteral("actionInvert"))->toolTip().endsWith(QStringLiteral("[J]")));
    }

    void sliceKeysStepAndStayOutOfLists()
    {
        ReadBench bench;
        bench.open(m_ct);
        const std::int64_t middle = bench.axial()->slice(), last = bench.axial()->stack().count - 1;
        const auto press = [&](Qt::Key key, Qt::KeyboardModifiers modifiers, std::int64_t wanted) {
            QTest::keyClick(bench.axial(), key, modifiers);
            QCOMPARE(bench.axial()->slice(), wanted);
        };
        press(Qt::Key_Up, {}, middle + 1);
        press(Qt::Key_Down, {}, middle);
        press(Qt::Key_PageUp, {}, middle + 1);
        press(Qt::Key_PageDown, Qt::ShiftModifier, middle - 4);
        press(Qt::Key_PageUp, Qt::ShiftModifier, middle + 1);
        press(Qt::Key_End, {}, last);
        press(Qt::Key_Home, {}, 0);
        // the list of measurements moves its own row
        bench.panel->state()->measurements.modify([](view::MeasurementList& list) {
            list.add({.plane = view::Plane::Axial, .points = {{0, 0, 0}, {9, 0, 0}}});
            list.add({.plane = view::Plane::Axial, .points = {{0, 0, 0}, {0, 9, 0}}});
        });
        auto* list = bench.panel->findChild<QTreeWidget*>(QStringLiteral("measureList"));
        QVERIFY(list && !list->isVisible());
        QTest::keyClick(bench.axial(), Qt::Key_M);
        QVERIFY(list->isVisible());
        list->setFocus();
        QCOMPARE(list->indexOfTopLevelItem(list->currentItem()), 1);
        QTest::keyClick(list, Qt::Key_Up);
        QCOMPARE(list->indexOfTopLevelItem(list->currentItem()), 0);
    }

    void distancesAreMillimetresOfThePatient()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_D);
        QVERIFY(bench.panel->tool() == Gesture::Distance);
        const Vec3 centre = bench.panel->state()->crosshair.get().pointLps;
        const QPoint from = bench.at(centre + Vec3{-15, 0, 0}), to = bench.at(centre + Vec3{15, 20, 0});
        bench.drag(Qt::LeftButton, from, to);
        QCOMPARE(bench.measured().items.size(), 1u);
        const view::Measurement& ruler = bench.measured().items.front();
        QVERIFY(ruler.plane == view::Plane::Axial);
        const double pixelMm = 1 / bench.axial()->viewport().pixelsPerMm;
        const double wanted = std::hypot(30, 20);
        // each end lies on a whole pixel
        QVERIFY(std::abs(view::measured(ruler, view::LengthMeaning::Patient).value - wanted) < 1.5 * pixelMm);
        QCOMPARE(bench.axial()->stack().nearest(ruler.points[0]), bench.axial()->slice());
        auto* list = bench.panel->findChild<QTreeWidget*>(QStringLiteral("measureList"));
        QCOMPARE(bench.panel->findChild<QToolButton*>(QStringLiteral("measureButton"))->text(), QStringLiteral("1 measurement"));
        QCOMPARE(list->topLevelItem(0)->text(2), QString::fromStdString(view::measured(ruler, view::LengthMeaning::Patient).text));

        // its end can be moved whatever the tool, and moves nothing else
        QTest::keyClick(bench.axial(), Qt::Key_W);
        const auto window = bench.panel->state()->transfer.get().window;
        bench.drag(Qt::LeftButton, to, from + QPoint(0, 40));
        QVERIFY(bench.panel->state()->transfer.get().window == window);
        QVERIFY(std::abs(view::measured(bench.measured().items.front(), view::LengthMeaning::Patient).value - 40 * pixelMm) < 1.5 * pixelMm);

        // seen on its slice only, and not while overlays are hidden
        QVERIFY(bench.axial()->measurementAt(from) != 0);
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QCOMPARE(bench.axial()->measurementAt(from), 0);
        QTest::keyClick(bench.axial(), Qt::Key_Down);
        QTest::keyClick(bench.axial(), Qt::Key_Delete);
        QVERIFY(bench.measured().items.empty());
        QCOMPARE(list->topLevelItemCount(), 0);
    }

    void anglesTakeThreeClicksAndEscapeStopsThem()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_A);
        const QPoint vertex(bench.axial()->width() / 2, bench.axial()->height() / 2);
        const auto click = [&](const QPoint& p) { bench.drag(Qt::LeftButton, p, p); };
        click(vertex + QPoint(60, 0));
        QVERIFY(bench.axial()->isMeasuring());
        QTest::keyClick(bench.axial(), Qt::Key_Escape);
        QVERIFY(!bench.axial()->isMeasuring());
        QVERIFY(bench.panel->tool() == Gesture::Angle); // once: only the measurement
        click(vertex + QPoint(60, 0));
        click(vertex);
        QVERIFY(bench.axial()->isMeasuring());
        click(vertex + QPoint(0, -70));
        QVERIFY(!bench.axial()->isMeasuring());
        QCOMPARE(bench.measured().items.size(), 1u);
        QVERIFY(std::abs(view::measured(bench.measured().items.front(), view::LengthMeaning::Patient).value - 90) < 1e-6);
        QTest::keyClick(bench.axial(), Qt::Key_Escape);
        QVERIFY(bench.panel->tool() == Gesture::WindowLevel);
    }

    void radiographLengthsSayWhatTheyMean_data()
    {
        QTest::addColumn<int>("meaning");
        QTest::addColumn<QString>("unit");
        QTest::addColumn<QString>("words");
        QTest::newRow("detector") << int(imaging::SpacingMeaning::DetectorPlane) << "mm" << "mm, detector plane";
        QTest::newRow("calibrated") << int(imaging::SpacingMeaning::Calibrated) << "mm" << "mm, calibrated";
        QTest::newRow("unknown") << int(imaging::SpacingMeaning::Unknown) << "px" << "px";
    }
    void radiographLengthsSayWhatTheyMean()
    {
        QFETCH(int, meaning);
        QFETCH(QString, unit);
        QFETCH(QString, words);
        ReadBench bench;
        bench.open(radiograph(imaging::SpacingMeaning(meaning)));
        QTest::keyClick(bench.axial(), Qt::Key_D);
        const QPoint from = bench.axial()->positionOfImagePoint({20, 50}).toPoint(), to = bench.axial()->positionOfImagePoint({80, 50}).toPoint();
        bench.drag(Qt::LeftButton, from, to);
        const auto json = parseJson(bench.panel->measurementText(ReadPanel::ExportFormat::Json));
        HILUM_VERIFY_OK(json);
        const Json& item = (*json)["measurements"][0];
        QCOMPARE(QString::fromStdString(item["unit"].get<std::string>()), unit);
        const double perPixel = meaning == int(imaging::SpacingMeaning::Unknown) ? 1 : 0.5;
        QVERIFY(std::abs(item["value"].get<double>() - 60 * perPixel) < 0.5 * perPixel); // both ends lie on whole screen pixels
        auto* list = bench.panel->findChild<QTreeWidget*>(QStringLiteral("measureList"));
        QVERIFY(list->topLevelItem(0)->text(2).endsWith(words));
        QVERIFY(bench.panel->measurementText(ReadPanel::ExportFormat::Csv).find("1,distance,Image,") != std::string::npos);
    }

    void measuringIsTakenBackByGesture()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_D);
        const QPoint middle(bench.axial()->width() / 2, bench.axial()->height() / 2), end = middle + QPoint(40, 0);
        bench.drag(Qt::LeftButton, middle, end);
        const auto drawn = bench.measured().items;
        bench.drag(Qt::LeftButton, end, end + QPoint(0, 40)); // moves its end, in four steps
        const auto moved = bench.measured().items;
        QVERIFY(moved != drawn && moved.size() == 1);
        QTest::keyClick(bench.axial(), Qt::Key_Delete);
        QVERIFY(bench.measured().items.empty());
        const auto undo = [&] { QTest::keyClick(bench.axial(), Qt::Key_Z, Qt::ControlModifier); };
        undo();
        QVERIFY(bench.measured().items == moved);
        undo();
        QVERIFY(bench.measured().items == drawn);
        undo();
        QVERIFY(bench.measured().items.empty());
        QTest::keyClick(bench.axial(), Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
        QVERIFY(bench.measured().items == drawn);
        undo();
        QTest::keyClick(bench.axial(), Qt::Key_Y, Qt::ControlModifier); // the other key for it
        QVERIFY(bench.measured().items == drawn);
    }

    void ctrlSSavesTheMeasurements()
    {
        ReadBench bench;
        bench.open(m_ct);
        QSignalSpy notes(&bench.messages, &Messages::noteReported);
        QTest::keyClick(bench.axial(), Qt::Key_S, Qt::ControlModifier);
        QCOMPARE(int(notes.count()), 1); // it would ask for a file now
        QCOMPARE(notes.first().first().toString(), QStringLiteral("Nothing is measured on this image yet"));
    }

    void aMeasurementBegunOnAnotherSliceIsGivenUp()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_D);
        const QPoint middle(bench.axial()->width() / 2, bench.axial()->height() / 2);
        bench.drag(Qt::LeftButton, middle, middle);
        QVERIFY(bench.axial()->isMeasuring());
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        bench.drag(Qt::LeftButton, middle + QPoint(30, 0), middle + QPoint(30, 0)); // begins anew
        QVERIFY(bench.measured().items.empty() && bench.axial()->isMeasuring());
    }

    void theLayoutOfTheViewsIsRemembered()
    {
        ReadBench bench;
        bench.open(m_ct);
        QTest::keyClick(bench.axial(), Qt::Key_2, Qt::AltModifier);
        QCOMPARE(bench.panel->state()->layout.get(), view::Layout::OneByTwo);
        QWidget window;
        Actions actions(&window);
        actions.addContextWidget(QStringLiteral("read"), &window);
        ReadPanel again({.services = bench.services, .actions = &actions, .workspace = QStringLiteral("read")}, &window);
        QCOMPARE(again.state()->layout.get(), view::Layout::OneByTwo);
    }

    void measurementsStayWithTheirSeries()
    {
        ReadBench bench;
        bench.open(m_ct, 5);
        QTest::keyClick(bench.axial(), Qt::Key_D);
        const QPoint middle(bench.axial()->width() / 2, bench.axial()->height() / 2);
        bench.drag(Qt::LeftButton, middle, middle + QPoint(50, 20));
        const auto kept = bench.measured();
        QCOMPARE(kept.items.size(), 1u);
        bench.open(radiograph(imaging::SpacingMeaning::DetectorPlane), 6);
        QVERIFY(bench.measured().items.empty());
        bench.open(m_ct, 5);
        QCOMPARE(bench.measured().items.size(), 1u);
        QVERIFY(bench.measured().items == kept.items);
    }

    void bracketsGoThroughTheStudy()
    {
        ReadBench bench;
        bench.library.rows = {{.id = 1, .kind = "volume", .studyUid = "1.1"}, {.id = 2, .kind = "report", .studyUid = "1.1"}, {.id = 3, .kind = "image", .studyUid = "1.2"},
                              {.id = 4, .kind = "volume", .patientId = "another one's", .studyUid = "1.1"}, {.id = 5, .kind = "volume", .studyUid = "1.1"}};
        bench.selection.setSeries(bench.library.rows[0]);
        bench.selection.setVolume(m_ct);
        bench.panel->workspaceShown();
        QSignalSpy opened(&bench.selection, &Selection::openRequested), notes(&bench.messages, &Messages::noteReported);
        QTest::keyClick(bench.axial(), Qt::Key_BracketRight);
        QVERIFY(opened.wait(60000));
        QCOMPARE(opened.first().first().toLongLong(), 5); // neither the report, nor the other study, nor another patient under its UID
        QTest::keyClick(bench.axial(), Qt::Key_BracketLeft);
        QVERIFY(notes.wait(60000));
        QCOMPARE(notes.first().first().toString(), QStringLiteral("this is the first of 2 series of its study"));
        QCOMPARE(opened.count(), 1);
    }

    void theFirstLookIsShownThoughThePanelIsNew()
    {
        // asked by another thread, which the fixture ends
        struct Watched : tests::FakeLibrary {
            mutable std::atomic<int> times = 0;
            mutable std::atomic<project::RowId> asked = 0;
            Result<project::SeriesRow> series(project::RowId id) const override
            {
                asked = id;
                ++times;
                return fail(ErrorCode::NotFound, "gone");
            }
        } library;
        // the loader asks before the panel exists
        tests::WindowFixture f;
        f.selection.setOpening(9);
        QWidget window;
        Actions actions(&window);
        actions.addContextWidget(QStringLiteral("read"), &window);
        f.services.library = &library;
        ReadPanel panel({.services = f.services, .actions = &actions, .workspace = QStringLiteral("read")}, &window);
        QTRY_COMPARE(library.times.load(), 1);
        QCOMPARE(library.asked.load(), project::RowId{9});
    }

    void droppedLabelsAreOffered_data()
    {
        QTest::addColumn<QString>("button");
        QTest::addColumn<bool>("overlaid");
        QTest::addColumn<int>("imported");
        QTest::newRow("overlay") << "overlayButton" << true << 0;
        QTest::newRow("separately") << "separateButton" << false << 1;
        QTest::newRow("cancel") << "cancelButton" << false << 0;
    }
    void droppedLabelsAreOffered()
    {
        QFETCH(QString, button);
        QFETCH(bool, overlaid);
        QFETCH(int, imported);
        ReadBench bench;
        bench.open(m_ct);
        imaging::ImageHeader header;
        header.geometry = m_ct.geometry();
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(m_ct.geometry().voxelCount()));
        std::fill(mask.begin(), mask.begin() + std::ssize(mask) / 2, std::uint8_t{3});
        const QString file = bench.folder.filePath("labels.nii");
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(header, mask), path(file.toStdString()), "nifti"));
        bool asked = false;
        answer(bench, QStringLiteral("labelDropDialog"), button, asked);
        QSignalSpy finished(&bench.imports, &StudyImport::finished);
        drop(bench.panel, file);
        QVERIFY(bench.panel->findChild<QLabel*>(QStringLiteral("overlayText"))->text().isEmpty()); // nothing before the answer
        QTRY_VERIFY(asked);
        QTRY_COMPARE(bench.panel->findChild<QLabel*>(QStringLiteral("overlayText"))->text(), overlaid ? QStringLiteral("labels.nii") : QString());
        if (imported > 0)
            QTRY_COMPARE(int(finished.count()), imported);
        QTRY_VERIFY(bench.tasks.running().isEmpty());
        QCOMPARE(int(bench.library.rows.size()), imported);
        if (imported > 0) // and is what is open now
            QTRY_COMPARE(bench.selection.volume().header().unit, imaging::Unit::Label);
    }

    void droppedLabelsOfAnotherGridAsk_data()
    {
        QTest::addColumn<QString>("button");
        QTest::addColumn<bool>("overlaid");
        QTest::addColumn<bool>("opened");
        QTest::newRow("resample") << "resampleButton" << true << false;
        QTest::newRow("separately") << "separateButton" << false << true;
        QTest::newRow("cancel") << "cancelButton" << false << false;
    }
    void droppedLabelsOfAnotherGridAsk()
    {
        QFETCH(QString, button);
        QFETCH(bool, overlaid);
        QFETCH(bool, opened);
        ReadBench bench;
        bench.open(m_ct);
        imaging::ImageHeader header;
        header.geometry = tests::all48()[7];
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(header.geometry.voxelCount()), 1);
        const QString file = bench.folder.filePath("flipped.nii");
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(header, mask), path(file.toStdString()), "nifti"));
        bool asked = false;
        answer(bench, QStringLiteral("spaceDialog"), button, asked);
        drop(bench.panel, file);
        QTRY_VERIFY(asked);
        if (opened)
            QTRY_COMPARE(bench.selection.volume().header().unit, imaging::Unit::Label);
        QTRY_COMPARE(bench.panel->findChild<QLabel*>(QStringLiteral("overlayText"))->text().contains(QStringLiteral("resampled")), overlaid);
    }

    void aDroppedImageIsImported()
    {
        ReadBench bench;
        bench.open(m_ct);
        const QString file = bench.folder.filePath("image.nii");
        HILUM_VERIFY_OK(imaging::writeVolume(m_ct, path(file.toStdString()), "nifti")); // holds negative values
        QSignalSpy finished(&bench.imports, &StudyImport::finished), opened(&bench.selection, &Selection::openRequested), workspace(&bench.selection, &Selection::workspaceRequested);
        drop(bench.panel, file);
        QVERIFY(finished.wait(60000));
        QCOMPARE(bench.library.rows.size(), 1u);
        QTRY_COMPARE_WITH_TIMEOUT(opened.size(), 1, 60000); // and is what is looked at
        QCOMPARE(opened.last().at(1).toString(), QStringLiteral("read"));
        // a folder may be named like a file without an ending
        const QString folder = bench.folder.filePath("study");
        QVERIFY(QDir().mkpath(folder));
        drop(bench.panel, folder);
        QVERIFY(finished.wait(60000));
        QCOMPARE(bench.library.rows.size(), 2u);
        QCOMPARE(bench.library.rows.back().where, path(folder.toStdString()));
        QVERIFY(std::ranges::any_of(workspace, [](const auto& one) { return one.first().toString() == QStringLiteral("studies"); })); // its rows are seen as they come
        // two files are for the window from the beginning
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(file), QUrl::fromLocalFile(folder)});
        QDragEnterEvent enter(QPoint(100, 100), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(bench.panel, &enter);
        QVERIFY(!enter.isAccepted());
    }
};

QTEST_MAIN(TestReadInput)
#include "tst_read_input.moc"
