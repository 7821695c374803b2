#include "core/base/format.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/parity/parity.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"

#include <ATen/ops/ones_like.h>

#include <stdexcept>

namespace hilum::learning {

namespace {

/// What a "sld-noise" case multiplies the embedding by, in one of three forms: `channel_noise` [B, C, D/2, H/2, W/2], of whose channels the chosen ones count;
/// [B, n, D/2, H/2, W/2] of the n chosen ones alone, by rising number; or no noise and `channel_mask` [B or 1, C, D/2, H/2, W/2], the factors themselves.
at::Tensor factorsOf(const ParityCase& c, const at::Tensor& embedded)
{
    const at::Tensor mask = c.array("channel_mask").to(embedded.scalar_type());
    if (!c.arrays.contains("channel_noise"))
        return mask;
    const at::Tensor chosen = mask.reshape({-1}).nonzero().squeeze(1), &noise = c.array("channel_noise");
    TORCH_CHECK(mask.numel() == embedded.size(1), "channel_mask of ", mask.sizes(), " for an embedding of ", embedded.size(1), " channels");
    TORCH_CHECK(noise.dim() == 5 && (noise.size(1) == embedded.size(1) || noise.size(1) == chosen.size(0)), "channel_noise of ", noise.sizes(), " has neither the ", embedded.size(1),
        " channels of the embedding nor the ", chosen.size(0), " chosen ones");
    const at::Tensor ofChosen = noise.size(1) == embedded.size(1) ? noise.index_select(1, chosen) : noise;
    return at::ones_like(embedded).index_copy(1, chosen, ofChosen.to(embedded.scalar_type()).expand({embedded.size(0), -1, -1, -1, -1}));
}

TensorMap run(const ParityCase& c)
{
    const std::string disruption = c.word("disruption");
    const bool noisy = disruption == "all" || disruption == "denoise", decimated = disruption == "all" || disruption == "superres",
               multiplied = disruption == "sld-noise" || disruption == "sld_noise", masked = disruption == "all" || disruption == "sld" || multiplied;
    if (!noisy && !decimated && !masked)
        throw std::invalid_argument(hilum::format("disruption \"{}\" is none of all, denoise, superres, sld, sld-noise", disruption));
    const auto isFactors = [](const at::Tensor& mask) { return mask.dim() == 5 && mask.numel() != mask.size(1); };
    if (multiplied && !c.arrays.contains("channel_noise") && !isFactors(c.array("channel_mask")))
        throw std::invalid_argument(hilum::format("disruption \"{}\" needs the array \"channel_noise\", what the chosen channels are multiplied by, and the case has none", disruption));
    const at::Tensor& image = c.array("image");
    TensorMap out;
    at::Tensor corrupted = noisy ? c.array("noisy") : image; // the noise is given with the image
    if (decimated)
        corrupted = decimate(corrupted, c.number("decimation"));
    out["decimated"] = corrupted; // what the network gets: where nothing is decimated, as it came
    const SwinSizes sizes = swinSizesIn(c); // first, as it names what is not built
    SwinUnetr network(sizes, c.integer("out_channels"), Rng(0));
    c.fill(network, "dae");
    at::Tensor embedded = network.swin().embed(corrupted);
    if (multiplied)
        embedded = embedded * factorsOf(c, embedded);
    else if (masked)
        embedded = hideChannels(embedded, c.array("channel_mask").to(embedded.scalar_type())); // it may hold truth values
    const auto maps = network.forward(corrupted, embedded, c.flag("normalise_hidden") ? HiddenStates::Normalised : HiddenStates::Raw);
    for (std::size_t i = 0; i < maps.hidden.size(); ++i)
        out[hilum::format("hidden_{}", i)] = maps.hidden[i];
    out["reconstruction"] = network.decode(maps);
    out["loss_reconstruction"] = (out["reconstruction"] - image).abs().mean();
    if (c.arrays.contains("loss_cmcl_as_coded")) { // modalities and temperature are of this loss alone
        const std::vector<std::string> modalities = c.words("modalities");
        out["loss_cmcl_as_coded"] = contrastiveAsCoded(maps.hidden[4], modalityClasses(modalities), c.number("temperature"));
    }
    return out;
}

} // namespace

void registerDaeParity(ParityRegistry& registry);
void registerDaeParity(ParityRegistry& registry) { registry.add({"dae", {"image", "noisy", "channel_mask", "channel_noise"}, run}); }

} // namespace hilum::learning
