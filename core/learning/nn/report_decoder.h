#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/report_layers.h"

namespace hilum::learning {

struct ReportDecoderSizes {
    std::int64_t width = 512;       ///< d_model
    std::int64_t hidden = 512;      ///< d_ff
    std::int64_t features = 2048;   ///< width of a patch feature, d_vf
    std::int64_t layers = 3, heads = 8;
    std::int64_t slots = 3, memoryHeads = 8;
    std::int64_t vocabulary = 760;  ///< words; token 0 is begin, end and padding and comes on top

    Json architecture() const;
};

/// Encoder-decoder of R2Gen with relational memory: patch features in, words out (report_layers.h has the source).
///
/// Names are those of the public code without its `encoder_decoder.`: att_embed.0, model.encoder.*, model.decoder.*, model.tgt_embed.*, model.rm.*,
/// logit. Loss, greedy and beam search are in core/learning/report_search.h. Dropout is left to training, which comes with the report task.
class ReportDecoder : public torch::nn::Module {
public:
    ReportDecoder(const ReportDecoderSizes& sizes, const Rng& rng);

    /// Encoded patches. \param patches [B, N, d_vf] \return [B, N, D]
    at::Tensor encode(const at::Tensor& patches) const;
    /// Teacher-forced log-probabilities of the next word. Token 0 is hidden from attention, except at the first place; no place sees a later one.
    /// \param encoded of encode() \param words [B, T] int64, 0 = begin \return [B, T, vocabulary + 1]
    at::Tensor decode(const at::Tensor& encoded, const at::Tensor& words) const;

    const ReportDecoderSizes& sizes() const { return m_sizes; }

private:
    class EncoderLayer;
    class DecoderLayer;
    ReportDecoderSizes m_sizes;
    std::shared_ptr<Linear> m_attEmbed, m_logit;
    std::vector<std::shared_ptr<EncoderLayer>> m_encoderLayers;
    std::vector<std::shared_ptr<DecoderLayer>> m_decoderLayers;
    std::shared_ptr<ReportNorm> m_encoderNorm, m_decoderNorm;
    std::shared_ptr<RelationalMemory> m_memory;
    at::Tensor m_words, m_positions;
};

} // namespace hilum::learning
