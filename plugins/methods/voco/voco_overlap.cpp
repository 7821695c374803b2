#include "plugins/methods/voco/voco_overlap.h"

#include "core/base/format.h"
#include "core/learning/torch_guard.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log.h>

#include <algorithm>

namespace hilum::learning {

namespace {

constexpr double PositionEpsilon = 1e-6; // as in positionLoss

} // namespace

std::vector<VoxelBox> VoCoGrid::bases() const
{
    std::vector<VoxelBox> out;
    for (std::int64_t a = 0; a < grid; ++a)
        for (std::int64_t b = 0; b < grid; ++b)
            for (std::int64_t c = 0; c < gridDepth; ++c)
                out.push_back({a * side, b * side, c * depth, (a + 1) * side, (b + 1) * side, (c + 1) * depth});
    return out;
}

VoxelBox VoCoGrid::crop(const VoxelCentre& centre) const
{
    const VoxelCentre whole = size(), sides{side, side, depth};
    VoxelBox box{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        box[axis] = centre[axis] - sides[axis] / 2;
        box[axis + 3] = box[axis] + sides[axis];
        if (box[axis] < 0 || box[axis + 3] > whole[axis])
            throw OptionsFault(hilum::format("crop centre {} = {} is outside [{}, {}]", "ijk"[axis], centre[axis], sides[axis] / 2, whole[axis] - sides[axis] / 2));
    }
    return box;
}

VoxelCentre VoCoGrid::drawCentre(Rng& rng) const
{
    const std::int64_t span = (grid - 1) * side, deep = (gridDepth - 1) * depth;
    VoxelCentre centre{side / 2, side / 2, size()[2] / 2};
    centre[0] += rng.integer(0, span);
    centre[1] += rng.integer(0, span);
    if (overlap == OverlapKind::Volume && deep > 0)
        centre[2] = depth / 2 + rng.integer(0, deep);
    return centre;
}

at::Tensor VoCoGrid::labels(const std::vector<VoxelBox>& crops) const
{
    const auto all = bases();
    at::Tensor out = at::empty({static_cast<std::int64_t>(crops.size()), count()}, at::kDouble);
    auto* y = out.mutable_data_ptr<double>();
    for (const VoxelBox& crop : crops)
        for (const VoxelBox& base : all) {
            double shared = 1, own = 1;
            for (std::size_t axis = 0; axis < (overlap == OverlapKind::Area ? 2u : 3u); ++axis) {
                shared *= static_cast<double>(std::max<std::int64_t>(0, std::min(crop[axis + 3], base[axis + 3]) - std::max(crop[axis], base[axis])));
                own *= static_cast<double>(crop[axis + 3] - crop[axis]);
            }
            *y++ = shared / own;
        }
    return out;
}

at::Tensor boxTensor(const std::vector<VoxelBox>& boxes)
{
    at::Tensor out = at::empty({static_cast<std::int64_t>(boxes.size()), 6}, at::kLong);
    auto* values = out.mutable_data_ptr<std::int64_t>();
    for (const VoxelBox& box : boxes)
        values = std::ranges::copy(box, values).out;
    return out;
}

ConstantGuess constantGuess(const at::Tensor& labels)
{
    TORCH_CHECK(labels.dim() == 2 && labels.size(0) > 0, "labels ", labels.sizes(), " are not [crops, bases]");
    const at::Tensor y = labels.to(at::kCPU, at::kDouble);
    ConstantGuess out;
    out.meanLabelError = (y - y.mean(0, true)).abs().mean().item<double>();
    out.bestError = (y - std::get<0>(y.median(0, true))).abs().mean().item<double>();
    const at::Tensor guesses = at::arange(0, 1001, at::TensorOptions(at::kDouble)) / 1000.0;                                      // [g]
    const at::Tensor cost = -(y.unsqueeze(2) * at::log(1 - (y.unsqueeze(2) - guesses).abs() + PositionEpsilon)).sum(0);                         // [k, g]
    out.bestPosition = (cost.amin(1).sum() / (y.sum() + PositionEpsilon)).item<double>();
    const at::Tensor largest = y.eq(y.amax(1, true)).to(at::kDouble); // [n, k]: equal ones all count
    out.bestRetrieval = largest.mean(0).max().item<double>();
    return out;
}

double retrieval(const at::Tensor& labels, const at::Tensor& predicted)
{
    TORCH_CHECK(labels.sizes() == predicted.sizes(), "labels ", labels.sizes(), " and prediction ", predicted.sizes(), " differ in shape");
    const at::Tensor chosen = labels.gather(1, predicted.argmax(1, true));
    return chosen.eq(labels.amax(1, true)).to(at::kDouble).mean().item<double>();
}

} // namespace hilum::learning
