#include "core/services/volume_pictures.h"

#include "core/base/numbers.h"
#include "core/services/picture_draw.h"

#include <algorithm>
#include <cmath>

namespace hilum::services {

namespace {

using view::Rgb, view::SlicePlane;

constexpr Rgb BaseColour{0xED, 0xD5, 0x4C}, CropColour{0x7F, 0xC8, 0xFF}, TrueColour{0xE4, 0xE4, 0xE4}, TrackColour{0x33, 0x33, 0x33}, ZeroColour{0x40, 0x40, 0x40};
constexpr std::int64_t Largest = 512; // pixels along the longer side of one slice
constexpr int BarHeight = 60, BarWidth = 10, Cell = 44, TextHeight = 10;

/// Pixels of one slice, so that millimetres are equal along both sides.
std::array<std::int64_t, 2> sizeOf(const view::SliceFrame& frame, const std::array<double, 3>& spacingMm)
{
    const double across = spacingMm[frame.plane == SlicePlane::Sagittal ? 1u : 0u], down = spacingMm[frame.plane == SlicePlane::Axial ? 1u : 2u];
    const double width = static_cast<double>(frame.columns()) * across, height = static_cast<double>(frame.rows()) * down;
    const double scale = std::min(static_cast<double>(Largest) / std::max(width, height), 1 / std::min(across, down) * 4);
    return {std::max<std::int64_t>(1, std::llround(width * scale)), std::max<std::int64_t>(1, std::llround(height * scale))};
}

Picture sliceOfBlock(const view::Block& block, SlicePlane plane, std::int64_t slice, const std::array<double, 3>& spacingMm, const std::array<double, 2>& range, double errorLimit = 0)
{
    const view::SliceFrame frame = frameOf(block, plane);
    Plane values{frame.columns(), frame.rows(), view::sliceOf(block, plane, slice)};
    if (errorLimit <= 0)
        for (float& v : values.values)
            v = static_cast<float>((static_cast<double>(v) - range[0]) / (range[1] - range[0]));
    const auto size = sizeOf(frame, spacingMm);
    return resized(errorLimit > 0 ? errorPicture(values, errorLimit) : greyPicture(values), size[0], size[1]);
}

/// The voxels of a box.
Result<view::Block> partOf(const view::Block& image, const view::Box& box)
{
    const std::int64_t size[] = {image.width, image.height, image.depth};
    for (std::size_t axis = 0; axis < 3; ++axis)
        if (box[axis] < 0 || box[axis] >= box[axis + 3] || box[axis + 3] > size[axis])
            return fail(ErrorCode::Mismatch, "the map lies from {} to {} along axis {}, the request's image has {} voxels there", box[axis], box[axis + 3], axis, size[axis]);
    view::Block out{.width = box[3] - box[0], .height = box[4] - box[1], .depth = box[5] - box[2], .values = {}};
    out.values.reserve(static_cast<std::size_t>(out.width * out.height * out.depth));
    for (std::int64_t k = box[2]; k < box[5]; ++k)
        for (std::int64_t j = box[1]; j < box[4]; ++j)
            for (std::int64_t i = box[0]; i < box[3]; ++i)
                out.values.push_back(image.at(i, j, k));
    return out;
}

std::string twoDecimals(double v)
{
    return fixed(v, 2);
}

} // namespace

Picture volumeMontage(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm, const std::array<std::int64_t, 3>& at)
{
    const auto range = view::greyRange(answer.input.values);
    const double limit = std::max(answer.largestError(), 1e-12);
    std::vector<Picture> rows;
    for (const auto& [plane, slice] : {std::pair{SlicePlane::Axial, at[2]}, {SlicePlane::Coronal, at[1]}, {SlicePlane::Sagittal, at[0]}}) {
        std::vector<Picture> columns;
        for (const view::Block* block : {&answer.input, &answer.corrupted, &answer.reconstruction})
            if (!block->isEmpty())
                columns.push_back(sliceOfBlock(*block, plane, slice, spacingMm, range));
        if (!answer.error.isEmpty())
            columns.push_back(sliceOfBlock(answer.error, plane, slice, spacingMm, range, limit));
        rows.push_back(sideBySide(columns));
    }
    return stacked(rows);
}

void drawCrops(Picture& slice, const view::VolumeAnswer& answer, std::optional<std::int64_t> onSlice)
{
    const view::SliceFrame frame = frameOf(answer.input, SlicePlane::Axial);
    const double across = static_cast<double>(slice.width) / static_cast<double>(frame.columns()), down = static_cast<double>(slice.height) / static_cast<double>(frame.rows());
    const auto rectOf = [&](const view::Box& box) { // the far corner of the box is the near one on the screen
        const auto x = std::llround(static_cast<double>(frame.columns() - box[3]) * across), y = std::llround(static_cast<double>(frame.rows() - box[4]) * down);
        return std::array<std::int64_t, 4>{x, y, std::llround(static_cast<double>(box[3] - box[0]) * across), std::llround(static_cast<double>(box[4] - box[1]) * down)};
    };
    const auto shown = [&](const view::Box& box) { return !onSlice || (*onSlice >= box[2] && *onSlice < box[5]); };
    for (std::size_t n = 0; n < answer.baseBoxes.size(); ++n) {
        if (!shown(answer.baseBoxes[n]))
            continue;
        const auto r = rectOf(answer.baseBoxes[n]);
        drawRect(slice, r[0], r[1], r[2], r[3], BaseColour);
        drawNumber(slice, r[0] + 4, r[1] + 4, std::to_string(n), BaseColour);
    }
    for (const view::Box& box : answer.cropBoxes) {
        if (!shown(box))
            continue;
        const auto r = rectOf(box);
        drawRect(slice, r[0], r[1], r[2], r[3], CropColour, 2);
    }
}

Picture overlapBars(const view::VolumeAnswer& answer, std::int64_t crop)
{
    const std::int64_t bases = answer.overlap.columns, step = 3 * BarWidth + 12;
    Picture bars(bases * step + 8, BarHeight + 2 * TextHeight + 12);
    for (std::int64_t n = 0; n < bases; ++n) {
        const std::int64_t left = 8 + n * step;
        const auto bar = [&](std::int64_t x, double value, const Rgb& colour) {
            fillRect(bars, x, 4, BarWidth, BarHeight, TrackColour);
            const auto height = std::llround(std::clamp(value, 0.0, 1.0) * BarHeight);
            fillRect(bars, x, 4 + BarHeight - height, BarWidth, height, colour);
        };
        bar(left, answer.overlap.at(crop, n), TrueColour);
        if (!answer.overlapPredicted.isEmpty())
            bar(left + BarWidth + 2, answer.overlapPredicted.at(crop, n), CropColour);
        drawNumber(bars, left + BarWidth - 3, BarHeight + 8, std::to_string(n), BaseColour);
    }
    return bars;
}

Picture cropPicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm)
{
    std::vector<Picture> parts{sliceOfBlock(answer.input, SlicePlane::Axial, answer.input.depth / 2, spacingMm, view::greyRange(answer.input.values))};
    drawCrops(parts.front(), answer);
    for (std::int64_t crop = 0; crop < answer.overlap.rows; ++crop)
        parts.push_back(overlapBars(answer, crop));
    return stacked(parts, 8);
}

Picture matrixPicture(const view::Matrix& matrix, double low, double high)
{
    Picture out(std::max<std::int64_t>(1, matrix.columns * Cell), std::max<std::int64_t>(1, matrix.rows * Cell));
    for (std::int64_t r = 0; r < matrix.rows; ++r)
        for (std::int64_t c = 0; c < matrix.columns; ++c) {
            const double t = high > low ? (matrix.at(r, c) - low) / (high - low) : 0;
            fillRect(out, c * Cell, r * Cell, Cell - 1, Cell - 1, view::colour(view::ColourMap::Attention, t));
            const std::string text = twoDecimals(matrix.at(r, c));
            drawNumber(out, c * Cell + (Cell - numberWidth(text)) / 2, r * Cell + (Cell - TextHeight) / 2, text, t > 0.6 ? Rgb{0, 0, 0} : Rgb{255, 255, 255});
        }
    return out;
}

Picture channelPicture(std::span<const std::uint8_t> mask)
{
    constexpr std::int64_t Width = 12;
    Picture out(static_cast<std::int64_t>(mask.size()) * Width, 32);
    for (std::size_t n = 0; n < mask.size(); ++n)
        fillRect(out, static_cast<std::int64_t>(n) * Width, 0, Width - 2, 32, mask[n] != 0 ? ZeroColour : CropColour);
    return out;
}

Picture slicePicture(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm)
{
    const auto range = view::greyRange(answer.input.values);
    const double most = std::max(1e-12, answer.sliceScores.empty() ? 0.0 : std::ranges::max(answer.sliceScores));
    const auto slices = static_cast<std::int64_t>(answer.sliceScores.size());
    const std::int64_t row = std::max<std::int64_t>(3, std::min<std::int64_t>(12, 400 / std::max<std::int64_t>(1, slices)));
    Picture scores(120, slices * row);
    for (std::int64_t k = 0; k < slices; ++k) {
        const bool chosen = std::ranges::find(answer.slicesChosen, k) != answer.slicesChosen.end();
        fillRect(scores, 0, (slices - 1 - k) * row, std::llround(118 * answer.sliceScores[static_cast<std::size_t>(k)] / most), row - 1, chosen ? BaseColour : CropColour);
    }
    std::vector<Picture> parts{scores};
    for (const std::int64_t k : answer.slicesChosen) {
        if (k >= answer.input.depth)
            continue;
        Picture slice = sliceOfBlock(answer.input, SlicePlane::Axial, k, spacingMm, range);
        const double shrink = std::max(1.0, static_cast<double>(std::max(slice.width, slice.height)) / 224);
        slice = resized(slice, std::llround(static_cast<double>(slice.width) / shrink), std::llround(static_cast<double>(slice.height) / shrink));
        drawNumber(slice, 4, 4, std::to_string(k + 1), BaseColour);
        parts.push_back(std::move(slice));
    }
    return sideBySide(parts, 6);
}

Picture heatPicture(const view::Block& image, const view::Block& tokens, const std::array<double, 3>& spacingMm)
{
    const auto range = view::greyRange(image.values);
    const auto largest = std::ranges::max_element(tokens.values);
    const std::int64_t token = largest - tokens.values.begin(), row = token / tokens.width;
    // the voxel in the middle of that token
    const auto middle = [](std::int64_t cell, std::int64_t voxels, std::int64_t cells) { return std::min((2 * cell + 1) * voxels / (2 * cells), voxels - 1); };
    const std::int64_t i = middle(token % tokens.width, image.width, tokens.width), j = middle(row % tokens.height, image.height, tokens.height),
                       k = middle(row / tokens.height, image.depth, tokens.depth);
    std::vector<Picture> rows;
    for (const auto& [plane, slice] : {std::pair{SlicePlane::Axial, k}, {SlicePlane::Coronal, j}, {SlicePlane::Sagittal, i}}) {
        const view::SliceFrame frame = frameOf(image, plane);
        const auto size = sizeOf(frame, spacingMm);
        Plane grey{frame.columns(), frame.rows(), view::sliceOf(image, plane, slice)};
        for (float& v : grey.values)
            v = static_cast<float>((static_cast<double>(v) - range[0]) / (range[1] - range[0]));
        const Plane map{frame.columns(), frame.rows(), view::tokenSlice(tokens, frame, slice)};
        const Picture both[] = {resized(greyPicture(grey), size[0], size[1]), resized(overlayPicture(grey, map, 0, std::max(static_cast<double>(*largest), 1e-12)), size[0], size[1])};
        rows.push_back(sideBySide(both));
    }
    return stacked(rows);
}

Result<Picture> heatPicture(const TensorFile& request, const TensorFile& answer, const std::array<double, 3>& spacingMm, const std::optional<view::Box>& box)
{
    HILUM_TRY(const view::Block tokens, tokensOf(answer, "attention_map"));
    HILUM_TRY(const TensorView stored, request.find("image"));
    if (stored.shape.size() != 4)
        return fail(ErrorCode::Mismatch, "the request's image has {} dimensions where a volume has 4", stored.shape.size());
    view::Block image{.width = stored.shape[3], .height = stored.shape[2], .depth = stored.shape[1], .values = {}};
    if (stored.type == ElementType::U16) {
        HILUM_TRY(const auto values, stored.as<std::uint16_t>());
        image.values.reserve(values.size());
        for (const std::uint16_t v : values)
            image.values.push_back(static_cast<float>(v) / 65535.0f);
    } else {
        HILUM_TRY(const auto values, stored.as<float>());
        image.values.assign(values.begin(), values.end());
    }
    if (box && image.values.size() == static_cast<std::size_t>(image.width * image.height * image.depth)) {
        HILUM_TRY(image, partOf(image, *box));
    }
    if (image.values.size() != static_cast<std::size_t>(image.width * image.height * image.depth) || tokens.width > image.width || tokens.height > image.height || tokens.depth > image.depth)
        return fail(ErrorCode::Mismatch, "the map's {} x {} x {} tokens do not lie over the request's image of {} x {} x {} voxels", tokens.depth, tokens.height, tokens.width, image.depth,
                    image.height, image.width);
    return heatPicture(image, tokens, spacingMm);
}

Result<view::Block> tokensOf(const TensorFile& answer, const std::string& name)
{
    HILUM_TRY(const TensorView stored, answer.find(name));
    if (stored.shape.size() != 3 || std::ranges::any_of(stored.shape, [](std::int64_t n) { return n < 1; }))
        return fail(ErrorCode::Mismatch, "array \"{}\" has {} dimensions where the tokens of a volume have 3", name, stored.shape.size());
    HILUM_TRY(const auto values, stored.as<float>());
    return view::Block{.width = stored.shape[2], .height = stored.shape[1], .depth = stored.shape[0], .values = {values.begin(), values.end()}};
}

view::Block onImageGrid(const view::Block& tokens, const Geometry& model, const Geometry& image, const std::optional<view::Box>& part)
{
    const view::Box box = part.value_or(view::Box{0, 0, 0, model.size[0], model.size[1], model.size[2]});
    const Index3 cells{tokens.width, tokens.height, tokens.depth};
    const Vec3 first = model.worldToIndex(image.indexToWorld({0, 0, 0}));
    std::array<Vec3, 3> step{}; // of the model's index, per step along an axis of the image
    for (std::size_t axis = 0; axis < 3; ++axis) {
        Vec3 one{0, 0, 0};
        one[axis] = 1;
        step[axis] = model.worldToIndex(image.indexToWorld(one)) - first;
    }
    view::Block out{.width = image.size[0], .height = image.size[1], .depth = image.size[2], .values = {}};
    out.values.reserve(static_cast<std::size_t>(image.voxelCount()));
    for (std::int64_t k = 0; k < image.size[2]; ++k)
        for (std::int64_t j = 0; j < image.size[1]; ++j) {
            const Vec3 line = first + static_cast<double>(k) * step[2] + static_cast<double>(j) * step[1];
            for (std::int64_t i = 0; i < image.size[0]; ++i) {
                Index3 cell{};
                bool seen = true;
                for (std::size_t axis = 0; axis < 3; ++axis) {
                    const double at = line[axis] + static_cast<double>(i) * step[0][axis];
                    // half a voxel beyond the grid, by rounding, belongs to the nearest token; beyond a part of the grid the model sees nothing
                    const std::int64_t voxel = std::clamp(static_cast<std::int64_t>(std::floor(at + 0.5)), std::int64_t{0}, model.size[axis] - 1);
                    seen = seen && at > -1 && at < static_cast<double>(model.size[axis]) && voxel >= box[axis] && voxel < box[axis + 3];
                    cell[axis] = std::clamp((voxel - box[axis]) * cells[axis] / (box[axis + 3] - box[axis]), std::int64_t{0}, cells[axis] - 1); // as the blocks were cut
                }
                out.values.push_back(seen ? tokens.at(cell[0], cell[1], cell[2]) : 0.0f);
            }
        }
    return out;
}

std::vector<std::pair<std::string, Picture>> volumePictures(const view::VolumeAnswer& answer, const std::array<double, 3>& spacingMm)
{
    std::vector<std::pair<std::string, Picture>> out;
    out.emplace_back("montage.png", volumeMontage(answer, spacingMm, {answer.input.width / 2, answer.input.height / 2, answer.input.depth / 2}));
    if (!answer.baseBoxes.empty())
        out.emplace_back("crops.png", cropPicture(answer, spacingMm));
    if (!answer.baseSimilarity.isEmpty())
        out.emplace_back("base_similarity.png", matrixPicture(answer.baseSimilarity));
    if (!answer.channelMask.empty())
        out.emplace_back("channels.png", channelPicture(answer.channelMask));
    if (!answer.cmclSimilarity.isEmpty())
        out.emplace_back("cmcl_similarity.png", matrixPicture(answer.cmclSimilarity, -1, 1));
    if (!answer.sliceScores.empty())
        out.emplace_back("slices.png", slicePicture(answer, spacingMm));
    if (!answer.attention.isEmpty())
        out.emplace_back("attention.png", heatPicture(answer.input, answer.attention, spacingMm));
    if (!answer.similarity.isEmpty())
        out.emplace_back("similarity.png", matrixPicture(answer.similarity, -1, 1));
    return out;
}

} // namespace hilum::services
