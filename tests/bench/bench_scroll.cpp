// Slice scroll of a 512 x 512 x 512 volume in one view and in four, and window drags: milliseconds a frame, from the event to the
// painted pixels. HILUM_SMOKE=1 takes a smaller volume.
#include "widgets/viewer/image_window.h"
#include "widgets/viewer/viewport_grid.h"

#include <benchmark/benchmark.h>

#include <QApplication>
#include <QWheelEvent>

#include <cmath>
#include <cstdlib>

using namespace hilum;
using namespace hilum::widgets;

namespace {

bool smoke() { return std::getenv("HILUM_SMOKE") != nullptr; }

const imaging::Volume& cube()
{
    static const imaging::Volume volume = [] {
        const std::int64_t n = smoke() ? 96 : 512;
        imaging::ImageHeader header;
        header.geometry.size = {n, n, n};
        header.geometry.spacingMm = {0.7, 0.7, 0.7};
        header.unit = imaging::Unit::Hu;
        header.modality = "CT";
        header.frameOfReferenceUid = "1.2";
        std::vector<std::int16_t> voxels(static_cast<std::size_t>(n * n * n));
        std::uint32_t noise = 1;
        for (std::size_t i = 0; i < voxels.size(); ++i) {
            noise = noise * 1664525u + 1013904223u;
            voxels[i] = static_cast<std::int16_t>(static_cast<int>(noise >> 22) - 500);
        }
        return imaging::Volume(std::move(header), std::move(voxels));
    }();
    return volume;
}

void wheel(SliceView& view, int steps)
{
    const QPointF at(view.width() / 2.0, view.height() / 2.0);
    QWheelEvent event(at, view.mapToGlobal(at), {}, QPoint(0, 120 * steps), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(&view, &event);
}

void scroll(benchmark::State& bench, view::Layout layout, std::size_t which)
{
    auto state = std::make_shared<view::ViewerState>();
    state->layout.set(layout);
    ViewportGrid grid(state);
    grid.resize(1600, 1000);
    grid.setVolume(cube(), firstTransfer(cube(), valueRange(cube())));
    state->active.set(static_cast<int>(which));
    grid.volumeView()->clear(); // 3-D does not follow the slices
    grid.show();
    QCoreApplication::processEvents();
    SliceView* view = grid.slice(which);
    int n = 0;
    for (auto _ : bench) {
        wheel(*view, (n++ / 40) % 2 ? -1 : 1);
        QCoreApplication::processEvents(); // paints what the event made dirty
    }
    bench.SetLabel(std::to_string(cube().geometry().size[0]) + "^3 int16, 1600 x 1000 window");
}

void scrollAxial(benchmark::State& bench) { scroll(bench, view::Layout::Single, 0); }
void scrollSagittal(benchmark::State& bench) { scroll(bench, view::Layout::Single, 1); }
void scrollFourUp(benchmark::State& bench) { scroll(bench, view::Layout::TwoByTwo, 0); }

/// Crosshair moves in all three planes at once, with an oblique volume: the costly way through the resampler.
void crosshairOblique(benchmark::State& bench)
{
    imaging::ImageHeader header = cube().header();
    const double c = std::cos(0.3), s = std::sin(0.3);
    header.geometry.direction.setColumn(0, {c, s, 0});
    header.geometry.direction.setColumn(1, {-s, c, 0});
    const imaging::Volume volume = cube().withHeader(header);
    const Vec3 centre = volume.geometry().centreLps();
    const std::array<view::Plane, 3> planes{view::Plane::Axial, view::Plane::Sagittal, view::Plane::Coronal};
    std::vector<std::unique_ptr<SliceSampler>> samplers;
    std::vector<QImage> pictures;
    for (std::size_t n = 0; n < planes.size(); ++n) {
        samplers.push_back(std::make_unique<SliceSampler>(volume, volume.geometry()));
        pictures.emplace_back(800, 500, QImage::Format_RGB32);
    }
    const view::Transfer transfer{{400, 40}, {}, false, {}};
    int step = 0;
    for (auto _ : bench) {
        ++step;
        for (std::size_t n = 0; n < planes.size(); ++n) {
            view::Viewport port{.frame = view::viewFrame(planes[n], volume.geometry().direction, view::Alignment::Patient), .centreLps = centre, .pixelsPerMm = 1.4, .width = 800, .height = 500};
            port.centreLps = port.centreLps + (0.3 * (step % 50)) * port.frame.normal;
            samplers[n]->sample(pixelGrid(port, 1), Interpolation::Linear);
            samplers[n]->draw(transfer, pictures[n]);
        }
        benchmark::DoNotOptimize(pictures);
    }
    bench.SetLabel("3 oblique planes of 800 x 500 pixels");
}

/// Window drag of a 3-megapixel radiograph under a map of five labels.
void windowDragRadiograph(benchmark::State& bench)
{
    const std::int64_t w = smoke() ? 300 : 1750, h = smoke() ? 350 : 1750;
    imaging::ImageHeader header;
    header.geometry.size = {w, h, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = imaging::SpacingMeaning::DetectorPlane;
    header.geometry.spacingMm = {0.2, 0.2, 1};
    std::vector<std::uint16_t> pixels(static_cast<std::size_t>(w * h));
    std::vector<std::uint8_t> labels(pixels.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        pixels[i] = static_cast<std::uint16_t>((i * 2654435761u) >> 20 & 4095);
        const auto x = static_cast<std::int64_t>(i) % w, y = static_cast<std::int64_t>(i) / w;
        labels[i] = static_cast<std::uint8_t>(((x / 200) + (y / 200)) % 6);
    }
    SliceView view;
    view.resize(1600, 1000);
    view.setVolume(imaging::Volume(header, pixels), view::Plane::Image);
    Geometry plane;
    plane.size = header.geometry.size;
    plane.spacingMm = header.geometry.spacingMm;
    imaging::LabelMap map{imaging::Volume(header, labels), {}};
    view.setLabels(std::make_shared<LabelOverlay>(std::move(map), plane));
    view.setTransfer({{4096, 2048, view::WindowLevel::Shape::LinearExact}, {}, false, {}});
    view.show();
    QCoreApplication::processEvents();
    int n = 0;
    for (auto _ : bench) {
        view::Transfer t = view.transfer();
        t.window.width = 2000 + ++n % 1000;
        view.setTransfer(t);
        QCoreApplication::processEvents();
    }
    bench.SetLabel("1750 x 1750 uint16, 5 labels, 1600 x 1000 window");
}

BENCHMARK(scrollAxial)->Unit(benchmark::kMillisecond);
BENCHMARK(scrollSagittal)->Unit(benchmark::kMillisecond);
BENCHMARK(scrollFourUp)->Unit(benchmark::kMillisecond);
BENCHMARK(crosshairOblique)->Unit(benchmark::kMillisecond);
BENCHMARK(windowDragRadiograph)->Unit(benchmark::kMillisecond);

} // namespace

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
