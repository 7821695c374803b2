#include "core/learning/nn/swin_encoder.h"

#include "core/base/format.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/without_values.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace hilum::learning {

namespace {

constexpr double NormEpsilon = 1e-5, LeakySlope = 0.01, ShiftPenalty = -100;
constexpr std::int64_t MlpRatio = 4;

using Side3 = std::array<std::int64_t, 3>;

/// A matrix and its bias with uniform initial values within 1 / sqrt(in). Parameters `weight`, `bias`.
struct Dense : torch::nn::Module {
    Dense(std::int64_t in, std::int64_t out, bool withBias, const Rng& rng)
    {
        weight = register_parameter("weight", uniformWeights({out, in}, in, rng.fork("weight")));
        if (withBias)
            bias = register_parameter("bias", uniformWeights({out}, in, rng.fork("bias")));
    }
    at::Tensor forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }
    at::Tensor weight, bias;
};

struct Norm : torch::nn::Module {
    explicit Norm(std::int64_t width)
    {
        weight = register_parameter("weight", at::ones({width}));
        bias = register_parameter("bias", at::zeros({width}));
    }
    at::Tensor forward(const at::Tensor& x) const
    {
        return canFuseNorm(x, weight) ? fusedNorm(x, weight, bias, NormEpsilon) : at::layer_norm(x, {weight.size(0)}, weight, bias, NormEpsilon);
    }
    at::Tensor weight, bias;
};

/// [B, D, H, W, C] -> [B * windows, tokens, C]; D, H, W are multiples of the window's sides.
at::Tensor toWindows(const at::Tensor& x, const Side3& w)
{
    return x.reshape({x.size(0), x.size(1) / w[0], w[0], x.size(2) / w[1], w[1], x.size(3) / w[2], w[2], x.size(4)})
        .permute({0, 1, 3, 5, 2, 4, 6, 7})
        .reshape({-1, w[0] * w[1] * w[2], x.size(4)});
}

at::Tensor fromWindows(const at::Tensor& windows, const Side3& w, const Side3& grid, std::int64_t batch)
{
    const std::int64_t width = windows.size(2);
    return windows.reshape({batch, grid[0] / w[0], grid[1] / w[1], grid[2] / w[2], w[0], w[1], w[2], width})
        .permute({0, 1, 4, 2, 5, 3, 6, 7})
        .reshape({batch, grid[0], grid[1], grid[2], width});
}

/// Geometry of the windows on one grid, shared by the blocks of a stage.
struct Windows {
    Side3 window{}, shift{}, padded{};
    at::Tensor regions; ///< [windows, tokens] int32: regions that touch only through the shift have different numbers; undefined: no shift
    at::Tensor attending, attendingShifted; ///< [windows, tokens] int32: tokens of the grid, not of the padding, and -1 behind the last; undefined: no padding
};

/// \param inside [1, D, H, W, 1] int64: 1 for tokens of the grid
at::Tensor attendingTokens(const at::Tensor& inside, const Side3& window)
{
    const at::Tensor here = toWindows(inside, window).squeeze(-1); // [windows, tokens]
    const at::Tensor order = at::argsort(here, /*stable=*/true, -1, /*descending=*/true);
    return at::where(here.gather(1, order).eq(1), order, at::full_like(order, -1)).to(at::kInt);
}

Windows windowsOf(const Side3& grid, std::int64_t window, at::Device device)
{
    Windows out;
    bool shifted = false;
    for (std::size_t i = 0; i < 3; ++i) {
        const bool whole = grid[i] <= window;
        out.window[i] = whole ? grid[i] : window;
        out.shift[i] = whole ? 0 : window / 2;
        out.padded[i] = (grid[i] + out.window[i] - 1) / out.window[i] * out.window[i];
        shifted = shifted || out.shift[i] > 0;
    }
    if (out.padded != grid) {
        const at::Tensor inside = at::constant_pad_nd(at::ones({1, grid[0], grid[1], grid[2], 1}, at::kLong), {0, 0, 0, out.padded[2] - grid[2], 0, out.padded[1] - grid[1], 0, out.padded[0] - grid[0]});
        out.attending = attendingTokens(inside, out.window).to(device);
        out.attendingShifted = attendingTokens(at::roll(inside, {-out.shift[0], -out.shift[1], -out.shift[2]}, {1, 2, 3}), out.window).to(device);
    }
    if (!shifted)
        return out;
    // three stretches along each shifted axis: up to the last window, the part of it that stays, the part that comes round from the front
    at::Tensor region = at::zeros({1, out.padded[0], out.padded[1], out.padded[2], 1}, at::kLong);
    for (std::size_t i = 0; i < 3; ++i) {
        at::Tensor stretch = at::zeros({out.padded[i]}, at::kLong);
        if (out.shift[i] > 0) {
            stretch.slice(0, out.padded[i] - out.window[i]).fill_(1);
            stretch.slice(0, out.padded[i] - out.shift[i]).fill_(2);
        }
        std::vector<std::int64_t> shape{1, 1, 1, 1, 1};
        shape[i + 1] = out.padded[i];
        region = region * 3 + stretch.reshape(shape);
    }
    out.regions = toWindows(region, out.window).squeeze(-1).to(device, at::kInt);
    return out;
}

constexpr std::int64_t MostScores = 1 << 22; // of one piece of windows: 16 MB

struct WindowAttention : torch::nn::Module {
    WindowAttention(std::int64_t width, std::int64_t headCount, std::int64_t window, const Rng& rng) : heads(headCount)
    {
        TORCH_CHECK(heads > 0 && width % heads == 0, "width ", width, " is not a multiple of ", heads, " heads");
        const std::int64_t side = 2 * window - 1;
        at::Tensor values = at::empty({side * side * side, heads}, at::kFloat);
        fillNormal_(values, 0.02, rng.fork("table"));
        table = register_parameter("relative_position_bias_table", values);
        index = register_buffer("relative_position_index", relativePositionIndex(window));
        qkv = register_module("qkv", std::make_shared<Dense>(width, 3 * width, true, rng.fork("qkv")));
        proj = register_module("proj", std::make_shared<Dense>(width, width, true, rng.fork("proj")));
    }

    /// \param x [B * windows, n, C] \param regions [windows, n] or undefined \param attending [windows, n]: whose output is read, see Windows; undefined: all
    at::Tensor forward(const at::Tensor& x, const at::Tensor& regions, const at::Tensor& attending) const
    {
        const std::int64_t n = x.size(1);
        const at::Tensor together = qkv->forward(x); // [B * windows, n, 3 C]
        const at::Tensor rows = index.slice(0, 0, n).slice(1, 0, n).reshape({-1});
        const at::Tensor bias = table.index_select(0, rows).reshape({n, n, heads}).permute({2, 0, 1}); // [h, n, n]
        return proj->forward(canFuseWindowAttention(together) ? fusedWindowAttention(together, heads, bias, regions, ShiftPenalty, attending) : plain(together, bias.unsqueeze(0), regions));
    }

    /// The same from LibTorch's operations. \param together [B * windows, n, 3 C] \param bias [1, h, n, n]
    at::Tensor plain(const at::Tensor& together, const at::Tensor& bias, const at::Tensor& regions) const
    {
        const std::int64_t count = together.size(0), n = together.size(1), width = together.size(2) / 3, headWidth = width / heads;
        const at::Tensor penalty = regions.defined() ? regions.unsqueeze(1).ne(regions.unsqueeze(2)).to(bias.scalar_type()).mul_(ShiftPenalty) : at::Tensor(); // [windows, n, n]
        const at::Tensor all = together.reshape({count, n, 3, heads, headWidth}).permute({2, 0, 3, 1, 4}); // [3, B * w, h, n, d]
        const at::Tensor query = all[0] * (1 / std::sqrt(static_cast<double>(headWidth))), key = all[1].transpose(-2, -1);
        // a few windows at a time on the CPU: scores of all of them leave every cache and take gigabytes
        const std::int64_t windows = penalty.defined() ? penalty.size(0) : count, most = together.is_cpu() ? std::max<std::int64_t>(1, MostScores / (heads * n * n)) : windows;
        std::vector<std::int64_t> sizes;
        for (std::int64_t first = 0; first < count; first += sizes.back())
            sizes.push_back(std::min(most, windows - first % windows));
        const auto queries = query.split_with_sizes(sizes), keys = key.split_with_sizes(sizes), values = all[2].split_with_sizes(sizes);
        std::vector<at::Tensor> mixed;
        std::int64_t first = 0;
        for (std::size_t piece = 0; piece < sizes.size(); first += sizes[piece++]) {
            const at::Tensor added = penalty.defined() ? bias + penalty.slice(0, first % windows, first % windows + sizes[piece]).unsqueeze(1) : bias;
            mixed.push_back(at::matmul(at::softmax(at::matmul(queries[piece], keys[piece]) + added, -1), values[piece]));
        }
        return at::cat(mixed).transpose(1, 2).reshape({count, n, width});
    }

    std::int64_t heads;
    at::Tensor table, index;
    std::shared_ptr<Dense> qkv, proj;
};

struct SwinMlp : torch::nn::Module {
    SwinMlp(std::int64_t width, const Rng& rng)
    {
        linear1 = register_module("linear1", std::make_shared<Dense>(width, MlpRatio * width, true, rng.fork("linear1")));
        linear2 = register_module("linear2", std::make_shared<Dense>(MlpRatio * width, width, true, rng.fork("linear2")));
    }
    at::Tensor forward(const at::Tensor& x) const
    {
        const at::Tensor wide = linear1->forward(x);
        return linear2->forward(canFuseGelu(wide) ? fusedGelu(wide) : at::gelu(wide));
    }
    std::shared_ptr<Dense> linear1, linear2;
};

struct SwinBlock : torch::nn::Module {
    SwinBlock(std::int64_t width, std::int64_t heads, std::int64_t window, const Rng& rng)
    {
        norm1 = register_module("norm1", std::make_shared<Norm>(width));
        attn = register_module("attn", std::make_shared<WindowAttention>(width, heads, window, rng.fork("attn")));
        norm2 = register_module("norm2", std::make_shared<Norm>(width));
        mlp = register_module("mlp", std::make_shared<SwinMlp>(width, rng.fork("mlp")));
    }

    /// \param x [B, D, H, W, C]
    at::Tensor forward(const at::Tensor& x, const Windows& windows, bool shifted) const
    {
        const Side3 grid{x.size(1), x.size(2), x.size(3)};
        const Side3& p = windows.padded;
        at::Tensor y = norm1->forward(x);
        const bool padded = p != grid;
        if (padded) // zeros at the far ends; they take part in attention, as in the published code
            y = at::constant_pad_nd(y, {0, 0, 0, p[2] - grid[2], 0, p[1] - grid[1], 0, p[0] - grid[0]});
        const bool rolled = shifted && windows.regions.defined();
        const Side3& s = windows.shift;
        if (rolled)
            y = at::roll(y, {-s[0], -s[1], -s[2]}, {1, 2, 3});
        y = fromWindows(attn->forward(toWindows(y, windows.window), rolled ? windows.regions : at::Tensor(), rolled ? windows.attendingShifted : windows.attending), windows.window, p, x.size(0));
        if (rolled)
            y = at::roll(y, {s[0], s[1], s[2]}, {1, 2, 3});
        if (padded)
            y = y.slice(1, 0, grid[0]).slice(2, 0, grid[1]).slice(3, 0, grid[2]);
        const at::Tensor attended = x + y;
        return attended + mlp->forward(norm2->forward(attended));
    }

    std::shared_ptr<Norm> norm1, norm2;
    std::shared_ptr<WindowAttention> attn;
    std::shared_ptr<SwinMlp> mlp;
};

} // namespace

/// Blocks of one grid size, then the merge to half of it: [B, C, D, H, W] -> [B, 2C, D/2, H/2, W/2].
class SwinEncoder::Stage : public torch::nn::Module {
public:
    Stage(std::int64_t width, std::int64_t depth, std::int64_t heads, const SwinSizes& sizes, const Rng& rng) : m_window(sizes.window), m_merging(sizes.merging)
    {
        for (std::int64_t i = 0; i < depth; ++i)
            m_blocks.push_back(registerNested(*this, "blocks", hilum::format("{}", i),
                std::make_shared<SwinBlock>(width, heads, sizes.window, rng.fork("blocks").fork(static_cast<std::uint64_t>(i)))));
        const auto merge = register_module("downsample", std::make_shared<torch::nn::Module>());
        m_reduction = merge->register_module("reduction", std::make_shared<Dense>(8 * width, 2 * width, false, rng.fork("reduction")));
        m_norm = merge->register_module("norm", std::make_shared<Norm>(8 * width));
    }

    at::Tensor forward(const at::Tensor& map) const
    {
        at::Tensor x = map.permute({0, 2, 3, 4, 1}); // [B, D, H, W, C]
        const Windows windows = windowsOf({x.size(1), x.size(2), x.size(3)}, m_window, x.device());
        for (std::size_t i = 0; i < m_blocks.size(); ++i)
            x = checkpointed(x, [block = m_blocks[i].get(), windows, shifted = i % 2 == 1](const at::Tensor& y) { return block->forward(y, windows, shifted); });
        return checkpointed(x, [this](const at::Tensor& y) { return m_reduction->forward(m_norm->forward(joinOctants(y, m_merging))); }).permute({0, 4, 1, 2, 3});
    }

private:
    std::int64_t m_window;
    MergeMode m_merging;
    std::vector<std::shared_ptr<SwinBlock>> m_blocks;
    std::shared_ptr<Dense> m_reduction;
    std::shared_ptr<Norm> m_norm;
};

class SwinEncoder::ConvEmbedding : public torch::nn::Module {
public:
    ConvEmbedding(std::int64_t channels, std::int64_t width, const Rng& rng)
    {
        m_conv1 = register_module("conv1", std::make_shared<Convolution3d>(channels, width, 3, 2, Convolution3d::Bias::None, rng.fork("conv1")));
        m_conv2 = register_module("conv2", std::make_shared<Convolution3d>(width, width, 3, 1, Convolution3d::Bias::None, rng.fork("conv2")));
        m_norm1 = register_module("norm1", std::make_shared<Norm>(width));
        m_norm2 = register_module("norm2", std::make_shared<Norm>(width));
    }
    at::Tensor forward(const at::Tensor& x) const
    {
        return step(m_conv2->forward(step(m_conv1->forward(x), *m_norm1)), *m_norm2);
    }

private:
    static at::Tensor step(const at::Tensor& x, const Norm& norm)
    {
        return at::leaky_relu(at::instance_norm(x, norm.weight, norm.bias, {}, {}, /*use_input_stats=*/true, /*momentum=*/0.1, NormEpsilon, /*cudnn_enabled=*/true), LeakySlope);
    }
    std::shared_ptr<Convolution3d> m_conv1, m_conv2;
    std::shared_ptr<Norm> m_norm1, m_norm2; // parameters of instance norms
};

SwinEncoder::SwinEncoder(const SwinSizes& sizes, const Rng& rng) : m_sizes(sizes)
{
    TORCH_CHECK(sizes.depths.size() == 4 && sizes.heads.size() == 4, "a Swin encoder has 4 stages; ", sizes.depths.size(), " depths and ", sizes.heads.size(), " heads are given");
    const auto patchEmbed = register_module("patch_embed", std::make_shared<torch::nn::Module>());
    if (sizes.embedding == VolumeEmbedding::ConvBlock) {
        m_convEmbedding = patchEmbed->register_module("proj", std::make_shared<ConvEmbedding>(sizes.channels, sizes.featureSize, rng.fork("patch_embed")));
    } else {
        const auto projection = patchEmbed->register_module("proj", std::make_shared<torch::nn::Module>());
        const std::int64_t fanIn = sizes.channels * 8;
        m_embedWeight = projection->register_parameter("weight", uniformWeights({sizes.featureSize, sizes.channels, 2, 2, 2}, fanIn, rng.fork("patch_embed")));
        m_embedBias = projection->register_parameter("bias", uniformWeights({sizes.featureSize}, fanIn, rng.fork("patch_embed_bias")));
    }
    for (std::size_t k = 0; k < 4; ++k) {
        const std::int64_t width = sizes.featureSize << k;
        const std::string layer = hilum::format("layers{}", k + 1);
        m_stages.push_back(registerNested(*this, layer, "0", std::make_shared<Stage>(width, sizes.depths[k], sizes.heads[k], sizes, rng.fork(layer))));
    }
    if (sizes.convolutionBeforeStage)
        for (std::size_t k = 0; k < 4; ++k) {
            const std::string layer = hilum::format("layers{}c", k + 1);
            m_before.push_back(registerNested(*this, layer, "0", std::make_shared<LayeredBlock3d>(sizes.featureSize << k, sizes.featureSize << k, rng.fork(layer))));
        }
}

at::Tensor SwinEncoder::embed(const at::Tensor& volume) const
{
    TORCH_CHECK(volume.dim() == 5 && volume.size(1) == m_sizes.channels, "volume of shape ", volume.sizes(), " where [B, ", m_sizes.channels, ", D, H, W] is expected");
    for (std::int64_t i = 2; i < 5; ++i)
        TORCH_CHECK(volume.size(i) % 32 == 0, "a side of ", volume.size(i), " voxels is no multiple of 32");
    return m_convEmbedding ? m_convEmbedding->forward(volume) : at::conv3d(volume, m_embedWeight, m_embedBias, /*stride=*/SwinPatch);
}

std::array<at::Tensor, 5> SwinEncoder::stages(const at::Tensor& embedded, HiddenStates states, at::Tensor* rawDeepest) const
{
    const auto shown = [&](const at::Tensor& map) {
        if (states == HiddenStates::Raw)
            return map;
        return at::layer_norm(map.permute({0, 2, 3, 4, 1}), {map.size(1)}, {}, {}, NormEpsilon).permute({0, 4, 1, 2, 3});
    };
    std::array<at::Tensor, 5> out;
    at::Tensor x = embedded;
    out[0] = shown(x);
    for (std::size_t k = 0; k < 4; ++k) {
        if (!m_before.empty())
            x = checkpointed(x, [block = m_before[k].get()](const at::Tensor& y) { return block->forward(y.contiguous()); });
        x = m_stages[k]->forward(x);
        out[k + 1] = shown(x);
    }
    if (rawDeepest)
        *rawDeepest = x;
    return out;
}

at::Tensor pooledStates(const std::array<at::Tensor, 5>& states)
{
    std::vector<at::Tensor> means;
    for (const at::Tensor& state : states)
        means.push_back(state.to(at::kFloat).mean(at::IntArrayRef{2, 3, 4}));
    return at::cat(means, 1);
}

at::Tensor relativePositionIndex(std::int64_t window)
{
    if (WithoutValues::active())
        return at::empty({window * window * window, window * window * window}, at::kLong);
    const at::Tensor tokens = at::arange(window * window * window, at::kLong);
    at::Tensor index = at::zeros({tokens.size(0), tokens.size(0)}, at::kLong);
    for (const std::int64_t step : {window * window, window, std::int64_t{1}}) {
        const at::Tensor place = tokens.div(step, "floor").remainder(window);
        index = index * (2 * window - 1) + (place.unsqueeze(1) - place.unsqueeze(0)) + (window - 1);
    }
    return index;
}

at::Tensor joinOctants(const at::Tensor& x, MergeMode mode)
{
    // digits d, h, w of each octant
    constexpr std::array<std::array<int, 8>, 3> Orders{{{0b000, 0b100, 0b010, 0b001, 0b101, 0b010, 0b001, 0b111}, {0b000, 0b100, 0b010, 0b001, 0b110, 0b101, 0b011, 0b111},
        {0b000, 0b001, 0b010, 0b011, 0b100, 0b101, 0b110, 0b111}}};
    for (std::int64_t i = 1; i < 4; ++i)
        TORCH_CHECK(x.size(i) % 2 == 0, "a grid side of ", x.size(i), " tokens cannot be merged in pairs");
    std::vector<at::Tensor> octants;
    for (const int octant : Orders[static_cast<std::size_t>(mode)])
        octants.push_back(x.slice(1, octant >> 2 & 1, {}, 2).slice(2, octant >> 1 & 1, {}, 2).slice(3, octant & 1, {}, 2));
    return at::cat(octants, -1);
}

} // namespace hilum::learning
