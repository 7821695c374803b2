#include "core/base/format.h"
#include "core/base/options_json.h"
#include "core/learning/method_options.h"
#include "plugins/methods/unimedi/unimedi_method.h"


namespace hilum::learning {

Json UnimediOptions::pipeline() const
{
    const std::int64_t s = sizes.vision.imageSize;
    return {{"kind", "mixed"}, {"report_column", reportColumn},
        {"radiograph", {{"kind", "radiograph"}, {"size", {s + cropMargin, s + cropMargin}}, {"channels", 1}, {"resize", "pad"}, {"grey", "voi"}, {"region", "none"}, {"mean", 0.5}, {"std", 0.5}}},
        {"volume", {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", nullptr}, {"grey", "window"}, {"window", window}, {"foreground", nullptr}, {"fit", "resize"},
                       {"size", {sizes.vision.volumeDepth, s, s}}}}};
}

std::vector<std::string> UnimediOptions::faults() const
{
    std::vector<std::string> out;
    const auto& v = sizes.vision;
    if (v.imageSize % v.patch != 0)
        out.push_back(hilum::format("image_size = {} does not divide into patches of {} pixels", v.imageSize, v.patch));
    if (v.volumeDepth % v.slab != 0)
        out.push_back(hilum::format("volume_depth = {} does not divide into slabs of {} slices", v.volumeDepth, v.slab));
    if (v.width % 4 != 0 || v.width % v.heads != 0)
        out.push_back(hilum::format("width = {} is not a multiple of 4 and of heads = {}", v.width, v.heads));
    if (sizes.text.width % sizes.text.heads != 0)
        out.push_back(hilum::format("text_width = {} is not a multiple of text_heads = {}", sizes.text.width, sizes.text.heads));
    if (slices > v.volumeDepth)
        out.push_back(hilum::format("slices = {} is more than volume_depth = {}", slices, v.volumeDepth));
    if (window.size() != 2 || window[0] >= window[1])
        out.push_back("ct_window needs two numbers, the lower one first");
    if (train.batch < 2)
        out.push_back(hilum::format("batch = {} leaves nothing to compare with; 2 are needed", train.batch));
    return out;
}

void registerUnimedi(MethodRegistry& registry)
{
    MethodEntry entry;
    entry.info = {.id = "unimedi", .title = "UniMedI",
        .summary = "Brings radiographs and CT into one space through their reports; the slices of a CT that a slow teacher attends to go in as pictures.",
        .papers = {"Unified Medical Image Pre-training in Language-Guided Common Semantic Space (UniMedI). ECCV 2024, arXiv 2311.14851",
            "Wang et al., Multi-Granularity Cross-modal Alignment for Generalized Medical Visual Representation Learning (MGCA). NeurIPS 2022, arXiv 2210.06044"},
        .input = "mixed", .schema = optionsSchema<UnimediOptions>(), .presets = {}, .shows = {"input", "slice_scores", "slices_chosen", "attention", "similarity"},
        .maps = {"rollout", "mean", "head", "gradient"}};
    const Json head = {{"head_hidden", 2048}, {"head_bottleneck", 256}, {"projection_hidden", 2048}, {"projection", 128}};
    Json small = head, published = head;
    small.update({{"image_size", 128}, {"crop_margin", 16}, {"volume_depth", 32}, {"width", 192}, {"heads", 3}, {"depth", 6}, {"head_prototypes", 2048}, {"vocabulary_size", 4096}, {"text_width", 192},
        {"text_depth", 4}, {"text_heads", 3}, {"text_hidden", 768}, {"batch", 16}, {"lr", 5e-4}, {"steps", 5000}, {"warmup_steps", 200}, {"checkpoint_every", 500}, {"preview_every", 250}});
    published.update({{"image_size", 224}, {"crop_margin", 32}, {"volume_depth", 32}, {"volume_slab", 4}, {"width", 768}, {"heads", 12}, {"depth", 12}, {"head_prototypes", 8192},
        {"vocabulary_size", 28996}, {"text_width", 768}, {"text_depth", 12}, {"text_heads", 12}, {"text_hidden", 3072}, {"text_length", 112}, {"batch", 16}, {"lr", 2e-5}, {"min_lr", 1e-8},
        {"steps", 50000}, {"warmup_steps", 20000}, {"checkpoint_every", 1000}, {"preview_every", 500}});
    entry.info.presets = {
        {"tiny", "Tiny, 64 pixels, 24 slices", "Two blocks for images and two for reports, 8 slices, 512 prototypes; minutes on a CPU (our setting).", Json::object()},
        {"small", "Small, 128 pixels, 32 slices", "Six blocks of width 192, four for reports; hours on a CPU, minutes on a GPU (our setting).", small},
        {"vit-b16-bert", "ViT-B/16 and BERT base, 224 pixels, 32 slices",
            "The size of UniMedI; slabs of 4 slices. Set vocabulary to a BERT vocab.txt and text_weights to its imported weights. Batch and length for one computer, and all that is not public, are our setting.",
            published},
    };
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<UnimediMethod>(checkedOptions<UnimediOptions>(json), rng); };
    entry.pipelineFor = [](const Json& json) { return checkedOptions<UnimediOptions>(json).pipeline(); };
    entry.tokenGridFor = [](const Json& json) {
        const std::int64_t side = checkedOptions<UnimediOptions>(json).sizes.vision.side();
        return std::vector<std::int64_t>{side, side};
    };
    registry.add(std::move(entry));
}

} // namespace hilum::learning
