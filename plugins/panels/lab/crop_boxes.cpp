#include "plugins/panels/lab/crop_boxes.h"

#include "core/base/format.h"
#include "core/services/model_request.h"
#include "plugins/panels/lab/lab_words.h"

#include <QCoreApplication>

#include <algorithm>
#include <stdexcept>

namespace hilum::lab {

namespace {

const QColor BaseColour(0xED, 0xD5, 0x4C); // as on the slices
constexpr double BaseWidth = 1, CropWidth = 1.5, StrongestWidth = 3;     // view pixels

} // namespace

std::optional<QRectF> cut(const view::Box& box, const view::SliceFrame& frame, std::int64_t slice)
{
    // axes of the screen may run against those of the voxels: either corner may be the upper left one
    const auto first = frame.screen({static_cast<double>(box[0]), static_cast<double>(box[1]), static_cast<double>(box[2])});
    const auto last = frame.screen({static_cast<double>(box[3] - 1), static_cast<double>(box[4] - 1), static_cast<double>(box[5] - 1)});
    const auto low = [&](std::size_t n) { return std::min(first[n], last[n]); };
    const auto high = [&](std::size_t n) { return std::max(first[n], last[n]); };
    const auto at = static_cast<double>(slice);
    if (at < low(2) || at > high(2))
        return std::nullopt;
    return QRectF(QPointF(low(0) - 0.5, low(1) - 0.5), QPointF(high(0) + 0.5, high(1) + 0.5));
}

widgets::VolumeBox placedBox(const view::Box& box, const std::array<std::int64_t, 3>& offset, const Geometry& grid)
{
    widgets::VolumeBox out;
    for (std::size_t corner = 0; corner < out.cornersLps.size(); ++corner) {
        Vec3 ijk{};
        for (std::size_t axis = 0; axis < 3; ++axis)
            ijk[axis] = static_cast<double>(offset[axis] + box[axis + ((corner >> axis & 1) != 0 ? 3 : 0)]) - 0.5; // the corner of voxel 0 lies at -0.5
        out.cornersLps[corner] = grid.indexToWorld(ijk);
    }
    return out;
}

std::vector<widgets::VolumeBox> placedCrops(std::span<const view::Box> bases, std::span<const view::Box> crops, std::size_t strongest, const std::array<std::int64_t, 3>& offset, const Geometry& grid)
{
    std::vector<widgets::VolumeBox> out;
    const auto add = [&](const view::Box& box, const QString& name, const QColor& colour, double width, widgets::VolumeBox::NameAt nameAt) {
        widgets::VolumeBox placed = placedBox(box, offset, grid);
        placed.name = name;
        placed.colour = colour;
        placed.width = width;
        placed.nameAt = nameAt;
        out.push_back(std::move(placed));
    };
    for (std::size_t n = 0; n < bases.size(); ++n)
        add(bases[n], QString::number(n), BaseColour, BaseWidth, widgets::VolumeBox::NameAt::Middle);
    const auto addCrop = [&](std::size_t n) { // at a corner: in the middle of a base crop its number stands
        add(crops[n], n == 0 ? tr("crop") : tr("crop %1").arg(n + 1), CropColour, n == strongest ? StrongestWidth : CropWidth, widgets::VolumeBox::NameAt::Corner);
    };
    for (std::size_t n = 0; n < crops.size(); ++n)
        if (n != strongest)
            addCrop(n);
    if (strongest < crops.size()) // over the others
        addCrop(strongest);
    return out;
}

bool VolumePart::samePlace(const VolumePart& other) const
{
    return of && other.of && offset == other.offset && size == other.size && of->geometry == other.of->geometry;
}

bool VolumePart::looksLike(const VolumePart& other) const
{
    if (!of || !other.of)
        return !of && !other.of;
    return samePlace(other) && windowHu == other.windowHu && (of == other.of || of->values == other.of->values);
}

imaging::Volume volumeOf(const VolumePart& part)
{
    const Index3& grid = part.of->geometry.size;
    for (std::size_t axis = 0; axis < 3; ++axis)
        if (part.offset[axis] < 0 || part.size[axis] < 1 || part.offset[axis] + part.size[axis] > grid[axis])
            throw std::invalid_argument(hilum::format("{} voxels from {} on along axis {} do not lie within the {} of the model's input", part.size[axis], part.offset[axis], "ijk"[axis], grid[axis]));
    view::Block block{.width = part.size[0], .height = part.size[1], .depth = part.size[2], .values = {}};
    block.values.reserve(static_cast<std::size_t>(part.size[0] * part.size[1] * part.size[2]));
    for (std::int64_t k = 0; k < part.size[2]; ++k)
        for (std::int64_t j = 0; j < part.size[1]; ++j) {
            const std::int64_t row = ((part.offset[2] + k) * grid[1] + part.offset[1] + j) * grid[0] + part.offset[0];
            const auto from = part.of->values.begin() + row;
            block.values.insert(block.values.end(), from, from + part.size[0]);
        }
    if (part.windowHu) {
        const auto low = static_cast<float>((*part.windowHu)[0]), width = static_cast<float>((*part.windowHu)[1] - (*part.windowHu)[0]);
        for (float& value : block.values)
            value = low + value * width;
    }
    const view::Box place{part.offset[0], part.offset[1], part.offset[2], part.offset[0] + part.size[0], part.offset[1] + part.size[1], part.offset[2] + part.size[2]};
    const imaging::Volume volume = services::placedVolume(block, part.of->geometry, place, "model input");
    if (!part.windowHu)
        return volume;
    imaging::ImageHeader header = volume.header();
    header.unit = imaging::Unit::Hu;
    return volume.withHeader(std::move(header));
}

} // namespace hilum::lab
