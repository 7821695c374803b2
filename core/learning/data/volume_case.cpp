#include "core/learning/data/volume_case.h"

#include <ATen/ops/full.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include <algorithm>

namespace hilum::learning {

at::Tensor voxelsOf(const at::Tensor& stored)
{
    TORCH_CHECK(stored.dim() == 4 && stored.size(0) == 1 && stored.numel() > 0, "volume of shape ", stored.sizes(), " where [1, D, H, W] is expected");
    TORCH_CHECK(stored.scalar_type() == at::kUInt16 || stored.scalar_type() == at::kFloat, "voxels of type ", stored.scalar_type(), " where uint16 or float32 is expected");
    const at::Tensor values = stored.to(at::kCPU).to(at::kFloat);
    return stored.scalar_type() == at::kUInt16 ? values / 65535.0 : values;
}

at::Tensor cropVolume(const at::Tensor& volume, const std::array<std::int64_t, 3>& first, const std::array<std::int64_t, 3>& size)
{
    at::Tensor out, source = volume;
    bool inside = true;
    std::array<std::int64_t, 3> to{}; // where the part that exists goes
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t dim = 3 - static_cast<std::int64_t>(axis), length = volume.size(dim);
        const std::int64_t from = std::clamp<std::int64_t>(first[axis], 0, length), end = std::clamp<std::int64_t>(first[axis] + size[axis], from, length);
        TORCH_CHECK(size[axis] > 0 && end > from, "a crop of ", size[axis], " voxels from ", first[axis], " lies outside the ", length, " of the volume");
        inside = inside && end - from == size[axis];
        to[axis] = from - first[axis];
        source = source.slice(dim, from, end);
    }
    if (inside)
        return source.contiguous();
    out = at::full({volume.size(0), size[2], size[1], size[0]}, volume.min().item<float>(), volume.options());
    at::Tensor target = out;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t dim = 3 - static_cast<std::int64_t>(axis);
        target = target.slice(dim, to[axis], to[axis] + source.size(dim));
    }
    target.copy_(source);
    return out;
}

at::Tensor cropVoxels(const at::Tensor& stored, const std::array<std::int64_t, 3>& first, const std::array<std::int64_t, 3>& size)
{
    TORCH_CHECK(stored.dim() == 4, "volume of shape ", stored.sizes(), " where [1, D, H, W] is expected");
    at::Tensor part = stored;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t dim = 3 - static_cast<std::int64_t>(axis);
        if (first[axis] < 0 || first[axis] + size[axis] > stored.size(dim))
            return cropVolume(voxelsOf(stored), first, size);
        part = part.slice(dim, first[axis], first[axis] + size[axis]);
    }
    return voxelsOf(part).contiguous();
}

std::array<std::int64_t, 3> cropStart(const at::Tensor& volume, const std::array<std::int64_t, 3>& centre, const std::array<std::int64_t, 3>& size)
{
    std::array<std::int64_t, 3> first{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t length = volume.size(3 - static_cast<std::int64_t>(axis));
        first[axis] = size[axis] >= length ? -((size[axis] - length) / 2) : std::clamp<std::int64_t>(centre[axis] - size[axis] / 2, 0, length - size[axis]);
    }
    return first;
}

std::vector<std::array<std::int64_t, 3>> coveringTiles(const at::Tensor& volume, const std::array<std::int64_t, 3>& size, std::int64_t most)
{
    TORCH_CHECK(volume.dim() == 4 && volume.numel() > 0, "volume of shape ", volume.sizes(), " where [1, D, H, W] is expected");
    std::array<std::vector<std::int64_t>, 3> begins; // along i, j, k
    for (std::size_t axis = 0; axis < 3; ++axis) {
        TORCH_CHECK(size[axis] > 0 && most > 0, "tiles of ", size[axis], " voxels, at most ", most, " along an axis: neither may be below 1");
        const std::int64_t length = volume.size(3 - static_cast<std::int64_t>(axis)), room = length - size[axis], count = std::min((length + size[axis] - 1) / size[axis], most);
        for (std::int64_t n = 0; n < count; ++n)
            begins[axis].push_back(count == 1 ? room / 2 : n * room / (count - 1));
    }
    std::vector<std::array<std::int64_t, 3>> out;
    for (const std::int64_t k : begins[2])
        for (const std::int64_t j : begins[1])
            for (const std::int64_t i : begins[0])
                out.push_back({i, j, k});
    return out;
}

at::Tensor resizeVolumes(const at::Tensor& volumes, const std::array<std::int64_t, 3>& size)
{
    if (volumes.size(2) == size[2] && volumes.size(3) == size[1] && volumes.size(4) == size[0])
        return volumes;
    return at::upsample_trilinear3d(volumes, at::IntArrayRef{size[2], size[1], size[0]}, /*align_corners=*/false);
}

} // namespace hilum::learning
