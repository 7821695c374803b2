#include "core/learning/parity/parity.h"
#include "plugins/methods/spcxr/gmml_network.h"

namespace hilum::learning {

namespace {

TensorMap run(const ParityCase& c)
{
    GmmlNetwork network({{.imageSize = c.integer("image_size"), .patch = c.integer("patch_size"), .channels = c.integer("channels"), .width = c.integer("embed_dim"),
                             .depth = c.integer("depth"), .heads = c.integer("heads"), .mlpRatio = mlpRatioOf(c)},
                            c.integers("reconstruction_blocks")},
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
