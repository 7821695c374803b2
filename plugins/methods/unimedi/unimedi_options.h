#pragma once

#include "core/learning/train/options.h"
#include "plugins/methods/unimedi/unimedi_network.h"

#include <string>
#include <vector>

namespace hilum::learning {

/// Options of UniMedI. Defaults are those of preset `tiny`. What no public source tells is marked "our setting".
struct UnimediOptions {
    UnimediSizes sizes{.vision = {}, .text = {.vocabulary = 1024, .positions = 112, .segments = 2, .width = 96, .depth = 2, .heads = 4, .hidden = 384, .pooler = false}};
    std::int64_t slices = 8;
    double temperature = 0.07;
    double tokenWeight = 1, prototypeWeight = 1, classWeight = 1, patchWeight = 1;
    double maskRatio = 0.75;
    double studentTemperature = 0.1, teacherTemperature = 0.04, teacherTemperatureEnd = 0.07, teacherWarmup = 0.3;
    double centreMomentum = 0.9, teacherMomentum = 0.996;
    std::int64_t cropMargin = 8;
    std::vector<double> window{-1000, 1000};
    std::string reportColumn, vocabularyFile, textWeights;
    bool lowerCase = true;
    TrainOptions train;

    UnimediOptions()
    {
        train.steps = 1000;
        train.batch = 16;
        train.learningRate = 5e-4;
        train.minimumLearningRate = 1e-6;
        train.warmupSteps = 40;
        train.weightDecay = train.weightDecayEnd = 0.05;
        train.beta2 = 0.999;
        train.clipNorm = 3;
        train.checkpointEvery = 200;
        train.previewEvery = 100;
    }

    Json pipeline() const;
    std::vector<std::string> faults() const;

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        auto &v = o.sizes.vision;
        auto &t = o.sizes.text;
        visit(field("slices").text("Chosen slices", "Slices of a volume that the teacher attends to most and that go in as pictures besides the volume's tokens.").range(1, 512)
                  .inUnit("slices").in("Slices").from("our setting: the paper's number is not public"),
              o.slices);
        visit(field("temperature").text("Temperature", "Of the alignment of images and reports.").range(0.01, 1).in("Loss").from("MGCA: 0.07; our setting: the same"), o.temperature);
        visit(field("token_alignment").text("Token alignment", "Aligns words and patches within a case, as MGCA.").in("Loss").from("MGCA: on; our setting: off"), o.sizes.tokenAlignment);
        visit(field("token_weight").text("Weight of token alignment", "Where it is on.").range(0, 10).in("Loss").expert().from("MGCA: 1"), o.tokenWeight);
        visit(field("alignment_prototypes").text("Alignment prototypes", "Clusters of MGCA's prototype alignment; 0 switches it off.").range(0, 65536).in("Loss")
                  .from("MGCA: 500; our setting: 0"),
              o.sizes.alignmentPrototypes);
        visit(field("prototype_weight").text("Weight of prototype alignment", "Where it is on.").range(0, 10).in("Loss").expert().from("MGCA: 1"), o.prototypeWeight);
        visit(field("class_weight").text("Weight of class distillation", "Student's class token with most tokens hidden against the teacher's; 0 switches it off.").range(0, 10).in("Loss")
                  .from("our setting: not public"),
              o.classWeight);
        visit(field("patch_weight").text("Weight of patch distillation", "Student's hidden patches against the teacher's; 0 switches it off.").range(0, 10).in("Loss")
                  .from("our setting: not public"),
              o.patchWeight);
        visit(field("mask_ratio").text("Hidden tokens", "Share of the tokens that the student does not see in the distillation.").range(0.05, 0.95).in("Distillation")
                  .from("our setting: not public"),
              o.maskRatio);
        visit(field("student_temperature").text("Student temperature", "Of the distillation.").range(0.01, 1).in("Distillation").expert().from("DINO: 0.1; our setting: the same"), o.studentTemperature);
        visit(field("teacher_temperature").text("Teacher temperature", "At the start.").range(0.005, 1).in("Distillation").expert().from("DINO: 0.04; our setting: the same"), o.teacherTemperature);
        visit(field("teacher_temperature_end").text("Teacher temperature later", "Reached after the warm-up share of the run.").range(0.005, 1).in("Distillation").expert()
                  .from("DINO: 0.07; our setting: the same"),
              o.teacherTemperatureEnd);
        visit(field("teacher_warmup").text("Warm-up of the temperature", "Share of the run over which the teacher's temperature rises.").range(0, 1).in("Distillation").expert().from("our setting"),
              o.teacherWarmup);
        visit(field("centre_momentum").text("Centre momentum", "Of the mean that is subtracted from the teacher's answers.").range(0, 1).in("Distillation").expert().from("DINO: 0.9; our setting: the same"),
              o.centreMomentum);
        visit(field("teacher_momentum").text("Teacher momentum", "At the start; it rises to 1 along a half cosine.").range(0, 1).in("Distillation").expert().from("A-CLIP, DINO: 0.996; our setting: the same"),
              o.teacherMomentum);
        visit(field("image_size").text("Image size", "Side of a square radiograph, and of each slice of a volume.").range(16, 1024).inUnit("pixels").in("Input").from("MGCA: 224"), v.imageSize);
        visit(field("crop_margin").text("Crop margin", "Radiographs are prepared this much larger, and cut to size at a random place.").range(0, 256).inUnit("pixels").in("Input").from("MGCA: 32"), o.cropMargin);
        visit(field("volume_depth").text("Slices of a volume", "Volumes are resampled to so many slices.").range(1, 512).inUnit("slices").in("Input").from("our setting: not public"), v.volumeDepth);
        visit(field("ct_window").text("CT window", "Hounsfield units that become -1 and 1.").range(-4096, 8192).inUnit("HU").in("Input").from("our setting: -1000, 1000; not public"), o.window);
        visit(field("report_column").text("Report column", "Column of a table with the reports; empty: impression and findings, report, report_text, clinical_notes or text.").in("Input"), o.reportColumn);
        visit(field("vocabulary").text("Vocabulary file", "vocab.txt of BERT; empty: a vocabulary is learnt from the reports of the training cases.").in("Text"), o.vocabularyFile);
        visit(field("vocabulary_size").text("Vocabulary size", "Word pieces; of a learnt vocabulary at most, of a file exactly.").range(256, 250000).in("Text").from("BioClinicalBERT: 28996; tiny: our setting"), t.vocabulary);
        visit(field("lower_case").text("Small letters", "Reports in small letters without accents.").in("Text").expert().from("MGCA: small letters"), o.lowerCase);
        visit(field("text_length").text("Text length", "Word pieces of a report at most.").range(8, 512).inUnit("pieces").in("Text").from("MGCA: 112"), t.positions);
        visit(field("text_weights").text("Initial text weights", "Model file of a BERT that import-weights made as hf-bert (MGCA's has no token types); empty: drawn from the seed.").in("Text"), o.textWeights);
        visit(field("text_width").text("Text width", "Length of a word's feature.").range(4, 4096).in("Text").from("BERT base: 768"), t.width);
        visit(field("text_depth").text("Text depth", "Transformer blocks of the text encoder.").range(1, 48).inUnit("blocks").in("Text").from("BERT base: 12"), t.depth);
        visit(field("text_heads").text("Text heads", "Attention heads of each block.").range(1, 64).in("Text").from("BERT base: 12"), t.heads);
        visit(field("text_hidden").text("Text hidden width", "Of the two layers in each block.").range(4, 16384).in("Text").expert().from("BERT base: 3072"), t.hidden);
        visit(field("patch").text("Patch", "Side of a token.").range(1, 256).inUnit("pixels").in("Network").from("UniMedI: 16"), v.patch);
        visit(field("volume_slab").text("Slab", "Slices that a token of a volume covers; 1 gives exact slice scores.").range(1, 64).inUnit("slices").in("Network").from("our setting: not public"), v.slab);
        visit(field("width").text("Encoder width", "Length of a token; a multiple of 4 and of the heads.").range(4, 4096).in("Network").from("UniMedI: 768"), v.width);
        visit(field("depth").text("Encoder depth", "Transformer blocks.").range(1, 100).inUnit("blocks").in("Network").from("UniMedI: 12"), v.depth);
        visit(field("heads").text("Encoder heads", "Attention heads of each block.").range(1, 64).in("Network").from("UniMedI: 12"), v.heads);
        visit(field("projection").text("Projection", "Length of the features that images and reports are compared by.").range(2, 4096).in("Network").expert().from("MGCA: 128"), o.sizes.projection);
        visit(field("projection_hidden").text("Projection hidden width", "Of the projections.").range(2, 16384).in("Network").expert().from("MGCA: 2048"), o.sizes.projectionHidden);
        visit(field("head_prototypes").text("Distillation prototypes", "Directions of the distillation head.").range(2, 65536).in("Network").expert().from("DINO: 65536; our setting"), o.sizes.headPrototypes);
        visit(field("head_hidden").text("Head hidden width", "Of the distillation head.").range(2, 16384).in("Network").expert().from("DINO: 2048; tiny: our setting"), o.sizes.headHidden);
        visit(field("head_bottleneck").text("Head bottleneck", "Of the distillation head.").range(2, 4096).in("Network").expert().from("DINO: 256; tiny: our setting"), o.sizes.headBottleneck);
        TrainOptions::visitFields(o.train, visit);
    }
};

} // namespace hilum::learning
