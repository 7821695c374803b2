#include "core/learning/nn/init.h"

#include "core/learning/nn/without_values.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace hilum::learning {

namespace {

constexpr std::int64_t Chunk = 1 << 14; // elements that share one stream

template <class Draw>
void fill(at::Tensor& tensor, const Rng& rng, Draw draw)
{
    TORCH_CHECK(tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous(),
        "initial values are drawn into contiguous float32 tensors on the CPU");
    if (WithoutValues::active())
        return;
    float* values = tensor.mutable_data_ptr<float>();
    const std::int64_t count = tensor.numel();
    at::parallel_for(0, (count + Chunk - 1) / Chunk, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t c = first; c < last; ++c) {
            Rng stream = rng.fork(static_cast<std::uint64_t>(c));
            for (std::int64_t i = c * Chunk; i < std::min(count, (c + 1) * Chunk); ++i)
                values[i] = static_cast<float>(draw(stream));
        }
    });
}

} // namespace

void fillUniform_(at::Tensor& tensor, double low, double high, const Rng& rng)
{
    fill(tensor, rng, [=](Rng& stream) { return stream.uniform(low, high); });
}

at::Tensor uniformWeights(at::IntArrayRef shape, std::int64_t fanIn, const Rng& rng)
{
    at::Tensor values = at::empty(shape, at::kFloat);
    const double bound = 1 / std::sqrt(static_cast<double>(fanIn));
    fillUniform_(values, -bound, bound, rng);
    return values;
}

void fillNormal_(at::Tensor& tensor, double standardDeviation, const Rng& rng)
{
    fill(tensor, rng, [=](Rng& stream) { return standardDeviation * stream.normal(); });
}

void fillXavier_(at::Tensor& tensor, std::int64_t fanIn, std::int64_t fanOut, const Rng& rng)
{
    const double bound = std::sqrt(6.0 / static_cast<double>(fanIn + fanOut));
    fillUniform_(tensor, -bound, bound, rng);
}

} // namespace hilum::learning
