#include "widgets/viewer/overlays.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {

QRgb blend(QRgb under, QRgb over, int alpha255)
{
    const auto mix = [&](int a, int b) { return (a * (255 - alpha255) + b * alpha255 + 127) / 255; };
    return qRgb(mix(qRed(under), qRed(over)), mix(qGreen(under), qGreen(over)), mix(qBlue(under), qBlue(over)));
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
    return label && !label->name.empty() ? label->name : hilum::format("label {}", value);
}

} // namespace hilum::widgets
