#pragma once

#include "core/base/format.h"
#include "core/learning/masked_image_options.h"
#include "core/learning/train/options.h"
#include "plugins/methods/spcxr/gmml_network.h"
#include "plugins/methods/spcxr/group_corruption.h"


namespace hilum::learning {

/// Network, input and views of SPCXR.
struct SpcxrImageOptions {
    std::int64_t imageSize = 64, channels = 1, patch = 8, width = 96, depth = 4, heads = 4;
    std::vector<std::int64_t> reconstructionBlocks{2, 3, 4};
    std::vector<double> mean{0.5}, deviation{0.25};
    ResizeKind resize = ResizeKind::Stretch;
    double cropScaleMin = 0.2, flipProbability = 0.5;
    Interpolation interpolation = Interpolation::Bicubic;

    GmmlSizes sizes() const
    {
        return {{.imageSize = imageSize, .patch = patch, .channels = channels, .width = width, .depth = depth, .heads = heads}, reconstructionBlocks};
    }
    std::vector<std::string> faults() const;
    Json pipeline() const;
};

/// Options of SPCXR. Defaults are those of preset `tiny`.
struct SpcxrOptions {
    SpcxrImageOptions image;
    GroupOptions groups{.align = 8};
    bool maskedLoss = true;
    double dropPath = 0;
    TrainOptions train;

    SpcxrOptions()
    {
        train.steps = 1000;
        train.batch = 16;
        train.learningRate = 3e-3;
        train.minimumLearningRate = 1e-6;
        train.warmupSteps = 50;
        train.weightDecay = 0.04;
        train.weightDecayEnd = 0.4;
        train.beta1 = 0.9;
        train.beta2 = 0.999;
        train.clipNorm = 3;
        train.clipKind = ClipKind::PerTensor;
    }

    /// What is wrong with the values together; empty when nothing is.
    std::vector<std::string> faults() const
    {
        std::vector<std::string> out = image.faults();
        const double reach = reachableShare(image.imageSize, groups), most = std::max(groups.maxCorrupted, groups.maxReplaced);
        if (most > reach)
            out.push_back(hilum::format("max_corrupted or max_replaced = {} is more than {:.2f}, all that rectangles of at most largest_group = {} of {} pixels on multiples of align = {} can cover",
                most, reach, groups.largestBlock, image.imageSize, groups.align));
        return out;
    }

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("max_corrupted").text("Most corrupted", "Upper share of the image that groups of noise overwrite; the lower one is half the image, or this where it is less.")
                  .range(0.05, 0.95).in("Mask").from("GMML, public code: drop_perc 0.75"),
              o.groups.maxCorrupted);
        visit(field("max_replaced").text("Replaced", "Share of the image that another image's pixels overwrite where they do; above 0.5, a share between half the image and this.").range(0.05, 0.95).in("Mask")
                  .from("GMML, public code: drop_replace 0.3"),
              o.groups.maxReplaced);
        visit(field("alien_probability").text("Other image", "Probability that an image gets another image's pixels instead of its own groups.").range(0, 1).in("Mask")
                  .from("GMML, public code: 1/2 with one fill"),
              o.groups.alienProbability);
        visit(field("largest_group").text("Largest rectangle", "Longest side of one rectangle, in sides of the image; rectangles join to larger groups.").range(0.05, 0.9).in("Mask")
                  .expert().from("GMML, public code: 0.3"),
              o.groups.largestBlock);
        visit(field("align").text("Grid of the groups", "Rectangles lie on multiples of this; the patch size makes groups of whole patches, 1 is the published default.")
                  .range(1, 256).inUnit("pixels").in("Mask").from("GMML, public code recommends the patch size; our setting: the patch size"),
              o.groups.align);
        visit(field("fill").text("Filled with", "What the image's own groups are overwritten with.")
                  .oneOf({{"noise", "Noise", "Normal noise of deviation 1 after normalisation."}, {"zeros", "Mean grey", "0 after normalisation."},
                      {"place", "Another place", "Pixels of another place of the same image."}})
                  .in("Mask").from("GMML, public code: noise"),
              o.groups.fill);
        visit(field("masked_loss").text("Loss of corrupted pixels alone", "Off: every pixel counts.").in("Loss").from("GMML, public code: drop_only 1"), o.maskedLoss);
        auto& i = o.image;
        visit(field("image_size").text("Image size", "Side of the square image that the network gets.").range(16, 4096).inUnit("pixels").in("Input"), i.imageSize);
        visit(field("channels").text("Channels", "Input channels of the network; a grey image is repeated.").range(1, 4).in("Input").expert()
                  .from("GMML: 3; our setting: 1"),
              i.channels);
        visit(field("resize").text("Resize", "How an image of another shape becomes square.")
                  .oneOf({{"stretch", "Stretch", "Each axis by its own factor."}, {"pad", "Pad", "Keeps the aspect ratio, pads with 0 (our setting)."}})
                  .in("Input").from("GMML, public code: neither, crops of the image as it is; our setting: stretch"),
              i.resize);
        visit(field("pixel_mean").text("Pixel mean", "Subtracted from grey values of 0 to 1; one number, or one per channel.").range(0, 1).in("Input").expert(), i.mean);
        visit(field("pixel_std").text("Pixel deviation", "Divides what the mean was subtracted from; one number, or one per channel.").range(1e-3, 10).in("Input").expert(),
              i.deviation);
        visit(field("patch").text("Patch", "Side of a token.").range(1, 256).inUnit("pixels").in("Network").from("GMML: 16"), i.patch);
        visit(field("width").text("Encoder width", "Length of a token; a multiple of 4 and of the heads.").range(4, 4096).in("Network"), i.width);
        visit(field("depth").text("Encoder depth", "Transformer blocks.").range(1, 100).inUnit("blocks").in("Network"), i.depth);
        visit(field("heads").text("Encoder heads", "Attention heads of each block.").range(1, 64).in("Network"), i.heads);
        visit(field("reconstruction_blocks").text("Reconstruction blocks", "Blocks, counted from 1, whose tokens are averaged for the reconstruction.").range(1, 100).in("Network")
                  .from("GMML, public code: 6, 8, 10, 12"),
              i.reconstructionBlocks);
        visit(field("drop_path").text("Drop path", "Probability that training leaves out a branch of the last block for an image; it falls to 0 at the first block.").range(0, 0.9).in("Network")
                  .expert().from("GMML, public code: 0.1; tiny and small, our setting: 0"),
              o.dropPath);
        visit(field("crop_scale_min").text("Smallest crop", "Smallest share of the image's area that a random crop keeps; 1 switches crops off.").range(0.05, 1).in("Augmentation")
                  .from("GMML, public code: 0.05; our setting: 0.2"),
              i.cropScaleMin);
        visit(field("flip_probability").text("Flip", "Probability of a left-right mirror image.").range(0, 1).in("Augmentation").from("GMML, public code: 0.5"), i.flipProbability);
        visit(field("interpolation").text("Interpolation", "How a crop is resized.")
                  .oneOf({{"bicubic", "Bicubic", "Sharper; as published."}, {"bilinear", "Bilinear", "Faster."}}).in("Augmentation").expert().from("GMML, public code: bicubic"),
              i.interpolation);
        TrainOptions::visitFields(o.train, visit);
    }
};

} // namespace hilum::learning
