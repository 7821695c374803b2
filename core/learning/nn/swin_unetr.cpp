#include "core/learning/nn/swin_unetr.h"

#include "core/base/format.h"
#include "core/learning/nn/activation_checkpoints.h"

#include <ATen/ops/cat.h>


namespace hilum::learning {

SwinUnetrEncoder::SwinUnetrEncoder(const SwinSizes& sizes, const Rng& rng)
{
    m_swin = register_module("swinViT", std::make_shared<SwinEncoder>(sizes, rng.fork("swinViT")));
    const std::int64_t f = sizes.featureSize;
    const auto encoder = [&](const char* name, std::int64_t in, std::int64_t out) {
        return register_module(name, std::make_shared<LayeredBlock3d>(in, out, rng.fork(name)));
    };
    m_encoders = {encoder("encoder1", sizes.channels, f), encoder("encoder2", f, f), encoder("encoder3", 2 * f, 2 * f), encoder("encoder4", 4 * f, 4 * f),
        encoder("encoder10", 16 * f, 16 * f)};
}

SwinUnetrEncoder::Maps SwinUnetrEncoder::forward(const at::Tensor& volume, HiddenStates states) const { return forward(volume, m_swin->embed(volume), states); }

SwinUnetrEncoder::Maps SwinUnetrEncoder::forward(const at::Tensor& volume, const at::Tensor& embedded, HiddenStates states) const
{
    Maps maps;
    maps.hidden = m_swin->stages(embedded, states, &maps.rawDeepest);
    const auto encoded = [this](std::size_t i, const at::Tensor& x) {
        return checkpointed(x, [block = m_encoders[i].get()](const at::Tensor& y) { return block->forward(y.contiguous()); });
    };
    maps.skips[0] = encoded(0, volume);
    for (std::size_t i = 1; i < 4; ++i)
        maps.skips[i] = encoded(i, maps.hidden[i - 1]);
    maps.bottleneck = encoded(4, maps.hidden[4]);
    return maps;
}

at::Tensor SwinUnetrEncoder::pooled(const at::Tensor& volume) const
{
    const Maps maps = forward(volume);
    std::vector<at::Tensor> means;
    for (const at::Tensor& skip : maps.skips)
        means.push_back(skip.mean(at::IntArrayRef{2, 3, 4}));
    means.push_back(maps.bottleneck.mean(at::IntArrayRef{2, 3, 4}));
    return at::cat(means, 1);
}

SwinUnetr::SwinUnetr(const SwinSizes& sizes, std::int64_t outputs, const Rng& rng) : SwinUnetrEncoder(sizes, rng)
{
    const std::int64_t f = sizes.featureSize;
    const std::array<std::int64_t, 6> widths{16 * f, 8 * f, 4 * f, 2 * f, f, f};
    for (std::size_t i = 0; i < 5; ++i) {
        const std::string name = hilum::format("decoder{}", 5 - i);
        m_decoders[i] = register_module(name, std::make_shared<UpBlock3d>(widths[i], widths[i + 1], rng.fork(name)));
    }
    m_out = registerNested(*this, "out", "conv", std::make_shared<Convolution3d>(f, outputs, 1, 1, Convolution3d::Bias::Learned, rng.fork("out")));
}

at::Tensor SwinUnetr::decode(const Maps& maps) const
{
    at::Tensor x = m_decoders[0]->forward(maps.bottleneck, maps.hidden[3]); // the hidden state itself, without a block
    for (std::size_t i = 1; i < 5; ++i)
        x = m_decoders[i]->forward(x, maps.skips[4 - i]);
    return m_out->forward(x);
}

at::Tensor SwinUnetr::logits(const at::Tensor& volume, HiddenStates states) const { return decode(forward(volume, states)); }

} // namespace hilum::learning
