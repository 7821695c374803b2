#pragma once

#include "core/base/options_json.h"

namespace hilum::learning {

/// How encoder and head are trained together. The numbers are our setting: the published recipes are for ViT-B on a million images.
struct TuningOptions {
    std::int64_t epochs = 30, batch = 16;
    double learningRate = 5e-4, warmup = 0.1, weightDecay = 0.05, clipNorm = 1, layerDecay = 0.65;

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("epochs").text("Epochs", "Passes over the labelled training images.").range(1, 10000).from("our setting"), o.epochs);
        visit(field("batch").text("Batch", "Images a step.").range(1, 1024).from("our setting"), o.batch);
        visit(field("learning_rate").text("Learning rate", "Highest rate, that of the head.").range(1e-8, 1).from("our setting"), o.learningRate);
        visit(field("warmup").text("Warm-up", "Share of the steps in which the rate grows; then half a cosine down to 0.").range(0, 1).from("our setting"), o.warmup);
        visit(field("weight_decay").text("Weight decay", "AdamW's, of weight matrices.").range(0, 10).from("MAE, fine-tuning: 0.05"), o.weightDecay);
        visit(field("clip_norm").text("Clip gradients", "Longest gradient, all parameters together; 0 never shortens.").range(0, 1e6).from("our setting"), o.clipNorm);
        visit(field("layer_decay")
                  .text("Layer decay", "Each block of a pre-trained encoder learns at this share of the rate of the block behind it; 1: all alike. First weights always learn at the whole rate.")
                  .range(0.01, 1)
                  .from("MAE, fine-tuning of ViT-B: 0.65"),
              o.layerDecay);
    }
};

} // namespace hilum::learning
