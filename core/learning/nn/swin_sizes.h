#pragma once

#include "core/base/jsonl.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace hilum::learning {

/// In which order the eight octants (d, h, w) of a 2 x 2 x 2 cell are joined before they are merged. Weights of one order load into another
/// without complaint and give wrong features: the order belongs to the weights.
enum class MergeMode {
    Legacy,  ///< 000,100,010,001,101,010,001,111: two octants twice, 110 and 011 never (MONAI 0.9 to 1.4; VoCo, DAE, model_swinvit)
    Monai15, ///< 000,100,010,001,110,101,011,111 (MONAI from 1.5 on)
    V2,      ///< 000,001,010,011,100,101,110,111 ("mergingv2")
};
std::string_view name(MergeMode mode); ///< "legacy", "monai15", "mergingv2"
/// "v2" is taken too. \throws std::invalid_argument for another word, listing the three
MergeMode mergeModeOf(std::string_view word);

enum class VolumeEmbedding {
    Convolution, ///< one, kernel = stride = 2, with bias
    ConvBlock,   ///< two of 3^3 (stride 2, then 1), each with an affine instance norm and leaky ReLU (DAE)
};
std::string_view name(VolumeEmbedding kind); ///< "convolution", "conv-block"
VolumeEmbedding volumeEmbeddingOf(std::string_view word); ///< "conv" and "single-conv" are taken too

/// Sizes of a 3-D Swin transformer with four stages. Stage k has featureSize * 2^(k-1) channels.
struct SwinSizes {
    std::int64_t channels = 1, featureSize = 48, window = 7;
    std::vector<std::int64_t> depths{2, 2, 2, 2}, heads{3, 6, 12, 24};
    bool convolutionBeforeStage = false; ///< SwinUNETR-v2: a residual block before each stage
    MergeMode merging = MergeMode::Monai15;
    VolumeEmbedding embedding = VolumeEmbedding::Convolution;

    Json architecture() const; ///< for EncoderExport and model metadata
};

/// The sizes that architecture() wrote; what is absent keeps its default. `window` may be three equal numbers, as MONAI has it. \throws std::invalid_argument, nlohmann::json::exception
SwinSizes swinSizesOf(const Json& architecture);

} // namespace hilum::learning
