#include "core/learning/nn/swin_unetr.h"
#include "core/learning/parity/parity.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "plugins/methods/dae/dae_losses.h"

#include <format>
#include <stdexcept>

namespace hilum::learning {

namespace {

TensorMap run(const ParityCase& c)
{
    const std::string disruption = c.word("disruption");
    const bool noisy = disruption == "all" || disruption == "denoise", decimated = disruption == "all" || disruption == "superres",
               multiplied = disruption == "sld-noise" || disruption == "sld_noise", masked = disruption == "all" || disruption == "sld" || multiplied;
    if (!noisy && !decimated && !masked)
        throw std::invalid_argument(std::format("disruption \"{}\" is none of all, denoise, superres, sld, sld-noise", disruption));
    if (multiplied && !c.arrays.contains("channel_noise"))
        throw std::invalid_argument(std::format("disruption \"{}\" needs the array \"channel_noise\", what the chosen channels are multiplied by, and the case has none", disruption));
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
    if (masked) {
        const at::Tensor chosen = c.array("channel_mask").to(embedded.scalar_type()); // it may hold truth values
        const at::Tensor kept = hideChannels(embedded, chosen);
        embedded = multiplied ? kept + hideChannels(embedded, 1 - chosen) * c.array("channel_noise") : kept;
    }
    const auto maps = network.forward(corrupted, embedded, c.flag("normalise_hidden") ? HiddenStates::Normalised : HiddenStates::Raw);
    for (std::size_t i = 0; i < maps.hidden.size(); ++i)
        out[std::format("hidden_{}", i)] = maps.hidden[i];
    out["reconstruction"] = network.decode(maps);
    out["loss_reconstruction"] = (out["reconstruction"] - image).abs().mean();
    if (c.arrays.contains("loss_cmcl_as_coded")) { // modalities and temperature are of this loss alone
        std::vector<std::string> modalities;
        for (const Json& word : c.json.at("modalities"))
            modalities.push_back(word.get<std::string>());
        out["loss_cmcl_as_coded"] = contrastiveAsCoded(maps.hidden[4], modalityClasses(modalities), c.number("temperature"));
    }
    return out;
}

} // namespace

void registerDaeParity(ParityRegistry& registry);
void registerDaeParity(ParityRegistry& registry) { registry.add({"dae", {"image", "noisy", "channel_mask", "channel_noise"}, run}); }

} // namespace hilum::learning
