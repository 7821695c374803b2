#pragma once

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
/// A network without blocks has one layer: all its names have the head's place.
LayerOrder layerOrder(std::span<const std::string> names);

} // namespace hilum::learning
