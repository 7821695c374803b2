#include "core/view/compare_link.h"
#include "tests/support/compare.h"
#include "tests/view/geometry_cases.h"

#include <cmath>

using namespace hilum;
using namespace hilum::view;

namespace {

/// What a view of 300 x 400 pixels shows of a grid, as SliceView works it out.
Viewport shown(const Geometry& grid, const ViewFrame& frame, const Pose& pose)
{
    Viewport port;
    port.frame = turned(frame, pose);
    port.width = 300;
    port.height = 400;
    port.pixelsPerMm = fitPixelsPerMm(grid, port.frame, port.width, port.height) * pose.zoom;
    port.centreLps = grid.centreLps() + pose.panMm[0] * port.frame.right + pose.panMm[1] * port.frame.down;
    return port;
}

Geometry flat(std::int64_t width, std::int64_t height, double spacing)
{
    Geometry g;
    g.size = {width, height, 1};
    g.spacingMm = {spacing, spacing, 1};
    return g;
}

} // namespace

class TestCompareLink : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void onlyOneFrameOfReferenceIsOnePlace_data()
    {
        QTest::addColumn<bool>("onePatient");
        QTest::addColumn<QString>("oneFrame");
        QTest::addColumn<int>("oneSlices");
        QTest::addColumn<bool>("otherPatient");
        QTest::addColumn<QString>("otherFrame");
        QTest::addColumn<int>("otherSlices");
        QTest::addColumn<int>("link");
        QTest::newRow("same frame") << true << "1.2" << 40 << true << "1.2" << 50 << int(CompareLink::Place);
        QTest::newRow("another frame") << true << "1.2" << 40 << true << "1.3" << 40 << int(CompareLink::None);
        QTest::newRow("no frame on either side") << true << "" << 40 << true << "" << 40 << int(CompareLink::None);
        QTest::newRow("radiographs") << false << "" << 1 << false << "" << 1 << int(CompareLink::Screen);
        QTest::newRow("radiographs that name a frame") << false << "1.2" << 1 << false << "1.2" << 1 << int(CompareLink::Screen);
        QTest::newRow("a film and a volume") << false << "1.2" << 1 << true << "1.2" << 40 << int(CompareLink::None);
        QTest::newRow("sequences of pictures") << false << "" << 30 << false << "" << 30 << int(CompareLink::None);
    }
    void onlyOneFrameOfReferenceIsOnePlace()
    {
        QFETCH(bool, onePatient);
        QFETCH(QString, oneFrame);
        QFETCH(int, oneSlices);
        QFETCH(bool, otherPatient);
        QFETCH(QString, otherFrame);
        QFETCH(int, otherSlices);
        QFETCH(int, link);
        const ComparedImage one{onePatient, oneFrame.toStdString(), oneSlices}, other{otherPatient, otherFrame.toStdString(), otherSlices};
        QCOMPARE(int(compareLink(one, other)), link);
        QCOMPARE(int(compareLink(other, one)), link);
    }

    void volumesShowOnePlaceAtOneScale()
    {
        Geometry now = tests::all48()[0], before = tests::all48({-20, 5, 40})[13]; // another field of view, stored another way
        before.spacingMm = 0.7 * before.spacingMm;
        for (const Plane plane : {Plane::Axial, Plane::Sagittal, Plane::Coronal}) {
            const Pose lead{.zoom = 2.5, .panMm = {12, -7}};
            Pose led{.quarterTurns = 1, .sideways = true};
            const Viewport leader = shown(now, viewFrame(plane, now.direction), lead);
            led = samePlace(leader, shown(before, viewFrame(plane, before.direction), led), led);
            const Viewport port = shown(before, viewFrame(plane, before.direction), led);
            QVERIFY(std::abs(port.pixelsPerMm - leader.pixelsPerMm) < 1e-9);
            const PixelPoint middle = port.pixelOf(leader.centreLps);
            QVERIFY(std::hypot(middle[0] - 150, middle[1] - 200) < 1e-6);
            QCOMPARE(led.quarterTurns, 1); // turned by hand: stays
            QVERIFY(led.sideways);
        }
    }

    void radiographsMoveByPixels()
    {
        const Geometry now = flat(2000, 2500, 0.14), before = flat(1500, 1500, 0.2);
        const ViewFrame frame; // x right, y down
        const Pose lead{.zoom = 3, .panMm = {20, -35}};
        const Viewport leader = shown(now, frame, lead);
        Pose led{.zoom = 0.5, .panMm = {-4, 90}};
        led = sameScreen(leader, lead, shown(before, frame, led), led);
        const Viewport port = shown(before, frame, led);
        QCOMPARE(led.zoom, 3.0);
        const PixelPoint a = leader.pixelOf(now.centreLps()), b = port.pixelOf(before.centreLps());
        QVERIFY(std::hypot(a[0] - b[0], a[1] - b[1]) < 1e-6);
        // back where it began, however often
        QVERIFY(sameScreen(shown(now, frame, {}), {}, port, led) == Pose{});
    }

    // H, V or R on one of two films moved the other to the other side of the patient
    void turnsAndFlipsOfARadiographMoveNothingBeside_data()
    {
        QTest::addColumn<QString>("leaderKeys");
        QTest::addColumn<QString>("ownKeys");
        for (const char* leader : {"H", "V", "R", "RR", "RH", "HRV", "RRR"})
            for (const char* own : {"", "H", "R", "VR"})
                QTest::addRow("%s beside %s", leader, *own ? own : "none") << leader << own;
    }
    void turnsAndFlipsOfARadiographMoveNothingBeside()
    {
        QFETCH(QString, leaderKeys);
        QFETCH(QString, ownKeys);
        const auto pressed = [](Pose pose, const QString& keys) {
            for (const QChar key : keys)
                pose = key == u'H' ? flippedSideways(pose) : key == u'V' ? flippedUpsideDown(pose) : turnedRight(pose);
            return pose;
        };
        // as wide as high, in a view that is so too: a quarter turn changes no scale
        const auto square = [](double spacing, const Pose& pose) {
            Viewport port;
            port.frame = turned({}, pose);
            port.width = port.height = 400;
            port.pixelsPerMm = fitPixelsPerMm(flat(2000, 2000, spacing), port.frame, port.width, port.height) * pose.zoom;
            return port;
        };
        const Pose open{.zoom = 3, .panMm = {-80, 25}};
        Pose prior = pressed({}, ownKeys);
        prior = sameScreen(square(0.14, open), open, square(0.2, prior), prior);
        QCOMPARE(prior.quarterTurns, pressed({}, ownKeys).quarterTurns);
        // the same place of the picture whatever it is turned: wider pixels, but as many of them
        Pose plain;
        plain = sameScreen(square(0.14, open), open, square(0.2, plain), plain);
        QVERIFY(std::abs(plain.panMm[0] + 80 * 0.2 / 0.14) < 1e-9 && std::abs(plain.panMm[1] - 25 * 0.2 / 0.14) < 1e-9);
        const Pose expected = pressed(plain, ownKeys);
        QVERIFY(std::hypot(prior.panMm[0] - expected.panMm[0], prior.panMm[1] - expected.panMm[1]) < 1e-9);
        // the open film is turned: the prior stays where it is, and so does the film when the prior leads it back
        const Pose turnedOpen = pressed(open, leaderKeys);
        const Pose after = sameScreen(square(0.14, turnedOpen), turnedOpen, square(0.2, prior), prior);
        QVERIFY(std::hypot(after.panMm[0] - prior.panMm[0], after.panMm[1] - prior.panMm[1]) < 1e-9);
        const Pose back = sameScreen(square(0.2, after), after, square(0.14, turnedOpen), turnedOpen);
        QVERIFY(std::hypot(back.panMm[0] - turnedOpen.panMm[0], back.panMm[1] - turnedOpen.panMm[1]) < 1e-9);
    }
};

QTEST_APPLESS_MAIN(TestCompareLink)
#include "tst_compare_link.moc"
