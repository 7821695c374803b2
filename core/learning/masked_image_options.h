#pragma once

#include "core/base/options.h"
#include "core/learning/data/augment.h"
#include "core/learning/nn/masked_autoencoder.h"

#include <string>
#include <vector>

namespace hilum::learning {

enum class ResizeKind { Stretch, Pad };

/// The options that methods of masked image modelling share: network, input and views. A method sets its defaults and calls
/// visitFields from its own visit.
struct MaskedImageOptions {
    MaskedAutoencoderSizes network;
    bool normalisedTarget = false;
    std::vector<double> mean{0.5}, deviation{0.5};
    ResizeKind resize = ResizeKind::Stretch;
    double cropScaleMin = 0.2;
    double flipProbability = 0.5;
    Interpolation interpolation = Interpolation::Bicubic;

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("image_size").text("Image size", "Side of the square image that the network gets.").range(16, 4096).inUnit("pixels").in("Input"), o.network.imageSize);
        visit(field("channels").text("Channels", "Input channels of the network; a grey image is repeated.").range(1, 4).in("Input").expert(), o.network.channels);
        visit(field("resize").text("Resize", "How an image of another shape becomes square.")
                  .oneOf({{"stretch", "Stretch", "Each axis by its own factor."}, {"pad", "Pad", "Keeps the aspect ratio, pads with 0 (our setting)."}})
                  .in("Input").from("HD X-ray MAE, public code: stretch; MAE, public code: neither, crops of the image as it is; our setting there: stretch"),
              o.resize);
        visit(field("pixel_mean").text("Pixel mean", "Subtracted from grey values of 0 to 1; one number, or one per channel.").range(0, 1).in("Input").expert(), o.mean);
        visit(field("pixel_std").text("Pixel deviation", "Divides what the mean was subtracted from; one number, or one per channel.").range(1e-3, 10).in("Input").expert(),
              o.deviation);
        visit(field("tokeniser_strides").text("Tokeniser strides", "Kernel and stride of each convolution; their product is the side of a patch.").range(1, 256).inUnit("pixels").in("Network"),
              o.network.strides);
        visit(field("tokeniser_width").text("Tokeniser width", "Channels between the tokeniser's convolutions.").range(4, 4096).in("Network").expert(), o.network.tokeniserWidth);
        visit(field("width").text("Encoder width", "Length of a token; a multiple of 4 and of the heads.").range(4, 4096).in("Network"), o.network.width);
        visit(field("depth").text("Encoder depth", "Transformer blocks of the encoder.").range(1, 100).inUnit("blocks").in("Network"), o.network.depth);
        visit(field("heads").text("Encoder heads", "Attention heads of each block.").range(1, 64).in("Network"), o.network.heads);
        visit(field("decoder_width").text("Decoder width", "Length of a token in the decoder.").range(4, 4096).in("Network").from("MAE, public code: 512"), o.network.decoderWidth);
        visit(field("decoder_depth").text("Decoder depth", "Transformer blocks of the decoder.").range(1, 100).inUnit("blocks").in("Network").from("MAE, public code: 8"), o.network.decoderDepth);
        visit(field("decoder_heads").text("Decoder heads", "Attention heads of the decoder's blocks.").range(1, 64).in("Network").from("MAE, public code: 16"), o.network.decoderHeads);
        visit(field("normalised_target").text("Normalised target", "Each patch is predicted with its own mean and deviation taken out; pictures are un-normalised again.").in("Loss")
                  .from("MAE, section 3"),
              o.normalisedTarget);
        visit(field("crop_scale_min").text("Smallest crop", "Smallest share of the image's area that a random crop keeps; 1 switches crops off.").range(0.05, 1).in("Augmentation")
                  .from("MAE, public code: 0.2"),
              o.cropScaleMin);
        visit(field("flip_probability").text("Flip", "Probability of a left-right mirror image.").range(0, 1).in("Augmentation").from("MAE, public code: 0.5"), o.flipProbability);
        visit(field("interpolation").text("Interpolation", "How a crop is resized.")
                  .oneOf({{"bicubic", "Bicubic", "Sharper; as published."}, {"bilinear", "Bilinear", "Faster."}}).in("Augmentation").expert().from("MAE, public code: bicubic"),
              o.interpolation);
    }

    /// What is wrong with the values together (single ranges are checked by the visit); empty when nothing is.
    std::vector<std::string> faults() const;
    /// The input pipeline (cache_format.md). \param region "none", "lung-contour" or "rectangle"
    Json pipeline(const std::string& region) const;
};

} // namespace hilum::learning
