#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace hilum::learning {

/// Where each parameter of an encoder stands between image and features, for layer-wise learning rates (BEiT, Bao et al. 2022; MAE's fine-tuning).
struct LayerOrder {
    std::map<std::string, std::int64_t> layer; ///< of each name: 0 patch embedding, class and mask tokens, positions; i + 1 block i; `layers` all that lies behind the blocks
    std::int64_t layers = 1;                   ///< blocks + 1
};

/// Reads the order from the names that the networks here give, parts set apart by "." or "/": "blocks.<i>" of a vision transformer, "layers<stage>....blocks.<i>" of a Swin
/// transformer, whose stages follow each other. What comes before a stage ("layers<stage>c") counts to its first block, what merges its patches ("downsample") to its last.
/// What is no part of the way from the image to the features (a decoder, a text encoder) has the head's place.
/// \return Options, with what to choose instead, when no name tells of a block: all layers would learn at one rate, whatever the decay
Result<LayerOrder> layerOrder(std::span<const std::string> names);

} // namespace hilum::learning
