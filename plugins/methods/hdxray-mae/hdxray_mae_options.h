#pragma once

#include "core/learning/masked_image_options.h"
#include "core/learning/train/options.h"

#include <string>
#include <vector>

namespace hilum::learning {

enum class RegionSource { PaperIdea, AsReleased, MaskFile };

/// Options of HD X-ray MAE. Defaults are those of preset `tiny`.
struct HdxrayMaeOptions {
    MaskedImageOptions image;
    RegionSource regionSource = RegionSource::PaperIdea;
    std::string regionColumn = "mask"; // for MaskFile
    double maskRatioInside = 0.95, maskRatioOutside = 0.85;
    bool uniformPass = false, freezeBiases = false;
    TrainOptions train;

    HdxrayMaeOptions()
    {
        image.network = {.imageSize = 256, .channels = 1, .strides = {4, 4, 1}, .tokeniserWidth = 96, .width = 192, .depth = 4, .heads = 6,
            .decoderWidth = 128, .decoderDepth = 3, .decoderHeads = 4};
        image.cropScaleMin = 0.5;
        train.steps = 1500; // about two minutes on two cores
        train.batch = 16;
        train.learningRate = 1e-3;
        train.warmupSteps = 50;
        train.weightDecay = train.weightDecayEnd = 0.05;
        train.beta1 = 0.9;
        train.beta2 = 0.95;
        train.clipNorm = 3;
        train.clipKind = ClipKind::PerTensor;
    }

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("region_source").text("Chest region", "What counts as inside.")
                  .oneOf({{"paper-idea", "Lung contour", "Computed from the image; for one image in the Lab also a polygon drawn by the user (the paper does not say how it is found: our setting)."},
                      {"as-released", "Rectangle (public code)", "A fixed rectangle of the token grid, as the public code has it."},
                      {"mask-file", "Mask file", "A mask image for each image, named by the data's table: non-zero is inside (our setting)."}})
                  .in("Mask").from("HD X-ray MAE, abstract; public code"),
              o.regionSource);
        visit(field("region_column").text("Mask column", "Column of the data's table that names the mask image of each image, for the chest region from mask files.").in("Mask").expert()
                  .from("our setting"),
              o.regionColumn);
        visit(field("mask_ratio_inside").text("Hidden inside", "Share of the patches inside the region that is hidden.").range(0.05, 1).in("Mask")
                  .from("HD X-ray MAE, public code: 0.95"),
              o.maskRatioInside);
        visit(field("mask_ratio_outside").text("Hidden outside", "Share of the patches outside the region that is hidden.").range(0.05, 0.98).in("Mask")
                  .from("HD X-ray MAE, public code: 0.85"),
              o.maskRatioOutside);
        visit(field("uniform_pass").text("Second pass", "Adds the loss of a uniform mask with the outside ratio (the public code computes it and throws it away).").in("Mask").expert()
                  .from("HD X-ray MAE, public code; our setting: off"),
              o.uniformPass);
        visit(field("freeze_biases").text("Frozen biases", "Keeps biases, normalisations and other one-dimensional weights at their first values, as the public code does.")
                  .in("Training").expert().from("HD X-ray MAE, public code; our setting: off"),
              o.freezeBiases);
        MaskedImageOptions::visitFields(o.image, visit);
        TrainOptions::visitFields(o.train, visit);
    }

    /// What is wrong with the values together; empty when nothing is.
    std::vector<std::string> faults() const
    {
        std::vector<std::string> out = image.faults();
        if (regionSource == RegionSource::MaskFile && regionColumn.empty())
            out.push_back("region_column is empty: region_source = mask-file needs the column that names the masks");
        return out;
    }
};

} // namespace hilum::learning
