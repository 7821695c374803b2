#pragma once

#include "core/base/options_json.h"
#include "core/learning/method.h"
#include "core/learning/train/options.h"
#include "tests/support/make_cache.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace hilum::tests {

using namespace hilum::learning;

struct ToyOptions {
    std::int64_t size = 16;
    std::int64_t width = 12;
    double slowSeconds = 0;   // a step that takes long
    std::int64_t breakAt = -1; // step whose loss is nan
    TrainOptions train{.steps = 12, .batch = 4, .seed = 3, .learningRate = 3e-3, .warmupSteps = 2, .checkpointEvery = 4, .previewEvery = 5, .loaderThreads = 2, .prefetch = 3};

    template <class Self, class Visitor>
    static void visitFields(Self& o, Visitor&& visit)
    {
        visit(field("image_size").text("Size", "Of an image.").range(8, 64), o.size);
        visit(field("width").text("Width", "Of the hidden layer.").range(1, 512), o.width);
        visit(field("slow_seconds").text("Slow", "Seconds that a step sleeps.").range(0, 60), o.slowSeconds);
        visit(field("break_at").text("Break", "Step whose loss is nan.").range(-1, 1e9), o.breakAt);
        TrainOptions::visitFields(o.train, visit);
    }
};

/// Masked reconstruction in miniature: 4 x 4 patches of 1/4 of the image each, half of them hidden, a two-layer network guesses all
/// patches from the visible ones. Views are randomly shifted images, so that resuming has augmentation to get right.
class ToyMethod : public PretrainingMethod {
public:
    struct Net : torch::nn::Module {
        Net(std::int64_t pixels, std::int64_t width, Rng rng)
        {
            const auto draw = [&](at::IntArrayRef shape, double scale) {
                at::Tensor t = torch::empty(shape);
                for (std::int64_t i = 0; i < t.numel(); ++i)
                    t.view(-1)[i] = static_cast<float>(scale * rng.normal());
                return t;
            };
            const auto block = register_module("blocks", std::make_shared<torch::nn::Module>())->register_module("0", std::make_shared<torch::nn::Module>());
            first = block->register_parameter("weight", draw({width, pixels}, 0.1));
            bias = block->register_parameter("bias", torch::zeros({width}));
            second = register_parameter("second_weight", draw({pixels, width}, 0.1));
            seen = register_buffer("seen", torch::zeros({1}));
        }
        at::Tensor first, bias, second, seen;
    };
    struct Views : ViewMaker {
        TensorMap makeViews(const TensorMap& item, Rng rng) const override
        {
            TensorMap plain = makePlainView(item);
            plain["image"] = at::roll(plain["image"], {rng.integer(-1, 2), rng.integer(-1, 2)}, {1, 2}) + static_cast<float>(rng.uniform(-0.05, 0.05));
            return plain;
        }
        TensorMap makePlainView(const TensorMap& item) const override { return {{"image", item.at("image").to(at::kFloat) / 65535.0 * 2.0 - 1.0}}; }
    };

    ToyMethod(const ToyOptions& o, Rng rng) : m_options(o), m_net(o.size * o.size, o.width, rng) {}
    std::unique_ptr<ViewMaker> viewMaker() const override { return std::make_unique<Views>(); }
    torch::nn::Module& trainable() override { return m_net; }

    at::Tensor patches(const at::Tensor& image) const // [B, 1, S, S] -> [B, 16, P]
    {
        const std::int64_t b = image.size(0), p = m_options.size / 4;
        return image.view({b, 4, p, 4, p}).permute({0, 1, 3, 2, 4}).reshape({b, 16, p * p});
    }
    static at::Tensor drawMask(std::int64_t cases, Rng rng)
    {
        at::Tensor mask = at::zeros({cases, 16});
        for (std::int64_t b = 0; b < cases; ++b) {
            std::vector<int> order(16);
            for (int i = 0; i < 16; ++i)
                order[static_cast<std::size_t>(i)] = i;
            Rng own = rng.fork(static_cast<std::uint64_t>(b));
            own.shuffle(std::span(order));
            for (int i = 0; i < 8; ++i)
                mask[b][order[static_cast<std::size_t>(i)]] = 1;
        }
        return mask;
    }
    at::Tensor guess(const at::Tensor& target, const at::Tensor& mask)
    {
        const at::Tensor x = (target * (1 - mask).unsqueeze(-1)).flatten(1);
        return at::linear(at::relu(at::linear(x, m_net.first, m_net.bias)), m_net.second).view_as(target);
    }
    StepOutput step(const TensorMap& batch, Rng rng) override
    {
        if (m_options.slowSeconds > 0)
            std::this_thread::sleep_for(std::chrono::duration<double>(m_options.slowSeconds));
        // a worker that is to be killed after so many batches waits there for its end
        if (const char* hold = std::getenv("HILUM_TOY_HOLD"); hold && std::atoll(hold) == m_steps)
            std::this_thread::sleep_for(std::chrono::minutes(5));
        const at::Tensor target = patches(batch.at("image")), mask = drawMask(target.size(0), rng).to(target.device());
        const at::Tensor perPatch = (guess(target, mask) - target).square().mean(-1);
        at::Tensor loss = (perPatch * mask).sum() / mask.sum();
        if (m_steps++ == m_options.breakAt)
            loss = loss * std::nan("");
        const at::NoGradGuard noGradient;
        m_net.seen.add_(1);
        return {loss, {{"hidden_fraction", 0.5}}};
    }
    EncoderExport encoder() const override { return {{{"kind", "toy"}}, "blocks.0."}; }
    Json inputPipeline() const override { return radiographPipeline(m_options.size, false); }
    Shown reconstruct(const TensorMap& item, const Json& request) override
    {
        const at::Tensor target = patches(Views().makePlainView(item).at("image").unsqueeze(0).to(m_net.first.device()));
        const at::Tensor mask = drawMask(1, Rng(request.value("seed", std::uint64_t{0}))).to(target.device());
        return {{{"mask", mask.to(at::kByte)}, {"reconstruction", guess(target, mask)}}, {{"hidden_fraction", 0.5}}};
    }
    bool isMaskedReconstruction() const override { return true; }
    MaskedTarget maskedTarget(const TensorMap& batch, Rng rng) override
    {
        const at::Tensor target = patches(batch.at("image"));
        return {drawMask(target.size(0), rng).to(target.device()), target};
    }
    at::Tensor predictMasked(const TensorMap& batch, const at::Tensor& mask) override { return guess(patches(batch.at("image")), mask); }

private:
    ToyOptions m_options;
    Net m_net;
    std::int64_t m_steps = 0;
};

inline MethodRegistry toyRegistry()
{
    MethodRegistry registry;
    for (const char* id : {"toy", "other"}) {
        MethodEntry entry;
        entry.info = {.id = id, .title = "Toy", .summary = "For tests.", .papers = {}, .input = "radiograph", .schema = optionsSchema(ToyOptions{}), .presets = {{"tiny", "Tiny", "", Json::object()}},
            .shows = {"mask", "reconstruction"}};
        entry.make = [](const Json& options, Rng rng) -> std::unique_ptr<PretrainingMethod> {
            ToyOptions o;
            if (const Status read = fromJson(options, o); !read)
                throw std::invalid_argument(read.error().sentence());
            return std::make_unique<ToyMethod>(o, rng);
        };
        entry.pipelineFor = [](const Json& options) { return radiographPipeline(options.at("image_size").get<std::int64_t>(), false); };
        registry.add(std::move(entry));
    }
    return registry;
}

/// RUN/job.json for the toy method.
inline void writeJob(const path& run, const Json& options, const Json& more = Json::object())
{
    Json job = {{"schema", "hilum.job/1"}, {"id", "test"}, {"command", "train"}, {"method", "toy"}, {"preset", "tiny"}, {"options", options},
                {"device", "cpu"}, {"dtype", "float32"}, {"threads", 1}, {"watch_case", nullptr}};
    job.update(more);
    if (const auto made = makeFolder(run); !made)
        throw std::runtime_error(made.error().sentence());
    if (const auto written = writeFileAtomically(run / "job.json", job.dump(1)); !written)
        throw std::runtime_error(written.error().sentence());
}

/// The events of a run of one kind.
inline std::vector<Json> eventsOf(const path& run, const std::string& kind)
{
    std::vector<Json> out;
    JsonLineReader reader;
    const auto text = readTextFile(run / "events.jsonl");
    if (text)
        for (const auto& line : reader.feed(*text))
            if (line && line->value("kind", "") == kind)
                out.push_back(*line);
    return out;
}

/// step -> loss of the metric events; a step that was done again after a kill counts once, with its last value.
inline std::map<std::int64_t, double> lossesOf(const path& run)
{
    std::map<std::int64_t, double> out;
    for (const Json& metric : eventsOf(run, "metric"))
        out[metric.at("step").get<std::int64_t>()] = metric.at("loss").get<double>();
    return out;
}

} // namespace hilum::tests
