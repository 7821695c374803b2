#pragma once

#include "core/learning/masked_image_method.h"
#include "plugins/methods/mae/mae_options.h"

namespace hilum::learning {

/// MAE: He, Chen, Xie, Li, Dollar, Girshick, "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, arXiv 2111.06377.
class MaeMethod : public MaskedImageMethod {
public:
    MaeMethod(const MaeOptions& options, const Rng& initialisation) : MaskedImageMethod(options.image, initialisation), m_maskRatio(options.maskRatio) {}
    Json inputPipeline() const override { return options().pipeline("none"); }

protected:
    TokenMask drawMask(std::int64_t batch, const at::Tensor& inside, const Rng& rng, const Json& overrides) const override;

private:
    double m_maskRatio;
};

void registerMae(MethodRegistry& registry);

} // namespace hilum::learning
