#pragma once

#include "core/learning/imports/layouts.h"
#include "core/learning/method.h"

namespace hilum::learning::imports {

struct ImportRequest {
    path file, out;
    std::string layout;
    double minCoverage = 0.95;         ///< share of the network's tensors that the file must fill, and of its encoder's
    std::vector<std::string> settings; ///< "key=value": what the file does not tell (heads, merging, normalised_target), or shall be changed (channels, image_size)
};

/// Brings a published checkpoint into a model file of ours.
///
/// Layouts of a method become a model of that method, with the input and options of its published preset where the file tells nothing else; others the weights of
/// a network alone, with its architecture, for tasks that build on it. Swin networks carry the axes that they learnt on.
/// Patch embeddings are adapted to another number of input channels (to 1: summed; from 1 to n: repeated and divided by n), position embeddings to
/// another grid (bicubic; bilinear for hdxray-mae-conv1, as published). The licence of the source goes into the metadata.
/// \return {"layout", "title", "licence", "format", "wrapper", "architecture", "merging", "coverage", "encoder_coverage", "loaded", "missing", "mismatched",
///         "unexpected", "dropped", "fresh", "adapted", "opaque", "others"}
/// Mismatch with the names when less than minCoverage of the network or of its encoder is filled (nothing is written); Options for settings; errors of CheckpointFile.
Result<Json> importWeights(const MethodRegistry& registry, const ImportRequest& request);

} // namespace hilum::learning::imports
