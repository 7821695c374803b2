#pragma once

#include "core/learning/nn/swin_sizes.h"
#include "core/learning/train/options.h"
#include "plugins/methods/voco/voco_overlap.h"

namespace hilum::learning {

enum class VoCoVersion { V2, V1 };
enum class BodyRegion { Chest, Abdomen, HeadNeck };
enum class SpacingRule { ByRegion, AsAcquired };
enum class WorkingVolume {
    Resize, ///< the whole image is resized to the grid of base crops
    Part,   ///< a part of that size, at random while training, the middle otherwise; smaller images are padded
    ByRegion, ///< v2's public code: head and neck resized, a part of chest and abdomen
};
enum class EmbeddingDropout { Whole, Elements };

/// Grid, input and views of VoCo: what its volumes look like and how crops are cut. Checked together.
struct VoCoImageOptions {
    VoCoGrid grid{.depth = 32};
    std::int64_t networkSide = 0, networkDepth = 0; ///< crops are resized to this; 0: as cut
    std::int64_t crops = 4;
    BodyRegion region = BodyRegion::Chest;
    SpacingRule spacing = SpacingRule::AsAcquired;
    WorkingVolume working = WorkingVolume::Resize;
    double foreground = 0; ///< of windowed grey values; below 0: the whole image
    double flipProbability = 0.2, rotateProbability = 0.2, shiftProbability = 0.5, shiftSize = 0.1;

    std::int64_t featureSize = 12, projectorWidth = 256;
    MergeMode merging = MergeMode::Legacy;

    std::int64_t inputSide() const { return networkSide > 0 ? networkSide : grid.side; }
    std::int64_t inputDepth() const { return networkDepth > 0 ? networkDepth : grid.depth; }
    SwinSizes swin() const { return {.featureSize = featureSize, .convolutionBeforeStage = true, .merging = merging}; }
    bool resized() const { return working == WorkingVolume::Resize || (working == WorkingVolume::ByRegion && region == BodyRegion::HeadNeck); }
    std::vector<std::string> faults() const;
    Json pipeline() const;
};

/// Options of VoCo. Defaults are those of preset `tiny`, but for its smaller and fewer crops (registerVoco).
struct VoCoOptions {
    VoCoVersion version = VoCoVersion::V2;
    VoCoImageOptions image;
    double momentum = 0.9;
    double dropout = 0.2;
    EmbeddingDropout dropoutKind = EmbeddingDropout::Whole;
    TrainOptions train;

    VoCoOptions()
    {
        train.steps = 300;
        train.batch = 2;
        train.learningRate = 3e-4; // our setting; at 1e-3 the first 115 steps on made-up CT learnt nothing
        train.warmupSteps = 20;
        train.weightDecay = train.weightDecayEnd = 0.01;
        train.beta1 = 0.9;
        train.beta2 = 0.999;
        train.amsgrad = true;
        train.checkpointEvery = 100;
    }

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        auto& i = o.image;
        visit(field("version").text("Version", "Which publication's teacher and losses.")
                  .oneOf({{"v2", "VoCo v2", "Shared backbone, averaged projector; overlap within a volume and with the next one."},
                      {"v1", "VoCo v1", "An averaged second network; overlap within a volume."}})
                  .in("Method").from("VoCo, public codes"),
              o.version);
        visit(field("grid").text("Base crops a side", "Base crops along i and along j; together they fill the plane.").range(2, 8).in("Crops").from("v2: 3, v1: 4"), i.grid.grid);
        visit(field("grid_depth").text("Base crops along k", "Slabs of base crops; more than one needs overlap by volume.").range(1, 8).in("Crops").expert().from("public codes: 1"),
              i.grid.gridDepth);
        visit(field("crop_size").text("Crop size", "Side of crops and base crops along i and j.").range(32, 512).inUnit("voxels").in("Crops").from("v2: 64, v1: 96"), i.grid.side);
        visit(field("crop_depth").text("Crop depth", "Side of crops and base crops along k.").range(32, 512).inUnit("voxels").in("Crops").from("v2: 64, v1: 96; our setting: 32 and 64"),
              i.grid.depth);
        visit(field("network_size").text("Resized to", "Side along i and j that a crop is resized to for the network; 0: as cut.").range(0, 512).inUnit("voxels").in("Crops").expert()
                  .from("v1: 64, v2: as cut"),
              i.networkSide);
        visit(field("network_depth").text("Resized depth", "Side along k that a crop is resized to for the network; 0: as cut.").range(0, 512).inUnit("voxels").in("Crops").expert()
                  .from("v1: 64, v2: as cut"),
              i.networkDepth);
        visit(field("crops").text("Random crops", "Crops of each volume whose overlap with the base crops is learnt.").range(1, 64).in("Crops").from("public codes: 2; our setting: 4 in small"),
              i.crops);
        visit(field("overlap").text("Overlap", "What is learnt.")
                  .oneOf({{"area", "Area (2-D)", "In the axial plane; crops stay in the slab of the base crops."}, {"volume", "Volume (3-D)", "Crops move along k too."}})
                  .in("Crops").from("public codes: area"),
              i.grid.overlap);
        visit(field("feature_dropout").text("Feature dropout", "Share of the student's embeddings that is zeroed before the projector; 0 switches it off.").range(0, 0.9).in("Method")
                  .from("v2, public code: 0.2"),
              o.dropout);
        visit(field("dropout_kind").text("Dropout of", "What is zeroed together.")
                  .oneOf({{"whole", "Whole embeddings", "All features of a crop, as the public code does."}, {"elements", "Single features", "Every number by itself (our setting)."}})
                  .in("Method").expert().from("v2, public code: whole embeddings"),
              o.dropoutKind);
        visit(field("teacher_momentum").text("Teacher momentum", "The teacher keeps this share of itself at each step and takes the rest from the student.").range(0, 0.9999)
                  .in("Method").from("public codes: 0.9"),
              o.momentum);
        visit(field("flip_probability").text("Flip", "Probability of a mirror image of a crop, for each axis.").range(0, 1).in("Augmentation").from("public codes: 0.2"), i.flipProbability);
        visit(field("rotate_probability").text("Quarter turn", "Probability of one to three quarter turns of a crop in the axial plane.").range(0, 1).in("Augmentation")
                  .from("public codes: 0.2"),
              i.rotateProbability);
        visit(field("shift_probability").text("Grey shift", "Probability that a crop becomes brighter or darker.").range(0, 1).in("Augmentation").from("v2: 0.5, v1: 0.1"),
              i.shiftProbability);
        visit(field("shift_size").text("Largest grey shift", "In grey values of 0 to 1.").range(0, 1).in("Augmentation").expert().from("public codes: 0.1"), i.shiftSize);
        visit(field("body_region").text("Body region", "Window and spacing of the images; one cache and one run per region.")
                  .oneOf({{"chest", "Chest", "-1000 to 500 HU; 1.25 x 1.25 x 5 mm."}, {"abdomen", "Abdomen", "-175 to 250 HU; 1.5 mm."},
                      {"head-neck", "Head and neck", "-175 to 250 HU; 1.5 mm."}})
                  .in("Input").from("v2, public code"),
              i.region);
        visit(field("spacing").text("Spacing", "Whether images are brought to the region's spacing first.")
                  .oneOf({{"by-region", "Of the region", "As v2."}, {"as-acquired", "As acquired", "As v1."}}).in("Input").from("v2: of the region; v1: as acquired"),
              i.spacing);
        visit(field("working_volume").text("Working volume", "How an image becomes the volume that the base crops fill.")
                  .oneOf({{"resize", "Resize", "The whole image, each axis by its own factor."}, {"part", "Part", "A part, drawn anew each time; padded where the image is smaller."},
                      {"by-region", "Of the region", "As v2: head and neck are resized, of chest and abdomen it is a part."}})
                  .in("Input").from("v1: resize; v2: of the region, and unlabelled abdomen resized"),
              i.working);
        visit(field("foreground").text("Foreground", "Only the box around grey values above this is used; -1: the whole image.").range(-1, 0.99).in("Input").expert()
                  .from("v1: 0.3; v2: above 0"),
              i.foreground);
        visit(field("feature_size").text("Feature size", "Width f of the first stage; a multiple of 3. The embedding has 24 f numbers.").range(3, 384).in("Network")
                  .from("public codes: 48 (B), 96 (L), 192 (H)"),
              i.featureSize);
        visit(field("projector_width").text("Projector width", "Width of its three layers.").range(8, 8192).in("Network").from("v2: 1024, v1: 2048"), i.projectorWidth);
        visit(field("merging").text("Patch merging", "Order in which eight tokens become one; belongs to the weights.")
                  .oneOf({{"legacy", "MONAI 0.9 to 1.4", "The order of the published VoCo weights."}, {"monai15", "MONAI 1.5", "Every octant once."}, {"mergingv2", "mergingv2", "In binary order."}})
                  .in("Network").expert().from("public codes: legacy"),
              i.merging);
        TrainOptions::visitFields(o.train, visit);
    }
};

} // namespace hilum::learning
