#pragma once

#include "core/learning/masked_image_options.h"
#include "core/learning/train/options.h"

namespace hilum::learning {

/// Options of plain MAE. Defaults are those of preset `tiny`.
struct MaeOptions {
    MaskedImageOptions image;
    double maskRatio = 0.75;
    TrainOptions train;

    MaeOptions()
    {
        image.network = {.imageSize = 224, .channels = 1, .strides = {16}, .tokeniserWidth = 192, .width = 192, .depth = 6, .heads = 6,
            .decoderWidth = 128, .decoderDepth = 2, .decoderHeads = 4};
        train.steps = 600;
        train.batch = 16;
        train.learningRate = 1e-3;
        train.warmupSteps = 40;
        train.weightDecay = train.weightDecayEnd = 0.05;
        train.beta1 = 0.9;
        train.beta2 = 0.95;
    }

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("mask_ratio").text("Hidden share", "Share of the patches that is hidden, drawn uniformly.").range(0.05, 0.98).in("Mask").from("MAE, section 3: 0.75"), o.maskRatio);
        MaskedImageOptions::visitFields(o.image, visit);
        TrainOptions::visitFields(o.train, visit);
    }
};

} // namespace hilum::learning
