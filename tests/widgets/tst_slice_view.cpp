#include "tests/widgets/slice_view_bench.h"
#include "widgets/viewer/image_window.h"

#include <QSignalSpy>

#include <random>

using namespace hilum;
using namespace hilum::tests;
using namespace hilum::widgets;

class TestSliceView : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;

private Q_SLOTS:
    void letterOfThePatientsLeftIsOnTheRightInAll48Orientations()
    {
        for (const Geometry& g : tests::all48()) {
            const imaging::Volume volume = m_phantom.volume(g);
            const auto state = stateFor(volume);
            for (const Plane plane : {Plane::Axial, Plane::Coronal}) {
                const auto view = viewOf(volume, plane, state);
                // centre of mass of what is bright like the letter, in pixels and not by any coordinate of the view
                double sumX = 0, sumY = 0, count = 0;
                const QImage picture = view->picture();
                const auto bright = [&](int x, int y) { return qGray(picture.pixel(x, y)) >= expectedGrey(1000); };
                for (int y = 0; y < view->height(); ++y)
                    for (int x = 0; x < view->width(); ++x)
                        if (bright(x, y)) {
                            sumX += x;
                            sumY += y;
                            ++count;
                        }
                QVERIFY(count > 200);
                QVERIFY2(sumX / count > view->width() * 0.55, "the letter lies on the image's left");
                if (plane == Plane::Coronal) {
                    // an L, not a mirrored or upside-down one: its upper half lies left of its lower half
                    double upper = 0, lower = 0, nUpper = 0, nLower = 0;
                    for (int y = 0; y < view->height(); ++y)
                        for (int x = 0; x < view->width(); ++x)
                            if (bright(x, y)) {
                                (y < sumY / count - 15 ? upper : lower) += x;
                                (y < sumY / count - 15 ? nUpper : nLower) += 1;
                            }
                    QVERIFY(nUpper > 20 && nLower > 20);
                    QVERIFY2(upper / nUpper < lower / nLower - 3, "the letter is mirrored or upside down");
                    // and the slab of the head is on top
                    const QPointF top(view->width() / 2.0, view->positionOf({7, -11, 23 + 47}).y());
                    QVERIFY(top.y() < 30);
                    QCOMPARE(view->greyAt(top), expectedGrey(m_phantom.Slab));
                }
            }
        }
    }

    void greyUnderAPixelIsTheValueAtItsPlaceInAll48Orientations()
    {
        std::mt19937 random(7);
        for (const Geometry& g : tests::all48()) {
            const imaging::Volume volume = m_phantom.volume(g);
            const auto state = stateFor(volume);
            for (const Plane plane : {Plane::Axial, Plane::Sagittal, Plane::Coronal}) {
                const auto view = viewOf(volume, plane, state, {211, 173});
                view->setInterpolation(Interpolation::Nearest);
                int inside = 0;
                for (int n = 0; n < 60; ++n) {
                    const QPointF at(static_cast<double>(random() % 211) + 0.5, static_cast<double>(random() % 173) + 0.5);
                    const Vec3 world = view->worldAt(at);
                    const Vec3 index = g.worldToIndex(world);
                    const QPointF back = view->positionOf(world);
                    QVERIFY(std::abs(back.x() - at.x()) < 1e-6 && std::abs(back.y() - at.y()) < 1e-6);
                    bool tie = false; // half way between two voxels, or on the border, either answer is right
                    for (const double v : index)
                        tie = tie || std::abs(v - std::floor(v) - 0.5) < 1e-6;
                    if (tie)
                        continue;
                    const int seen = view->greyAt(at);
                    if (!g.contains(index)) {
                        QCOMPARE(seen, -1);
                        continue;
                    }
                    ++inside;
                    const double value = volume.at(std::llround(index[0]), std::llround(index[1]), std::llround(index[2]));
                    QCOMPARE(seen, expectedGrey(value));
                    const view::Probe probe = view->probeAt(at);
                    QCOMPARE(probe.values.at(0), value);
                    QVERIFY(norm(*probe.pointLps - world) < 1e-9);
                }
                QVERIFY(inside > 10);
            }
        }
    }

    void obliqueVolumeIsSampledWhereItIs()
    {
        Geometry g{.size = {40, 44, 30}, .spacingMm = {1.5, 1.25, 3}, .originLps = {}, .direction = {}};
        const double a = 0.4, b = 0.3;
        const Mat3 first{{Vec3{std::cos(a), -std::sin(a), 0}, Vec3{std::sin(a), std::cos(a), 0}, Vec3{0, 0, 1}}};
        const Mat3 second{{Vec3{1, 0, 0}, Vec3{0, std::cos(b), -std::sin(b)}, Vec3{0, std::sin(b), std::cos(b)}}};
        g.direction = first * second;
        g.originLps = m_phantom.centre - (g.indexToWorld({19.5, 21.5, 14.5}) - g.originLps);
        // a value that is a linear function of the place is kept by linear interpolation
        const auto linear = [](const Vec3& p) { return 3 * p[0] - 2 * p[1] + 5 * p[2]; };
        std::vector<float> voxels;
        for (std::int64_t k = 0; k < g.size[2]; ++k)
            for (std::int64_t j = 0; j < g.size[1]; ++j)
                for (std::int64_t i = 0; i < g.size[0]; ++i)
                    voxels.push_back(static_cast<float>(linear(g.indexToWorld({double(i), double(j), double(k)}))));
        imaging::ImageHeader header;
        header.geometry = g;
        const imaging::Volume volume(header, voxels);
        for (const Plane plane : {Plane::Axial, Plane::Sagittal, Plane::Coronal})
            for (const auto alignment : {view::Alignment::Image, view::Alignment::Patient}) {
                view::Viewport port{.frame = view::viewFrame(plane, g.direction, alignment), .centreLps = m_phantom.centre, .pixelsPerMm = 2, .width = 60, .height = 50};
                SliceSampler sampler(volume, g);
                const PixelGrid grid = pixelGrid(port, 1);
                sampler.sample(grid, Interpolation::Linear);
                int checked = 0;
                for (int y = 0; y < 50; y += 7)
                    for (int x = 0; x < 60; x += 7) {
                        const Vec3 world = port.worldAt({x + 0.5, y + 0.5});
                        const Vec3 index = g.worldToIndex(world);
                        if (index[0] < 0 || index[1] < 0 || index[2] < 0 || index[0] > 39 || index[1] > 43 || index[2] > 29)
                            continue;
                        ++checked;
                        // float32 voxels of size 1e2 and VTK's float weights
                        QVERIFY(std::abs(sampler.sampled(x, y) - linear(world)) < 2e-3);
                    }
                QVERIFY(checked > 30);
            }
    }

    void crosshairLinksTheViewsAndPicksTheSlice()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto axial = viewOf(volume, Plane::Axial, state), coronal = viewOf(volume, Plane::Coronal, state), sagittal = viewOf(volume, Plane::Sagittal, state);
        QSignalSpy moved(axial.get(), &SliceView::crosshairMoved);
        const QPoint place = axial->positionOf({7 + 13, -11 - 10, 0}).toPoint();
        drag(*axial, Qt::LeftButton, place, place, Qt::AltModifier);
        QVERIFY(moved.count() >= 1);
        const Vec3 cross = state->crosshair.get().pointLps;
        QVERIFY(std::abs(cross[0] - 20) < 0.5 && std::abs(cross[1] + 21) < 0.5);
        QCOMPARE(sagittal->slice(), std::int64_t{21}); // (13 + 30 - 1) / 2
        QCOMPARE(coronal->slice(), coronal->stack().nearest(cross));
        QVERIFY(std::abs(coronal->worldAt({10, 10})[1] - (-11 - 10)) <= 1.25 + 0.5);
        // scrolling one view moves the crosshair along its normal and leaves the others' in-plane place
        const std::int64_t before = axial->slice();
        wheel(*axial, {100, 100}, 3);
        QCOMPARE(axial->slice(), before + 3);
        QVERIFY(std::abs(state->crosshair.get().pointLps[0] - cross[0]) < 1e-9);
        QVERIFY(state->crosshair.get().pointLps[2] > cross[2]);
        // a crosshair of another space moves nothing
        state->crosshair.set({"patient:9.9", {0, 0, 0}});
        QCOMPARE(axial->slice(), axial->stack().count / 2);
    }

    void unlinkedViewsScrollAlone()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[5]);
        const auto state = stateFor(volume);
        const auto axial = viewOf(volume, Plane::Axial, state);
        state->linked.set(false);
        const Vec3 before = state->crosshair.get().pointLps;
        axial->scrollTo(3);
        QCOMPARE(axial->slice(), std::int64_t{3});
        QVERIFY(state->crosshair.get().pointLps == before);
        axial->scrollTo(100000);
        QCOMPARE(axial->slice(), axial->stack().count - 1);
    }

    void labelsLieWhereTheyAreInSpace()
    {
        const auto cases = tests::all48();
        const imaging::Volume volume = m_phantom.volume(cases[0]);
        for (const std::size_t other : {0u, 9u, 23u, 47u}) { // the same labels stored in other orders
            const imaging::Volume source = m_phantom.volume(cases[other]);
            std::vector<std::uint8_t> mask;
            source.visit([&](auto voxels) {
                for (const auto v : voxels)
                    mask.push_back(static_cast<double>(v) == m_phantom.Letter ? 3 : 0);
            });
            imaging::LabelMap labels{imaging::Volume(source.header(), mask), {{.value = 3, .name = "letter", .colour = {0, 255, 0}}}};
            const auto state = stateFor(volume);
            const auto view = viewOf(volume, Plane::Coronal, state);
            view->setInterpolation(Interpolation::Nearest);
            const QImage before = view->picture();
            view->setLabels(std::make_shared<LabelOverlay>(labels, labels.volume.geometry()));
            view->setLabelOpacity(1);
            const QImage after = view->picture();
            int covered = 0;
            for (int y = 0; y < before.height(); ++y)
                for (int x = 0; x < before.width(); ++x) {
                    const bool green = after.pixel(x, y) == qRgb(0, 255, 0);
                    const bool letter = qGray(before.pixel(x, y)) == expectedGrey(m_phantom.Letter);
                    QCOMPARE(green, letter);
                    covered += green;
                }
            QVERIFY(covered > 200);
            const view::Probe probe = view->probeAt(view->positionOf({7 + 12, -11, 23}));
            QCOMPARE(probe.notes.size(), std::size_t{1});
            QCOMPARE(probe.notes[0], std::string("letter"));
            state->overlaysHidden.set(true);
            QVERIFY(view->picture() == before);
        }
    }

    void flatImageHasItsOwnPlane()
    {
        imaging::ImageHeader header;
        header.geometry.size = {300, 200, 1};
        header.geometry.spacingMm = {0.2, 0.4, 1}; // pixels twice as high as wide
        header.geometry.direction.setColumn(0, {0, 1, 0}); // means nothing and must not be looked at
        header.geometry.direction.setColumn(1, {1, 0, 0});
        header.hasPatientSpace = false;
        header.spacingMeaning = imaging::SpacingMeaning::DetectorPlane;
        header.patientOrientation = {"L", "F"};
        header.photometric = "MONOCHROME1";
        header.modality = "DX";
        std::vector<std::uint16_t> pixels(300 * 200);
        for (std::size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<std::uint16_t>(i % 300 < 150 ? 100 : 3000);
        header.windows = {{1500, 4000, "chest", imaging::Window::Shape::LinearExact}};
        const imaging::Volume image(header, pixels);
        const ValueRange range = valueRange(image);
        SliceView view;
        view.resize(620, 420);
        auto state = std::make_shared<view::ViewerState>();
        view.setState(state);
        view.setVolume(image, Plane::Axial);
        state->reset(view::planeSpace("", "this image"), {}, firstTransfer(image, range));
        QVERIFY(!view.inPatientSpace());
        QCOMPARE(view.stack().count, std::int64_t{1});
        QVERIFY((view.letters() == view::EdgeLetters{"R", "L", "H", "F"}));
        // MONOCHROME1: small values are bright
        const int left = view.greyAt(view.positionOfImagePoint({20, 100})), right = view.greyAt(view.positionOfImagePoint({280, 100}));
        QCOMPARE(left, static_cast<int>(std::lround(255 * (1 - (100 - 1500) / 4000.0 - 0.5))));
        QVERIFY(left > right);
        // anisotropic pixels: 60 mm x 80 mm
        const QPointF a = view.positionOfImagePoint({0, 0}), b = view.positionOfImagePoint({100, 50});
        QVERIFY(std::abs((b.x() - a.x()) - (b.y() - a.y())) < 1e-6);
        const QPointF point = view.imagePointAt(b);
        QVERIFY(std::abs(point.x() - 100) < 1e-6 && std::abs(point.y() - 50) < 1e-6);
        QVERIFY(!view.probeAt(b).pointLps.has_value());
        QVERIFY(view.fidelityText().contains(QStringLiteral("chest")));
    }

    void realValuesGetWindowsThatShowThem()
    {
        // nearly all zero, a little up to 0.02, and a file that asks for a width below 1
        std::vector<float> map(2000, 0.0f);
        map[1000] = 0.02f;
        imaging::ImageHeader header;
        header.geometry.size = {50, 40, 1};
        header.hasPatientSpace = false;
        const imaging::Volume sparse(header, map);
        const view::Transfer seen = automaticTransfer(sparse, valueRange(sparse));
        QCOMPARE(seen.source, std::string("lowest to highest value"));
        QVERIFY(view::grey(seen, 0) == 0 && std::abs(view::grey(seen, 0.01) - 0.5) < 1e-6 && std::abs(view::grey(seen, 0.02) - 1) < 1e-6);
        QCOMPARE(firstTransfer(sparse, valueRange(sparse)).source, std::string("lowest to highest value"));

        header.windows = {{0.45, 0.9, "ADC"}, {100, 400, "wide"}};
        const std::vector<view::Transfer> given = transfersOfFile(imaging::Volume(header, map));
        QCOMPARE(given[0].source, std::string("ADC, as LINEAR_EXACT"));
        QVERIFY(view::grey(given[0], 0) == 0 && std::abs(view::grey(given[0], 0.225) - 0.25) < 1e-12 && view::grey(given[0], 0.9) == 1);
        QCOMPARE(given[1].source, std::string("wide"));
        QVERIFY(given[1].window.shape == view::WindowLevel::Shape::Linear);
        const imaging::Volume whole(header, std::vector<std::int16_t>(2000, 0));
        QVERIFY(transfersOfFile(whole)[0].window.shape == view::WindowLevel::Shape::Linear);
    }

    void fineStructureDoesNotAliasWhenMadeSmall()
    {
        // columns black and white in turn: at a tenth of the size all is grey
        std::vector<float> stripes(2000 * 1000);
        for (std::size_t i = 0; i < stripes.size(); ++i)
            stripes[i] = static_cast<float>(i % 2);
        SliceView view;
        view.resize(220, 120);
        view.setImage(std::move(stripes), 2000, 1000, {{1, 0.5, view::WindowLevel::Shape::LinearExact}, {}, false, {}});
        for (const double x : {500.0, 777.0, 1234.0, 1800.0})
            QVERIFY(std::abs(view.greyAt(view.positionOfImagePoint({x, 500})) - 128) <= 2);
    }

    void aMirroredViewSaysSo()
    {
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        const auto state = stateFor(volume);
        const auto view = viewOf(volume, Plane::Axial, state);
        const QRgb yellow = qRgb(0xFF, 0xD0, 0x00);
        QVERIFY(view->grab().toImage().pixel(100, 1) != yellow);
        state->poses[0].modify([](view::Pose& p) { p.sideways = true; });
        QCOMPARE(view->grab().toImage().pixel(100, 1), yellow);
        QCOMPARE(view->letters().left, std::string("L"));
    }
};

QTEST_MAIN(TestSliceView)
#include "tst_slice_view.moc"
