#pragma once

#include "core/learning/nn/swin_unetr.h"

namespace hilum::learning {

/// VoCo's projector: Linear - BatchNorm - ReLU, twice, then Linear. The norm has neither parameters nor running statistics: it always uses the
/// batch, all crops and bases of all volumes together. Names: layer1.0, layer2.0, layer3.0.
class VoCoProjector : public torch::nn::Module {
public:
    VoCoProjector(std::int64_t in, std::int64_t width, const Rng& rng);
    at::Tensor forward(const at::Tensor& x) const; ///< [n, in] -> [n, width], n >= 2

private:
    std::shared_ptr<Linear> m_layer1, m_layer2, m_layer3;
};

struct VoCoSizes {
    SwinSizes swin{.convolutionBeforeStage = true, .merging = MergeMode::Legacy};
    std::int64_t projectorWidth = 1024;
};

/// What both versions of VoCo's network answer. Letters: V volumes, n crops and k bases of each, f feature size.
class VoCoNetwork : public torch::nn::Module {
public:
    struct StepInput {
        at::Tensor crops;         ///< [V n, C, D, H, W], volume after volume
        at::Tensor bases;         ///< [V k, C, D, H, W]
        at::Tensor labels;        ///< [V, n, k], true overlaps
        at::Tensor keep;          ///< [V (n + k)], or [V (n + k), 24f]: 1 keeps an embedding or a feature for the student, 0 zeroes it; v1 has none
        double dropout = 0.2;     ///< share that is zeroed; the kept ones are divided by 1 - dropout
        double momentum = 0.9;    ///< of the teacher's update; 1 leaves the teacher as it is
    };
    struct StepResult {
        at::Tensor loss;                               ///< [] scalar: the sum of what follows, v1: position + negative + regularisation
        at::Tensor intra, inter, regularisation;       ///< [] scalars; inter is undefined in v1
        at::Tensor position, negative;                 ///< [] scalars without gradient; their sum is intra
        at::Tensor predicted;                          ///< [V, n, k] overlaps within the volume, without gradient
        at::Tensor embeddings;                         ///< [all crops, then all bases, 24f], before the dropout
    };
    /// One training step's losses, means over volumes. The teacher is updated before it is used, and gets no gradient.
    virtual StepResult step(const StepInput& input) = 0;

    /// What the projectors make of the crops and bases of one volume, for showing and evaluating. \param crops [n, ...] \param bases [k, ...]
    struct Projections {
        at::Tensor predicted;    ///< [n, k] overlaps as training's intra (v1: its only) term has them
        at::Tensor studentBases; ///< [k, width]
    };
    virtual Projections project(const at::Tensor& crops, const at::Tensor& bases) const = 0;
    virtual const SwinUnetrEncoder& backbone() const = 0;
};

/// Network of VoCo v2 (Luffy03/Large-Scale-Medical): one backbone, a student projector, and a teacher projector that follows it.
class VoCoV2Network : public VoCoNetwork {
public:
    VoCoV2Network(const VoCoSizes& sizes, const Rng& rng);

    /// intra: position and negative loss of ReLU cos(student crop, teacher base) against the labels. inter: of ReLU cos(student crop, student base)
    /// of the next volume against what the teacher says there (methods section of the paper, v2 form).
    StepResult step(const StepInput& input) override;
    Projections project(const at::Tensor& crops, const at::Tensor& bases) const override;

    /// teacher = momentum * teacher + (1 - momentum) * student, without gradient.
    void updateTeacher(double momentum);

    const SwinUnetrEncoder& backbone() const override { return *m_backbone; }
    const VoCoProjector& teacher() const { return *m_teacher; }

private:
    std::shared_ptr<SwinUnetrEncoder> m_backbone;
    std::shared_ptr<VoCoProjector> m_student, m_teacher;
};

/// Network of VoCo v1 as its public code has it (Luffy03/VoCo; the CVPR paper has no teacher): student and teacher are whole networks.
class VoCoV1Network : public VoCoNetwork {
public:
    VoCoV1Network(const VoCoSizes& sizes, const Rng& rng);

    /// l = (ReLU cos(student crop, teacher base) + ReLU cos(teacher crop, student base)) / 2; position loss, squared negative term, regularisation.
    StepResult step(const StepInput& input) override;
    Projections project(const at::Tensor& crops, const at::Tensor& bases) const override;
    const SwinUnetrEncoder& backbone() const override;

private:
    struct Branch;
    std::shared_ptr<Branch> m_student, m_teacher;
};

} // namespace hilum::learning
