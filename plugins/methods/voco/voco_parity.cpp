#include "core/base/format.h"
#include "core/learning/imports/layouts.h"
#include "core/learning/parity/parity.h"
#include "plugins/methods/voco/voco_losses.h"
#include "plugins/methods/voco/voco_network.h"

#include <stdexcept>

namespace hilum::learning {

namespace {

TensorMap runV1Losses(const ParityCase& c)
{
    const at::Tensor logits = predictedOverlap(c.array("crops"), c.array("bases")), &labels = c.array("labels");
    return {{"logits", logits}, {"positive", positionLoss(labels, logits)}, {"negative", negativeLoss(labels, logits, NegativeTerm::Square)},
        {"regularisation", baseRegularisation(c.array("bases"))}};
}

TensorMap runV2Step(const ParityCase& c)
{
    VoCoV2Network network({swinSizesIn(c), c.integer("projector_width")}, Rng(0));
    imports::Layout training; // backbone, student and teacher, as published training saves them
    training.wrappers = {"state_dict", "model", "net"};
    training.prefixes = {"module."};
    c.fill(network, training);
    const at::Tensor& labels = c.array("labels"); // [V, n, k]
    if (labels.dim() != 3 || labels.size(0) != c.integer("volumes") || labels.size(1) != c.integer("crops_per_volume") || labels.size(2) != c.integer("bases"))
        throw std::invalid_argument("labels are not [volumes, crops_per_volume, bases]");
    const auto out = network.step({c.array("crops"), c.array("bases"), labels, c.array("keep"), c.number("dropout"), c.number("momentum")});
    TensorMap outputs{{"embeddings", out.embeddings}, {"loss", out.loss}, {"loss_intra", out.intra}, {"loss_inter", out.inter}, {"loss_regularisation", out.regularisation}};
    for (const char* layer : {"layer1", "layer2", "layer3"})
        for (const char* part : {"weight", "bias"})
            outputs[hilum::format("teacher_{}_{}", layer, part)] = network.teacher().named_parameters()[hilum::format("{}.0.{}", layer, part)];
    return outputs;
}

} // namespace

void registerVocoParity(ParityRegistry& registry);
void registerVocoParity(ParityRegistry& registry)
{
    registry.add({"voco-v1-losses", {"crops", "bases", "labels"}, runV1Losses});
    registry.add({"voco-v2-step", {"crops", "bases", "labels", "keep"}, runV2Step});
}

} // namespace hilum::learning
