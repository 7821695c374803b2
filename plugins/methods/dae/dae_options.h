#pragma once

#include "core/base/jsonl.h"
#include "core/learning/nn/swin_sizes.h"
#include "core/learning/train/options.h"

#include <string>
#include <vector>

namespace hilum::learning {

enum class Disruption { All, Denoise, Superres, Sld, SldNoise };
enum class ContrastiveTerm { Supcon, AsCoded, None };
enum class HiddenKind { Normalised, Raw };
enum class EmbeddingKind { ConvBlock, Convolution };

/// Options of DAE. Defaults are those of preset `tiny`.
struct DaeOptions {
    Disruption disruption = Disruption::All;
    double noiseVariance = 0.1;
    std::int64_t decimation = 4;
    double channelRatio = 0.6;
    ContrastiveTerm contrastive = ContrastiveTerm::Supcon;
    double temperature = 0.5, contrastiveWeight = 0.03;
    std::vector<std::int64_t> cropSize{64, 64, 32};
    double spacingMm = 4;
    std::vector<double> window{-1000, 1000};
    std::int64_t featureSize = 12;
    std::vector<std::int64_t> depths{2, 2, 2, 2}, heads{3, 6, 12, 24};
    HiddenKind hidden = HiddenKind::Normalised;
    EmbeddingKind embedding = EmbeddingKind::ConvBlock;
    MergeMode merging = MergeMode::Legacy;
    TrainOptions train;

    DaeOptions()
    {
        train.steps = 400;
        train.batch = 4; // the supervised term needs two of a modality and one of another
        train.learningRate = 1e-3;
        train.minimumLearningRate = 1e-5;
        train.warmupSteps = 20;
        train.weightDecay = train.weightDecayEnd = 0.05;
        train.beta2 = 0.999;
        train.clipNorm = 1;
        train.checkpointEvery = 100;
        train.prefetch = 2;
    }

    SwinSizes swin() const;
    Json pipeline() const;
    std::vector<std::string> faults() const;

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("disruption").text("Disruption", "What is done to a volume before it has to be restored.")
                  .oneOf({{"all", "All three", "Noise, then decimation, then hidden channels: as published."}, {"denoise", "Noise", "Noise alone."},
                      {"superres", "Decimation", "Decimation alone."}, {"sld", "Hidden channels", "Channels of the patch embedding are zeroed; the image itself is not touched."},
                      {"sld-noise", "Noisy channels", "The chosen channels are multiplied by noise instead of zeroed."}})
                  .in("Disruption").from("DAE, public code: all"),
              o.disruption);
        visit(field("noise_variance").text("Noise variance", "Variance of the normal noise added to every voxel, in units of the scaled values.").range(0, 10).in("Disruption")
                  .from("DAE, public code: 0.1"),
              o.noiseVariance);
        visit(field("decimation").text("Decimation", "The volume is shrunk and grown back by this factor, both by nearest neighbour.").range(1, 16).in("Disruption")
                  .from("DAE, public code: 4"),
              o.decimation);
        visit(field("channel_ratio").text("Hidden channels", "Share of the embedding's channels that are zeroed at every place, the same for the whole batch.").range(0, 0.95)
                  .in("Disruption").from("DAE, public code: 0.6"),
              o.channelRatio);
        visit(field("cmcl").text("Cross-modal term", "A second loss on the bottleneck that draws volumes of one modality together.")
                  .oneOf({{"supcon", "Supervised contrastive", "Positives are volumes of the same modality; 0 with one modality in the batch (our setting)."},
                      {"as-coded", "As in the public code", "Takes class numbers for sample numbers: kept to reproduce published runs."}, {"none", "None", "Reconstruction alone."}})
                  .in("Loss").from("public code: as coded; our setting: supervised contrastive"),
              o.contrastive);
        visit(field("cmcl_temperature").text("Temperature", "Of the cross-modal term.").range(0.01, 10).in("Loss").expert().from("DAE, README: 0.5"), o.temperature);
        visit(field("cmcl_weight").text("Weight of the cross-modal term", "Beside the reconstruction, which counts 1.").range(0, 10).in("Loss").expert().from("DAE, README: 0.03"),
              o.contrastiveWeight);
        visit(field("crop_size").text("Crop", "Voxels of a training crop along x, y and z; multiples of 32, 64 along one axis at least.").range(32, 512).inUnit("voxels").in("Input")
                  .from("DAE, public code: 96, 96, 96"),
              o.cropSize);
        visit(field("iso_spacing").text("Voxel size", "Volumes are resampled to cubes of this side; 0 keeps them as acquired.").range(0, 20).inUnit("mm").in("Input")
                  .from("DAE, public code: as acquired; tiny: our setting"),
              o.spacingMm);
        visit(field("ct_window").text("CT window", "Hounsfield units that become 0 and 1; MR volumes are z-scored over their non-zero voxels.").range(-4096, 8192).inUnit("HU").in("Input")
                  .from("DAE, public code: -1000, 1000"),
              o.window);
        visit(field("feature_size").text("Feature size", "Channels of the patch embedding; stages have 2, 4, 8 and 16 times as many.").range(3, 384).in("Network")
                  .from("DAE, public code: 48"),
              o.featureSize);
        visit(field("depths").text("Blocks of the stages", "Swin blocks of each of the four stages.").range(1, 32).in("Network").expert().from("DAE, public code: 2, 2, 2, 2"), o.depths);
        visit(field("heads").text("Heads of the stages", "Attention heads of each of the four stages.").range(1, 96).in("Network").expert().from("DAE, public code: 3, 6, 12, 24"), o.heads);
        visit(field("hidden_states").text("Hidden states", "How the encoder hands its hidden states to the decoder.")
                  .oneOf({{"normalised", "Normalised", "As SwinUNETR does: the weights then transfer without a change (our setting)."}, {"raw", "Raw", "As in DAE's public code."}})
                  .in("Network").expert().from("public code: raw; our setting: normalised"),
              o.hidden);
        visit(field("patch_embedding").text("Patch embedding", "How 2 x 2 x 2 voxels become a token.")
                  .oneOf({{"conv-block", "Convolution block", "Two convolutions with instance norms, as in DAE's public code."},
                      {"convolution", "One convolution", "As in SwinUNETR: every weight transfers."}})
                  .in("Network").expert().from("DAE, public code: convolution block"),
              o.embedding);
        visit(field("merging").text("Patch merging", "Order in which the eight voxels of a 2 x 2 x 2 cell are joined; it belongs to the weights.")
                  .oneOf({{"legacy", "Legacy", "Two of the eight twice, two never: MONAI up to 1.4, and DAE's published weights."}, {"monai15", "MONAI 1.5", "All eight, as MONAI has them from 1.5 on."},
                      {"mergingv2", "V2", "All eight in the order of their digits."}})
                  .in("Network").expert().from("DAE, public code: legacy"),
              o.merging);
        TrainOptions::visitFields(o.train, visit);
    }
};

} // namespace hilum::learning
