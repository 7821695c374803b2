// What a PatchView draws of two pictures, and where the hand changes it.
#include "plugins/panels/lab/patch_view.h"

#include <QMouseEvent>
#include <QSignalSpy>
#include <QTest>

#include <cmath>
#include <cstdlib>

using namespace hilum;
using lab::PatchView;

namespace {

constexpr int Side = 400, Caption = 22, First = 40, Second = 200; // the picture fills the view below its caption

QImage grey(int value)
{
    QImage image(256, 256, QImage::Format_Grayscale8);
    image.fill(static_cast<uint>(value));
    return image;
}

void show(PatchView& view, PatchView::Over over)
{
    view.resize(Side, Side + Caption);
    view.setGrid({.rows = 16, .columns = 16, .width = 256, .height = 256});
    PatchView::Content content;
    content.title = QStringLiteral("Reconstruction");
    content.image = grey(First);
    content.second = grey(Second);
    content.over = over;
    view.setContent(std::move(content));
}

/// Grey value at a place of the picture, in view pixels.
int drawn(PatchView& view, const QPoint& place)
{
    const QImage image = view.grab().toImage();
    return image.pixelColor((place + QPoint(0, Caption)) * image.devicePixelRatio()).red();
}

void mouse(PatchView& view, QEvent::Type type, const QPoint& place)
{
    const QPointF at(place + QPoint(0, Caption));
    const Qt::MouseButton button = type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton;
    QMouseEvent event(type, at, view.mapToGlobal(at), button, type == QEvent::MouseButtonRelease ? Qt::NoButton : Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(&view, &event);
}

bool isNear(double a, double b, double tolerance)
{
    return std::abs(a - b) <= tolerance;
}

} // namespace

class TestPatchView : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aWipeShowsTheSecondRightOfItsLine()
    {
        PatchView view;
        show(view, PatchView::Over::Wipe);
        view.setWipe(0.25);
        QCOMPARE(drawn(view, {90, 200}), First);
        QCOMPARE(drawn(view, {110, 200}), Second);
    }
    void aFadeMixesByItsShare_data()
    {
        QTest::addColumn<double>("share");
        QTest::addColumn<int>("expected");
        QTest::newRow("first alone") << 0.0 << First;
        QTest::newRow("a quarter") << 0.25 << 80;
        QTest::newRow("half") << 0.5 << 120;
        QTest::newRow("second alone") << 1.0 << Second;
        QTest::newRow("no more than all") << 1.5 << Second;
    }
    void aFadeMixesByItsShare()
    {
        QFETCH(double, share);
        QFETCH(int, expected);
        PatchView view;
        show(view, PatchView::Over::Fade);
        QCOMPARE(view.fade(), 0.5); // at first
        view.setFade(share);
        for (const QPoint& place : {QPoint(20, 20), QPoint(380, 300)})
            QVERIFY2(isNear(drawn(view, place), expected, 2), qPrintable(QString::number(drawn(view, place)))); // opacity has 256 steps
    }
    void aLensShowsTheSecondAroundThePointer()
    {
        PatchView view;
        show(view, PatchView::Over::Lens);
        QCOMPARE(drawn(view, {200, 200}), First); // no pointer
        const QPointF pixel(127.5, 127.5);
        view.setPointed(pixel);
        const QPoint middle(200, 200);
        QCOMPARE(view.toWidget(pixel), QPointF(middle + QPoint(0, Caption)));
        for (const QPoint& inside : {QPoint(0, 0), QPoint(55, 3), QPoint(-55, 3), QPoint(3, 55), QPoint(3, -55), QPoint(38, 38)})
            QCOMPARE(drawn(view, middle + inside), Second);
        for (const QPoint& outside : {QPoint(66, 3), QPoint(-66, 3), QPoint(3, 66), QPoint(3, -66), QPoint(47, 47)})
            QCOMPARE(drawn(view, middle + outside), First);
        // it says where the pointer is: no fainter crosshair besides
        for (int x = 195; x <= 205; ++x)
            QCOMPARE(drawn(view, {x, 350}), First);
        view.setPointed({});
        QCOMPARE(drawn(view, middle), First);
    }
    void theBarOfAFadeIsDragged()
    {
        PatchView view;
        show(view, PatchView::Over::Fade);
        QSignalSpy shares(&view, &PatchView::fadeChanged), crosshair(&view, &PatchView::pointed), lines(&view, &PatchView::wipeChanged);
        // 12 at each end of the bar, which is 16 high above the lower 2
        const auto share = [&] { return shares.takeLast().at(0).toDouble(); };
        mouse(view, QEvent::MouseButtonPress, {12 + 94, 390});
        QVERIFY(isNear(share(), 0.25, 1e-6));
        mouse(view, QEvent::MouseMove, {12 + 282, 100}); // the hand may leave the bar
        QVERIFY(isNear(share(), 0.75, 1e-6));
        mouse(view, QEvent::MouseMove, {399, 100});
        QCOMPARE(share(), 1.0);
        mouse(view, QEvent::MouseButtonRelease, {399, 100});
        QCOMPARE(crosshair.size(), 0);
        // elsewhere the crosshair is moved, also where a wipe would have its line
        mouse(view, QEvent::MouseButtonPress, {200, 370});
        mouse(view, QEvent::MouseButtonRelease, {200, 370});
        QCOMPARE(crosshair.size(), 1);
        QCOMPARE(shares.size(), 0);
        // and there is no bar in a wipe
        show(view, PatchView::Over::Wipe);
        mouse(view, QEvent::MouseButtonPress, {106, 390});
        mouse(view, QEvent::MouseButtonRelease, {106, 390});
        QCOMPARE(crosshair.size(), 2);
        QCOMPARE(shares.size(), 0);
        QCOMPARE(lines.size(), 0);
    }
    void thePointerSaysWhatCanBeDragged()
    {
        PatchView view;
        show(view, PatchView::Over::Fade);
        const auto shape = [&](const QPoint& place) {
            const QPointF at(place + QPoint(0, Caption));
            QMouseEvent event(QEvent::MouseMove, at, view.mapToGlobal(at), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
            QCoreApplication::sendEvent(&view, &event);
            return view.cursor().shape();
        };
        QCOMPARE(shape({200, 390}), Qt::SizeHorCursor);
        QCOMPARE(shape({200, 200}), Qt::CrossCursor);
        show(view, PatchView::Over::Wipe);
        QCOMPARE(shape({200, 200}), Qt::SizeHorCursor);
        view.setBrush(true, 2);
        QCOMPARE(shape({100, 200}), Qt::BlankCursor);
    }
};

QTEST_MAIN(TestPatchView)
#include "tst_patch_view.moc"
