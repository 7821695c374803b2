#include "widgets/viewer/overlays.h"

#include <algorithm>
#include <cmath>
#include <format>

namespace hilum::widgets {

namespace {

QRgb blend(QRgb under, QRgb over, int alpha255)
{
    const auto mix = [&](int a, int b) { return (a * (255 - alpha255) + b * alpha255 + 127) / 255; };
    return qRgb(mix(qRed(under), qRed(over)), mix(qGreen(under), qGreen(over)), mix(qBlue(under), qBlue(over)));
}

/// Coordinates of a column or row of screen pixels on an overlay's own grid.
std::vector<double> alongAxis(double first, double step, int count, double spacing, double scale, double offset)
{
    std::vector<double> out(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        out[static_cast<std::size_t>(i)] = ((first + i * step) / spacing - offset) / scale;
    return out;
}

/// Where each screen pixel lies on an overlay's grid. Turned views swap the axes, so both terms are kept.
struct OnOverlay {
    std::vector<double> xOfColumn, yOfColumn, xOfRow, yOfRow; // position = column's + row's part
};

OnOverlay onOverlay(const PixelGrid& grid, const std::array<double, 2>& spacing, const std::array<double, 2>& scale, const std::array<double, 2>& offset)
{
    return {alongAxis(grid.origin[0], grid.right[0], grid.width, spacing[0], scale[0], offset[0]),
            alongAxis(grid.origin[1], grid.right[1], grid.width, spacing[1], scale[1], offset[1]),
            alongAxis(0, grid.down[0], grid.height, spacing[0], scale[0], 0), alongAxis(0, grid.down[1], grid.height, spacing[1], scale[1], 0)};
}

} // namespace

LabelOverlay::LabelOverlay(imaging::LabelMap labels, const Geometry& geometry)
    : m_labels(std::move(labels)), m_sampler(std::make_unique<SliceSampler>(m_labels.volume, geometry))
{
}

QRgb LabelOverlay::colourOf(std::int64_t value) const
{
    if (const imaging::Label* label = m_labels.find(value))
        return qRgb(label->colour[0], label->colour[1], label->colour[2]);
    // golden-angle hues keep neighbours apart
    return QColor::fromHsvF(static_cast<float>(std::fmod(static_cast<double>(value) * 0.381966, 1.0)), 0.75f, 0.95f).rgb();
}

void LabelOverlay::draw(const PixelGrid& grid, double opacity, QImage& picture)
{
    if (!(opacity > 0))
        return;
    m_sampler->sample(grid, Interpolation::Nearest);
    const int fill = static_cast<int>(std::lround(255 * std::min(1.0, opacity)));
    const int outline = std::min(255, 2 * fill);
    std::vector<std::int64_t> above, row, below;
    m_sampler->labelsOfRow(0, row);
    above = row;
    std::int64_t last = 0;
    QRgb lastColour = 0;
    for (int y = 0; y < grid.height; ++y) {
        if (y + 1 < grid.height)
            m_sampler->labelsOfRow(y + 1, below);
        else
            below = row;
        auto* line = reinterpret_cast<QRgb*>(picture.scanLine(y));
        for (std::size_t x = 0; x < row.size(); ++x) {
            const std::int64_t value = row[x];
            if (value == 0)
                continue;
            if (value != last) {
                last = value;
                lastColour = colourOf(value);
            }
            const bool edge = above[x] != value || below[x] != value || (x > 0 && row[x - 1] != value) || (x + 1 < row.size() && row[x + 1] != value);
            line[x] = blend(line[x], lastColour, edge ? outline : fill);
        }
        std::swap(above, row);
        std::swap(row, below);
    }
}

std::int64_t LabelOverlay::labelAt(const Vec3& point) const
{
    const Geometry& g = m_sampler->geometry();
    const Vec3 index = g.worldToIndex(point);
    if (!g.contains(index))
        return 0;
    Index3 voxel;
    for (std::size_t a = 0; a < 3; ++a)
        voxel[a] = std::clamp<std::int64_t>(std::llround(index[a]), 0, g.size[a] - 1);
    return static_cast<std::int64_t>(m_labels.volume.at(voxel[0], voxel[1], voxel[2]));
}

std::string LabelOverlay::nameAt(const Vec3& point) const
{
    const std::int64_t value = labelAt(point);
    if (value == 0)
        return {};
    const imaging::Label* label = m_labels.find(value);
    return label && !label->name.empty() ? label->name : std::format("label {}", value);
}

void drawPicture(const PictureOverlay& overlay, const PixelGrid& grid, const std::array<double, 2>& spacing, QImage& picture)
{
    const int w = overlay.picture.width(), h = overlay.picture.height();
    if (w == 0 || h == 0 || !(overlay.opacity > 0))
        return;
    const OnOverlay at = onOverlay(grid, spacing, overlay.scale, overlay.offset);
    const auto texel = [&](int x, int y) { return overlay.picture.constScanLine(std::clamp(y, 0, h - 1)) + 4 * std::clamp(x, 0, w - 1); };
    for (int row = 0; row < grid.height; ++row) {
        auto* line = reinterpret_cast<QRgb*>(picture.scanLine(row));
        const auto r = static_cast<std::size_t>(row);
        for (int column = 0; column < grid.width; ++column) {
            const auto c = static_cast<std::size_t>(column);
            const double x = at.xOfColumn[c] + at.xOfRow[r], y = at.yOfColumn[c] + at.yOfRow[r];
            if (!(x >= -0.5 && y >= -0.5 && x < w - 0.5 && y < h - 0.5))
                continue;
            if (overlay.interpolation == Interpolation::Nearest) {
                const uchar* t = texel(static_cast<int>(std::floor(x + 0.5)), static_cast<int>(std::floor(y + 0.5)));
                if (t[3])
                    line[column] = blend(line[column], qRgb(t[0], t[1], t[2]), static_cast<int>(std::lround(t[3] * overlay.opacity)));
                continue;
            }
            const int x0 = static_cast<int>(std::floor(x)), y0 = static_cast<int>(std::floor(y));
            const double fx = x - x0, fy = y - y0;
            const uchar* t[4] = {texel(x0, y0), texel(x0 + 1, y0), texel(x0, y0 + 1), texel(x0 + 1, y0 + 1)};
            const double weight[4] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy};
            double sum[4] = {0, 0, 0, 0}; // colours weighted with their alpha
            for (int i = 0; i < 4; ++i) {
                sum[3] += weight[i] * t[i][3];
                for (int k = 0; k < 3; ++k)
                    sum[k] += weight[i] * t[i][3] * t[i][k];
            }
            if (sum[3] > 0)
                line[column] = blend(line[column], qRgb(static_cast<int>(sum[0] / sum[3] + 0.5), static_cast<int>(sum[1] / sum[3] + 0.5), static_cast<int>(sum[2] / sum[3] + 0.5)),
                                     static_cast<int>(std::lround(sum[3] * overlay.opacity)));
        }
    }
}

void drawBorder(const BorderOverlay& overlay, const PixelGrid& grid, const std::array<double, 2>& spacing, QImage& picture)
{
    if (overlay.inside.size() != static_cast<std::size_t>(overlay.width * overlay.height) || overlay.inside.empty())
        return;
    const OnOverlay at = onOverlay(grid, spacing, overlay.scale, overlay.offset);
    std::vector<std::uint8_t> previous(static_cast<std::size_t>(grid.width), 0), current(previous);
    for (int row = 0; row < grid.height; ++row) {
        auto* line = reinterpret_cast<QRgb*>(picture.scanLine(row));
        const auto r = static_cast<std::size_t>(row);
        for (std::size_t c = 0; c < current.size(); ++c) {
            const double x = at.xOfColumn[c] + at.xOfRow[r] + 0.5, y = at.yOfColumn[c] + at.yOfRow[r] + 0.5;
            const bool on = x >= 0 && y >= 0 && x < static_cast<double>(overlay.width) && y < static_cast<double>(overlay.height);
            current[c] = on && overlay.inside[static_cast<std::size_t>(y) * static_cast<std::size_t>(overlay.width) + static_cast<std::size_t>(x)] ? 1 : 0;
            const bool edge = row > 0 && (current[c] != previous[c] || (c > 0 && current[c] != current[c - 1]));
            if (edge)
                line[c] = overlay.colour;
        }
        std::swap(previous, current);
    }
}

} // namespace hilum::widgets
