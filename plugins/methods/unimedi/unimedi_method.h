#pragma once

#include "core/learning/features.h"
#include "core/learning/text/wordpiece.h"
#include "core/learning/train/first_state.h"
#include "plugins/methods/unimedi/unimedi_options.h"

namespace hilum::learning {

/// UniMedI (ECCV 2024, arXiv 2311.14851; no public code): radiographs and CT in one space through their reports.
///
/// Views always have both slots, so that cases of both kinds stack: `image` [1, S, S] and `volume` [1, D, S, S] float32 in [-1, 1] (the one that the case is not holds zeros),
/// `is_volume` [] int64, `pieces`, `words` [T] int64 and `known` [T] U8 of the cleaned report.
class UnimediMethod : public PretrainingMethod, public FeatureSource, public FirstState {
public:
    UnimediMethod(const UnimediOptions& options, const Rng& initialisation);

    std::unique_ptr<ViewMaker> viewMaker() const override;
    torch::nn::Module& trainable() override { return *m_network; }
    StepOutput step(const TensorMap& batch, Rng rng) override;
    /// Moves the teacher and says how far the run is.
    void afterOptimizerStep(const StepClock& clock) override;
    EncoderExport encoder() const override { return {m_options.sizes.vision.architecture(), "student.vision."}; }
    Json inputPipeline() const override { return m_options.pipeline(); }

    /// Learns the vocabulary from the training reports, or reads the one that the options name; fills in imported text weights.
    /// Empty when all training cases have the same report, or none. Mismatch when a file's vocabulary has another size than the options say, or the weights do not fit.
    Status begin(const ShardReader& cache, const std::vector<std::size_t>& trainingCases) override;
    Status beginLike(PretrainingMethod& trained) override;

    /// `input`; of a volume `slice_scores` [D] (a slice's share of the teacher's class attention, relative to the mean slice: 1 is the mean), `slices_chosen` [k] int64;
    /// `attention` on the patches, [side, side] or [D / t, side, side], summing to 1; with texts `similarity` [1, texts], cosines.
    /// \param request `report` (a text; else the report of `item` where it has one) and `texts` (a list) are compared, in this order; `slices` to choose another number
    Shown reconstruct(const TensorMap& item, const Json& request) override;
    /// Of a volume: its 3-D tokens alone, no slices put in.
    std::vector<at::Tensor> attentionLayers(const TensorMap& item) override;
    std::vector<at::Tensor> attentionGradients(const TensorMap& item, std::int64_t query) override;
    /// Of the case that attentionLayers last worked on, [side, side] or [D / t, side, side]; before that of radiographs.
    std::vector<std::int64_t> tokenGrid() const override { return m_grid; }
    bool hasClassToken() const override { return true; }

    /// Retrieval among up to caseNumbersBatch() held-out cases: does the case's own report (or image) come first, or among the first five; equal reports count as one.
    /// Names end in the pool: `radiograph` or `volume`, the cases of the same kind, and `both` where the cases are of both kinds. Beside each the chance of a guess.
    std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& batch, std::span<const Rng> streams) override;
    std::int64_t caseNumbersBatch() const override { return 256; }

    /// Vectors of equal length whose cosines compare images and reports, in evaluation mode; worked out train.batch cases at a time. \return [B, projection] each
    struct Embeddings {
        at::Tensor images, reports;
    };
    Embeddings embeddings(const TensorMap& batch);

    /// Class token after the final normalisation, before the projection, as MGCA's public code classifies; of a volume with its chosen slices put in. The report is not read.
    /// [B, W]
    at::Tensor features(const TensorMap& batch) override;
    std::string pooling() const override { return "class token before the projection (of radiographs as MGCA's linear classification; of CT, with the chosen slices put in, our setting)"; }
    WordPiece tokeniser() const; ///< from the network's vocabulary
    UnimediNetwork& network() { return *m_network; }

private:
    struct Views;
    struct Part;
    LetterCase letters() const { return m_options.lowerCase ? LetterCase::Folded : LetterCase::Kept; }
    std::vector<Part> parts(const TensorMap& batch);
    Status setVocabulary(const WordPiece& words);
    at::Tensor slicesOf(const at::Tensor& volumes, std::int64_t count, at::Tensor* attention) const; ///< \param attention receives [B, P] where it is asked for
    UnimediVision::Sequence sequenceOf(const TensorMap& item) const;

    UnimediOptions m_options;
    std::shared_ptr<UnimediNetwork> m_network;
    std::vector<std::int64_t> m_grid;
};

void registerUnimedi(MethodRegistry& registry);

} // namespace hilum::learning
