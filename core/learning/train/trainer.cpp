#include "core/learning/train/trainer.h"

#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/learning/data/loader.h"
#include "core/learning/device.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/tensor_io.h"
#include "core/learning/torch_guard.h"
#include "core/learning/train/evaluation.h"
#include "core/learning/train/schedule.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <chrono>
#include <cmath>

namespace hilum::learning {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// A whole number for a set of names, small enough that sums of its square are exact.
double numberOf(const std::map<std::string, double>& terms)
{
    std::string names;
    for (const auto& [name, value] : terms)
        names += name + ' ';
    return static_cast<double>(std::hash<std::string>{}(names) & 0xFFFFF);
}

} // namespace

Trainer::Trainer(TrainerSetup setup)
    : m_setup(std::move(setup)), m_optimizer(m_setup.method->trainable(), m_setup.options.beta1, m_setup.options.beta2, m_setup.options.epsilon,
                    m_setup.options.amsgrad ? AdamW::AmsGrad::On : AdamW::AmsGrad::Off)
{
    if (m_setup.options.emaDecay > 0)
        m_average.emplace(m_setup.method->trainable());
}

Status Trainer::resume(const Checkpoint& checkpoint)
{
    if (const Status loaded = loadState(m_setup.method->trainable(), checkpoint.weights); !loaded)
        return std::unexpected(withContext(loaded.error(), hilum::format("the checkpoint of step {} is of another network", checkpoint.step)));
    HILUM_TRY_STATUS(m_optimizer.load(checkpoint.optimizer));
    if (m_average) {
        TensorMap averaged;
        for (const auto& [name, tensor] : checkpoint.optimizer)
            if (name.starts_with("average."))
                averaged[name.substr(8)] = tensor;
        HILUM_TRY_STATUS(m_average->load(averaged));
    }
    m_step = m_saved = checkpoint.step;
    return {};
}

Status Trainer::checkDisk() const
{
    const KeepRule keep{2, m_setup.options.keepEvery};
    return checkDiskSpace(m_setup.run, diskNeed(namedState(m_setup.method->trainable()), (m_average ? 1 : 0) + (m_setup.options.amsgrad ? 1 : 0), m_setup.options.steps, keep));
}

TensorMap Trainer::finalWeights() const { return m_average ? m_average->values() : namedState(m_setup.method->trainable()); }

Error Trainer::notFinite(const char* what, double value) const
{
    return Error{.code = ErrorCode::Options,
                 .message = hilum::format("{} became {} at step {} (lr {}, {}); a smaller lr, a longer warm-up or clip_norm helps; the last checkpoint is of step {}", what,
                                          std::isnan(value) ? "nan" : "infinite", m_step + 1,
                                          shortest(warmupCosine(m_step, m_setup.options.steps, m_setup.options.warmupSteps, m_setup.options.learningRate, m_setup.options.minimumLearningRate)),
                                          m_setup.placement.dtypeName(), m_saved < 0 ? "none" : std::to_string(m_saved)),
                 .reason = "not_finite"};
}

Result<Trainer::StepNumbers> Trainer::update(Loader& loader)
{
    const TrainOptions& o = m_setup.options;
    StepNumbers numbers;
    double weight = 0;
    m_optimizer.zeroGradients();
    const std::int64_t firstSample = m_setup.group ? m_setup.group->rank() * o.batch : 0;
    const Rng stepRng = Rng(static_cast<std::uint64_t>(o.seed)).fork("step").fork(static_cast<std::uint64_t>(m_step));
    for (std::int64_t part = 0; part < o.accumulation; ++part) {
        HILUM_TRY(const TensorMap batch, loader.next());
        const TensorMap views = toDevice(batch, m_setup.placement.device);
        StepOutput out;
        {
            const PrecisionScope precision(m_setup.placement);
            const ActivationCheckpoints recompute(o.activationCheckpointing ? ActivationCheckpoints::Keep::InputsAlone : ActivationCheckpoints::Keep::Everything);
            out = m_setup.method->step(views, stepRng.fork(static_cast<std::uint64_t>(part)).startingAt(firstSample));
        }
        const double loss = out.loss.item<double>();
        if (!std::isfinite(loss) && !m_setup.group)
            return std::unexpected(notFinite("the loss", loss));
        weight += out.weight;
        (o.accumulation > 1 ? out.loss / static_cast<double>(o.accumulation) : out.loss).backward();
        numbers.loss += loss / static_cast<double>(o.accumulation);
        for (const auto& [name, value] : out.metrics)
            numbers.terms[name] += value / static_cast<double>(o.accumulation);
    }
    if (m_setup.group)
        HILUM_TRY_STATUS(share(numbers, weight));
    numbers.gradientNorm = m_optimizer.clipGradients(o.clipNorm, o.clipKind);
    if (!std::isfinite(numbers.gradientNorm))
        return std::unexpected(notFinite("the gradient", numbers.gradientNorm));
    m_optimizer.step(warmupCosine(m_step, o.steps, o.warmupSteps, o.learningRate, o.minimumLearningRate), cosineBetween(m_step, o.steps, o.weightDecay, o.weightDecayEnd));
    ++m_step;
    if (m_average)
        m_average->update(m_setup.method->trainable(), std::min(o.emaDecay, (1.0 + static_cast<double>(m_step)) / (10.0 + static_cast<double>(m_step))));
    const std::int64_t processes = m_setup.group ? m_setup.group->size() : 1;
    const double epoch = static_cast<double>(m_step * o.accumulation * o.batch * processes) / static_cast<double>(m_setup.split.train.size());
    m_setup.method->afterOptimizerStep({m_step, o.steps, epoch});
    return numbers;
}

Status Trainer::share(StepNumbers& numbers, double weight)
{
    ProcessGroup& group = *m_setup.group;
    const torch::NoGradGuard noGradient;
    std::vector<at::Tensor> parameters = m_setup.method->trainable().parameters();
    // agreed on before the gradients travel: how much each share counts, whether somebody wants to stop, whether all have the same terms, and which gradients anybody has. A batch of
    // one kind of image leaves the parameters of the other kind without one, and that may differ between processes.
    const double terms = numberOf(numbers.terms);
    std::vector<double> all{weight, weight * numbers.loss, m_setup.monitor->cancelRequested() ? 1.0 : 0.0, terms, terms * terms};
    const std::size_t first = all.size();
    for (at::Tensor& parameter : parameters)
        all.push_back(parameter.mutable_grad().defined() ? 1 : 0);
    HILUM_TRY_STATUS(group.sum(all));
    numbers.loss = all[1] / all[0];
    m_groupStops = all[2] > 0;
    if (all[4] * group.size() == all[3] * all[3]) { // all numbers are equal; else each process tells its own terms
        std::vector<double> values;
        for (const auto& [name, value] : numbers.terms)
            values.push_back(value);
        if (!values.empty())
            HILUM_TRY_STATUS(group.sum(values));
        std::size_t at = 0;
        for (auto& [name, value] : numbers.terms)
            value = values[at++] / group.size();
    }
    if (!std::isfinite(numbers.loss))
        return std::unexpected(notFinite("the loss", numbers.loss));
    const double share = weight * group.size() / all[0];
    std::vector<at::Tensor> gradients;
    for (std::size_t n = 0; n < parameters.size(); ++n) {
        if (all[first + n] == 0)
            continue;
        at::Tensor& gradient = parameters[n].mutable_grad();
        if (!gradient.defined())
            gradient = at::zeros_like(parameters[n]);
        else if (share != 1)
            gradient.mul_(share);
        gradients.push_back(gradient);
    }
    return group.average(gradients);
}

Status Trainer::heldOutLoss()
{
    m_heldOut.reset();
    const auto limit = static_cast<std::size_t>(m_setup.options.checkpointCases);
    if (limit == 0 || m_setup.split.heldOut.empty())
        return {};
    std::vector<std::size_t> cases = m_setup.split.heldOut;
    cases.resize(std::min(cases.size(), limit));
    EvaluationSetup evaluation;
    evaluation.cache = m_setup.cache;
    evaluation.split = m_setup.split;
    evaluation.seed = static_cast<std::uint64_t>(m_setup.options.seed);
    evaluation.batch = m_setup.options.batch;
    evaluation.placement = m_setup.placement;
    evaluation.cancelled = [this] { return m_setup.monitor->cancelRequested(); };
    if (m_average)
        m_average->swapWith(m_setup.method->trainable());
    std::vector<double> losses;
    const Status measured = torchGuard("the held-out loss", [&]() -> Status { // what is thrown too: the weights must be swapped back
        HILUM_TRY(losses, caseLosses(*m_setup.method, evaluation, cases));
        return {};
    });
    if (m_average)
        m_average->swapWith(m_setup.method->trainable());
    if (!measured && measured.error().code == ErrorCode::Cancelled)
        return {}; // the checkpoint is written without it
    if (!measured)
        return measured;
    double sum = 0;
    for (const double loss : losses)
        sum += loss;
    m_heldOut = sum / static_cast<double>(losses.size());
    return {};
}

Status Trainer::save(const char* reason)
{
    if (!keepsRecord()) {
        m_saved = m_step;
        return {};
    }
    m_setup.monitor->enter("saving");
    if (const Status measured = heldOutLoss(); !measured) // no reason to lose what was learnt
        m_setup.events->emit(protocol::Warning, {{"code", "no_held_out_loss"}, {"text", "the checkpoint is written without its held-out loss: " + measured.error().sentence()}});
    Checkpoint checkpoint;
    checkpoint.step = m_step;
    checkpoint.weights = namedState(m_setup.method->trainable());
    checkpoint.optimizer = m_optimizer.state();
    if (m_average)
        for (const auto& [name, tensor] : m_average->values())
            checkpoint.optimizer["average." + name] = tensor;
    checkpoint.model = m_setup.model;
    checkpoint.model["step"] = m_step;
    checkpoint.state = m_setup.state;
    checkpoint.state["seed"] = m_setup.options.seed;
    checkpoint.state["cursor"] = m_step * m_setup.options.accumulation; // batches taken
    checkpoint.state["held_out_loss"] = m_heldOut ? Json(*m_heldOut) : Json();
    HILUM_TRY(const Written written, writeCheckpoint(m_setup.run, checkpoint, {2, m_setup.options.keepEvery}));
    m_saved = m_step;
    m_lastCheckpoint = written.folder;
    Json event = {{"step", m_step}, {"folder", "checkpoints/" + written.folder.filename().string()}, {"bytes", written.bytes}, {"reason", reason}};
    if (m_heldOut)
        event["held_out_loss"] = *m_heldOut;
    m_setup.events->emit(protocol::Checkpoint, std::move(event));
    return {};
}

Status Trainer::preview()
{
    if (!m_setup.watchCase || !keepsRecord())
        return {};
    const CacheCase& watched = m_setup.cache->cases()[*m_setup.watchCase];
    HILUM_TRY(const TensorMap item, m_setup.cache->read(*m_setup.watchCase));
    const torch::NoGradGuard noGradient;
    torch::nn::Module& module = m_setup.method->trainable();
    const bool training = module.is_training();
    module.eval();
    PretrainingMethod::Shown shown;
    {
        const PrecisionScope precision(m_setup.placement);
        shown = m_setup.method->reconstruct(item, {{"seed", m_setup.options.seed}});
    }
    module.train(training);
    const std::string name = hilum::format("previews/step-{}/{}.safetensors", m_step, watched.key);
    HILUM_TRY_STATUS(makeFolder((m_setup.run / name).parent_path()));
    HILUM_TRY_STATUS(writeTensors(m_setup.run / name, shown.arrays, {{"numbers", jsonLine(shown.numbers)}}));
    m_setup.events->emit(protocol::Preview, {{"step", m_step}, {"case", watched.key}, {"file", name}, {"numbers", shown.numbers}});
    return {};
}

Result<TrainingOutcome> Trainer::run()
{
    const TrainOptions& o = m_setup.options;
    RunMonitor& monitor = *m_setup.monitor;
    const auto viewMaker = m_setup.method->viewMaker();
    m_setup.method->trainable().train();
    const std::int64_t processes = m_setup.group ? m_setup.group->size() : 1;
    const double perStep = static_cast<double>(o.batch * o.accumulation * processes);
    const auto due = [](std::int64_t step, std::int64_t every) { return every > 0 && step % every == 0; };

    monitor.update(m_step, o.steps, 0, -1, 0);
    monitor.enter("training");
    if (m_step == 0 && o.previewEvery > 0)
        HILUM_TRY_STATUS(preview());
    if (m_step < o.steps) {
        Loader loader(*m_setup.cache, *viewMaker, m_setup.split.train,
                      {.batch = o.batch, .seed = static_cast<std::uint64_t>(o.seed), .threads = o.loaderThreads, .prefetch = o.prefetch, .pinned = m_setup.placement.device.is_cuda(),
                       .ranks = processes, .rank = m_setup.group ? m_setup.group->rank() : 0},
                      m_step * o.accumulation);
        double secondsPerStep = 0;
        while (m_step < o.steps && !stops()) {
            const double began = now();
            const auto updated = update(loader);
            if (!updated && updated.error().code == ErrorCode::WorkerLost && keepsRecord() && m_saved != m_step) {
                HILUM_TRY_STATUS(save("process_lost"));
                Error error = updated.error();
                error.message += hilum::format("; the checkpoint of step {} is written, --resume goes on from it", m_step);
                return std::unexpected(std::move(error));
            }
            HILUM_TRY(const StepNumbers numbers, updated);
            const double took = now() - began;
            // a moving mean over about ten steps: the first one pays for memory and kernels
            secondsPerStep = secondsPerStep == 0 ? took : 0.9 * secondsPerStep + 0.1 * took;
            const double rate = perStep / secondsPerStep, epoch = static_cast<double>(m_step) * perStep / static_cast<double>(m_setup.split.train.size());
            monitor.update(m_step, o.steps, epoch, secondsPerStep * static_cast<double>(o.steps - m_step), rate);
            if (due(m_step, o.metricEvery) || m_step == o.steps) {
                Json metric = {{"step", m_step}, {"loss", numbers.loss}, {"epoch", epoch}, {"grad_norm", numbers.gradientNorm}, {"images_per_s", rate},
                               {"lr", warmupCosine(m_step - 1, o.steps, o.warmupSteps, o.learningRate, o.minimumLearningRate)},
                               {"weight_decay", cosineBetween(m_step - 1, o.steps, o.weightDecay, o.weightDecayEnd)}, {"memory_bytes", memoryReport(m_setup.placement.device).peakBytes()},
                               {"device", m_setup.placement.deviceName()}, {"dtype", m_setup.placement.dtypeName()}};
                for (const auto& [name, value] : numbers.terms)
                    if (!metric.contains(name))
                        metric[name] = value;
                m_setup.events->emit(protocol::Metric, std::move(metric));
            }
            if (stops())
                break;
            if (due(m_step, o.previewEvery) || (m_step == o.steps && o.previewEvery > 0))
                HILUM_TRY_STATUS(preview());
            if (due(m_step, o.checkpointEvery) && m_step < o.steps) {
                HILUM_TRY_STATUS(save("periodic"));
                monitor.enter("training");
            }
        }
    }
    const bool cancelled = m_step < o.steps;
    if (m_saved != m_step)
        HILUM_TRY_STATUS(save(cancelled ? "cancel" : "final"));
    else if (m_lastCheckpoint.empty())
        m_lastCheckpoint = m_setup.run / "checkpoints" / ("step-" + std::to_string(m_step));
    return TrainingOutcome{m_step, cancelled, m_lastCheckpoint};
}

} // namespace hilum::learning
