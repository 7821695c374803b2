#include "core/learning/downstream/fine_tuning.h"

#include "core/learning/data/loader.h"
#include "core/learning/train/optimizer.h"
#include "core/learning/train/schedule.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace hilum::learning {

namespace {

class Tuner {
public:
    Tuner(PretrainingMethod& method, FeatureSource& source, const ShardReader& cache, const Placement& placement)
        : m_source(source), m_views(method.viewMaker()), m_cache(cache), m_placement(placement)
    {
    }

    /// [B, F] float
    Result<at::Tensor> features(std::span<const std::size_t> cases) const
    {
        std::vector<TensorMap> views;
        std::vector<std::int64_t> counts; // views of each case
        for (const std::size_t n : cases) {
            HILUM_TRY(const TensorMap item, m_cache.read(n));
            std::vector<TensorMap> of = m_source.featureViews(*m_views, item);
            counts.push_back(static_cast<std::int64_t>(of.size()));
            std::ranges::move(of, std::back_inserter(views));
        }
        const TensorMap batch = toDevice(stackViews(views), m_placement.device);
        const PrecisionScope precision(m_placement);
        std::vector<at::Tensor> out;
        for (const at::Tensor& part : m_source.features(batch).to(at::kFloat).flatten(1).split_with_sizes(counts))
            out.push_back(part.mean(0));
        return at::stack(out);
    }

private:
    FeatureSource& m_source;
    std::unique_ptr<ViewMaker> m_views;
    const ShardReader& m_cache;
    const Placement& m_placement;
};

struct HeadImpl : torch::nn::Module {
    at::Tensor mean, deviation, weight, bias;
    HeadImpl(const at::Tensor& features, std::int64_t classes)
    {
        mean = register_buffer("mean", features.mean(0));
        deviation = register_buffer("deviation", features.std(0, false).clamp_min(1e-6));
        weight = register_parameter("weight", at::zeros({classes, features.size(1)}, features.options()));
        bias = register_parameter("bias", at::zeros({classes}, features.options()));
    }
    at::Tensor forward(const at::Tensor& features) { return at::linear((features - mean) / deviation, weight, bias); }
};

/// The parameters of both, for one optimiser; a method's network need not be shared, so it cannot be a child.
struct TrainedTogether : torch::nn::Module {
    TrainedTogether(const torch::nn::Module& encoder, const HeadImpl& head)
    {
        for (const auto& [prefix, module] : {std::pair<const char*, const torch::nn::Module*>{"encoder/", &encoder}, {"head/", &head}})
            for (const auto& entry : module->named_parameters()) {
                std::string name = prefix + entry.key();
                std::ranges::replace(name, '.', '/'); // a name of a parameter holds no dot
                register_parameter(name, entry.value(), entry.value().requires_grad());
            }
    }
};

} // namespace

Result<TunedClassifier> fineTune(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, const TuningTask& task, const TuningOptions& options, const Placement& placement,
                                 const std::function<bool()>& cancelled, const std::function<void(std::int64_t, std::int64_t)>& progress)
{
    HILUM_TRY(FeatureSource* const source, featureSource(method, methodId));
    const Tuner tuner(method, *source, cache, placement);
    torch::nn::Module& network = method.trainable();
    const auto batchSize = static_cast<std::size_t>(options.batch);
    const std::size_t count = task.train.size(), stepsAnEpoch = (count + batchSize - 1) / batchSize, testBatches = (task.test.size() + batchSize - 1) / batchSize;
    const auto steps = static_cast<std::int64_t>(stepsAnEpoch) * options.epochs, total = static_cast<std::int64_t>(stepsAnEpoch + testBatches) + steps;
    std::int64_t done = 0;
    const auto goesOn = [&]() -> Status {
        if (cancelled && cancelled())
            return fail(ErrorCode::Cancelled, "stopped after {} of {} steps of fine-tuning", std::max<std::int64_t>(done - static_cast<std::int64_t>(stepsAnEpoch), 0), steps);
        if (progress)
            progress(done, total);
        ++done;
        return {};
    };
    const auto eachBatch = [&](std::span<const std::size_t> cases, auto&& use) -> Status {
        const at::NoGradGuard noGradient;
        network.eval();
        for (std::size_t begin = 0; begin < cases.size(); begin += batchSize) {
            HILUM_TRY_STATUS(goesOn());
            HILUM_TRY(const at::Tensor features, tuner.features(cases.subspan(begin, std::min(batchSize, cases.size() - begin))));
            use(features);
        }
        return {};
    };

    std::vector<at::Tensor> first;
    HILUM_TRY_STATUS(eachBatch(task.train, [&](const at::Tensor& f) { first.push_back(f); }));
    const auto head = std::make_shared<HeadImpl>(at::cat(first), static_cast<std::int64_t>(task.classes));
    TrainedTogether together(network, *head);
    AdamW optimizer(together, 0.9, 0.999, 1e-8);

    TunedClassifier out;
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto warmup = std::llround(options.warmup * static_cast<double>(steps));
    network.train();
    for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
        Rng rng = Rng(task.seed).fork("fine-tuning").fork(static_cast<std::uint64_t>(epoch));
        rng.shuffle(std::span(order));
        double sum = 0;
        for (std::size_t begin = 0; begin < count; begin += batchSize) {
            HILUM_TRY_STATUS(goesOn());
            std::vector<std::size_t> cases;
            std::vector<std::int64_t> labels;
            for (std::size_t i = begin; i < std::min(begin + batchSize, count); ++i) {
                cases.push_back(task.train[order[i]]);
                labels.push_back(static_cast<std::int64_t>(task.labels[order[i]]));
            }
            HILUM_TRY(const at::Tensor features, tuner.features(cases));
            const at::Tensor loss = at::cross_entropy_loss(head->forward(features), at::tensor(labels, at::kLong).to(placement.device));
            const double value = loss.item<double>();
            if (!std::isfinite(value))
                return fail(ErrorCode::BadData, "the loss is {} at step {} of {}: a smaller learning_rate than {} may help", value, out.steps, steps, options.learningRate);
            optimizer.zeroGradients();
            loss.backward();
            optimizer.clipGradients(options.clipNorm, ClipKind::Global);
            optimizer.step(warmupCosine(out.steps, steps, warmup, options.learningRate, 0), options.weightDecay);
            sum += value * static_cast<double>(cases.size());
            ++out.steps;
        }
        out.epochLoss.push_back(sum / static_cast<double>(count));
    }
    HILUM_TRY_STATUS(eachBatch(task.test, [&](const at::Tensor& f) {
        const at::Tensor p = at::softmax(head->forward(f), 1).to(at::kDouble).cpu().contiguous();
        out.probabilities.insert(out.probabilities.end(), p.const_data_ptr<double>(), p.const_data_ptr<double>() + p.numel());
    }));
    const auto kept = [](const at::Tensor& t) { return t.detach().to(at::kCPU, at::kDouble).contiguous(); };
    out.mean = kept(head->mean), out.deviation = kept(head->deviation), out.weight = kept(head->weight), out.bias = kept(head->bias);
    return out;
}

} // namespace hilum::learning
