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
        const QPointF at(60, 200);
        const Vec3 place = view->worldAt(at);
        wheel(*view, at, 4, Qt::ControlModifier);
        QVERIFY(state->poses[0].get().zoom > 1.5);
        QVERIFY(norm(view->worldAt(at) - place) < 1e-9);
        const double zoom = state->poses[0].get().zoom;
        drag(*view, Qt::RightButton, at.toPoint(), {60, 150});
        QVERIFY(state->poses[0].get().zoom > zoom);
        QVERIFY(norm(view->worldAt(at) - place) < 1e-9);
        drag(*view, Qt::MiddleButton, at.toPoint(), {90, 170});
        QVERIFY(norm(view->worldAt({90, 170}) - place) < 1e-6);
        view->fit();
        QCOMPARE(state->poses[0].get().zoom, 1.0);
        state->poses[0].modify([](view::Pose& p) { p.quarterTurns = 1; });
        const Vec3 turnedPlace = view->worldAt({100, 80});
        drag(*view, Qt::MiddleButton, {100, 80}, {140, 120});
        QVERIFY(norm(view->worldAt({140, 120}) - turnedPlace) < 1e-6);
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
