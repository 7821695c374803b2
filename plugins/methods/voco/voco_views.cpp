#include "plugins/methods/voco/voco_views.h"

#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"

#include <ATen/ops/rot90.h>
#include <ATen/ops/stack.h>

namespace hilum::learning {

namespace {

/// Lengths along i, j, k of an image [1, D, H, W].
VoxelCentre lengthsOf(const at::Tensor& image, const VoxelCentre& least)
{
    TORCH_CHECK(image.dim() == 4 && image.size(0) == 1, "volume of shape ", image.sizes(), " where [1, D, H, W] is expected");
    const VoxelCentre lengths{image.size(3), image.size(2), image.size(1)};
    TORCH_CHECK(lengths[0] >= least[0] && lengths[1] >= least[1] && lengths[2] >= least[2], "a volume of ", lengths[0], " x ", lengths[1], " x ", lengths[2], " voxels is smaller than the ",
        least[0], " x ", least[1], " x ", least[2], " that the base crops fill");
    return lengths;
}

} // namespace

VoxelCentre VoCoViews::middle(const at::Tensor& image) const
{
    const VoxelCentre whole = m_options.grid.size(), lengths = lengthsOf(image, whole);
    return {(lengths[0] - whole[0]) / 2, (lengths[1] - whole[1]) / 2, (lengths[2] - whole[2]) / 2};
}

at::Tensor VoCoViews::cut(const at::Tensor& image, const VoxelCentre& origin, const VoxelBox& box) const
{
    const at::Tensor part = cropVoxels(image, {origin[0] + box[0], origin[1] + box[1], origin[2] + box[2]}, {box[3] - box[0], box[4] - box[1], box[5] - box[2]}); // [1, D, H, W]
    const std::int64_t side = m_options.inputSide(), depth = m_options.inputDepth();
    const at::Tensor resized = resizeVolumes(part.unsqueeze(0), {side, side, depth}).squeeze(0);
    return resized.permute({0, 3, 2, 1}).clone(at::MemoryFormat::Contiguous);
}

at::Tensor VoCoViews::augmented(at::Tensor crop, Rng rng) const
{
    for (std::int64_t axis = 1; axis <= 3; ++axis)
        if (rng.chance(m_options.flipProbability))
            crop = crop.flip(axis);
    if (rng.chance(m_options.rotateProbability))
        crop = at::rot90(crop, rng.integer(1, 4), {1, 2});
    if (rng.chance(m_options.shiftProbability))
        crop = crop + rng.uniform(-m_options.shiftSize, m_options.shiftSize);
    return crop.contiguous();
}

TensorMap VoCoViews::views(const at::Tensor& image, const VoxelCentre& origin, const std::vector<VoxelBox>& crops, const Rng* augment) const
{
    const auto all = [&](const std::vector<VoxelBox>& boxes, const char* stream) {
        std::vector<at::Tensor> parts;
        for (std::size_t n = 0; n < boxes.size(); ++n) {
            const at::Tensor part = cut(image, origin, boxes[n]);
            parts.push_back(augment ? augmented(part, augment->fork(stream).fork(n)) : part);
        }
        return at::stack(parts);
    };
    return {{"bases", all(m_options.grid.bases(), "base")}, {"crops", all(crops, "crop")}, {"labels", m_options.grid.labels(crops).to(at::kFloat)}};
}

TensorMap VoCoViews::makeViews(const TensorMap& item, Rng rng) const
{
    const at::Tensor& image = arrayOf(item, "image");
    const VoxelCentre whole = m_options.grid.size(), lengths = lengthsOf(image, whole);
    VoxelCentre origin{};
    Rng part = rng.fork("part");
    for (std::size_t axis = 0; axis < 3; ++axis)
        origin[axis] = part.integer(0, lengths[axis] - whole[axis] + 1);
    std::vector<VoxelBox> crops;
    Rng centres = rng.fork("centres");
    for (std::int64_t n = 0; n < m_options.crops; ++n)
        crops.push_back(m_options.grid.crop(m_options.grid.drawCentre(centres)));
    const Rng augment = rng.fork("augment");
    return views(image, origin, crops, &augment);
}

std::vector<TensorMap> VoCoViews::coveringViews(const TensorMap& item) const
{
    constexpr std::int64_t Most = 4;
    const at::Tensor& image = arrayOf(item, "image");
    const VoxelCentre whole = m_options.grid.size();
    lengthsOf(image, whole); // refuses a smaller one
    std::vector<TensorMap> out;
    for (const VoxelCentre& origin : coveringTiles(image, whole, Most)) {
        std::vector<at::Tensor> parts;
        for (const VoxelBox& box : m_options.grid.bases())
            parts.push_back(cut(image, origin, box));
        out.push_back({{"bases", at::stack(parts)}});
    }
    return out;
}

TensorMap VoCoViews::makePlainView(const TensorMap& item) const
{
    const at::Tensor& image = arrayOf(item, "image");
    std::vector<VoxelBox> crops;
    Rng centres = Rng(0).fork("plain crops");
    for (std::int64_t n = 0; n < PlainCrops; ++n)
        crops.push_back(m_options.grid.crop(m_options.grid.drawCentre(centres)));
    return views(image, middle(image), crops, nullptr);
}

} // namespace hilum::learning
