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

/// Network of VoCo v2 (Luffy03/Large-Scale-Medical): one backbone, a student projector, and a teacher projector that follows it.
class VoCoNetwork : public torch::nn::Module {
public:
    VoCoNetwork(const VoCoSizes& sizes, const Rng& rng);

    struct StepResult {
        at::Tensor loss, intra, inter, regularisation; ///< [] scalars; loss is their sum
        at::Tensor embeddings;                         ///< [all crops, then all bases, 24f], before the dropout
    };
    struct StepInput {
        at::Tensor crops;         ///< [V n, C, D, H, W], volume after volume
        at::Tensor bases;         ///< [V k, C, D, H, W]
        at::Tensor labels;        ///< [V, n, k], true overlaps
        at::Tensor keep;          ///< [V (n + k)]: 1 keeps the embedding for the student, 0 zeroes it
        double dropout = 0.2;     ///< share that is zeroed; the kept ones are divided by 1 - dropout
        double momentum = 0.9;    ///< of the teacher's update
    };
    /// One training step's losses (methods section 4.4 of the paper, v2 form). The teacher is updated before it is used, and gets no gradient.
    ///
    /// intra: position and negative loss of ReLU cos(student crop, teacher base) against the labels. inter: of ReLU cos(student crop, student base)
    /// of the next volume against what the teacher says there. All are means over volumes.
    StepResult step(const StepInput& input);

    /// teacher = momentum * teacher + (1 - momentum) * student, without gradient.
    void updateTeacher(double momentum);

    const SwinUnetrEncoder& backbone() const { return *m_backbone; }
    const VoCoProjector& teacher() const { return *m_teacher; }

private:
    std::shared_ptr<SwinUnetrEncoder> m_backbone;
    std::shared_ptr<VoCoProjector> m_student, m_teacher;
};

} // namespace hilum::learning
