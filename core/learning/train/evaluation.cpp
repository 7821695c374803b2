#include "core/learning/train/evaluation.h"

#include "core/base/format.h"
#include "core/base/provenance.h"
#include "core/learning/data/loader.h"
#include "core/stats/bootstrap.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace hilum::learning {

namespace {

constexpr std::size_t MeanPictureLimit = 4096; // images: enough for a mean, and a bound on the time of a large cohort

class EvalMode {
public:
    explicit EvalMode(torch::nn::Module& module) : m_module(module), m_was(module.is_training()) { module.eval(); }
    ~EvalMode() { m_module.train(m_was); }
    EvalMode(const EvalMode&) = delete;
    EvalMode& operator=(const EvalMode&) = delete;

private:
    torch::nn::Module& m_module;
    bool m_was;
};

bool stopped(const EvaluationSetup& setup) { return setup.cancelled && setup.cancelled(); }

void tell(const EvaluationSetup& setup, std::size_t done, std::size_t total)
{
    if (setup.progress)
        setup.progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
}

Error cancelledError() { return Error{.code = ErrorCode::Cancelled, .message = "the evaluation was stopped"}; }

/// The stream of a case: independent of which other cases are evaluated.
Rng caseRng(const EvaluationSetup& setup, std::size_t number) { return Rng(setup.seed).fork("held-out").fork(setup.cache->cases()[number].sourceDigest); }

Result<TensorMap> plainBatch(const ViewMaker& views, const EvaluationSetup& setup, std::size_t number)
{
    HILUM_TRY(const TensorMap item, setup.cache->read(number));
    return toDevice(stackViews({views.makePlainView(item)}), setup.placement.device);
}

/// Mean over hidden patches of the mean squared difference: [1, N, P] against [1, N, P] (or what broadcasts), mask [1, N].
double hiddenError(const at::Tensor& guess, const at::Tensor& target, const at::Tensor& mask)
{
    const at::Tensor hidden = mask.to(at::kDouble);
    const at::Tensor perPatch = (guess.to(at::kDouble) - target.to(at::kDouble)).square().mean(-1); // [1, N]
    return ((perPatch * hidden).sum() / hidden.sum()).item<double>();
}

/// Patients by the place of their first case in the cache: an order that does not depend on the user's keyed hashes.
std::map<std::string, std::size_t> patientOrder(const ShardReader& cache)
{
    std::map<std::string, std::size_t> order;
    for (std::size_t i = 0; i < cache.cases().size(); ++i)
        order.emplace(cache.cases()[i].patient, i);
    return order;
}

/// The patient-wise mean and its interval; null limits, and why, where there is none.
Json row(const std::vector<double>& perCase, const std::vector<std::size_t>& cases, const EvaluationSetup& setup, double& estimate)
{
    const auto order = patientOrder(*setup.cache);
    std::map<std::size_t, std::pair<double, int>> patients;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        auto& [sum, count] = patients[order.at(setup.cache->cases()[cases[i]].patient)];
        sum += perCase[i];
        ++count;
    }
    std::vector<double> values;
    for (const auto& [patient, sum] : patients)
        values.push_back(sum.first / sum.second);
    if (const auto odd = std::ranges::count_if(values, [](double v) { return !std::isfinite(v); }); odd > 0) {
        estimate = std::numeric_limits<double>::quiet_NaN();
        return {{"low", Json()}, {"high", Json()}, {"level", Json()}, {"why", hilum::format("{} of {} patients have no finite value", odd, values.size())}};
    }
    const stats::Interval interval = stats::bootstrapMean(values, setup.seed);
    estimate = interval.estimate;
    if (values.size() == 1)
        return {{"low", Json()}, {"high", Json()}, {"level", Json()}, {"why", "one patient does not tell how far others are from it"}};
    return {{"low", interval.low}, {"high", interval.high}, {"level", interval.level}};
}

/// Mean of the training images' targets, [1, N, P] double.
Result<at::Tensor> meanPicture(PretrainingMethod& method, const ViewMaker& views, const EvaluationSetup& setup, std::int64_t& images)
{
    const auto& all = setup.split.train;
    const std::size_t count = std::min(all.size(), MeanPictureLimit);
    at::Tensor sum;
    for (std::size_t i = 0; i < count; ++i) {
        if (stopped(setup))
            return std::unexpected(cancelledError());
        tell(setup, i, count);
        const std::size_t number = all[i * all.size() / count]; // evenly over the cohort
        HILUM_TRY(const TensorMap batch, plainBatch(views, setup, number));
        const at::Tensor target = method.maskedTarget(batch, caseRng(setup, number)).target.to(at::kDouble);
        sum = sum.defined() ? sum + target : target;
    }
    images = static_cast<std::int64_t>(count);
    return sum / static_cast<double>(count);
}

/// For each held-out case a case of another held-out patient (of a training patient when only one is held out); nothing when there
/// is one patient in all.
std::vector<std::size_t> donors(const EvaluationSetup& setup)
{
    const auto order = patientOrder(*setup.cache);
    const auto patientOf = [&](std::size_t number) { return order.at(setup.cache->cases()[number].patient); };
    std::map<std::size_t, std::vector<std::size_t>> byPatient;
    for (const std::size_t i : setup.split.heldOut)
        byPatient[patientOf(i)].push_back(i);
    std::vector<std::size_t> out;
    if (byPatient.size() < 2) {
        if (!setup.split.train.empty())
            out.assign(setup.split.heldOut.size(), setup.split.train.front());
        return out;
    }
    std::map<std::size_t, std::size_t> seen;
    for (const std::size_t i : setup.split.heldOut) {
        auto next = std::next(byPatient.find(patientOf(i)));
        if (next == byPatient.end())
            next = byPatient.begin();
        out.push_back(next->second[seen[patientOf(i)]++ % next->second.size()]);
    }
    return out;
}

/// One of a method's own numbers, and the cases that have it (a number of one modality, for instance).
struct NamedNumber {
    std::vector<std::size_t> cases;
    std::vector<double> values;
};

/// The method's own numbers by name.
Result<std::map<std::string, NamedNumber>> namedNumbers(PretrainingMethod& method, const EvaluationSetup& setup)
{
    const torch::NoGradGuard noGradient;
    const EvalMode mode(method.trainable());
    const auto views = method.viewMaker();
    const auto& cases = setup.split.heldOut;
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(method.caseNumbersBatch(), 1));
    std::map<std::string, NamedNumber> out;
    for (std::size_t first = 0; first < cases.size(); first += size) {
        if (stopped(setup))
            return std::unexpected(cancelledError());
        tell(setup, first, cases.size());
        std::vector<TensorMap> parts;
        std::vector<Rng> streams;
        for (std::size_t i = first; i < std::min(first + size, cases.size()); ++i) {
            HILUM_TRY(const TensorMap item, setup.cache->read(cases[i]));
            parts.push_back(views->makePlainView(item));
            streams.push_back(caseRng(setup, cases[i]));
        }
        const PrecisionScope precision(setup.placement);
        const auto numbers = method.caseNumbers(toDevice(stackViews(parts), setup.placement.device), streams);
        TORCH_CHECK(numbers.empty() || numbers.size() == parts.size(), "caseNumbers gave ", numbers.size(), " rows for ", parts.size(), " cases");
        for (std::size_t i = 0; i < numbers.size(); ++i)
            for (const auto& [name, value] : numbers[i]) {
                out[name].cases.push_back(cases[first + i]);
                out[name].values.push_back(value);
            }
    }
    return out;
}

} // namespace

Result<std::vector<double>> caseLosses(PretrainingMethod& method, const EvaluationSetup& setup, const std::vector<std::size_t>& cases)
{
    const torch::NoGradGuard noGradient;
    const EvalMode mode(method.trainable());
    const auto views = method.viewMaker();
    std::vector<double> out;
    if (method.isMaskedReconstruction()) {
        for (const std::size_t number : cases) {
            if (stopped(setup))
                return std::unexpected(cancelledError());
            tell(setup, out.size(), cases.size());
            HILUM_TRY(const TensorMap batch, plainBatch(*views, setup, number));
            const PrecisionScope precision(setup.placement);
            const auto [mask, target] = method.maskedTarget(batch, caseRng(setup, number));
            out.push_back(hiddenError(method.predictMasked(batch, mask), target, mask));
        }
        return out;
    }
    const std::size_t size = static_cast<std::size_t>(std::max<std::int64_t>(setup.batch, 1));
    for (std::size_t first = 0; first < cases.size(); first += size) {
        if (stopped(setup))
            return std::unexpected(cancelledError());
        tell(setup, first, cases.size());
        std::vector<TensorMap> parts;
        for (std::size_t i = first; i < std::min(first + size, cases.size()); ++i) {
            HILUM_TRY(const TensorMap item, setup.cache->read(cases[i]));
            parts.push_back(views->makePlainView(item));
        }
        const PrecisionScope precision(setup.placement);
        const double loss = method.step(toDevice(stackViews(parts), setup.placement.device), caseRng(setup, cases[first])).loss.item<double>();
        out.insert(out.end(), parts.size(), loss);
    }
    return out;
}

Result<Json> evaluateHeldOut(PretrainingMethod& trained, PretrainingMethod* untrained, const EvaluationSetup& setup)
{
    const auto& cases = setup.split.heldOut;
    if (cases.empty())
        return fail(ErrorCode::Empty, "no patient is held out: there is nothing to evaluate on");
    Json out = {{"schema", "hilum.evaluation/1"}, {"created_utc", utcNow()}, {"held_out_patients", setup.split.heldOutPatients}, {"train_patients", setup.split.trainPatients},
                {"held_out_images", cases.size()}, {"train_images", setup.split.train.size()}, {"seed", setup.seed}, {"patients_known", setup.cache->patientsKnown()},
                {"device", setup.placement.deviceName()}, {"dtype", setup.placement.dtypeName()}};
    Json intervals = Json::object(), perCase = Json::object();
    const auto putFor = [&](const std::string& key, const std::vector<double>& values, const std::vector<std::size_t>& some) {
        double estimate = 0;
        intervals[key] = row(values, some, setup, estimate);
        out[key] = estimate;
        for (std::size_t i = 0; i < some.size(); ++i)
            perCase[setup.cache->cases()[some[i]].key][key] = values[i];
    };
    const auto put = [&](const char* key, const std::vector<double>& values) { putFor(key, values, cases); };
    // every part below counts for itself; told is how far all of them are
    const std::size_t networks = untrained ? 2 : 1, pictures = std::min(setup.split.train.size(), MeanPictureLimit);
    const std::size_t looks = 2 * networks * cases.size() + (trained.isMaskedReconstruction() ? pictures + cases.size() : 0);
    std::size_t before = 0; // looks of the parts that are done
    EvaluationSetup part = setup;
    if (setup.progress)
        part.progress = [&](std::int64_t done, std::int64_t) { tell(setup, before + static_cast<std::size_t>(done), looks); };
    HILUM_TRY(const auto heldOut, caseLosses(trained, part, cases));
    put("held_out_loss", heldOut);
    before += cases.size();
    if (untrained) {
        HILUM_TRY(const auto losses, caseLosses(*untrained, part, cases));
        put("untrained_loss", losses);
        before += cases.size();
    }
    for (const auto& [prefix, method] : {std::pair{"", &trained}, {"untrained_", untrained}}) {
        if (!method)
            continue;
        HILUM_TRY(const auto numbers, namedNumbers(*method, part));
        before += cases.size();
        for (const auto& [name, number] : numbers)
            putFor(prefix + name, number.values, number.cases);
    }
    if (trained.isMaskedReconstruction()) {
        const torch::NoGradGuard noGradient;
        const EvalMode mode(trained.trainable());
        const auto views = trained.viewMaker();
        std::int64_t images = 0;
        at::Tensor mean; // [1, N, P]; undefined where no training image is here
        if (!setup.split.train.empty()) {
            HILUM_TRY(mean, meanPicture(trained, *views, part, images));
        }
        before += pictures;
        const auto donor = donors(setup);
        std::vector<double> picture, visibleMean, swapped;
        for (std::size_t i = 0; i < cases.size(); ++i) {
            if (stopped(setup))
                return std::unexpected(cancelledError());
            tell(part, i, cases.size());
            HILUM_TRY(const TensorMap batch, plainBatch(*views, setup, cases[i]));
            const auto [mask, target] = trained.maskedTarget(batch, caseRng(setup, cases[i]));
            if (mean.defined())
                picture.push_back(hiddenError(mean, target, mask));
            const at::Tensor visible = (1 - mask.to(at::kDouble)).unsqueeze(-1);                 // [1, N, 1]
            const at::Tensor values = target.to(at::kDouble);                                    // [1, N, P]
            const at::Tensor constant = (values * visible).sum() / (visible.sum() * values.size(-1)); // []
            visibleMean.push_back(hiddenError(constant.expand_as(values), target, mask));
            if (!donor.empty()) {
                HILUM_TRY(const TensorMap other, plainBatch(*views, setup, donor[i]));
                const PrecisionScope precision(setup.placement);
                swapped.push_back(hiddenError(trained.predictMasked(other, mask), target, mask));
            }
        }
        if (mean.defined()) {
            put("mean_picture_loss", picture);
            out["mean_picture_images"] = images;
        }
        put("visible_mean_loss", visibleMean);
        if (!swapped.empty())
            put("swapped_loss", swapped);
        const double constantLoss = out["visible_mean_loss"].get<double>(), best = std::min(out.value("mean_picture_loss", constantLoss), constantLoss), loss = out["held_out_loss"].get<double>();
        out["best_constant_loss"] = best;
        if (best > 0)
            out["held_out_over_best_constant"] = loss / best;
        if (loss > 0 && out.contains("swapped_loss"))
            out["swapped_over_held_out"] = out["swapped_loss"].get<double>() / loss;
    }
    out["intervals"] = std::move(intervals);
    out["cases"] = std::move(perCase);
    return out;
}

} // namespace hilum::learning
