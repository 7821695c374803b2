#include "widgets/viewer/slice_sampler.h"

#include "core/imaging/graphics.h"
#include "widgets/viewer/vtk_volume.h"

#include <vtkImageData.h>
#include <vtkImageReslice.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkSmartPointer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace hilum::widgets {

namespace {

/// Half the size, each pixel the mean of up to four; the type stays (whole numbers are rounded).
imaging::Volume halved(const imaging::Volume& image)
{
    const std::int64_t w = image.geometry().size[0], h = image.geometry().size[1];
    const std::int64_t halfW = (w + 1) / 2, halfH = (h + 1) / 2;
    const int n = image.components();
    imaging::ImageHeader header;
    header.geometry.size = {halfW, halfH, 1};
    return image.visit([&]<class T>(std::span<const T> from) {
        std::vector<T> to(static_cast<std::size_t>(halfW * halfH * n));
        for (std::int64_t y = 0; y < halfH; ++y) {
            const std::int64_t y0 = 2 * y, y1 = std::min(y0 + 1, h - 1);
            for (std::int64_t x = 0; x < halfW; ++x) {
                const std::int64_t x0 = 2 * x, x1 = std::min(x0 + 1, w - 1);
                for (int c = 0; c < n; ++c) {
                    const auto at = [&](std::int64_t i, std::int64_t j) { return static_cast<double>(from[static_cast<std::size_t>((j * w + i) * n + c)]); };
                    const double mean = (at(x0, y0) + at(x1, y0) + at(x0, y1) + at(x1, y1)) / 4;
                    to[static_cast<std::size_t>((y * halfW + x) * n + c)] = std::is_integral_v<T> ? static_cast<T>(std::floor(mean + 0.5)) : static_cast<T>(mean);
                }
            }
        }
        return imaging::Volume(header, std::move(to), n);
    });
}

/// One size of the image: level L has pixels 2^L as wide; index on it = (index + 0.5) / 2^L - 0.5.
struct Level {
    imaging::Volume volume;
    vtkSmartPointer<vtkImageData> image;
};

double withoutDust(double v) { return std::abs(v) < 1e-11 ? 0.0 : v; }

} // namespace

struct SliceSampler::State {
    imaging::Volume volume;
    Geometry geometry;
    Mat3 toMm, fromMm; ///< direction * spacing, and its inverse
    std::vector<Level> levels;
    vtkNew<vtkImageReslice> reslice;
    PixelGrid grid;
    Interpolation interpolation = Interpolation::Linear;
    Vec3 first, right, down; ///< of the grid, in voxel indices
    mutable view::Transfer tableOf;
    mutable std::vector<std::uint8_t> table;
    mutable bool tableValid = false;
    imaging::Padding padding;
    double colourScale = 1;            ///< component -> 0..255
    enum class Cover : std::uint8_t { Unknown, Open, Hidden };
    mutable std::vector<Cover> covers;           ///< of each pixel of a slice: does the display shutter hide it? Looked up once, whatever grids come
    mutable std::vector<std::uint8_t> shuttered; ///< of each pixel of the grid. Empty: not looked at yet

    template <class F> auto withSamples(F&& f) const
    {
        auto* image = const_cast<vtkImageReslice*>(reslice.Get())->GetOutput();
        void* samples = image->GetScalarPointer();
        return volume.visit([&]<class T>(std::span<const T>) { return f(static_cast<const T*>(samples)); });
    }
};

SliceSampler::SliceSampler(const imaging::Volume& volume, const Geometry& geometry) : m_state(std::make_unique<State>())
{
    m_state->volume = volume;
    m_state->padding = imaging::paddingOf(volume.header());
    if (volume.components() >= 3)
        m_state->colourScale = 255 / imaging::colourWhite(volume);
    m_state->geometry = geometry;
    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < 3; ++c)
            m_state->toMm[r][c] = geometry.direction[r][c] * geometry.spacingMm[c];
    m_state->fromMm = inverse(m_state->toMm);
    m_state->levels.push_back({volume, toVtkIndexGrid(volume)});
    m_state->reslice->SetOutputDimensionality(2);
    m_state->reslice->SetOutputOrigin(0, 0, 0);
    m_state->reslice->SetOutputSpacing(1, 1, 1);
    m_state->reslice->BorderOn();
    m_state->reslice->SetBackgroundLevel(0);
}

SliceSampler::~SliceSampler() = default;

const imaging::Volume& SliceSampler::volume() const { return m_state->volume; }
const Geometry& SliceSampler::geometry() const { return m_state->geometry; }

PixelGrid pixelGrid(const view::Viewport& port, double devicePixelRatio)
{
    PixelGrid grid;
    grid.width = std::max(1, static_cast<int>(std::lround(port.width * devicePixelRatio)));
    grid.height = std::max(1, static_cast<int>(std::lround(port.height * devicePixelRatio)));
    const double step = 1 / devicePixelRatio;
    grid.origin = port.worldAt({0.5 * step, 0.5 * step});
    grid.right = (step / port.pixelsPerMm) * port.frame.right;
    grid.down = (step / port.pixelsPerMm) * port.frame.down;
    return grid;
}

void SliceSampler::sample(const PixelGrid& grid, Interpolation interpolation)
{
    State& s = *m_state;
    if (grid == s.grid && interpolation == s.interpolation)
        return;
    s.grid = grid;
    s.interpolation = interpolation;
    s.shuttered.clear();
    s.first = s.fromMm * (grid.origin - s.geometry.originLps);
    s.right = s.fromMm * grid.right;
    s.down = s.fromMm * grid.down;

    std::size_t level = 0;
    if (interpolation == Interpolation::Linear && s.geometry.size[2] == 1) {
        for (double step = std::min(norm(s.right), norm(s.down)); step > 2 && level < 6; step /= 2) {
            ++level;
            if (s.levels.size() == level) {
                const imaging::Volume smaller = halved(s.levels.back().volume);
                s.levels.push_back({smaller, toVtkIndexGrid(smaller)});
            }
        }
    }
    const double shrink = std::exp2(static_cast<double>(level));
    vtkNew<vtkMatrix4x4> axes;
    const Vec3 through = cross(s.right, s.down);
    for (int r = 0; r < 3; ++r) {
        const auto axis = static_cast<std::size_t>(r);
        const double scale = r < 2 ? shrink : 1;
        axes->SetElement(r, 0, withoutDust(s.right[axis]) / scale);
        axes->SetElement(r, 1, withoutDust(s.down[axis]) / scale);
        axes->SetElement(r, 2, withoutDust(through[axis]) / norm(through));
        axes->SetElement(r, 3, (s.first[axis] + 0.5) / scale - 0.5);
    }
    s.reslice->SetInputData(s.levels[level].image);
    s.reslice->SetResliceAxes(axes);
    s.reslice->SetOutputExtent(0, grid.width - 1, 0, grid.height - 1, 0, 0);
    if (interpolation == Interpolation::Linear)
        s.reslice->SetInterpolationModeToLinear();
    else
        s.reslice->SetInterpolationModeToNearestNeighbor();
    s.reslice->Update();
}

std::pair<int, int> SliceSampler::insideRow(int y) const
{
    const State& s = *m_state;
    double low = 0, high = s.grid.width - 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        // -0.5 <= start + x * step < size - 0.5; slices may be hit within half a voxel only
        const double start = s.first[axis] + y * s.down[axis];
        const double step = std::abs(s.right[axis]) < 1e-12 ? 0 : s.right[axis];
        const double from = -0.5 - 1e-9, to = static_cast<double>(s.geometry.size[axis]) - 0.5 + 1e-9;
        if (step == 0) {
            if (start < from || start > to)
                return {0, 0};
            continue;
        }
        const double a = (from - start) / step, b = (to - start) / step;
        low = std::max(low, std::min(a, b));
        high = std::min(high, std::max(a, b));
    }
    const int first = static_cast<int>(std::ceil(low)), last = static_cast<int>(std::floor(high));
    return last < first ? std::pair{0, 0} : std::pair{first, last + 1};
}

double SliceSampler::sampled(int x, int y, int component) const
{
    const State& s = *m_state;
    const auto at = static_cast<std::size_t>((static_cast<std::int64_t>(y) * s.grid.width + x) * s.volume.components() + component);
    return s.withSamples([&](const auto* samples) { return static_cast<double>(samples[at]); });
}

void SliceSampler::labelsOfRow(int y, std::vector<std::int64_t>& values) const
{
    const State& s = *m_state;
    values.assign(static_cast<std::size_t>(s.grid.width), 0);
    const auto [first, last] = insideRow(y);
    s.withSamples([&](const auto* samples) {
        const auto row = static_cast<std::size_t>(y) * static_cast<std::size_t>(s.grid.width);
        for (auto x = static_cast<std::size_t>(first); x < static_cast<std::size_t>(last); ++x)
            values[x] = static_cast<std::int64_t>(samples[row + x]);
    });
}

void SliceSampler::draw(const view::Transfer& transfer, QImage& picture) const
{
    const State& s = *m_state;
    const auto width = static_cast<std::size_t>(s.grid.width);
    s.withSamples([&]<class T>(const T* samples) {
        const auto rows = [&](auto&& pixel, std::size_t components) {
            for (int y = 0; y < s.grid.height; ++y) {
                const auto [first, last] = insideRow(y);
                auto* line = reinterpret_cast<QRgb*>(picture.scanLine(y));
                const T* row = samples + static_cast<std::size_t>(y) * width * components;
                for (auto x = static_cast<std::size_t>(first); x < static_cast<std::size_t>(last); ++x)
                    line[x] = pixel(row + x * components);
            }
        };
        const auto shade = [](int g) { return 0xff000000u | static_cast<QRgb>(g) * 0x010101u; };
        if (s.volume.components() >= 3) {
            const auto n = static_cast<std::size_t>(s.volume.components());
            const std::vector<std::uint8_t> table = view::greyTable(transfer, 0, 256);
            const auto channel = [&](T v) {
                const double level = s.colourScale * static_cast<double>(v) + 0.5;
                return std::isnan(level) ? 0 : static_cast<int>(table[static_cast<std::size_t>(std::clamp(level, 0.0, 255.0))]); // no number: black, as grey ones
            };
            rows([&](const T* v) { return qRgb(channel(v[0]), channel(v[1]), channel(v[2])); }, n);
            return;
        }
        const auto components = static_cast<std::size_t>(s.volume.components());
        if constexpr (std::is_integral_v<T> && sizeof(T) <= 2) {
            constexpr auto Lowest = std::numeric_limits<T>::lowest();
            if (!s.tableValid || !(s.tableOf == transfer)) {
                s.table = view::greyTable(transfer, Lowest, std::int64_t{1} << (8 * sizeof(T)));
                if (!s.padding.isNone()) // black, whichever way round the values are, as in exported pictures
                    for (std::size_t n = 0; n < s.table.size(); ++n)
                        if (s.padding.holds(static_cast<float>(static_cast<std::int64_t>(n) + Lowest)))
                            s.table[n] = 0;
                s.tableOf = transfer;
                s.tableValid = true;
            }
            const std::uint8_t* table = s.table.data();
            rows([&](const T* v) { return shade(table[static_cast<std::ptrdiff_t>(*v) - Lowest]); }, components);
        } else if (!transfer.lut && transfer.window.shape == view::WindowLevel::Shape::LinearExact) {
            const float scale = static_cast<float>(255 / transfer.window.width) * (transfer.inverted ? -1 : 1);
            const float offset = static_cast<float>(127.5 - scale * transfer.window.centre);
            rows([&](const T* v) {
                if (s.padding.holds(static_cast<float>(*v)))
                    return shade(0);
                const float g = scale * static_cast<float>(*v) + offset + 0.5f;
                return shade(g >= 255.5f ? 255 : g > 0 ? static_cast<int>(g) : 0); // NaN comes out black
            }, components);
        } else {
            rows([&](const T* v) { return shade(s.padding.holds(static_cast<float>(*v)) ? 0 : static_cast<int>(std::lround(255 * view::grey(transfer, static_cast<double>(*v))))); }, components);
        }
    });
    drawShutter(picture);
}

void SliceSampler::drawShutter(QImage& picture) const
{
    const State& s = *m_state;
    const auto& graphics = s.volume.header().graphics;
    if (!graphics || graphics->shutter.isEmpty())
        return;
    const auto width = static_cast<std::size_t>(s.grid.width);
    if (s.shuttered.empty()) { // once for a grid: it stays while the window is dragged
        s.shuttered.resize(width * static_cast<std::size_t>(s.grid.height));
        const Index3& n = s.geometry.size;
        s.covers.resize(static_cast<std::size_t>(n[0] * n[1]));
        for (int y = 0; y < s.grid.height; ++y) {
            const auto [first, last] = insideRow(y);
            const std::array<double, 2> start{s.first[0] + y * s.down[0], s.first[1] + y * s.down[1]};
            const auto pixel = [&](std::size_t axis, int x) { // of the slice, the nearest
                return static_cast<std::int64_t>(std::clamp(start[axis] + x * s.right[axis], 0.0, static_cast<double>(n[axis] - 1)) + 0.5);
            };
            for (int x = first; x < last; ++x) {
                const std::int64_t i = pixel(0, x), j = pixel(1, x);
                State::Cover& cover = s.covers[static_cast<std::size_t>(j * n[0] + i)];
                if (cover == State::Cover::Unknown)
                    cover = graphics->shutter.hides(j + 1, i + 1) ? State::Cover::Hidden : State::Cover::Open;
                s.shuttered[static_cast<std::size_t>(y) * width + static_cast<std::size_t>(x)] = cover == State::Cover::Hidden;
            }
        }
    }
    const QRgb cover = 0xff000000u | static_cast<QRgb>(std::lround(255 * std::clamp(graphics->shutter.grey, 0.0, 1.0))) * 0x010101u;
    for (int y = 0; y < s.grid.height; ++y) {
        auto* line = reinterpret_cast<QRgb*>(picture.scanLine(y));
        for (std::size_t x = 0; x < width; ++x)
            if (s.shuttered[static_cast<std::size_t>(y) * width + x])
                line[x] = cover;
    }
}

} // namespace hilum::widgets
