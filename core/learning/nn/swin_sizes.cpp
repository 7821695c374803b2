#include "core/learning/nn/swin_sizes.h"

#include "core/base/format.h"

#include <array>
#include <stdexcept>
#include <string>

namespace hilum::learning {

namespace {

template <class E, std::size_t N>
E wordOf(std::string_view word, const std::array<std::string_view, N>& words, const char* what)
{
    for (std::size_t i = 0; i < N; ++i)
        if (words[i] == word)
            return static_cast<E>(i);
    std::string known;
    for (const std::string_view w : words)
        known += (known.empty() ? "" : ", ") + std::string(w);
    throw std::invalid_argument(hilum::format("{} \"{}\" is none of {}", what, word, known));
}

constexpr std::array<std::string_view, 3> MergeWords{"legacy", "monai15", "mergingv2"};
constexpr std::array<std::string_view, 2> EmbeddingWords{"convolution", "conv-block"};

} // namespace

std::string_view name(MergeMode mode) { return MergeWords[static_cast<std::size_t>(mode)]; }
MergeMode mergeModeOf(std::string_view word) { return word == "v2" ? MergeMode::V2 : wordOf<MergeMode>(word, MergeWords, "patch merging"); }
std::string_view name(VolumeEmbedding kind) { return EmbeddingWords[static_cast<std::size_t>(kind)]; }
VolumeEmbedding volumeEmbeddingOf(std::string_view word) { return word == "conv" || word == "single-conv" ? VolumeEmbedding::Convolution : wordOf<VolumeEmbedding>(word, EmbeddingWords, "patch embedding"); }

Json SwinSizes::architecture() const
{
    return {{"kind", "swin"}, {"in_channels", channels}, {"feature_size", featureSize}, {"window", window}, {"depths", depths}, {"heads", heads},
        {"use_v2", convolutionBeforeStage}, {"merging", name(merging)}, {"patch_embedding", name(embedding)}};
}

SwinSizes swinSizesOf(const Json& architecture)
{
    SwinSizes s;
    s.channels = architecture.value("in_channels", s.channels);
    s.featureSize = architecture.value("feature_size", s.featureSize);
    if (const auto window = architecture.find("window"); window != architecture.end() && window->is_array()) {
        const auto sides = window->get<std::vector<std::int64_t>>();
        if (sides.size() != 3 || sides[1] != sides[0] || sides[2] != sides[0])
            throw std::invalid_argument(hilum::format("window = {} is no cube: one number or three equal ones are needed", jsonLine(*window)));
        s.window = sides[0];
    } else {
        s.window = architecture.value("window", s.window);
    }
    s.depths = architecture.value("depths", s.depths);
    s.heads = architecture.value("heads", s.heads);
    s.convolutionBeforeStage = architecture.value("use_v2", s.convolutionBeforeStage);
    s.merging = mergeModeOf(architecture.value("merging", std::string(name(s.merging))));
    s.embedding = volumeEmbeddingOf(architecture.value("patch_embedding", std::string(name(s.embedding))));
    return s;
}

} // namespace hilum::learning
