#include "core/learning/downstream/fine_tuning.h"

#include "core/learning/data/loader.h"
#include "core/learning/model_file.h"
#include "core/learning/train/layer_order.h"
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

/// Features of cases, in passes of their views (passLength).
class Tuner {
public:
    Tuner(const PretrainingMethod& method, FeatureSource& source, const ShardReader& cache, const Placement& placement, std::int64_t mostNumbers)
        : m_source(source), m_views(method, source, cache), m_placement(placement), m_mostNumbers(mostNumbers)
    {
    }

    /// Without a graph. \return [B, F] float
    Result<at::Tensor> features(std::span<const std::size_t> cases) const
    {
        const at::NoGradGuard noGradient;
        HILUM_TRY(const Views views, viewsOf(cases));
        return means(vectorsOf(views), views.counts);
    }

    /// The loss that `lossOf` makes of the cases' features, its gradients left in the parameters. Where one pass does not hold all views, the vectors come first without a graph;
    /// then each pass is made again and gets their gradient (gradient caching, Gao et al. 2021): the same gradients, with the memory of one pass. Features draw nothing, so both agree.
    template <class LossOf> Result<double> learn(std::span<const std::size_t> cases, LossOf&& lossOf) const
    {
        HILUM_TRY(const Views views, viewsOf(cases));
        if (views.passes.size() == 1) {
            const at::Tensor loss = lossOf(means(vectors(views.each), views.counts));
            loss.backward();
            return loss.template item<double>();
        }
        at::Tensor all;
        {
            const at::NoGradGuard noGradient;
            all = vectorsOf(views);
        }
        all.requires_grad_(true);
        const at::Tensor loss = lossOf(means(all, views.counts));
        loss.backward();
        std::int64_t begin = 0;
        for (const std::size_t count : views.passes) {
            const auto end = begin + static_cast<std::int64_t>(count);
            vectors(std::span(views.each).subspan(static_cast<std::size_t>(begin), count)).backward(all.grad().slice(0, begin, end));
            begin = end;
        }
        return loss.template item<double>();
    }

private:
    struct Views {
        std::vector<TensorMap> each;
        std::vector<std::int64_t> counts; // of each case
        std::vector<std::size_t> passes;  // views of each pass
    };

    Result<Views> viewsOf(std::span<const std::size_t> cases) const
    {
        Views out;
        for (const std::size_t n : cases) {
            HILUM_TRY(std::vector<TensorMap> of, m_views.of(n));
            out.counts.push_back(static_cast<std::int64_t>(of.size()));
            std::ranges::move(of, std::back_inserter(out.each));
        }
        for (std::size_t begin = 0; begin < out.each.size(); begin += out.passes.back())
            out.passes.push_back(passLength(std::span(out.each).subspan(begin), m_mostNumbers));
        return out;
    }

    /// [V, F] float
    at::Tensor vectors(std::span<const TensorMap> views) const { return encodeViews(m_source, stackViews({views.begin(), views.end()}), m_placement); }

    at::Tensor vectorsOf(const Views& views) const
    {
        std::vector<at::Tensor> parts;
        std::size_t begin = 0;
        for (const std::size_t count : views.passes) {
            parts.push_back(vectors(std::span(views.each).subspan(begin, count)));
            begin += count;
        }
        return at::cat(parts);
    }

    static at::Tensor means(const at::Tensor& vectors, const std::vector<std::int64_t>& counts)
    {
        std::vector<at::Tensor> out;
        for (const at::Tensor& part : vectors.split_with_sizes(counts))
            out.push_back(part.mean(0));
        return at::stack(out);
    }

    FeatureSource& m_source;
    CaseViews m_views;
    const Placement& m_placement;
    std::int64_t m_mostNumbers;
};

struct HeadImpl : torch::nn::Module {
    at::Tensor mean, deviation, weight, bias;
    HeadImpl(const at::Tensor& meanOfFeatures, const at::Tensor& deviationOfFeatures, std::int64_t classes)
    {
        mean = register_buffer("mean", meanOfFeatures);
        deviation = register_buffer("deviation", deviationOfFeatures);
        weight = register_parameter("weight", at::zeros({classes, mean.size(0)}, mean.options()));
        bias = register_parameter("bias", at::zeros({classes}, mean.options()));
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

std::int64_t tuningSteps(std::size_t images, const TuningOptions& options)
{
    const auto batch = static_cast<std::size_t>(options.batch);
    return static_cast<std::int64_t>((images + batch - 1) / batch) * options.epochs;
}

Result<TunedClassifier> fineTune(PretrainingMethod& method, const std::string& methodId, const ShardReader& cache, const TuningTask& task, const TuningOptions& options, const Placement& placement,
                                 const TuningWatch& watch)
{
    HILUM_TRY(FeatureSource* const source, featureSource(method, methodId));
    const Tuner tuner(method, *source, cache, placement, task.mostNumbers);
    torch::nn::Module& network = method.trainable();
    const bool layerwise = options.layerDecay != 1;
    if (layerwise)
        HILUM_TRY_STATUS(layerOrder(network.named_parameters().keys())); // refused before the images are looked at
    const auto batchSize = static_cast<std::size_t>(options.batch);
    const std::size_t count = task.train.size();
    const std::int64_t steps = tuningSteps(count, options), stepsAnEpoch = steps / options.epochs;
    TunedClassifier out;
    const auto stopped = [&] { return watch.cancelled && watch.cancelled(); };
    const auto stoppedHere = [&] { return fail(ErrorCode::Cancelled, "stopped after {} of {} steps of fine-tuning", out.steps, steps); };
    const auto eachBatch = [&](std::string_view doing, std::span<const std::size_t> cases, auto&& use) -> Status {
        const at::NoGradGuard noGradient;
        network.eval();
        const std::size_t batches = (cases.size() + batchSize - 1) / batchSize;
        for (std::size_t b = 0; b < batches; ++b) {
            if (stopped())
                return stoppedHere();
            if (watch.progress)
                watch.progress(doing, static_cast<std::int64_t>(b), static_cast<std::int64_t>(batches));
            HILUM_TRY(const at::Tensor features, tuner.features(cases.subspan(b * batchSize, std::min(batchSize, cases.size() - b * batchSize))));
            use(features);
        }
        return {};
    };

    at::Tensor mean, deviation;
    if (watch.from) {
        mean = watch.from->trained.at("head.mean").to(placement.device), deviation = watch.from->trained.at("head.deviation").to(placement.device);
    } else {
        std::vector<at::Tensor> first;
        HILUM_TRY_STATUS(eachBatch("first features", task.train, [&](const at::Tensor& f) { first.push_back(f); }));
        const at::Tensor features = at::cat(first);
        mean = features.mean(0), deviation = features.std(0, false).clamp_min(1e-6);
    }
    const auto head = std::make_shared<HeadImpl>(mean, deviation, static_cast<std::int64_t>(task.classes));
    TrainedTogether together(network, *head);
    AdamW optimizer(together, 0.9, 0.999, 1e-8);
    if (layerwise) {
        HILUM_TRY(const LayerOrder order, layerOrder(together.named_parameters().keys()));
        optimizer.scaleRates([&](const std::string& name) { return layerScale(options.layerDecay, order.layers, order.layer.at(name)); });
    }
    double sum = 0; // over the images of this pass
    if (watch.from) {
        HILUM_TRY_STATUS(loadState(network, watch.from->network));
        TensorMap ofHead, moments;
        for (const auto& [name, tensor] : watch.from->trained)
            name.starts_with("head.") ? ofHead.emplace(name.substr(5), tensor) : moments.emplace(name, tensor);
        HILUM_TRY_STATUS(loadState(*head, ofHead));
        HILUM_TRY_STATUS(optimizer.load(moments));
        out.steps = watch.from->step, out.epochLoss = watch.from->epochLoss, sum = watch.from->passLoss;
    }
    const auto state = [&] {
        TuningState s{.step = out.steps, .network = namedState(network), .trained = optimizer.state(), .epochLoss = out.epochLoss, .passLoss = sum};
        for (const auto& [name, tensor] : namedState(*head))
            s.trained["head." + name] = tensor;
        return s;
    };

    std::vector<std::size_t> queue(count);
    std::iota(queue.begin(), queue.end(), std::size_t{0});
    const auto warmup = std::llround(options.warmup * static_cast<double>(steps));
    network.train();
    for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
        Rng rng = Rng(task.seed).fork("fine-tuning").fork(static_cast<std::uint64_t>(epoch));
        rng.shuffle(std::span(queue)); // of the queue before it: passes that are done are shuffled too
        if (out.steps >= (epoch + 1) * stepsAnEpoch)
            continue;
        for (std::size_t begin = static_cast<std::size_t>(out.steps - epoch * stepsAnEpoch) * batchSize; begin < count; begin += batchSize) {
            if (stopped()) {
                if (watch.keep && out.steps > 0)
                    HILUM_TRY_STATUS(watch.keep(true, state));
                return stoppedHere();
            }
            if (watch.progress)
                watch.progress("fine-tuning", out.steps, steps);
            std::vector<std::size_t> cases;
            std::vector<std::int64_t> labels;
            for (std::size_t i = begin; i < std::min(begin + batchSize, count); ++i) {
                cases.push_back(task.train[queue[i]]);
                labels.push_back(static_cast<std::int64_t>(task.labels[queue[i]]));
            }
            optimizer.zeroGradients();
            HILUM_TRY(const double value, tuner.learn(cases, [&](const at::Tensor& features) {
                          return at::cross_entropy_loss(head->forward(features), at::tensor(labels, at::kLong).to(placement.device));
                      }));
            const auto notFinite = [&](const char* what, double number) {
                return fail(ErrorCode::BadData, "the {} is {} at step {} of {}: a smaller learning_rate than {} may help", what, number, out.steps, steps, options.learningRate);
            };
            if (!std::isfinite(value))
                return notFinite("loss", value);
            const double norm = optimizer.clipGradients(options.clipNorm, ClipKind::Global);
            if (!std::isfinite(norm)) // before it reaches weights and a checkpoint
                return notFinite("gradient", norm);
            const double rate = warmupCosine(out.steps, steps, warmup, options.learningRate, 0);
            optimizer.step(rate, options.weightDecay);
            sum += value * static_cast<double>(cases.size());
            ++out.steps;
            if (watch.stepped)
                watch.stepped({.step = out.steps, .images = static_cast<std::int64_t>(cases.size()), .loss = value, .learningRate = rate, .gradientNorm = norm});
        }
        out.epochLoss.push_back(sum / static_cast<double>(count));
        sum = 0;
        if (watch.keep && epoch + 1 < options.epochs)
            HILUM_TRY_STATUS(watch.keep(false, state));
    }
    const Status tested = eachBatch("testing", task.test, [&](const at::Tensor& f) {
        const at::Tensor p = at::softmax(head->forward(f), 1).to(at::kDouble).cpu().contiguous();
        out.probabilities.insert(out.probabilities.end(), p.const_data_ptr<double>(), p.const_data_ptr<double>() + p.numel());
    });
    if (!tested && tested.error().code == ErrorCode::Cancelled && watch.keep)
        HILUM_TRY_STATUS(watch.keep(true, state));
    HILUM_TRY_STATUS(tested);
    const auto kept = [](const at::Tensor& t) { return t.detach().to(at::kCPU, at::kDouble).contiguous(); };
    out.mean = kept(head->mean), out.deviation = kept(head->deviation), out.weight = kept(head->weight), out.bias = kept(head->bias);
    return out;
}

} // namespace hilum::learning
