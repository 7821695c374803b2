#include "core/view/orientation.h"
#include "core/view/viewport.h"
#include "tests/support/compare.h"
#include "tests/view/geometry_cases.h"

#include <cmath>

using namespace hilum;
using namespace hilum::view;

namespace {
bool close(const Vec3& a, const Vec3& b, double tolerance = 1e-9) { return norm(a - b) < tolerance; }
} // namespace

class TestOrientation : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void radiologicalConventionInAll48Orientations()
    {
        for (const Geometry& g : tests::all48()) {
            const EdgeLetters axial = edgeLetters(viewFrame(Plane::Axial, g.direction));
            QVERIFY((axial == EdgeLetters{"R", "L", "A", "P"}));
            const EdgeLetters coronal = edgeLetters(viewFrame(Plane::Coronal, g.direction));
            QVERIFY((coronal == EdgeLetters{"R", "L", "H", "F"}));
            const EdgeLetters sagittal = edgeLetters(viewFrame(Plane::Sagittal, g.direction));
            QVERIFY((sagittal == EdgeLetters{"A", "P", "H", "F"}));
        }
    }

    void sameSliceAndSamePixelForTheSamePlaceInAll48Orientations()
    {
        const Vec3 place{7 + 21, -11 - 18.75, 23 + 36}; // a voxel centre: to the left, in front, above
        for (const Geometry& g : tests::all48()) {
            for (const Plane plane : {Plane::Axial, Plane::Sagittal, Plane::Coronal}) {
                const ViewFrame frame = viewFrame(plane, g.direction);
                const SliceStack stack = sliceStack(g, frame);
                const std::int64_t counts[] = {25, 30, 32}; // 100/4 axial, 60/2 sagittal, 80/2.5 coronal
                QCOMPARE(stack.count, counts[static_cast<int>(plane)]);
                const double steps[] = {4, 2, 2.5};
                QVERIFY(std::abs(stack.stepMm - steps[static_cast<int>(plane)]) < 1e-12);
                const std::int64_t slices[] = {21, 25, 8};
                
                QCOMPARE(stack.nearest(place), slices[static_cast<int>(plane)]);

                Viewport port{.frame = frame, .centreLps = g.centreLps(), .pixelsPerMm = 3, .width = 400, .height = 500};
                const PixelPoint pixel = port.pixelOf(place);
                const double right = plane == Plane::Sagittal ? -18.75 : 21;
                const double down = plane == Plane::Axial ? -18.75 : -36;
                QVERIFY(std::abs(pixel[0] - (200 + 3 * right)) < 1e-9);
                QVERIFY(std::abs(pixel[1] - (250 + 3 * down)) < 1e-9);
            }
        }
    }

    void obliqueImageIsShownInItsOwnPlanes()
    {
        // turned by 30 degrees about the left-right axis
        const double c = std::cos(0.5235987755982988), s = 0.5;
        Mat3 direction;
        direction.setColumn(0, {1, 0, 0});
        direction.setColumn(1, {0, c, s});
        direction.setColumn(2, {0, -s, c});
        const ViewFrame axial = viewFrame(Plane::Axial, direction);
        QVERIFY(close(axial.right, {1, 0, 0}));
        QVERIFY(close(axial.down, {0, c, s}));
        QVERIFY(close(axial.normal, {0, -s, c}));
        QVERIFY((edgeLetters(axial) == EdgeLetters{"R", "L", "AF", "PH"}));
        const ViewFrame straight = viewFrame(Plane::Axial, direction, Alignment::Patient);
        QVERIFY(close(straight.down, {0, 1, 0}));
    }

    void tiltedGantryKeepsItsSlicesAndRightAngles_data()
    {
        QTest::addColumn<double>("tilt");
        QTest::newRow("8 degrees") << 0.14;
        // from 25.8 degrees on the step was the way of the table: 20 slices of 3 mm became 18
        QTest::newRow("30 degrees") << 0.5235987755982988;
        QTest::newRow("-40 degrees") << -0.6981317007977318;
    }
    void tiltedGantryKeepsItsSlicesAndRightAngles()
    {
        QFETCH(double, tilt);
        Geometry g{.size = {64, 64, 20}, .spacingMm = {1, 1, 3}, .originLps = {0, 0, 0}, .direction = {}};
        g.direction.setColumn(1, {0, std::cos(tilt), std::sin(tilt)}); // slices lean
        g.direction.setColumn(2, {0, 0, 1});                           // the table moves straight
        const ViewFrame axial = viewFrame(Plane::Axial, g.direction);
        QVERIFY(close(axial.down, g.direction.column(1)));
        QVERIFY(std::abs(dot(axial.normal, axial.down)) < 1e-12);
        const SliceStack stack = sliceStack(g, axial);
        QCOMPARE(stack.count, std::int64_t{20});
        QVERIFY(std::abs(stack.stepMm - 3 * std::cos(tilt)) < 1e-12);
        for (std::int64_t k = 0; k < 20; ++k)
            QCOMPARE(stack.nearest(g.indexToWorld({0, 5, static_cast<double>(k)})), k);
        const ViewFrame coronal = viewFrame(Plane::Coronal, g.direction);
        QVERIFY(std::abs(dot(coronal.right, coronal.down)) < 1e-12);
    }

    void turnsAndFlipsCarryTheLetters()
    {
        const ViewFrame axial = viewFrame(Plane::Axial, Mat3{});
        // clockwise: what was left (R) comes on top
        QVERIFY((edgeLetters(turnedRight(axial)) == EdgeLetters{"P", "A", "R", "L"}));
        QVERIFY((edgeLetters(flippedSideways(axial)) == EdgeLetters{"L", "R", "A", "P"}));
        QVERIFY((edgeLetters(flippedUpsideDown(axial)) == EdgeLetters{"R", "L", "P", "A"}));
        ViewFrame four = axial;
        for (int i = 0; i < 4; ++i)
            four = turnedRight(four);
        QVERIFY(four == axial);
        for (const Plane plane : {Plane::Axial, Plane::Sagittal, Plane::Coronal}) {
            const ViewFrame frame = viewFrame(plane, Mat3{});
            QVERIFY(isRadiological(frame, plane));
            QVERIFY(isRadiological(turnedRight(frame), plane));
            QVERIFY(!isRadiological(flippedSideways(frame), plane));
            QVERIFY(!isRadiological(flippedUpsideDown(turnedRight(frame)), plane));
        }
    }

    void lettersOfARadiographComeFromPatientOrientationOrAreUnknown()
    {
        const ViewFrame plain = viewFrame(Plane::Image, Mat3{});
        QVERIFY((edgeLetters(plain, {"L", "F"}) == EdgeLetters{"R", "L", "H", "F"}));
        QVERIFY((edgeLetters(plain, {"LA", "F"}) == EdgeLetters{"RP", "LA", "H", "F"}));
        QVERIFY((edgeLetters(plain, {"", ""}) == EdgeLetters{"?", "?", "?", "?"}));
        QVERIFY((edgeLetters(plain, {"XY", "F"}) == EdgeLetters{"?", "?", "H", "F"}));
        QVERIFY((edgeLetters(turnedRight(plain), {"L", "F"}) == EdgeLetters{"F", "H", "R", "L"}));
        QVERIFY((edgeLetters(flippedSideways(plain), {"L", "F"}) == EdgeLetters{"L", "R", "H", "F"}));
    }

    void movedPointLiesInItsSlice()
    {
        const Geometry g = tests::all48()[17];
        const SliceStack stack = sliceStack(g, viewFrame(Plane::Coronal, g.direction));
        const Vec3 moved = stack.moved({1, 2, 3}, 5);
        QVERIFY(close(moved, {1, -11 - 40 + 1.25 + 5 * 2.5, 3}));
        QCOMPARE(stack.nearest({0, 1e6, 0}), stack.count - 1);
        QCOMPARE(stack.nearest({0, -1e6, 0}), std::int64_t{0});
    }

    void patientAlignedStackOfAnObliqueImageCoversIt()
    {
        Geometry g{.size = {10, 10, 10}, .spacingMm = {2, 2, 2}, .originLps = {0, 0, 0}, .direction = {}};
        const double c = std::cos(0.5), s = std::sin(0.5);
        g.direction.setColumn(1, {0, c, s});
        g.direction.setColumn(2, {0, -s, c});
        const SliceStack stack = sliceStack(g, viewFrame(Plane::Axial, g.direction, Alignment::Patient));
        QVERIFY(std::abs(stack.firstMm) < 1e-12);
        QVERIFY(std::abs(stack.positionMm(stack.count - 1) - 18 * (c + s)) < stack.stepMm);
        QVERIFY(stack.stepMm <= 2);
    }

    void zoomAtCursorKeepsThePlaceUnderIt()
    {
        const Viewport port{.frame = viewFrame(Plane::Sagittal, Mat3{}), .centreLps = {1, 2, 3}, .pixelsPerMm = 2, .width = 300, .height = 200};
        const Vec3 place = port.worldAt({40, 180});
        const Viewport zoomed = port.zoomedAt({40, 180}, 5);
        QVERIFY(close(zoomed.worldAt({40, 180}), place));
        const Viewport moved = port.panned(10, -5);
        QVERIFY(close(moved.worldAt({50, 175}), place));
        const PixelPoint back = port.pixelOf(place);
        QVERIFY(std::abs(back[0] - 40) < 1e-9 && std::abs(back[1] - 180) < 1e-9);
        QVERIFY(std::abs(port.distanceMm(place + 7 * port.frame.normal) - 7) < 1e-9);
    }

    void fitShowsTheWholeGrid()
    {
        for (const Geometry& g : tests::all48()) {
            const ViewFrame frame = viewFrame(Plane::Axial, g.direction); // 60 x 80 mm
            QVERIFY(std::abs(fitPixelsPerMm(g, frame, 600, 600) - 7.5) < 1e-9);
            QVERIFY(std::abs(fitPixelsPerMm(g, frame, 300, 6000) - 5) < 1e-9);
        }
    }
};

QTEST_APPLESS_MAIN(TestOrientation)
#include "tst_orientation.moc"
