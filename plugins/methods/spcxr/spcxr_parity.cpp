#include "core/learning/parity/parity.h"
#include "plugins/methods/spcxr/gmml_network.h"

#include <algorithm>
#include <vector>

namespace hilum::learning {

namespace {

/// The public code asks of each block whether it is listed: one that is listed twice counts once, one beyond the last never.
std::vector<std::int64_t> metBlocks(const ParityCase& c)
{
    const auto listed = c.integers("reconstruction_blocks");
    std::vector<std::int64_t> out;
    for (std::int64_t block = 1; block <= c.integer("depth"); ++block)
        if (std::ranges::contains(listed, block))
            out.push_back(block);
    return out;
}

TensorMap run(const ParityCase& c)
{
    GmmlNetwork network({{.imageSize = c.integer("image_size"), .patch = c.integer("patch_size"), .channels = c.integer("channels"), .width = c.integer("embed_dim"),
                             .depth = c.integer("depth"), .heads = c.integer("heads"), .mlpRatio = mlpRatioOf(c)},
                            metBlocks(c)},
        Rng(0));
    setEpsilon(c, network);
    c.fill(network, "gmml");
    std::vector<at::Tensor> taps;
    TensorMap out;
    out["features"] = network.features(c.array("corrupted"), &taps);
    out["attention_last_block"] = taps.back();
    out["reconstruction"] = network.reconstruct(out["features"]);
    const GmmlLosses losses = gmmlLosses(out["reconstruction"], c.array("image"), c.array("mask").expand_as(c.array("image")));
    out["loss_all"] = losses.all;
    out["loss_masked"] = losses.corrupted;
    return out;
}

} // namespace

void registerSpcxrParity(ParityRegistry& registry);
void registerSpcxrParity(ParityRegistry& registry) { registry.add({"gmml", {"image", "corrupted", "mask"}, run}); }

} // namespace hilum::learning
