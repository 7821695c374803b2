#include "plugins/methods/dae/dae_corruption.h"

#include "core/learning/nn/init.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace hilum::learning {

at::Tensor addNoise(const at::Tensor& volume, double variance, const Rng& rng)
{
    TORCH_CHECK(variance >= 0, "noise variance ", variance, " is negative");
    at::Tensor noise = at::empty(volume.sizes(), at::kFloat);
    fillNormal_(noise, std::sqrt(variance), rng);
    return volume + noise;
}

at::Tensor decimate(const at::Tensor& volume, double factor)
{
    TORCH_CHECK(factor >= 1, "decimation by ", factor);
    std::vector<std::int64_t> small;
    for (std::int64_t axis = 2; axis < 5; ++axis) {
        small.push_back(static_cast<std::int64_t>(static_cast<double>(volume.size(axis)) / factor));
        TORCH_CHECK(small.back() > 0, "a side of ", volume.size(axis), " voxels is shorter than the decimation of ", factor);
    }
    return at::upsample_nearest3d(at::upsample_nearest3d(volume, small), volume.sizes().slice(2));
}

at::Tensor drawChannelMask(std::int64_t channels, double ratio, const Rng& rng)
{
    TORCH_CHECK(ratio >= 0 && ratio <= 1, "a share of ", ratio, " of the channels is outside [0, 1]");
    std::vector<std::int64_t> order(static_cast<std::size_t>(channels));
    std::iota(order.begin(), order.end(), 0);
    Rng stream = rng;
    stream.shuffle(std::span(order));
    at::Tensor mask = at::zeros({channels}, at::kFloat);
    const auto hidden = static_cast<std::size_t>(ratio * static_cast<double>(channels));
    for (std::size_t i = 0; i < hidden; ++i)
        mask.mutable_data_ptr<float>()[order[i]] = 1;
    return mask;
}

at::Tensor hideChannels(const at::Tensor& embedded, const at::Tensor& channelMask)
{
    TORCH_CHECK(embedded.dim() == 5 && channelMask.numel() == embedded.size(1), "mask of ", channelMask.numel(), " channels for an embedding ", embedded.sizes());
    return embedded * (1 - channelMask).reshape({1, -1, 1, 1, 1});
}

} // namespace hilum::learning
