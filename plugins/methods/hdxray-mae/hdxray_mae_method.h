#pragma once

#include "core/learning/masked_image_method.h"
#include "plugins/methods/hdxray-mae/hdxray_mae_options.h"

namespace hilum::learning {

/// HD X-ray MAE: "Pre-training on High Definition X-ray Images: An Experimental Study", Visual Intelligence 2025, arXiv 2404.17926.
class HdxrayMaeMethod : public MaskedImageMethod {
public:
    HdxrayMaeMethod(const HdxrayMaeOptions& options, const Rng& initialisation);
    Json inputPipeline() const override { return pipelineOf(m_mask); }
    static Json pipelineOf(const HdxrayMaeOptions& options);

protected:
    Region region() const override { return m_mask.regionSource == RegionSource::AsReleased ? Region::Rectangle : Region::FromItem; }
    TokenMask drawMask(std::int64_t batch, const at::Tensor& inside, const Rng& rng, const Json& overrides) const override;
    at::Tensor extraLoss(const at::Tensor& image, const Rng& rng, StepOutput& out) override;

private:
    HdxrayMaeOptions m_mask;
};

void registerHdxrayMae(MethodRegistry& registry);

} // namespace hilum::learning
