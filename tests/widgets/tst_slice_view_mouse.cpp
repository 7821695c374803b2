// What the mouse does in a slice.
#include "tests/widgets/slice_view_bench.h"

#include <QSignalSpy>

using namespace hilum;
using namespace hilum::tests;
using namespace hilum::widgets;

class TestSliceViewMouse : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;

private Q_SLOTS:
    void wheelScrollsWithinTheStack()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto axial = viewOf(volume, Plane::Axial, state);
        const std::int64_t middle = axial->slice();
        axial->scrollBy(-4);
        QCOMPARE(axial->slice(), middle - 4);
        axial->scrollTo(axial->stack().count - 1);
        wheel(*axial, {50, 50}, 1);
        QCOMPARE(axial->slice(), axial->stack().count - 1);
        axial->scrollTo(0);
        QCOMPARE(axial->slice(), std::int64_t{0});
        QSignalSpy shift(axial.get(), &SliceView::timePointsTurned);
        wheel(*axial, {50, 50}, 2, Qt::ShiftModifier);
        QCOMPARE(shift.count(), 1);
        QCOMPARE(shift.at(0).at(0).toInt(), 2);
        QCOMPARE(axial->slice(), std::int64_t{0});
    }

    void zoomKeepsThePlaceUnderTheCursorAndPanFollowsIt()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[11]);
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Sagittal, state);
        const QPoint pixel(60, 200);
        const QPointF at(60.5, 200.5); // the middle of the pixel
        const Vec3 place = view->worldAt(at);
        wheel(*view, pixel, 4, Qt::ControlModifier);
        QVERIFY(state->poses[0].get().zoom > 1.5);
        QVERIFY(norm(view->worldAt(at) - place) < 1e-9);
        const double zoom = state->poses[0].get().zoom;
        drag(*view, Qt::RightButton, pixel, {60, 150});
        QVERIFY(state->poses[0].get().zoom > zoom);
        QVERIFY(norm(view->worldAt(at) - place) < 1e-9);
        drag(*view, Qt::MiddleButton, pixel, {90, 170});
        QVERIFY(norm(view->worldAt({90.5, 170.5}) - place) < 1e-6);
        view->fit();
        QCOMPARE(state->poses[0].get().zoom, 1.0);
        state->poses[0].modify([](view::Pose& p) { p.quarterTurns = 1; });
        const Vec3 turnedPlace = view->worldAt({100, 80});
        drag(*view, Qt::MiddleButton, {100, 80}, {140, 120});
        QVERIFY(norm(view->worldAt({140, 120}) - turnedPlace) < 1e-6);
    }

    // at one screen pixel a voxel a twelfth of the pixels told of the voxel beside the one that was seen
    void theProbeTellsOfThePixelThatIsSeen()
    {
        imaging::ImageHeader header;
        header.geometry.size = {512, 512, 1};
        header.geometry.spacingMm = {0.7, 0.7, 1};
        header.hasPatientSpace = false;
        header.spacingMeaning = imaging::SpacingMeaning::DetectorPlane;
        std::vector<std::uint16_t> pixels(512 * 512);
        for (std::size_t n = 0; n < pixels.size(); ++n)
            pixels[n] = static_cast<std::uint16_t>(n % 512);
        SliceView view;
        view.resize(516, 516); // two free pixels on each side: one screen pixel a voxel
        view.setVolume(imaging::Volume(header, pixels), Plane::Image);
        view.state()->transfer.set({{65535, 32767.5, view::WindowLevel::Shape::LinearExact}, {}, false, {}});
        if (view.devicePixelRatioF() != 1)
            QSKIP("needs screen pixels of the size of widget pixels");
        QVERIFY(std::abs(view.scale() - 1) < 1e-9);
        QSignalSpy told(&view, &SliceView::probeChanged), crosshair(&view, &SliceView::crosshairMoved);
        for (int x = 2; x < 514; ++x) {
            QMouseEvent move(QEvent::MouseMove, QPointF(x, 200), view.mapToGlobal(QPointF(x, 200)), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
            QCoreApplication::sendEvent(&view, &move);
            QCOMPARE(told.last().at(0).toString(), QStringLiteral("pixel (%1, 198)  %1").arg(x - 2));
        }
        // the crosshair lands in the middle of the voxel: column 100 lies 70 mm from the first
        drag(view, Qt::LeftButton, {102, 200}, {102, 200}, Qt::AltModifier);
        QCOMPARE(crosshair.count() > 0, true);
        QVERIFY(norm(view.state()->crosshair.get().pointLps - Vec3{70, 198 * 0.7, 0}) < 1e-9);
    }

    // a ruler of 30 mm became one of 36.1 mm from slice to slice, seen on neither
    void aMeasurementStaysOnItsSliceWhileTheWheelTurns()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]); // slices of 4 mm
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Axial, state);
        const std::int64_t slice = view->slice();
        const double height = view->stack().positionMm(slice);
        const Vec3 a{-8, -11, height}, b{22, -11, height};
        for (const bool whole : {false, true}) {
            view->scrollTo(slice);
            view::MeasurementList list;
            list.add({.kind = view::MeasureKind::Distance, .plane = Plane::Axial, .points = {a, b}});
            state->measurements.set(list);
            const auto points = [&] { return state->measurements.get().items.at(0).points; };
            const auto move = [&](const QPointF& to) {
                QMouseEvent event(QEvent::MouseMove, to, view->mapToGlobal(to), Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
                QCoreApplication::sendEvent(view.get(), &event);
            };
            const QPoint at = view->positionOf(whole ? 0.5 * (a + b) : b).toPoint();
            QTest::mousePress(view.get(), Qt::LeftButton, {}, at);
            wheel(*view, at, 4);
            QCOMPARE(view->slice(), slice + 4);
            move(at + QPointF(0, 12));
            QVERIFY(points() == (std::vector<Vec3>{a, b}));
            wheel(*view, at, -4); // back again: it goes on there
            move(at + QPointF(0, 15));
            QTest::mouseRelease(view.get(), Qt::LeftButton, {}, at + QPoint(0, 15));
            for (const Vec3& p : points())
                QVERIFY(std::abs(p[2] - height) < 1e-9);
            QVERIFY(points()[1][1] > b[1] + 3); // 15 pixels of a third of a millimetre to the back
            QCOMPARE(points()[0][1] > a[1] + 3, whole);
            QVERIFY(view->measurementAt(view->positionOf(points()[1])) != 0);
        }
    }

    // it was a ruler of 0.0 mm
    void aDoubleClickMeasuresNothing()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Axial, state);
        const auto click = [&](const QPoint& at) { drag(*view, Qt::LeftButton, at, at); };
        const auto count = [&] { return state->measurements.get().items.size(); };
        view->setGesture(Qt::LeftButton, Gesture::Distance);
        click({100, 100});
        QTest::mouseDClick(view.get(), Qt::LeftButton, {}, {100, 100});
        QVERIFY(count() == 0 && view->isMeasuring());
        click({160, 100}); // the other end
        QCOMPARE(count(), std::size_t{1});
        const double length = view::measured(state->measurements.get().items[0], view::LengthMeaning::Patient).value;
        QVERIFY(std::abs(length - 60 / view->viewport().pixelsPerMm) < 1e-9);
        view->setGesture(Qt::LeftButton, Gesture::Angle);
        click({100, 180});
        QTest::mouseDClick(view.get(), Qt::LeftButton, {}, {100, 180});
        click({140, 180});
        QTest::mouseDClick(view.get(), Qt::LeftButton, {}, {140, 180});
        QVERIFY(count() == 1 && view->isMeasuring());
        click({140, 220});
        QCOMPARE(count(), std::size_t{2});
        QVERIFY(std::abs(view::measured(state->measurements.get().items[1], view::LengthMeaning::Patient).value - 90) < 1e-6);
    }

    void rightClickAsksForTheMenuAndDoubleClickForMore()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto view = viewOf(volume, Plane::Axial, stateFor(volume));
        QSignalSpy menu(view.get(), &SliceView::menuRequested), maximise(view.get(), &SliceView::maximiseRequested);
        drag(*view, Qt::RightButton, {50, 50}, {51, 51});
        QCOMPARE(menu.count(), 1);
        QCOMPARE(view->state()->poses[0].get().zoom, 1.0);
        drag(*view, Qt::RightButton, {50, 50}, {50, 80});
        QCOMPARE(menu.count(), 1);
        QTest::mouseDClick(view.get(), Qt::LeftButton, {}, {50, 50});
        QCOMPARE(maximise.count(), 1);
    }

    void windowDragChangesTheNumbersAndThePicture()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Axial, state);
        state->transfer.set({{400, 40}, {}, false, "soft tissue"});
        const QPointF centre(view->width() / 2.0, view->height() / 2.0);
        QCOMPARE(view->greyAt(centre), expectedGrey(m_phantom.Body, state->transfer.get()));
        QSignalSpy changed(view.get(), &SliceView::transferChanged);
        drag(*view, Qt::LeftButton, {50, 50}, {90, 20});
        QVERIFY(changed.count() > 0);
        QVERIFY(state->transfer.get().window.width > 400);
        QVERIFY(state->transfer.get().window.centre < 40);
        QCOMPARE(QString::fromStdString(state->transfer.get().source), QStringLiteral("by hand"));
        QCOMPARE(view->greyAt(centre), expectedGrey(m_phantom.Body, state->transfer.get()));
        QVERIFY(state->userWindow.has_value());
    }

    void controlDoubleClickAsksForTheFirstWindowWhereTheProfileSaysSo()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Axial, state);
        QSignalSpy reset(view.get(), &SliceView::windowResetRequested), maximise(view.get(), &SliceView::maximiseRequested);
        QTest::mouseDClick(view.get(), Qt::LeftButton, Qt::ControlModifier, {100, 100});
        QCOMPARE(maximise.count(), 1); // the default profile has nothing for Ctrl
        view->setMouseProfile(view::mouseProfile("slicer"));
        QTest::mouseDClick(view.get(), Qt::LeftButton, Qt::ControlModifier, {100, 100});
        QTest::mouseDClick(view.get(), Qt::LeftButton, {}, {100, 100});
        QCOMPARE(reset.count(), 1);
        QCOMPARE(maximise.count(), 2);
    }

    void emptyViewsTakeEveryEvent()
    {
        SliceView view;
        view.resize(100, 100);
        drag(view, Qt::LeftButton, {10, 10}, {50, 50});
        wheel(view, {10, 10}, 1);
        QTest::keyClick(&view, Qt::Key_Home);
        QVERIFY(!view.grab().isNull());
        QCOMPARE(view.greyAt({5, 5}), -1);
        QVERIFY(view.fidelityText().isEmpty());
    }
};

QTEST_MAIN(TestSliceViewMouse)
#include "tst_slice_view_mouse.moc"
