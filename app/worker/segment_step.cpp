#include "app/worker/segment_step.h"

#include "core/base/options_json.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/train/options.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <stdexcept>

namespace hilum::worker {

using namespace hilum::learning;

namespace {

struct SegmentOptions {
    std::int64_t featureSize = 48, classes = 14, side = 96;
    TrainOptions train;

    SegmentOptions() { train.batch = 1; }

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("feature_size").text("Feature size", "Channels of the patch embedding.").range(3, 384).in("Network"), o.featureSize);
        visit(field("classes").text("Classes", "Labels that are told apart, background among them.").range(2, 1024).in("Network"), o.classes);
        visit(field("side").text("Patch", "Side of the cube that the network gets; a multiple of 32.").range(32, 512).inUnit("voxels").in("Input"), o.side);
        TrainOptions::visitFields(o.train, visit);
    }
};

SegmentOptions optionsOf(const Json& json)
{
    SegmentOptions o;
    if (const Status read = fromJson(json, o); !read)
        throw std::invalid_argument(read.error().sentence());
    if (o.side % 32 != 0)
        throw std::invalid_argument(hilum::format("side = {} is no multiple of 32", o.side));
    return o;
}

Json pipelineOf(const SegmentOptions& o) { return {{"kind", "volume"}, {"size", {o.side, o.side, o.side}}}; }

class SegmentStep : public PretrainingMethod {
public:
    SegmentStep(const SegmentOptions& options, const Rng& rng)
        : m_options(options), m_network(std::make_shared<SwinUnetr>(SwinSizes{.featureSize = options.featureSize}, options.classes, rng))
    {
    }

    std::unique_ptr<ViewMaker> viewMaker() const override { return std::make_unique<Views>(m_options.classes); }
    torch::nn::Module& trainable() override { return *m_network; }
    StepOutput step(const TensorMap& batch, Rng) override
    {
        return {.loss = at::cross_entropy_loss(m_network->logits(arrayOf(batch, "image")).to(at::kFloat), arrayOf(batch, "labels")), .metrics = {}};
    }
    EncoderExport encoder() const override { return {m_network->sizes().architecture(), ""}; }
    Json inputPipeline() const override { return pipelineOf(m_options); }
    Shown reconstruct(const TensorMap&, const Json&) override { throw std::logic_error("a segmentation step reconstructs nothing"); }

private:
    struct Views : ViewMaker {
        std::int64_t classes;
        explicit Views(std::int64_t c) : classes(c) {}
        TensorMap makeViews(const TensorMap& item, Rng) const override { return makePlainView(item); }
        TensorMap makePlainView(const TensorMap& item) const override
        {
            const at::Tensor& stored = arrayOf(item, "image"); // [1, D, H, W] drawn
            return {{"image", voxelsOf(stored)}, {"labels", stored[0].to(at::kLong).remainder(classes)}};
        }
    };
    SegmentOptions m_options;
    std::shared_ptr<SwinUnetr> m_network;
};

} // namespace

MethodEntry segmentStep()
{
    MethodEntry entry;
    entry.info = {.id = "segment", .title = "Segmentation step", .summary = "SwinUNETR and cross-entropy, for timing alone.",
        .papers = {"Swin UNETR: Swin Transformers for Semantic Segmentation of Brain Tumors in MRI Images. 2022, arXiv 2201.01266"}, .input = "volume", .schema = optionsSchema<SegmentOptions>(),
        .presets = {{"swinunetr-48-96", "SwinUNETR 48, 96 cubed", "1 channel in, 14 classes out, one patch.", Json::object()}}, .shows = {}};
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> { return std::make_unique<SegmentStep>(optionsOf(json), rng); };
    entry.pipelineFor = [](const Json& json) { return pipelineOf(optionsOf(json)); };
    return entry;
}

} // namespace hilum::worker
