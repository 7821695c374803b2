#include "core/learning/imports/adapt.h"

#include "core/base/format.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/positions.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cmath>

namespace hilum::learning::imports {

namespace {

/// Side of a square grid with a class row, or 0.
std::int64_t sideOf(std::int64_t rows)
{
    const std::int64_t side = std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(rows - 1, 0))));
    return side * side + 1 == rows ? side : 0;
}

at::Tensor resized(const at::Tensor& positions, std::int64_t from, std::int64_t to, Resize how)
{
    if (how == Resize::Bicubic)
        return resizePositions(positions, {from, from}, {to, to});
    const std::int64_t width = positions.size(2);
    const at::Tensor grid = positions.slice(1, 1).reshape({1, from, from, width}).permute({0, 3, 1, 2}).contiguous();
    const at::Tensor out = at::upsample_bilinear2d(grid, {to, to}, /*align_corners=*/false);
    return at::cat({positions.slice(1, 0, 1), out.permute({0, 2, 3, 1}).reshape({1, to * to, width})}, 1);
}

} // namespace

Adapted adaptShapes(const torch::nn::Module& module, const RenamedState& state, Resize resize)
{
    Adapted out;
    for (const auto& [name, own] : namedState(module)) {
        const auto it = state.tensors.find(name);
        if (it == state.tensors.end() || it->second.shape == own.sizes().vec() || it->second.shape.size() != static_cast<std::size_t>(own.dim()))
            continue;
        const std::vector<std::int64_t>& from = it->second.shape;
        if (name.ends_with("pos_embed") && own.dim() == 3 && from[0] == 1 && own.size(0) == 1 && from[2] == own.size(2)) {
            const std::int64_t a = sideOf(from[1]), b = sideOf(own.size(1));
            if (a > 0 && b > 0) {
                out.tensors[name] = resized(toTensor(it->second), a, b, resize);
                out.notes.push_back(hilum::format("{}: {} x {} places resized to {} x {}, {}", name, a, a, b, b, resize == Resize::Bicubic ? "bicubic" : "bilinear"));
            }
            continue;
        }
        // only where the image itself comes in
        if (own.dim() < 4 || !name.ends_with("weight") || (name.find("patch_embed.") == std::string::npos && !name.starts_with("encoder1.layer.conv")))
            continue;
        std::vector<std::int64_t> wanted = own.sizes().vec();
        const std::int64_t channels = wanted[1];
        wanted[1] = from[1];
        if (wanted != from || from[1] == 0 || (channels != 1 && from[1] != 1))
            continue;
        const at::Tensor weight = toTensor(it->second);
        out.tensors[name] = channels == 1 ? weight.sum(1, /*keepdim=*/true) : weight.repeat_interleave(channels, 1) / static_cast<double>(channels);
        out.notes.push_back(hilum::format("{}: {} input channels {} to {}", name, from[1], channels == 1 ? "summed" : "spread", channels));
    }
    return out;
}

} // namespace hilum::learning::imports
