// Which pixels of a flat picture are seen how: padding, display shutter, wide colour, pixels that are not square.
#include "core/base/format.h"
#include "core/imaging/graphics.h"
#include "core/imaging/grey_image.h"
#include "core/view/measurement.h"
#include "tests/support/compare.h"
#include "widgets/viewer/image_window.h"
#include "widgets/viewer/slice_view.h"

#include <cmath>
#include <limits>
#include <memory>

using namespace hilum;
using namespace hilum::widgets;

namespace {

constexpr int Width = 40, Height = 30;

/// A film whose value is 1000 + its column, with padding (0 to 100) in its first ten columns.
imaging::ImageHeader filmHeader()
{
    imaging::ImageHeader header;
    header.geometry.size = {Width, Height, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = imaging::SpacingMeaning::Unknown;
    header.photometric = "MONOCHROME1";
    header.modality = "DX";
    header.windows = {{1020, 100, "film", imaging::Window::Shape::LinearExact}};
    return header;
}

template <class T> std::vector<T> filmValues()
{
    std::vector<T> values;
    for (int j = 0; j < Height; ++j)
        for (int i = 0; i < Width; ++i)
            values.push_back(static_cast<T>(i < 10 ? 10 * i : 1000 + i));
    return values;
}

std::unique_ptr<SliceView> viewOf(const imaging::Volume& image)
{
    auto view = std::make_unique<SliceView>();
    view->resize(10 * Width, 10 * Height);
    view->setInterpolation(Interpolation::Nearest);
    const auto state = std::make_shared<view::ViewerState>();
    view->setState(state);
    view->setVolume(image, view::Plane::Image);
    state->reset(view::planeSpace("", "this image"), {}, firstTransfer(image, valueRange(image)));
    return view;
}

} // namespace

class TestSliceViewPixels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // the padding of a film stored the other way round was bright white, and black in every exported picture
    void paddingIsBlackAsInExportedPictures_data()
    {
        QTest::addColumn<bool>("real");
        QTest::newRow("whole numbers") << false;
        QTest::newRow("real numbers") << true;
    }
    void paddingIsBlackAsInExportedPictures()
    {
        QFETCH(bool, real);
        imaging::ImageHeader header = filmHeader();
        header.paddingValue = 0;
        header.paddingLimit = 100;
        const imaging::Volume film = real ? imaging::Volume(header, filmValues<float>()) : imaging::Volume(header, filmValues<std::uint16_t>());
        const auto exported = imaging::greyImage(film);
        HILUM_VERIFY_OK(exported);
        const auto view = viewOf(film);
        for (const int i : {0, 5, 9, 10, 20, 39}) {
            const int grey = view->greyAt(view->positionOfImagePoint({double(i), 12}));
            QVERIFY2(std::abs(grey - 255 * exported->values[static_cast<std::size_t>(12 * Width + i)]) <= 0.51, hilum::format("column {}: {}", i, grey).c_str());
            QCOMPARE(grey == 0, i < 10);
        }
        const ValueRange range = valueRange(film);
        QCOMPARE(range.low, 1010.0); // padding is no value of the film
        QVERIFY(range.automatic.width < 40);
    }

    void theShutterCoversWhatItHides()
    {
        imaging::ImageHeader header = filmHeader();
        auto graphics = std::make_shared<imaging::Graphics>();
        graphics->shutter.rectangle = {{5, 36, 4, 27}}; // columns 5 and 36, rows 4 and 27, from 1: the edges are hidden
        graphics->shutter.grey = 0.25;
        header.graphics = graphics;
        const imaging::Volume film(header, filmValues<std::uint16_t>());
        const auto exported = imaging::greyImage(film);
        HILUM_VERIFY_OK(exported);
        const auto view = viewOf(film);
        for (const auto& [i, j] : {std::pair{4, 12}, {5, 12}, {34, 12}, {35, 12}, {20, 3}, {20, 4}, {20, 25}, {20, 26}, {0, 0}}) {
            const int grey = view->greyAt(view->positionOfImagePoint({double(i), double(j)}));
            QVERIFY2(std::abs(grey - 255 * exported->values[static_cast<std::size_t>(j * Width + i)]) <= 0.51, hilum::format("pixel {}, {}: {}", i, j, grey).c_str());
        }
        QCOMPARE(view->greyAt(view->positionOfImagePoint({4, 12})), 64);
    }

    void theShutterFollowsTurnsAndZoom()
    {
        imaging::ImageHeader header = filmHeader();
        auto graphics = std::make_shared<imaging::Graphics>();
        graphics->shutter.circle = {{15, 20, 5}};
        graphics->shutter.polygon = {{1, 1}, {1, 40}, {14, 23}, {30, 40}, {30, 1}}; // a notch from the right
        graphics->shutter.grey = 0.25;
        header.graphics = graphics;
        const imaging::Volume film(header, filmValues<std::uint16_t>());
        const auto exported = imaging::greyImage(film);
        HILUM_VERIFY_OK(exported);
        const auto view = viewOf(film);
        int hidden = 0;
        for (const double zoom : {1.0, 2.0})
            for (const int turns : {0, 1, 2}) {
                view->state()->poses[view->slot()].set({.zoom = zoom, .quarterTurns = turns, .sideways = turns == 1});
                for (int j = 10; j < 20; ++j)
                    for (int i = 14; i < 26; ++i) {
                        const int grey = view->greyAt(view->positionOfImagePoint({double(i), double(j)}));
                        QVERIFY2(std::abs(grey - 255 * exported->values[static_cast<std::size_t>(j * Width + i)]) <= 0.51, hilum::format("zoom {}, turned {}: pixel {}, {}: {}", zoom, turns, i, j, grey).c_str());
                        hidden += grey == 64;
                    }
            }
        QVERIFY(hidden > 100);
    }

    // what is no number was taken as a place in a table
    void colourThatIsNoNumberIsBlack()
    {
        imaging::ImageHeader header = filmHeader();
        header.windows.clear();
        header.photometric = "RGB";
        std::vector<float> values(static_cast<std::size_t>(3 * Width * Height), 0.5f);
        values[static_cast<std::size_t>(3 * (12 * Width + 20))] = std::numeric_limits<float>::quiet_NaN();
        const auto view = viewOf(imaging::Volume(header, std::move(values), 3));
        const QImage picture = view->picture();
        const auto at = [&](double i) {
            const QPointF place = view->positionOfImagePoint({i, 12});
            return picture.pixel(int(place.x()), int(place.y()));
        };
        QCOMPARE(qRed(at(20)), 0);
        QCOMPARE(qGreen(at(20)), qGreen(at(25)));
        QVERIFY(qRed(at(25)) > 0);
    }

    // a channel of 16 bits was white from 255 on
    void wideColourIsSeenInItsOwnRange_data()
    {
        QTest::addColumn<double>("white"); // as the file tells it; 0: it does not
        QTest::addColumn<int>("value");
        QTest::newRow("16 bits") << 0.0 << 65535 / 5;
        QTest::newRow("12 of 16 bits") << 4095.0 << 819;
    }
    void wideColourIsSeenInItsOwnRange()
    {
        QFETCH(double, white);
        QFETCH(int, value);
        imaging::ImageHeader header = filmHeader();
        header.windows.clear();
        header.photometric = "RGB";
        header.colourWhite = white;
        std::vector<std::uint16_t> values;
        for (int n = 0; n < Width * Height; ++n)
            for (const int c : {1, 2, 5})
                values.push_back(static_cast<std::uint16_t>(c * value));
        const auto view = viewOf(imaging::Volume(header, std::move(values), 3));
        const QImage picture = view->picture();
        QCOMPARE(picture.pixel(picture.width() / 2, picture.height() / 2), qRgb(51, 102, 255));
    }

    void pixelsThatAreNotSquareKeepTheirShape()
    {
        imaging::ImageHeader header = filmHeader();
        header.geometry.spacingMm = {1, 2, 1}; // twice as high as wide, of unknown size
        const auto view = viewOf(imaging::Volume(header, filmValues<std::uint16_t>()));
        QVERIFY(view->lengthMeaning() == view::LengthMeaning::PixelWidths);
        const QPointF a = view->positionOfImagePoint({4, 4}), b = view->positionOfImagePoint({24, 14});
        QVERIFY(std::abs((b.x() - a.x()) - (b.y() - a.y())) < 1e-9);
        const Vec3 corner = view->worldAt(a);
        const view::Measurement angle{.kind = view::MeasureKind::Angle, .points = {view->worldAt({b.x(), a.y()}), corner, view->worldAt(b)}};
        QVERIFY(std::abs(view::measured(angle, view->lengthMeaning()).value - 45) < 1e-9);
        header.geometry.spacingMm = {1, 1, 1};
        QVERIFY(viewOf(imaging::Volume(header, filmValues<std::uint16_t>()))->lengthMeaning() == view::LengthMeaning::Unknown);
    }
};

QTEST_MAIN(TestSliceViewPixels)
#include "tst_slice_view_pixels.moc"
