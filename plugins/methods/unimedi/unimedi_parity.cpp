#include "core/learning/parity/parity.h"
#include "plugins/methods/unimedi/alignment_losses.h"

#include <stdexcept>

namespace hilum::learning {

namespace {

TensorMap run(const ParityCase& c)
{
    const auto quantiles = c.numbers("clip_quantiles");
    if (quantiles.size() != 2)
        throw std::invalid_argument("clip_quantiles are not two numbers");
    const at::Tensor &image = c.array("image"), &report = c.array("report");
    const auto prototypes = prototypeAlignment(image, report, c.array("prototypes"), c.number("prototype_temperature"), c.number("epsilon"), c.integer("sinkhorn_iterations"));
    return {{"loss_global", globalAlignment(image, report, c.number("softmax_temperature"))},
        {"loss_token", tokenAlignment({c.array("patches"), c.array("words"), c.array("class_attention"), c.array("word_attention"), c.array("word_padding"), c.number("local_temperature"),
                           {quantiles[0], quantiles[1]}})},
        {"loss_prototype", prototypes.loss}, {"image_codes", prototypes.imageCodes}, {"report_codes", prototypes.reportCodes}};
}

} // namespace

void registerUnimediParity(ParityRegistry& registry);
void registerUnimediParity(ParityRegistry& registry)
{
    registry.add({"mgca-losses", {"image", "report", "patches", "words", "class_attention", "word_attention", "word_padding", "prototypes"}, run});
}

} // namespace hilum::learning
