#include "core/services/preview_pictures.h"

#include "core/services/picture_draw.h"
#include "core/services/volume_pictures.h"

#include <algorithm>

namespace hilum::services {

namespace {

using What = PreviewPicture::What;

constexpr std::int64_t CropSide = 384; // pixels at least, so that the numbers of the base crops can be read

Result<std::vector<PreviewPicture>> maskedPictures(const path& file)
{
    HILUM_TRY(view::Reconstruction shown, view::readReconstruction(file));
    std::vector<float> pasted = shown.pastedBack(); // what it makes of visible patches is not trained
    std::vector<PreviewPicture> out;
    for (auto& [what, values] : {std::pair{What::Original, &shown.input}, {What::Disrupted, &shown.corrupted}, {What::PastedBack, &pasted}})
        out.push_back({.what = what, .picture = greyPicture(Plane{shown.width, shown.height, std::move(*values)})});
    return out;
}

std::int64_t chosenSlice(const view::VolumeAnswer& answer)
{
    std::int64_t slice = answer.input.depth / 2;
    if (!answer.sliceScores.empty())
        slice = std::ranges::max_element(answer.sliceScores) - answer.sliceScores.begin();
    else if (!answer.cropBoxes.empty())
        slice = (answer.cropBoxes.front()[2] + answer.cropBoxes.front()[5]) / 2;
    return std::min(slice, answer.input.depth - 1);
}

/// A slice as it lies on the screen; a radiograph as it is stored.
Plane planeOf(const view::Block& block, std::int64_t slice)
{
    if (slice >= 0)
        return {block.width, block.height, view::sliceOf(block, view::SlicePlane::Axial, slice)};
    return {block.width, block.height, {block.values.begin(), block.values.begin() + static_cast<std::ptrdiff_t>(block.width * block.height)}};
}

} // namespace

Result<std::vector<PreviewPicture>> previewPictures(const path& where)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(where));
    if (file.tensors().contains("mask"))
        return maskedPictures(where);
    HILUM_TRY(const view::VolumeAnswer answer, view::readVolumeAnswer(file));
    HILUM_TRY(const TensorView stored, file.find("input"));
    const bool volume = stored.shape.size() > 3;
    const std::int64_t slice = volume ? chosenSlice(answer) : -1, slices = volume ? answer.input.depth : 0;
    const auto range = view::greyRange(answer.input.values); // of all: they can be compared
    const auto grey = [&](const view::Block& block) {
        Plane plane = planeOf(block, slice);
        for (float& v : plane.values)
            v = static_cast<float>((static_cast<double>(v) - range[0]) / (range[1] - range[0]));
        return plane;
    };
    std::vector<PreviewPicture> out;
    const auto add = [&](What what, Picture picture, double largest = 0) { out.push_back({what, std::move(picture), slice, slices, largest}); };
    if (volume && !answer.baseBoxes.empty()) {
        Picture picture = greyPicture(grey(answer.input));
        const std::int64_t times = std::max<std::int64_t>(1, (CropSide + std::max(picture.width, picture.height) - 1) / std::max(picture.width, picture.height));
        picture = resized(picture, picture.width * times, picture.height * times);
        drawCrops(picture, answer, slice);
        add(What::Crops, std::move(picture));
        std::vector<Picture> bars;
        for (std::int64_t crop = 0; crop < answer.overlap.rows; ++crop)
            bars.push_back(overlapBars(answer, crop));
        if (!bars.empty())
            out.push_back({.what = What::Overlap, .picture = stacked(bars, 8)});
    } else {
        add(What::Original, greyPicture(grey(answer.input)));
    }
    if (!answer.corrupted.isEmpty())
        add(What::Disrupted, greyPicture(grey(answer.corrupted)));
    if (!answer.reconstruction.isEmpty())
        add(What::Reconstruction, greyPicture(grey(answer.reconstruction)));
    if (const view::Block& map = answer.attention; !map.isEmpty()) {
        const view::SliceFrame frame = frameOf(answer.input, view::SlicePlane::Axial);
        const double largest = answer.largestAttention();
        const Plane tokens = volume ? Plane{frame.columns(), frame.rows(), view::tokenSlice(map, frame, slice)} : planeOf(map, -1);
        add(What::Attention, overlayPicture(grey(answer.input), tokens, 0, std::max(largest, 1e-12)), largest);
    }
    return out;
}

} // namespace hilum::services
