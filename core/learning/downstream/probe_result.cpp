#include "core/learning/downstream/probe_result.h"

#include "core/base/numbers.h"
#include "core/learning/tensor_io.h"
#include "core/stats/bootstrap.h"
#include "core/stats/roc.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace hilum::learning {

namespace {

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

std::string quoted(std::string text)
{
    for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2))
        text.insert(at, 1, '"');
    return '"' + text + '"';
}

std::vector<std::size_t> patientsOf(const LabelledCases& c, std::span<const std::size_t> rows)
{
    std::vector<std::size_t> out;
    for (const std::size_t r : rows)
        out.push_back(c.patient[r]);
    return out;
}

} // namespace

Status writeProbeResult(const path& file, const ProbeResult& result, const Json& asked)
{
    TensorMap tensors = result.head;
    tensors["probabilities"] = at::tensor(result.probabilities, at::kDouble);
    return writeTensors(file, tensors, {{"hilum", jsonLine({{"how", result.how}, {"threshold", result.threshold}, {"asked", asked}})}});
}

Result<ProbeResult> readProbeResult(const path& file, Json& asked)
{
    HILUM_TRY(const TensorFile tensors, TensorFile::open(file));
    const auto text = tensors.metadata().find("hilum");
    if (text == tensors.metadata().end())
        return fail(ErrorCode::BadData, "{} does not say how it was made", file.string());
    HILUM_TRY(const Json json, parseJson(text->second));
    asked = json.value("asked", Json::object());
    ProbeResult out{.head = readTensors(tensors), .how = json.value("how", Json::object()), .threshold = json.value("threshold", 0.5), .probabilities = {}};
    const auto node = out.head.extract("probabilities");
    if (node.empty() || node.mapped().scalar_type() != at::kDouble)
        return fail(ErrorCode::BadData, "{} holds no probabilities", file.string());
    out.probabilities.assign(node.mapped().const_data_ptr<double>(), node.mapped().const_data_ptr<double>() + node.mapped().numel());
    return out;
}

Json resultJson(const ProbeResult& result, const LabelledCases& c, std::span<const std::size_t> test, std::uint64_t seed)
{
    const Metrics metrics(c, test);
    const std::vector<std::size_t> groups = patientsOf(c, test);
    Json out = result.how;
    out["threshold"] = metrics.classes() == 2 ? Json(result.threshold) : Json();
    for (const std::string& name : Metrics::names())
        out["metrics"][name] = intervalJson(stats::bootstrapGroups(groups, [&](auto rows) { return metrics.of(name, result, rows); }, seed));
    return out;
}

double heldOutLoss(const ProbeResult& result, const LabelledCases& c, std::span<const std::size_t> test)
{
    std::map<std::size_t, std::pair<double, int>> patients;
    for (std::size_t row = 0; row < test.size(); ++row) {
        auto& [sum, rows] = patients[c.patient[test[row]]];
        sum -= std::log(std::max(result.probabilities[row * c.classes.size() + c.label[test[row]]], std::numeric_limits<double>::min()));
        ++rows;
    }
    double total = 0;
    for (const auto& [patient, of] : patients)
        total += of.first / of.second;
    return total / static_cast<double>(patients.size());
}

Json differenceJson(const ProbeResult& first, const ProbeResult& second, const LabelledCases& c, std::span<const std::size_t> test, std::uint64_t seed)
{
    const Metrics metrics(c, test);
    const std::vector<std::size_t> groups = patientsOf(c, test);
    Json out = Json::object();
    for (const std::string& name : Metrics::names())
        out[name] = intervalJson(stats::bootstrapGroups(
            groups,
            [&](auto rows) -> std::optional<double> {
                const auto a = metrics.of(name, first, rows), b = metrics.of(name, second, rows);
                return a && b ? std::optional(*a - *b) : std::nullopt;
            },
            seed));
    return out;
}

std::string predictionsTable(const ProbeResult& first, const ProbeResult* second, const LabelledCases& c, std::span<const std::size_t> test, const ShardReader& cache)
{
    std::vector<std::pair<const char*, const ProbeResult*>> results{{"trained", &first}};
    if (second)
        results.emplace_back("untrained", second);
    std::string table = "case,patient,class";
    for (const auto& [which, result] : results)
        for (const std::string& name : c.classes)
            table += "," + quoted(hilum::format("{} {}", which, name));
    table += "\n";
    for (std::size_t r = 0; r < test.size(); ++r) {
        const CacheCase& one = cache.cases()[c.number[test[r]]];
        table += hilum::format("{},{},{}", one.key, one.patient, quoted(c.classes[c.label[test[r]]]));
        for (const auto& [which, result] : results)
            for (std::size_t k = 0; k < c.classes.size(); ++k)
                table += "," + shortest(result->probabilities[r * c.classes.size() + k]); // all of it: the curve is drawn from here
        table += "\n";
    }
    return table;
}

} // namespace hilum::learning
