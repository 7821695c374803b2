#include "tests/support/compare.h"
#include "tests/widgets/letter_phantom.h"
#include "widgets/viewer/render_volume.h"
#include "widgets/viewer/viewport_grid.h"
#include "widgets/viewer/vtk_volume.h"

#include <QSignalSpy>

#include <vtkImageData.h>

#include <cmath>
#include <limits>

using namespace hilum;
using namespace hilum::widgets;

class TestVolumeView : public QObject {
    Q_OBJECT
    const tests::LetterPhantom m_phantom;

    /// Centre of mass of bright pixels, relative to the picture's size.
    static QPointF brightCentre(const QImage& picture, int above)
    {
        double x = 0, y = 0, n = 0;
        for (int j = 0; j < picture.height(); ++j)
            for (int i = 0; i < picture.width(); ++i)
                if (qGray(picture.pixel(i, j)) > above) {
                    x += i + 0.5;
                    y += j + 0.5;
                    ++n;
                }
        return n == 0 ? QPointF(-1, -1) : QPointF(x / n / picture.width(), y / n / picture.height());
    }

private Q_SLOTS:
    void vtkSharesTheVoxelsAndKeepsThemAlive()
    {
        for (const Geometry& g : tests::all48()) {
            vtkSmartPointer<vtkImageData> image;
            const void* voxels = nullptr;
            {
                const imaging::Volume volume = m_phantom.volume(g);
                voxels = volume.visit([](auto v) { return static_cast<const void*>(v.data()); });
                image = toVtkIndexGrid(volume);
            }
            QCOMPARE(static_cast<const void*>(image->GetScalarPointer()), voxels); // no copy
            for (const Index3& index : {Index3{0, 0, 0}, Index3{3, 5, 2}, Index3{g.size[0] - 1, g.size[1] - 1, g.size[2] - 1}}) {
                const int ijk[3] = {static_cast<int>(index[0]), static_cast<int>(index[1]), static_cast<int>(index[2])};
                const Vec3 expected = g.indexToWorld({double(ijk[0]), double(ijk[1]), double(ijk[2])});
                // the volume is gone, its voxels are not
                QCOMPARE(image->GetScalarComponentAsDouble(ijk[0], ijk[1], ijk[2], 0), double(m_phantom.at(expected)));
            }
        }
    }

    void renderVolumeStandsUprightInAll48Orientations()
    {
        for (const Geometry& g : tests::all48()) {
            const RenderVolume ready = renderVolume(m_phantom.volume(g), 1 << 30);
            QVERIFY((ready.factors == std::array<std::int64_t, 3>{1, 1, 1}));
            QVERIFY((ready.geometry.size == Index3{30, 32, 25}));
            QVERIFY(orthonormalError(ready.geometry.direction) < 1e-12 && determinant(ready.geometry.direction) > 0.99);
            std::size_t n = 0;
            for (std::int64_t k = 0; k < 25; ++k)
                for (std::int64_t j = 0; j < 32; ++j)
                    for (std::int64_t i = 0; i < 30; ++i)
                        QCOMPARE(ready.voxels[n++], m_phantom.at(ready.geometry.indexToWorld({double(i), double(j), double(k)})));
        }
    }

    void decimationKeepsThePlace()
    {
        // a linear function averages to itself at the centre of the block
        for (const Geometry& g : {tests::all48()[0], tests::all48()[29], tests::all48()[47]}) {
            imaging::ImageHeader header;
            header.geometry = g;
            header.unit = imaging::Unit::Hu;
            std::vector<float> voxels;
            for (std::int64_t k = 0; k < g.size[2]; ++k)
                for (std::int64_t j = 0; j < g.size[1]; ++j)
                    for (std::int64_t i = 0; i < g.size[0]; ++i) {
                        const Vec3 p = g.indexToWorld({double(i), double(j), double(k)});
                        voxels.push_back(static_cast<float>(10 * p[0] - 7 * p[1] + 3 * p[2]));
                    }
            const RenderVolume ready = renderVolume(imaging::Volume(header, voxels), 4000);
            QVERIFY(ready.geometry.voxelCount() <= 4000);
            QVERIFY(ready.factors[0] >= 2);
            for (const Index3& at : {Index3{0, 0, 0}, Index3{3, 2, 4}}) {
                const Vec3 p = ready.geometry.indexToWorld({double(at[0]), double(at[1]), double(at[2])});
                const auto n = static_cast<std::size_t>((at[2] * ready.geometry.size[1] + at[1]) * ready.geometry.size[0] + at[0]);
                QVERIFY(std::abs(ready.voxels[n] - (10 * p[0] - 7 * p[1] + 3 * p[2])) <= 0.51); // rounded to 16 bits
            }
        }
    }

    // outside of the field of view NaN became water
    void whatIsNoNumberIsAir()
    {
        constexpr float Nan = std::numeric_limits<float>::quiet_NaN();
        imaging::ImageHeader header;
        header.geometry.size = {4, 2, 2};
        header.unit = imaging::Unit::Hu;
        std::vector<float> voxels(16, Nan); // the left half
        for (std::size_t n = 0; n < 16; ++n)
            if (n % 4 >= 2)
                voxels[n] = 50;
        voxels[2] = Nan; // one of a block of eight
        const RenderVolume each = renderVolume(imaging::Volume(header, voxels), 16), halved = renderVolume(imaging::Volume(header, voxels), 2);
        QVERIFY((halved.factors == std::array<std::int64_t, 3>{2, 2, 2}));
        QCOMPARE(each.voxels, (std::vector<std::int16_t>{-1024, -1024, -1024, 50, -1024, -1024, 50, 50, -1024, -1024, 50, 50, -1024, -1024, 50, 50}));
        QCOMPARE(halved.voxels, (std::vector<std::int16_t>{-1024, 50}));
        header.unit = imaging::Unit::Other;
        QCOMPARE(renderVolume(imaging::Volume(header, voxels), 16).voxels.front(), std::int16_t{0}); // the lowest
    }

    void letterIsOnTheRightAndReadableIn3d()
    {
        for (const std::size_t which : {0u, 13u, 47u}) {
            VolumeView view;
            view.resize(220, 200);
            view.setPreset(RenderPreset::Bone);
            view.setVolume(m_phantom.volume(tests::all48()[which]));
            view.show();
            QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
            const QImage picture = view.picture();
            QCOMPARE(picture.size(), view.size());
            const QPointF front = brightCentre(picture, 110);
            QVERIFY2(front.x() > 0.5, "nothing bright, or on the wrong side");
            // from the back the letter lies on the left
            view.turn(3.14159265358979, 0);
            view.setPreset(RenderPreset::Bone);
            QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
            const QPointF back = brightCentre(view.picture(), 110);
            QVERIFY(back.x() > 0 && std::abs(front.x() + back.x() - 1) < 0.15);
            QVERIFY(norm(view.right() - Vec3{-1, 0, 0}) < 1e-6);
        }
    }

    // a box at another place than the voxels that it is of would be read as another place of the patient
    void boxesLieWhereTheVolumeIs()
    {
        const Vec3 low{-15, -1, 33}, high{-3, 14, 53}; // borders of voxels in all 48: a bright block to the right, behind, high
        VolumeBox box{.cornersLps = {}, .name = {}, .colour = QColor(0xED, 0xD5, 0x4C), .width = 3};
        for (std::size_t corner = 0; corner < 8; ++corner)
            for (std::size_t axis = 0; axis < 3; ++axis)
                box.cornersLps[corner][axis] = (corner >> axis & 1) != 0 ? high[axis] : low[axis];
        QCOMPARE(boxesText(std::vector{box}), QStringLiteral(": -15 -1 33 -3 14 53"));
        for (const std::size_t which : {0u, 13u, 29u, 47u}) {
            imaging::ImageHeader header;
            header.geometry = tests::all48()[which];
            header.unit = imaging::Unit::Hu;
            const Geometry& g = header.geometry;
            std::vector<std::int16_t> voxels;
            for (std::int64_t k = 0; k < g.size[2]; ++k)
                for (std::int64_t j = 0; j < g.size[1]; ++j)
                    for (std::int64_t i = 0; i < g.size[0]; ++i) {
                        const Vec3 p = g.indexToWorld({double(i), double(j), double(k)});
                        voxels.push_back(p[0] > low[0] && p[0] < high[0] && p[1] > low[1] && p[1] < high[1] && p[2] > low[2] && p[2] < high[2] ? 1200 : -1000);
                    }
            VolumeView view;
            view.resize(280, 220);
            view.setPreset(RenderPreset::Bone);
            view.setVolume(imaging::Volume(header, std::move(voxels)));
            view.show();
            for (const auto& [aboutUp, aboutRight] : {std::pair{0.0, 0.0}, std::pair{0.7, -0.5}, std::pair{-2.2, 0.4}}) {
                view.setBoxes({});
                view.turn(aboutUp, aboutRight);
                view.setPreset(RenderPreset::Bone);
                QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
                const double scale = static_cast<double>(view.picture().width()) / view.width();
                double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9; // of the bright pixels
                for (int y = 0; y < view.picture().height(); ++y)
                    for (int x = 0; x < view.picture().width(); ++x)
                        if (qGray(view.picture().pixel(x, y)) > 40) {
                            left = std::min(left, x / scale);
                            right = std::max(right, (x + 1) / scale);
                            top = std::min(top, y / scale);
                            bottom = std::max(bottom, (y + 1) / scale);
                        }
                QRectF seen;
                for (const Vec3& corner : box.cornersLps) {
                    const QPointF at = view.onView(corner).value_or(QPointF());
                    seen = seen.isNull() ? QRectF(at, QSizeF(1e-6, 1e-6)) : seen.united(QRectF(at, QSizeF(1e-6, 1e-6)));
                }
                // 2 pixels a millimetre; interpolation between voxels of 2 x 2.5 x 4 mm rounds corners and makes thin edges faint. The other side of the patient is 60 pixels away
                constexpr double Tolerance = 10;
                const QString told = QStringLiteral("%1: bright %2 %3 %4 %5, box %6 %7 %8 %9").arg(which).arg(left).arg(right).arg(top).arg(bottom).arg(seen.left()).arg(seen.right()).arg(seen.top()).arg(seen.bottom());
                QVERIFY2(std::abs(left - seen.left()) < Tolerance && std::abs(right - seen.right()) < Tolerance && std::abs(top - seen.top()) < Tolerance && std::abs(bottom - seen.bottom()) < Tolerance, qPrintable(told));
                // painted there, without another picture
                view.setBoxes({box});
                QVERIFY(view.drawn());
                const QImage painted = view.grab().toImage();
                int yellow = 0;
                for (const auto& [from, to] : boxEdges()) {
                    const QPointF middle = (*view.onView(box.cornersLps[from]) + *view.onView(box.cornersLps[to])) / 2 * painted.devicePixelRatio();
                    const QColor pixel = painted.pixelColor(static_cast<int>(middle.x()), static_cast<int>(middle.y()));
                    yellow += pixel.red() > 180 && pixel.blue() < 140;
                }
                QVERIFY2(yellow >= 9, qPrintable(QString::number(yellow))); // three may be dashed
            }
            // they stay with the picture that is shown until there is another one
            const auto before = view.onView(low);
            view.turn(0.5, 0.5);
            QCOMPARE(view.onView(low), before);
        }
    }

    void theViewMayBeginFromAnotherSide()
    {
        VolumeView view;
        view.setStart({0, 1, 0}, {0, 0, 1}, 0.5); // from the patient's right: anterior on the left
        QCOMPARE(view.right(), (Vec3{0, 1, 0}));
        view.turn(1, 0);
        view.resetCamera();
        QCOMPARE(view.right(), (Vec3{0, 1, 0}));
        QCOMPARE(view.up(), (Vec3{0, 0, 1}));
        QVERIFY(!view.onView({0, 0, 0}));
    }

    void gridShowsVolumesInFourViewsAndFlatImagesInOne()
    {
        auto state = std::make_shared<view::ViewerState>();
        ViewportGrid grid(state);
        grid.resize(400, 300);
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        grid.setVolume(volume, {{400, 40}, {}, false, {}});
        grid.show();
        QVERIFY(!grid.isFlat());
        const auto visible = [&] {
            return QList<bool>{grid.slice(0)->isVisible(), grid.slice(1)->isVisible(), grid.slice(2)->isVisible(), grid.volumeView()->isVisible()};
        };
        QCOMPARE(visible(), (QList<bool>{true, true, true, true}));
        // axial · sagittal / coronal · 3-D
        QVERIFY(grid.slice(0)->x() < grid.slice(1)->x() && grid.slice(0)->y() == grid.slice(1)->y());
        QVERIFY(grid.slice(2)->y() > grid.slice(0)->y() && grid.volumeView()->x() == grid.slice(1)->x());
        QTest::mouseDClick(grid.slice(2), Qt::LeftButton, {}, {20, 20});
        QCOMPARE(visible(), (QList<bool>{false, false, true, false}));
        QCOMPARE(grid.slice(2)->size(), grid.size());
        QTest::mouseDClick(grid.slice(2), Qt::LeftButton, {}, {20, 20});
        QCOMPARE(visible(), (QList<bool>{true, true, true, true}));
        state->layout.set(view::Layout::OneByTwo);
        QCOMPARE(visible().count(true), 2);
        state->layout.set(view::Layout::Single);
        QCOMPARE(visible().count(true), 1);

        imaging::ImageHeader header;
        header.geometry.size = {64, 48, 1};
        header.hasPatientSpace = false;
        grid.setVolume(imaging::Volume(header, std::vector<std::uint8_t>(64 * 48, 7)), {{255, 127.5}, {}, false, {}});
        QVERIFY(grid.isFlat());
        QCOMPARE(visible(), (QList<bool>{true, false, false, false}));
        QCOMPARE(grid.slice(0)->plane(), view::Plane::Image);
        grid.clear();
        QVERIFY(grid.slice(0)->isEmpty());
    }

    // a sagittal slice stored along i was a line in the axial view, and no key brought another one
    void aSliceIsShownInItsPlaneHoweverItIsStored()
    {
        auto state = std::make_shared<view::ViewerState>();
        ViewportGrid grid(state);
        grid.resize(400, 300);
        for (const Geometry& whole : tests::all48()) {
            for (std::size_t axis = 0; axis < 3; ++axis) {
                Geometry g = whole;
                g.size[axis] = 1;
                // the world axis that the thin one runs along, read off the matrix: x sagittal, y coronal, z axial
                const Vec3 through = g.direction.column(axis);
                const std::size_t wanted = through[0] != 0 ? 1 : through[1] != 0 ? 2 : 0;
                grid.setVolume(m_phantom.volume(g), {{400, 40}, {}, false, {}});
                QVERIFY(grid.isFlat());
                for (std::size_t view = 0; view < 3; ++view)
                    QCOMPARE(grid.slice(view)->isVisibleTo(&grid), view == wanted);
                QCOMPARE(grid.activeSlice(), grid.slice(wanted));
                QCOMPARE(grid.slice(wanted)->stack().count, std::int64_t{1});
            }
        }
    }

    // it was put under the next patient's name, and stayed there when that volume could not be drawn
    void aPictureOfTheVolumeBeforeIsNotShown()
    {
        VolumeView view;
        view.resize(100, 100);
        view.setVolume(m_phantom.volume(tests::all48()[0]));
        view.show();
        QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
        auto* renderer = view.findChild<VolumeRenderer*>();
        QVERIFY(renderer);
        view.setVolume(m_phantom.volume(tests::all48()[13]));
        QVERIFY(view.picture().isNull() && !view.drawn());
        QImage before(view.size(), QImage::Format_RGB32);
        before.fill(Qt::white);
        Q_EMIT renderer->rendered(before, 1); // it was on its way
        QVERIFY(view.picture().isNull());
        QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
        QVERIFY(view.picture() != before);
    }

    void aVolumeThatFailsShowsNoPictureAndTheNextIsDrawn()
    {
        VolumeView view;
        view.resize(100, 100);
        view.setVolume(m_phantom.volume(tests::all48()[0]));
        view.show();
        QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000));
        view.replaceVolume(m_phantom.volume(tests::all48()[13]));
        Q_EMIT view.findChild<VolumeRenderer*>()->failed(QStringLiteral("no memory"));
        QVERIFY(view.picture().isNull());
        view.setVolume(m_phantom.volume(tests::all48()[1]));
        QVERIFY(QTest::qWaitFor([&] { return view.drawn(); }, 60000)); // never, as long as the trouble was kept
        QVERIFY(!view.picture().isNull());
    }

    void preparingForTheViewCanBeStopped()
    {
        std::stop_source stop;
        const imaging::Volume volume = m_phantom.volume(tests::all48()[0]);
        QVERIFY(!renderVolume(volume, 1 << 30, stop.get_token()).voxels.empty());
        stop.request_stop();
        QVERIFY(renderVolume(volume, 1 << 30, stop.get_token()).voxels.empty());
    }

    void viewCanGoWhileItDraws()
    {
        for (int i = 0; i < 3; ++i) {
            auto view = std::make_unique<VolumeView>();
            view->resize(100, 100);
            view->setVolume(m_phantom.volume(tests::all48()[0]));
            view->show();
            QTest::qWait(i * 30);
        }
    }
};

QTEST_MAIN(TestVolumeView)
#include "tst_volume_view.moc"
