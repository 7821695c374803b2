#include "core/view/layers.h"
#include "core/view/overlay_fit.h"
#include "core/view/probe.h"
#include "core/view/scale_bar.h"
#include "core/view/viewer_state.h"
#include "tests/support/compare.h"
#include "tests/view/geometry_cases.h"

using namespace hilum;
using namespace hilum::view;

class TestViewerState : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatStaysTheSameIsNotTold()
    {
        Changes changes;
        int told = 0;
        Property<int> value(changes, 3, [](const int& v) { return v > 10 ? 10 : v; });
        const Subscription subscription = value.observe([&] { ++told; });
        value.set(99);
        QCOMPARE(value.get(), 10);
        QCOMPARE(told, 1);
        value.set(12); // into the domain: still 10, nothing to tell
        QCOMPARE(told, 1);
    }

    void observersMayChangeThingsAndLeave()
    {
        Changes changes;
        Property<int> a(changes, 0), b(changes, 0);
        int toldB = 0;
        Subscription first = a.observe([&] {
            b.set(-1);
            b.set(a.get() * 2);
        });
        Subscription second = b.observe([&] { ++toldB; second.reset(); });
        a.set(4); // both changes of b are told once, after a's
        QCOMPARE(b.get(), 8);
        QCOMPARE(toldB, 1);
        first.reset();
        a.set(5);
        QCOMPARE(b.get(), 8);
        QCOMPARE(toldB, 1);
    }

    void endlessObserversEnd()
    {
        Changes changes;
        Property<int> a(changes, 0);
        int told = 0;
        const Subscription s = a.observe([&] { ++told; a.set(a.get() + 1); });
        a.set(1);
        QCOMPARE(told, 16);
        QVERIFY(!changes.pending());
    }

    void layoutsCycle()
    {
        QCOMPARE(next(Layout::Single), Layout::OneByTwo);
        QCOMPARE(next(Layout::TwoByTwo), Layout::Single);
        ViewerState state;
        QCOMPARE(state.soleView(), -1);
        state.maximised.set(2);
        QCOMPARE(state.soleView(), 2);
        state.maximised.set(7);
        QCOMPARE(state.soleView(), -1);
        state.layout.set(Layout::Single);
        state.active.set(3);
        QCOMPARE(state.soleView(), 3);
    }

    void resetForgetsTheLastImage()
    {
        ViewerState state;
        state.poses[1].modify([](Pose& p) { p.zoom = 4; p.sideways = true; });
        state.userWindow = WindowLevel{10, 20};
        state.reset("patient:1.2", {1, 2, 3}, {});
        QVERIFY(state.poses[1].get() == Pose{});
        QVERIFY(!state.userWindow);
        QVERIFY((state.crosshair.get() == Crosshair{"patient:1.2", {1, 2, 3}}));
    }

    // a mirrored view that had been panned to the right lung showed the left one
    void whatIsShownStaysWhenTheViewIsTurnedOrMirrored()
    {
        // axial: right of the screen is the patient's left (+x), down is posterior (+y). Panned 80 mm to the patient's right, 30 mm to the back
        const ViewFrame axial = viewFrame(Plane::Axial, Mat3{});
        const Pose start{.zoom = 3, .panMm = {-80, 30}, .ownSlice = 7};
        const auto shown = [&](const Pose& pose) {
            const ViewFrame frame = turned(axial, pose);
            return pose.panMm[0] * frame.right + pose.panMm[1] * frame.down;
        };
        const Vec3 place{-80, 30, 0};
        QCOMPARE(shown(start), place);
        // mirrored, +x runs to the left of the screen: the place lies 80 mm to the right of the middle
        QCOMPARE(flippedSideways(start).panMm, (std::array<double, 2>{80, 30}));
        QCOMPARE(flippedUpsideDown(start).panMm, (std::array<double, 2>{-80, -30}));
        // turned clockwise, the patient's right is on top and posterior on the left: 80 mm up, 30 mm to the left
        QCOMPARE(turnedRight(start).panMm, (std::array<double, 2>{-30, -80}));
        Pose pose = start;
        const auto right = [](const Pose& p) { return turnedRight(p); };
        const auto sideways = [](const Pose& p) { return flippedSideways(p); };
        const auto over = [](const Pose& p) { return flippedUpsideDown(p); };
        for (Pose (*change)(const Pose&) : std::initializer_list<Pose (*)(const Pose&)>{right, sideways, right, over, sideways, right, right, over}) {
            pose = change(pose);
            QCOMPARE(shown(pose), place);
            QCOMPARE(pose.zoom, 3.0);
            QVERIFY(pose.ownSlice == 7);
        }
    }

    // after a quarter turn "Flip sideways" flipped upside down
    void flipsAreThoseOfTheScreen()
    {
        const ViewFrame axial = viewFrame(Plane::Axial, Mat3{});
        for (int turns = 0; turns < 8; ++turns)
            for (int flips = 0; flips < 4; ++flips) {
                const Pose pose{.quarterTurns = turns - 4, .sideways = flips % 2 == 1, .upsideDown = flips >= 2};
                const ViewFrame before = turned(axial, pose), sideways = turned(axial, flippedSideways(pose)), over = turned(axial, flippedUpsideDown(pose)),
                                clockwise = turned(axial, turnedRight(pose));
                QVERIFY(sideways.right == -1 * before.right && sideways.down == before.down);
                QVERIFY(over.right == before.right && over.down == -1 * before.down);
                QVERIFY(clockwise.right == -1 * before.down && clockwise.down == before.right);
                QVERIFY(turned(axial, flippedSideways(flippedSideways(pose))) == before);
            }
        // by hand: turned clockwise anterior is on the right and the patient's right on top; mirrored, anterior is on the left
        const EdgeLetters mirrored = edgeLetters(turned(axial, flippedSideways(turnedRight(Pose{}))));
        QVERIFY((mirrored == EdgeLetters{"A", "P", "R", "L"}));
    }

    void spacesOfRadiographsAndPatientsNeverMeet()
    {
        QVERIFY(patientSpace("1.2.3", "x") == patientSpace("1.2.3", "y"));
        QVERIFY(patientSpace("", "x") != patientSpace("", "y"));
        QVERIFY(planeSpace("1.2.3", "x") != patientSpace("1.2.3", "x"));
    }

    void probeTextIsTheAgreedOne()
    {
        Probe probe{.pointLps = Vec3{-17.6, 35.3, 12.1}, .voxel = Index3{255, 120, 33}, .values = {-612}, .unit = "HU", .notes = {"liver"}};
        QCOMPARE(probeText(probe), std::string("(R 17.6, P 35.3, S 12.1)  voxel (255, 120, 33)  -612 HU  · liver"));
        QCOMPARE(pointText({0.04, -35.25, -0.04}), std::string("(L 0.0, A 35.3, S 0.0)"));
        probe.voxel.reset();
        QCOMPARE(probeText(probe), std::string("(R 17.6, P 35.3, S 12.1)  outside"));
        QCOMPARE(probeText({.voxel = Index3{4, 5, 0}, .values = {1.25}, .decimals = 2}), std::string("pixel (4, 5)  1.25"));
        QCOMPARE(probeText({.voxel = Index3{4, 5, 0}, .values = {1, 2, 3}}), std::string("pixel (4, 5)  1, 2, 3"));
    }

    // an ADC of 0.0008 mm2/s read 0.001, a map of 1e-6 read 0.000 everywhere
    void smallValuesKeepTheirFigures_data()
    {
        QTest::addColumn<double>("low");
        QTest::addColumn<double>("high");
        QTest::addColumn<double>("value");
        QTest::addColumn<QString>("text");
        QTest::newRow("PET") << 0.0 << 30000.0 << 1234.56 << "1234.6";
        QTest::newRow("SUV") << 0.0 << 20.0 << 2.3456 << "2.346";
        QTest::newRow("probability") << 0.0 << 1.0 << 0.12345 << "0.123";
        QTest::newRow("ADC") << 0.0 << 0.003 << 0.000812345 << "0.000812";
        QTest::newRow("small, signed") << -2e-4 << 2e-4 << -0.00012346 << "-0.0001235";
        QTest::newRow("very small") << 0.0 << 1e-6 << 1.2346e-7 << "1.235e-07";
        QTest::newRow("flat") << 0.002 << 0.002 << 0.002 << "0.002000";
        QTest::newRow("nothing") << 0.0 << 0.0 << 0.0 << "0.000";
    }
    void smallValuesKeepTheirFigures()
    {
        QFETCH(double, low);
        QFETCH(double, high);
        QFETCH(double, value);
        QFETCH(QString, text);
        Probe probe{.voxel = Index3{1, 2, 0}, .values = {value}};
        setFigures(probe, low, high);
        QCOMPARE(QString::fromStdString(probeText(probe)), QStringLiteral("pixel (1, 2)  ") + text);
    }

    void scaleBarTakesRoundLengths()
    {
        QCOMPARE(scaleBar(2, 120).text, std::string("5 cm"));
        QCOMPARE(scaleBar(2, 120).pixels, 100.0);
        QCOMPARE(scaleBar(2, 99.9).text, std::string("2 cm"));
        QCOMPARE(scaleBar(40, 120).text, std::string("2 mm"));
        QCOMPARE(scaleBar(500, 120).text, std::string("0.2 mm"));
        QCOMPARE(scaleBar(1, 100).text, std::string("10 cm"));
        QCOMPARE(scaleBar(0.5, 120, LengthMeaning::Unknown).text, std::string("200 px"));
        QCOMPARE(scaleBar(0.5, 120, LengthMeaning::PixelWidths).text, std::string("200 px, pixel widths"));
        QCOMPARE(scaleBar(2, 120, LengthMeaning::DetectorPlane).text, std::string("5 cm, detector plane"));
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, scaleBar(0, 100));
    }

    void layersKeepOrderAndRange()
    {
        LayerList list;
        list.put({.id = "a", .name = "A", .opacity = 3});
        list.put({.id = "b", .name = "B", .opacity = 0.5});
        QCOMPARE(list.find("a")->opacity, 1.0);
        QVERIFY(list.raise("a"));
        QVERIFY(!list.raise("a"));
        QCOMPARE(list.layers.back().id, std::string("a"));
        list.changeOpacity(-0.75);
        QCOMPARE(list.find("b")->opacity, 0.0);
        QCOMPARE(list.find("a")->opacity, 0.25);
        QVERIFY(list.remove("b"));
        QVERIFY(!list.remove("b"));
    }

    void overlaysFitBySpaceOnly()
    {
        const auto cases = tests::all48();
        const Geometry& image = cases[0];
        QCOMPARE(overlayFit(image, image).fit, Fit::SameGrid);
        for (std::size_t i = 1; i < cases.size(); ++i)
            QCOMPARE(overlayFit(image, cases[i]).fit, Fit::OtherGrid); // same box, other axes: never silently laid on
        Geometry crop = image;
        crop.size = {10, 12, 5};
        crop.originLps = image.indexToWorld({3, 4, 5});
        QCOMPARE(overlayFit(image, crop).fit, Fit::Crop);
        QCOMPARE(overlayFit(image, crop).overlap, 1.0);
        crop.originLps = image.indexToWorld({3.3, 4, 5});
        QCOMPARE(overlayFit(image, crop).fit, Fit::OtherGrid);
        Geometry away = image;
        away.originLps[2] += 500;
        QCOMPARE(overlayFit(image, away).fit, Fit::Elsewhere);
        Geometry rounded = image;
        rounded.originLps[0] += 1e-4;
        QCOMPARE(overlayFit(image, rounded).fit, Fit::SameGrid);
        Geometry finer = image;
        finer.spacingMm[2] /= 2;
        QCOMPARE(overlayFit(image, finer).fit, Fit::OtherGrid);
        QVERIFY(overlayFit(image, finer).sentence.find("2 x 2.5 x 2 mm") != std::string::npos);
    }

    // a few slices inside a map of the whole body were "elsewhere"
    void aSmallImageInsideALargeMapOverlaps()
    {
        Geometry image, map;
        image.size = {40, 40, 3};
        image.originLps = {13, -61, 211};
        map.size = {300, 300, 900};
        map.spacingMm = {1.7, 1.7, 1};
        map.originLps = {-255, -255, 0};
        const OverlayFit inside = overlayFit(image, map);
        QCOMPARE(inside.fit, Fit::OtherGrid);
        QVERIFY(inside.overlap > 0 && inside.overlap < 0.01);
        QVERIFY2(inside.sentence.find("less than 1 % of it within the image") != std::string::npos, inside.sentence.c_str());
        // two thin slabs that cross: no sample of the one lies in the other
        Geometry across;
        across.size = {1, 300, 300};
        across.originLps = {31.3, -150, 100};
        QCOMPARE(overlayFit(image, across).fit, Fit::OtherGrid);
        across.originLps[0] = 54; // beside it
        QCOMPARE(overlayFit(image, across).fit, Fit::Elsewhere);
        across.originLps[0] = 53; // face on face
        QCOMPARE(overlayFit(image, across).fit, Fit::Elsewhere);
        // a turned box whose corner of the surrounding box alone reaches into the image
        Geometry turned;
        turned.size = {100, 100, 3};
        const double s = std::sqrt(0.5);
        turned.direction.setColumn(0, {s, s, 0});
        turned.direction.setColumn(1, {-s, s, 0});
        turned.originLps = {0, 0, 0};
        image.originLps = {-69, 2, 0};
        image.size = {20, 20, 3};
        QCOMPARE(overlayFit(image, turned).fit, Fit::Elsewhere);
        image.originLps = {-10, 60, 0};
        QCOMPARE(overlayFit(image, turned).fit, Fit::OtherGrid);
    }
};

QTEST_APPLESS_MAIN(TestViewerState)
#include "tst_viewer_state.moc"
