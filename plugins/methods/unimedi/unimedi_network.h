#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/bert.h"
#include "core/learning/nn/patch_embed.h"
#include "core/learning/nn/transformer.h"

#include <torch/nn/modules/batchnorm.h>


namespace hilum::learning {

// The networks of UniMedI. Letters: B cases, S side of a picture, p of a patch, n = (S / p)^2 patches of a picture, D slices of a volume, t slices in a slab of the 3-D
// tokeniser, k chosen slices, N tokens of a case, W width, K prototypes of the distillation head.

struct UnimediVisionSizes {
    std::int64_t imageSize = 64, patch = 16, volumeDepth = 24, slab = 1, width = 96, depth = 2, heads = 4;
    std::int64_t side() const { return imageSize / patch; }
    std::int64_t slabs() const { return volumeDepth / slab; }
    Json architecture() const;
};

/// One transformer for radiographs and volumes: two tokenisers, shared blocks (ViT, pre-norm), one class token, fixed sine-cosine positions: row + column of a picture,
/// row + column + depth of a volume's token and of a slice that is put in as picture (the depth of the slab's middle, and of the slice).
class UnimediVision : public torch::nn::Module {
public:
    UnimediVision(const UnimediVisionSizes& sizes, const Rng& rng);

    /// Embedded patches and where they lie, apart, so that some can be hidden.
    struct Sequence {
        at::Tensor patches, positions; ///< [B, N, W], [1 or B, N, W]
        at::Tensor tokens() const { return patches + positions; }
    };
    Sequence ofImages(const at::Tensor& images) const;   ///< [B, 1, S, S]; N = n
    Sequence ofVolumes(const at::Tensor& volumes) const; ///< [B, 1, D, S, S]; N = D / t * n
    /// 3-D tokens, then those of the chosen slices as pictures. \param chosen [B, k] int64 \return N = D / t * n + k * n
    Sequence withSlices(const at::Tensor& volumes, const at::Tensor& chosen) const;
    /// The learned token in the place of some patches. \param mask [B, N] bool, true = hidden
    at::Tensor hidden(const Sequence& sequence, const at::Tensor& mask) const;

    /// All blocks and the final normalisation. \param classRows receives each block's attention of the class token [B, heads, 1 + N]
    /// \param taps receives each block's matrices [B, heads, 1 + N, 1 + N] \return [B, 1 + N, W], class token first
    at::Tensor encode(const at::Tensor& tokens, std::vector<at::Tensor>* classRows = nullptr, std::vector<at::Tensor>* taps = nullptr) const;
    /// The same before the final normalisation.
    at::Tensor blocks(const at::Tensor& tokens, std::vector<at::Tensor>* classRows, std::vector<at::Tensor>* taps) const;
    const UnimediVisionSizes& sizes() const { return m_sizes; }

private:
    UnimediVisionSizes m_sizes;
    at::Tensor m_classToken, m_maskToken, m_volumeWeight, m_volumeBias;
    at::Tensor m_planePositions, m_slabPositions, m_slicePositions; // [1, n, W], [1, D / t, W], [D, W]; fixed
    std::shared_ptr<PatchEmbed> m_patchEmbed;
    std::vector<std::shared_ptr<TransformerBlock>> m_blocks;
    std::shared_ptr<LayerNorm> m_norm;
};

/// Head of self-distillation (DINO): three linear layers with GELU, L2 norm, and a layer of K directions of length 1.
class DistillationHead : public torch::nn::Module {
public:
    DistillationHead(std::int64_t width, std::int64_t hidden, std::int64_t bottleneck, std::int64_t prototypes, const Rng& rng);
    at::Tensor forward(const at::Tensor& x) const; ///< [..., W] -> [..., K], cosines

private:
    std::shared_ptr<Linear> m_first, m_second, m_third;
    at::Tensor m_prototypes;
};

/// Projection of MGCA: linear, batch norm, ReLU, linear, batch norm without parameters.
class AlignmentProjection : public torch::nn::Module {
public:
    AlignmentProjection(std::int64_t width, std::int64_t hidden, std::int64_t out, const Rng& rng);
    at::Tensor forward(const at::Tensor& x); ///< [M, W] -> [M, out]; in training M >= 2

private:
    std::shared_ptr<Linear> m_first, m_second;
    torch::nn::BatchNorm1d m_firstNorm, m_secondNorm;
};

struct UnimediSizes {
    UnimediVisionSizes vision;
    BertSizes text;
    std::int64_t projectionHidden = 256, projection = 64;
    std::int64_t headHidden = 256, headBottleneck = 64, headPrototypes = 512;
    bool tokenAlignment = false;
    std::int64_t alignmentPrototypes = 0; ///< 0: no prototype alignment
};

/// Everything that is saved: student, teacher (begins as a copy, moves only by updateTeacher, no gradient), text encoder, projections; and as buffers the centres of the
/// distillation, the vocabulary, and how far the run is.
class UnimediNetwork : public torch::nn::Module {
public:
    static constexpr std::int64_t PieceBytes = 64; ///< longest word piece

    UnimediNetwork(const UnimediSizes& sizes, const Rng& rng);
    /// teacher = momentum * teacher + (1 - momentum) * student, vision and head.
    void updateTeacher(double momentum);

    std::shared_ptr<UnimediVision> vision, teacherVision;
    std::shared_ptr<DistillationHead> head, teacherHead;
    std::shared_ptr<Bert> text;
    std::shared_ptr<AlignmentProjection> imageProjection, textProjection, patchProjection, wordProjection; ///< the last two with token alignment alone
    at::Tensor prototypes;                ///< [alignmentPrototypes, projection], or undefined
    at::Tensor classCentre, patchCentre;  ///< [K] buffers
    at::Tensor vocabulary;                ///< [pieces, PieceBytes] U8 buffer: UTF-8, filled up with zeros
    at::Tensor progress;                  ///< [2] float64 buffer: optimiser steps done, epochs done
};

} // namespace hilum::learning
