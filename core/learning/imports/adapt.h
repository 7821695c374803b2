#pragma once

#include "core/learning/imports/layouts.h"

namespace hilum::learning::imports {

enum class Resize { Bicubic, Bilinear };

/// Tensors of a file that fit the network after a change of shape, by our names.
struct Adapted {
    TensorMap tensors;
    std::vector<std::string> notes; ///< "pos_embed: 20 x 20 places resized to 14 x 14, bilinear"
};

/// Finds tensors that differ from the network's in one known way: position embeddings of another square grid (names that end in pos_embed, class row
/// kept), and weights of the convolutions that read the image with another number of channels where one of both is 1.
Adapted adaptShapes(const torch::nn::Module& module, const RenamedState& state, Resize resize);

} // namespace hilum::learning::imports
