#include "core/learning/downstream/labelled_cases.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace hilum::learning {

namespace {

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

Status checkClasses(const LabelledCases& c, std::span<const std::size_t> rows, std::int64_t least, std::string_view where)
{
    const auto counts = patientsPerClass(c, rows);
    for (std::size_t k = 0; k < counts.size(); ++k)
        if (counts[k] < least)
            return fail(ErrorCode::Options, "class \"{}\" of column \"{}\" has {} patients {}; {} are needed", c.classes[k], c.column, counts[k], where, least);
    return {};
}

} // namespace

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

Split probeSplit(const std::vector<CacheCase>& cases, const TrainingRecord& record, std::uint64_t seed, double heldOutFraction, bool& reused)
{
    const KnownCases known = knownCases(cases, record);
    reused = known.anyHeldOut;
    std::vector<bool> tested = known.heldOut;
    if (!reused) {
        std::vector<CacheCase> fresh;
        std::vector<std::size_t> numbers;
        for (std::size_t n = 0; n < cases.size(); ++n)
            if (!known.seen[n]) {
                fresh.push_back(cases[n]);
                numbers.push_back(n);
            }
        for (const std::size_t n : splitByPatient(fresh, seed, heldOutFraction).heldOut)
            tested[numbers[n]] = true;
    }
    Split out;
    for (std::size_t n = 0; n < cases.size(); ++n)
        (tested[n] ? out.heldOut : out.train).push_back(n);
    countPatients(out, cases);
    return out;
}

Result<ProbeParts> probeParts(const LabelledCases& c, const ModelFile& file, const ShardReader& cache, double fraction, double heldOutFraction, std::uint64_t seed)
{
    ProbeParts out;
    HILUM_TRY(out.record, trainingRecord(file, cache));
    const KnownCases known = knownCases(cache.cases(), out.record);
    if (std::ranges::all_of(known.seen, [](bool one) { return one; }))
        return fail(ErrorCode::Options, "the model's training saw every patient of these {} images: nobody is left to be tested", cache.cases().size());
    bool reused = false;
    const Split split = probeSplit(cache.cases(), out.record, seed, heldOutFraction, reused);
    const std::set<std::size_t> heldOut(split.heldOut.begin(), split.heldOut.end());
    for (std::size_t r = 0; r < c.number.size(); ++r)
        (heldOut.contains(c.number[r]) ? out.test : out.trainable).push_back(r);
    HILUM_TRY_STATUS(checkClasses(c, out.trainable, 2, "to train on"));
    HILUM_TRY_STATUS(checkClasses(c, out.test, 1, "among those held out"));
    if (countPatients(c, out.test) < 4)
        return fail(ErrorCode::Options, "{} labelled patients are held out; 4 are needed", countPatients(c, out.test));
    out.train = fewPatients(c, out.trainable, fraction, seed);
    HILUM_TRY_STATUS(checkClasses(c, out.train, 2, "among the labels that are used"));
    // keys of patients are made with a user's own key: another user's run is known by its images alone
    out.heldOutBecause = reused              ? "the patients that the pre-training held out"
                         : !out.record.known ? "drawn by the seed; whom the pre-training saw is not known"
                         : known.anySeen     ? "drawn by the seed from patients that the pre-training did not see"
                                             : "drawn by the seed; the pre-training's record names none of these images or patients (another user's images are known by their content alone)";
    out.heldOutBecause += recordLimits(out.record);
    return out;
}

} // namespace hilum::learning
