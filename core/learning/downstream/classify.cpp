#include "core/learning/downstream/classify.h"

#include "core/base/digest.h"
#include "core/base/provenance.h"
#include "core/learning/downstream/fine_tuning.h"
#include "core/learning/downstream/linear_probe.h"
#include "core/learning/model_file.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/first_state.h"
#include "core/learning/train/job.h"
#include "core/stats/bootstrap.h"
#include "core/stats/roc.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

namespace hilum::learning {

namespace {

/// The labelled cases in an order that depends on the images alone.
struct LabelledCases {
    std::vector<std::string> classes;
    std::string column;
    std::vector<std::size_t> number;  ///< in the cache
    std::vector<std::size_t> label;
    std::vector<std::size_t> patient; ///< counted in order of first appearance
    std::size_t patients = 0;
    std::int64_t withoutLabel = 0;
};

Result<LabelledCases> labelledCases(const path& file, const ShardReader& cache)
{
    HILUM_TRY(const std::string text, readTextFile(file, 1u << 30));
    HILUM_TRY(const Json json, parseJson(text));
    if (json.value("schema", "") != LabelsSchema)
        return fail(ErrorCode::WrongVersion, "{} holds no labels of this program (schema \"{}\")", file.string(), json.value("schema", ""));
    LabelledCases out{.classes = json.value("classes", std::vector<std::string>{}), .column = json.value("column", ""), .number = {}, .label = {}, .patient = {}};
    const Json& labels = json.at("labels");
    std::vector<std::size_t> order(cache.cases().size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t n) { return std::pair(cache.cases()[n].sourceDigest, cache.cases()[n].key); });
    std::map<std::string, std::size_t> patients;
    for (const std::size_t n : order) {
        const CacheCase& c = cache.cases()[n];
        const auto it = labels.find(c.key);
        if (it == labels.end()) {
            ++out.withoutLabel;
            continue;
        }
        const auto label = it->get<std::size_t>();
        if (label >= out.classes.size())
            return fail(ErrorCode::BadData, "{}: label {} of {} classes", file.string(), label, out.classes.size());
        out.number.push_back(n);
        out.label.push_back(label);
        out.patient.push_back(patients.emplace(c.patient, patients.size()).first->second);
    }
    out.patients = patients.size();
    if (out.number.empty())
        return fail(ErrorCode::Empty, "none of the {} images has a label in column \"{}\"", cache.cases().size(), out.column);
    return out;
}

std::vector<std::int64_t> patientsPerClass(const LabelledCases& c, std::span<const std::size_t> rows)
{
    std::vector<std::set<std::size_t>> of(c.classes.size());
    for (const std::size_t r : rows)
        of[c.label[r]].insert(c.patient[r]);
    std::vector<std::int64_t> out;
    for (const auto& set : of)
        out.push_back(static_cast<std::int64_t>(set.size()));
    return out;
}

std::size_t countPatients(const LabelledCases& c, std::span<const std::size_t> rows)
{
    std::set<std::size_t> out;
    for (const std::size_t r : rows)
        out.insert(c.patient[r]);
    return out.size();
}

/// The rows of a share of the patients: of each class (a patient's rarest) the same share, at least two.
std::vector<std::size_t> fewPatients(const LabelledCases& c, const std::vector<std::size_t>& rows, double fraction, std::uint64_t seed)
{
    if (fraction >= 1)
        return rows;
    const auto counts = patientsPerClass(c, rows);
    std::map<std::size_t, std::size_t> rarest;
    for (const std::size_t r : rows) {
        const auto [at, fresh] = rarest.emplace(c.patient[r], c.label[r]);
        if (!fresh && std::pair(counts[c.label[r]], c.label[r]) < std::pair(counts[at->second], at->second))
            at->second = c.label[r];
    }
    std::set<std::size_t> chosen;
    for (std::size_t k = 0; k < c.classes.size(); ++k) {
        std::vector<std::size_t> of;
        for (const auto& [patient, label] : rarest)
            if (label == k)
                of.push_back(patient);
        Rng rng = Rng(seed).fork("few labels").fork(k);
        rng.shuffle(std::span(of));
        const auto count = std::min(of.size(), std::max<std::size_t>(2, static_cast<std::size_t>(std::llround(fraction * static_cast<double>(of.size())))));
        chosen.insert(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(count));
    }
    std::vector<std::size_t> out;
    for (const std::size_t r : rows)
        if (chosen.contains(c.patient[r]))
            out.push_back(r);
    return out;
}

/// What one encoder's classifier says of the tested rows.
struct ProbeResult {
    TensorMap head;                    ///< weight [K, F], bias [K], mean and deviation [F], double
    Json how;                          ///< how it was found, for the record
    double threshold = 0.5;            ///< of the positive class, two classes alone; Linear: from left-out training patients
    std::vector<double> probabilities; ///< [tested rows x classes]
};

Result<ProbeResult> tune(PretrainingMethod& method, const std::string& id, const ShardReader& cache, const LabelledCases& c, std::span<const std::size_t> train, std::span<const std::size_t> test,
                         const Placement& placement, const ProbeRequest& request, std::string_view phase)
{
    TuningTask task{.train = {}, .labels = {}, .test = {}, .classes = c.classes.size(), .seed = request.seed};
    for (const std::size_t r : train) {
        task.train.push_back(c.number[r]);
        task.labels.push_back(c.label[r]);
    }
    for (const std::size_t r : test)
        task.test.push_back(c.number[r]);
    HILUM_TRY(TunedClassifier tuned, fineTune(method, id, cache, task, request.tuning, placement, request.cancelled, [&](std::int64_t done, std::int64_t total) {
                  if (request.progress)
                      request.progress(phase, done, total);
              }));
    return ProbeResult{.head = {{"weight", tuned.weight}, {"bias", tuned.bias}, {"mean", tuned.mean}, {"deviation", tuned.deviation}},
                       .how = {{"settings", toJson(request.tuning)}, {"steps", tuned.steps}, {"epoch_loss", tuned.epochLoss}, {"features", tuned.mean.numel()}},
                       .threshold = 0.5,
                       .probabilities = std::move(tuned.probabilities)};
}

Result<ProbeResult> probe(PretrainingMethod& method, const std::string& id, const ShardReader& cache, const LabelledCases& c, std::span<const std::size_t> train,
                          std::span<const std::size_t> test, const Placement& placement, const ProbeRequest& request, std::string_view phase)
{
    std::vector<std::size_t> numbers, labels, patients;
    for (const auto rows : {train, test})
        for (const std::size_t r : rows)
            numbers.push_back(c.number[r]);
    for (const std::size_t r : train) {
        labels.push_back(c.label[r]);
        patients.push_back(c.patient[r]);
    }
    HILUM_TRY(const FeatureTable all, extractFeatures(method, id, cache, numbers, placement, request.cancelled, [&](std::int64_t done, std::int64_t total) {
                  if (request.progress)
                      request.progress(phase, done, total);
              }));
    std::vector<std::size_t> first(train.size()), second(test.size());
    std::iota(first.begin(), first.end(), std::size_t{0});
    std::iota(second.begin(), second.end(), train.size());
    const FeatureTable raw = all.picked(first);
    ProbeResult out;
    const PenaltyChoice choice = choosePenalty(raw, labels, patients, c.classes.size());
    const Standardiser standard = Standardiser::of(raw);
    const LogisticModel head = fitLogistic(standard.apply(raw), labels, c.classes.size(), choice.penalty);
    const auto tensor = [](const std::vector<double>& v) { return at::tensor(v, at::kDouble); };
    out.head = {{"weight", tensor(head.weights).view({static_cast<std::int64_t>(c.classes.size()), -1})}, {"bias", tensor(head.bias)}, {"mean", tensor(standard.mean)},
                {"deviation", tensor(standard.deviation)}};
    out.how = {{"penalty", choice.penalty}, {"inner_folds", choice.folds}, {"inner_penalties", choice.tried}, {"inner_loss", choice.loss}, {"features", head.columns},
               {"iterations", head.iterations}, {"converged", head.converged}};
    if (c.classes.size() == 2) {
        std::vector<double> scores;
        std::vector<std::uint8_t> positive;
        for (std::size_t r = 0; r < labels.size(); ++r) {
            scores.push_back(choice.leftOut[r * 2 + 1]);
            positive.push_back(labels[r] == 1);
        }
        out.threshold = stats::youdenThreshold(scores, positive);
    }
    const FeatureTable tested = standard.apply(all.picked(second));
    for (std::size_t r = 0; r < tested.rows(); ++r) {
        const auto p = head.probabilities(tested.row(r));
        out.probabilities.insert(out.probabilities.end(), p.begin(), p.end());
    }
    return out;
}

/// The metrics of predictions on some of the tested rows; nothing where a class is missing among them.
class Metrics {
public:
    Metrics(const LabelledCases& c, std::span<const std::size_t> test) : m_classes(c.classes.size())
    {
        for (const std::size_t r : test)
            m_labels.push_back(c.label[r]);
    }
    static const std::vector<std::string>& names()
    {
        static const std::vector<std::string> list{"auroc", "average_precision", "accuracy", "f1"};
        return list;
    }
    std::optional<double> of(const std::string& name, const ProbeResult& result, std::span<const std::size_t> rows) const
    {
        std::vector<std::size_t> of(m_classes, 0);
        for (const std::size_t r : rows)
            ++of[m_labels[r]];
        if (std::ranges::count(of, 0u) > 0)
            return std::nullopt;
        if (name == "accuracy") {
            double right = 0;
            for (const std::size_t r : rows)
                right += guess(result, r) == m_labels[r] ? 1 : 0;
            return right / static_cast<double>(rows.size());
        }
        double sum = 0; // over the positive class, or over all where there are more than two: macro average
        const std::size_t from = m_classes == 2 ? 1 : 0;
        for (std::size_t k = from; k < m_classes; ++k) {
            std::vector<double> scores;
            std::vector<std::uint8_t> positive;
            for (const std::size_t r : rows) {
                scores.push_back(name == "f1" ? (guess(result, r) == k ? 1.0 : 0.0) : result.probabilities[r * m_classes + k]);
                positive.push_back(m_labels[r] == k);
            }
            sum += name == "auroc" ? stats::auroc(scores, positive) : name == "f1" ? stats::confusionAt(scores, positive, 0.5).f1() : stats::averagePrecision(scores, positive);
        }
        return sum / static_cast<double>(m_classes - from);
    }
    std::size_t classes() const { return m_classes; }
    std::size_t guess(const ProbeResult& result, std::size_t row) const
    {
        const auto p = std::span(result.probabilities).subspan(row * m_classes, m_classes);
        return m_classes == 2 ? (p[1] >= result.threshold ? 1 : 0) : static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
    }

private:
    std::size_t m_classes;
    std::vector<std::size_t> m_labels;
};

Json intervalJson(const stats::GroupBootstrap& b)
{
    return {{"estimate", b.interval.estimate}, {"low", b.interval.low}, {"high", b.interval.high}, {"level", b.interval.level}, {"draws_without_value", b.undefined}};
}

Json probeJson(const ProbeResult& result, const Metrics& metrics, std::span<const std::size_t> groups, std::uint64_t seed)
{
    Json out = result.how;
    out["threshold"] = metrics.classes() == 2 ? Json(result.threshold) : Json();
    for (const std::string& name : Metrics::names())
        out["metrics"][name] = intervalJson(stats::bootstrapGroups(groups, [&](auto rows) { return metrics.of(name, result, rows); }, seed));
    return out;
}

std::string quoted(std::string text)
{
    for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2))
        text.insert(at, 1, '"');
    return '"' + text + '"';
}

Status checkClasses(const LabelledCases& c, std::span<const std::size_t> rows, std::int64_t least, std::string_view where)
{
    const auto counts = patientsPerClass(c, rows);
    for (std::size_t k = 0; k < counts.size(); ++k)
        if (counts[k] < least)
            return fail(ErrorCode::Options, "class \"{}\" of column \"{}\" has {} patients {}; {} are needed", c.classes[k], c.column, counts[k], where, least);
    return {};
}

/// Case keys that a run's split.json names; empty when there is none.
Result<std::pair<std::vector<std::string>, std::vector<std::string>>> pretrainingSplit(const path& model, const ModelFile& file, const ShardReader& cache)
{
    std::pair<std::vector<std::string>, std::vector<std::string>> out;
    std::error_code ignored;
    if (std::filesystem::exists(model / "split.json", ignored)) {
        HILUM_TRY(const std::string text, readTextFile(model / "split.json", 1u << 30));
        HILUM_TRY(const Json json, parseJson(text));
        out = {json.value("train", std::vector<std::string>{}), json.value("held_out", std::vector<std::string>{})};
    } else if (file.metadata.value("cache_digest", Json()) == cache.digest()) { // a model file away from its run: the split follows from its options
        const Json& options = file.metadata["options"];
        const Split split = splitByPatient(cache.cases(), options.value("seed", std::uint64_t{0}), options.value("held_out_fraction", 0.2));
        for (const std::size_t n : split.train)
            out.first.push_back(cache.cases()[n].key);
        for (const std::size_t n : split.heldOut)
            out.second.push_back(cache.cases()[n].key);
    }
    return out;
}

} // namespace

Split probeSplit(const std::vector<CacheCase>& cases, const std::vector<std::string>& trained, const std::vector<std::string>& tested, std::uint64_t seed, double heldOutFraction, bool& reused)
{
    const std::set<std::string> trainKeys(trained.begin(), trained.end()), testKeys(tested.begin(), tested.end());
    std::set<std::string> seen, heldOut;
    for (const CacheCase& c : cases)
        if (trainKeys.contains(c.key))
            seen.insert(c.patient);
    for (const CacheCase& c : cases)
        if (testKeys.contains(c.key) && !seen.contains(c.patient))
            heldOut.insert(c.patient);
    reused = !heldOut.empty();
    if (!reused) {
        std::vector<CacheCase> fresh;
        for (const CacheCase& c : cases)
            if (!seen.contains(c.patient))
                fresh.push_back(c);
        for (const std::size_t n : splitByPatient(fresh, seed, heldOutFraction).heldOut)
            heldOut.insert(fresh[n].patient);
    }
    Split out;
    std::set<std::string> trainPatients;
    for (std::size_t n = 0; n < cases.size(); ++n) {
        const bool test = heldOut.contains(cases[n].patient);
        (test ? out.heldOut : out.train).push_back(n);
        if (!test)
            trainPatients.insert(cases[n].patient);
    }
    out.trainPatients = static_cast<std::int64_t>(trainPatients.size());
    out.heldOutPatients = static_cast<std::int64_t>(heldOut.size());
    return out;
}

Result<Json> runProbe(const MethodRegistry& registry, const ProbeRequest& request)
{
    HILUM_TRY(const ModelFile file, openModel(request.model));
    const bool full = request.mode == ClassifyMode::Full;
    HILUM_TRY(const Placement placement, choosePlacement(request.device, full ? "auto" : "float32"));
    HILUM_TRY(const ShardReader cache, ShardReader::open(request.cache));
    const std::string id = file.metadata["method"].get<std::string>();
    HILUM_TRY(const MethodEntry* const entry, registry.find(id));
    if (const Json wanted = file.metadata.value("pipeline", Json()); wanted != cache.pipeline())
        return fail(ErrorCode::Mismatch, "the cache was prepared as {}, the model needs {}", jsonLine(cache.pipeline()), jsonLine(wanted));
    HILUM_TRY(const auto method, loadMethod(registry, file));
    method->trainable().to(placement.device);
    HILUM_TRY(FeatureSource* const source, featureSource(*method, id));

    HILUM_TRY(const LabelledCases c, labelledCases(request.labels, cache));
    HILUM_TRY(const auto pretraining, pretrainingSplit(request.model, file, cache));
    bool reused = false;
    const Split split = probeSplit(cache.cases(), pretraining.first, pretraining.second, request.seed, request.heldOutFraction, reused);
    const std::set<std::size_t> heldOut(split.heldOut.begin(), split.heldOut.end());
    std::vector<std::size_t> trainable, test;
    for (std::size_t r = 0; r < c.number.size(); ++r)
        (heldOut.contains(c.number[r]) ? test : trainable).push_back(r);
    HILUM_TRY_STATUS(checkClasses(c, trainable, 2, "to train on"));
    HILUM_TRY_STATUS(checkClasses(c, test, 1, "among those held out"));
    if (countPatients(c, test) < 4)
        return fail(ErrorCode::Options, "{} labelled patients are held out; 4 are needed", countPatients(c, test));
    const std::vector<std::size_t> train = fewPatients(c, trainable, request.fraction, request.seed);
    HILUM_TRY_STATUS(checkClasses(c, train, 2, "among the labels that are used"));

    const auto classify = [&](PretrainingMethod& encoder, std::string_view phase) {
        return full ? tune(encoder, id, cache, c, train, test, placement, request, phase) : probe(encoder, id, cache, c, train, test, placement, request, phase);
    };
    std::unique_ptr<PretrainingMethod> untrained; // made while the trained one is as it was
    if (request.compareUntrained) {
        const Json& options = file.metadata["options"];
        untrained = entry->make(options, Rng(options.value("seed", std::uint64_t{0})).fork("weights"));
        HILUM_TRY_STATUS(beginFirstStateLike(*untrained, *method));
        untrained->trainable().to(placement.device);
    }
    HILUM_TRY(const ProbeResult trained, classify(*method, "trained weights"));
    std::vector<std::size_t> groups;
    for (const std::size_t r : test)
        groups.push_back(c.patient[r]);
    const Metrics metrics(c, test);
    Json classes = Json::array();
    const auto inTraining = patientsPerClass(c, train), inTest = patientsPerClass(c, test);
    for (std::size_t k = 0; k < c.classes.size(); ++k)
        classes.push_back({{"name", c.classes[k]}, {"train_patients", inTraining[k]}, {"held_out_patients", inTest[k]}});
    Json out = {{"schema", ClassificationSchema}, {"created_utc", utcNow()}, {"task", "classify"}, {"mode", full ? "full" : "linear"}, {"label_column", c.column}, {"classes", classes},
                {"positive_class", c.classes.size() == 2 ? Json(c.classes[1]) : Json()}, {"method", id}, {"pooling", source->pooling()},
                {"train_patients", countPatients(c, train)}, {"train_images", train.size()}, {"train_patients_available", countPatients(c, trainable)},
                {"held_out_patients", countPatients(c, test)}, {"held_out_images", test.size()}, {"images_without_label", c.withoutLabel}, {"fraction", request.fraction},
                {"held_out", reused ? "the patients that the pre-training held out" : pretraining.first.empty() ? "drawn by the seed; whom the pre-training saw is not known"
                                                                                                                   : "drawn by the seed from patients that the pre-training did not see"},
                {"patients_known", cache.patientsKnown()}, {"seed", request.seed}, {"bootstrap", "2000 draws of held-out patients"}, {"step", file.metadata.value("step", Json())},
                {"weights_sha256", file.metadata.value("weights_sha256", Json())}, {"device", placement.deviceName()}};
    out["trained"] = probeJson(trained, metrics, groups, request.seed);
    std::optional<ProbeResult> first;
    if (untrained) {
        HILUM_TRY(first, classify(*untrained, "untrained weights"));
        out["untrained"] = probeJson(*first, metrics, groups, request.seed);
        for (const std::string& name : Metrics::names())
            out["difference"][name] = intervalJson(stats::bootstrapGroups(
                groups,
                [&](auto rows) -> std::optional<double> {
                    const auto a = metrics.of(name, trained, rows), b = metrics.of(name, *first, rows);
                    return a && b ? std::optional(*a - *b) : std::nullopt;
                },
                request.seed));
    }

    HILUM_TRY_STATUS(makeFolder(request.out));
    std::string table = "case,patient,class";
    for (const char* which : {"trained", "untrained"})
        if (which[0] == 't' || first)
            for (const Json& k : classes)
                table += "," + quoted(std::format("{} {}", which, k["name"].get<std::string>()));
    table += "\n";
    for (std::size_t r = 0; r < test.size(); ++r) {
        const CacheCase& one = cache.cases()[c.number[test[r]]];
        table += std::format("{},{},{}", one.key, one.patient, quoted(c.classes[c.label[test[r]]]));
        for (const ProbeResult* result : std::initializer_list<const ProbeResult*>{&trained, first ? &*first : nullptr})
            for (std::size_t k = 0; result && k < c.classes.size(); ++k)
                table += std::format(",{:.9g}", result->probabilities[r * c.classes.size() + k]);
        table += "\n";
    }
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "predictions.csv", table));
    std::string encoderDigest = out["weights_sha256"].is_string() ? out["weights_sha256"].get<std::string>() : "";
    if (full) { // the method now holds the tuned weights
        Json metadata = file.metadata;
        metadata["fine_tuned"] = {{"task", "classify"}, {"label_column", c.column}, {"classes", c.classes}, {"from_weights_sha256", encoderDigest}, {"settings", toJson(request.tuning)}};
        const TensorMap state = namedState(method->trainable());
        encoderDigest = weightsDigest(state);
        HILUM_TRY_STATUS(writeModel(request.out / "model.safetensors", state, std::move(metadata)));
    }
    HILUM_TRY_STATUS(writeTensors(request.out / "head.safetensors", trained.head,
        {{"hilum", jsonLine({{"schema", "hilum.head/1"}, {"classes", c.classes}, {"method", id}, {"encoder_weights_sha256", encoderDigest}, {"pooling", source->pooling()},
                               {"threshold", out["trained"]["threshold"]}})}}));
    Provenance record;
    record.kind = full ? "fine-tuning" : "linear probe";
    record.method = {{"id", id}, {"task", "classify"}, {"mode", full ? "full" : "linear"}, {"settings", full ? toJson(request.tuning) : Json()}, {"fraction", request.fraction}, {"compare_untrained", request.compareUntrained}, {"label_column", c.column}};
    record.model = {{"weights_sha256", out["weights_sha256"]}, {"step", out["step"]}, {"licence", file.metadata.value("licence", Json())}};
    HILUM_TRY(const std::string labelsDigest, sha256File(request.labels));
    record.inputs = Json::array({{{"kind", "cache"}, {"digest", cache.digest()}, {"cases", cache.cases().size()}}, {{"kind", "labels"}, {"digest", labelsDigest}}});
    record.preprocessing = cache.pipeline();
    record.seed = request.seed;
    record.device = {{"name", placement.deviceName()}, {"dtype", placement.dtypeName()}};
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "provenance.json", toJson(record).dump(1) + "\n"));
    HILUM_TRY_STATUS(writeFileAtomically(request.out / "evaluation.json", out.dump(1) + "\n"));
    return out;
}

} // namespace hilum::learning
