#include "core/learning/nn/patch_embed.h"

#include "core/base/format.h"
#include "core/learning/nn/init.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>


namespace hilum::learning {

namespace {

struct TakeTokens : torch::autograd::Function<TakeTokens> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& flatIndex)
    {
        context->save_for_backward({flatIndex});
        context->saved_data["sizes"] = x.sizes().vec();
        const std::int64_t width = x.size(2);
        return x.reshape({-1, width}).index_select(0, flatIndex).reshape({x.size(0), -1, width});
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        const at::Tensor flatIndex = context->get_saved_variables()[0];
        const auto sizes = context->saved_data["sizes"].toIntVector();
        at::Tensor out = at::zeros({sizes[0] * sizes[1], sizes[2]}, gradients[0].options());
        out.index_copy_(0, flatIndex, gradients[0].reshape({-1, sizes[2]}));
        return {out.reshape(sizes), at::Tensor()};
    }
};

} // namespace

at::Tensor takeTokens(const at::Tensor& x, const at::Tensor& index)
{
    TORCH_CHECK(x.dim() == 3 && index.dim() == 2 && x.size(0) == index.size(0), "tokens ", x.sizes(), " and indices ", index.sizes(), " do not fit");
    const at::Tensor offset = at::arange(x.size(0), index.options()).unsqueeze(1) * x.size(1);
    return TakeTokens::apply(x, (index + offset).reshape({-1}));
}

at::Tensor patchify(const at::Tensor& image, std::int64_t patch)
{
    TORCH_CHECK(image.dim() == 4 && image.size(2) % patch == 0 && image.size(3) % patch == 0, "image ", image.sizes(),
        " does not divide into patches of ", patch, " pixels");
    const std::int64_t rows = image.size(2) / patch, columns = image.size(3) / patch;
    return image.reshape({image.size(0), image.size(1), rows, patch, columns, patch})
        .permute({0, 2, 4, 3, 5, 1})
        .reshape({image.size(0), rows * columns, patch * patch * image.size(1)});
}

at::Tensor unpatchify(const at::Tensor& patches, std::int64_t patch, std::int64_t channels, std::array<std::int64_t, 2> grid)
{
    TORCH_CHECK(patches.dim() == 3 && patches.size(1) == grid[0] * grid[1] && patches.size(2) == patch * patch * channels, "patches ",
        patches.sizes(), " are none of a ", grid[0], " x ", grid[1], " grid of ", patch, "-pixel patches with ", channels, " channels");
    return patches.reshape({patches.size(0), grid[0], grid[1], patch, patch, channels})
        .permute({0, 5, 1, 3, 2, 4})
        .reshape({patches.size(0), channels, grid[0] * patch, grid[1] * patch});
}

PatchEmbed::Convolution::Convolution(std::int64_t in, std::int64_t out, std::int64_t side, const Rng& rng) : stride(side)
{
    at::Tensor w = at::empty({out, in, side, side}, at::kFloat);
    fillXavier_(w, in * side * side, out, rng); // viewed as the matrix of a Linear, as MAE does
    weight = register_parameter("weight", w);
    bias = register_parameter("bias", at::zeros({out}, at::kFloat));
}

PatchEmbed::PatchEmbed(std::int64_t channels, std::vector<std::int64_t> strides, std::int64_t hiddenWidth, std::int64_t width, const Rng& rng)
{
    TORCH_CHECK(!strides.empty(), "a tokeniser needs at least one convolution");
    for (std::size_t i = 0; i < strides.size(); ++i) {
        TORCH_CHECK(strides[i] > 0, "stride ", strides[i], " of a tokeniser is not positive");
        const bool last = i + 1 == strides.size();
        const std::string name = last ? "proj" : hilum::format("conv{}", i + 1);
        m_convolutions.push_back(register_module(name,
            std::make_shared<Convolution>(i == 0 ? channels : hiddenWidth, last ? width : hiddenWidth, strides[i], rng.fork(name))));
        m_patch *= strides[i];
    }
}

at::Tensor PatchEmbed::forward(const at::Tensor& image, const at::Tensor& keep) const
{
    const std::int64_t batch = image.size(0), channels = image.size(1);
    TORCH_CHECK(image.dim() == 4 && image.size(2) % m_patch == 0 && image.size(3) % m_patch == 0, "image ", image.sizes(),
        " does not divide into patches of ", m_patch, " pixels");
    const std::int64_t rows = image.size(2) / m_patch, columns = image.size(3) / m_patch;
    at::Tensor pixels = image.reshape({batch, channels, rows, m_patch, columns, m_patch})
                            .permute({0, 2, 4, 3, 5, 1})
                            .reshape({batch, rows * columns, m_patch * m_patch * channels});
    if (keep.defined())
        pixels = takeTokens(pixels, keep);
    const std::int64_t tokens = pixels.size(1);

    at::Tensor x = pixels; // channel-last map of `side` x `side` inside each patch
    std::int64_t side = m_patch, width = channels;
    for (std::size_t i = 0; i < m_convolutions.size(); ++i) {
        const Convolution& convolution = *m_convolutions[i];
        const std::int64_t s = convolution.stride, grid = side / s;
        x = x.reshape({batch * tokens, grid, s, grid, s, width}) // [M, g, s, g, s, C]
                .permute({0, 1, 3, 5, 2, 4})                     // [M, g, g, C, s, s]: the order of the weight
                .reshape({batch * tokens * grid * grid, width * s * s});
        if (i > 0)
            x = at::relu(x);
        x = at::linear(x, convolution.weight.flatten(1), convolution.bias);
        side = grid;
        width = convolution.weight.size(0);
    }
    return x.reshape({batch, tokens, width});
}

} // namespace hilum::learning
