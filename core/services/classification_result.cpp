#include "core/services/classification_result.h"

#include "core/base/numbers.h"
#include "core/services/csv_table.h"
#include "core/stats/roc.h"

#include <algorithm>

namespace hilum::services {

Result<Json> readClassification(const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file));
    HILUM_TRY(Json json, parseJson(text));
    if (json.value("schema", "") != "hilum.classification/1")
        return fail(ErrorCode::WrongVersion, "{} holds no classification (schema \"{}\")", file.string(), json.value("schema", ""));
    return json;
}

Result<ClassificationResult> readClassificationResult(const path& run)
{
    ClassificationResult out;
    HILUM_TRY(out.evaluation, readClassification(run / "evaluation.json"));
    HILUM_TRY(const CsvTable table, readCsv(run / "predictions.csv"));
    std::vector<std::string> classes;
    for (const Json& k : out.evaluation.value("classes", Json::array()))
        classes.push_back(k.value("name", ""));
    // case, patient, class, then the probability of each class by each network
    const std::size_t networks = out.evaluation.contains("untrained") ? 2 : 1, first = 3;
    if (classes.size() < 2 || table.columns.size() != first + networks * classes.size() || table.rows.empty())
        return fail(ErrorCode::BadData, "{} does not fit the evaluation beside it", (run / "predictions.csv").string());
    for (std::size_t n = 0; n < networks; ++n)
        for (std::size_t k = classes.size() == 2 ? 1 : 0; k < classes.size(); ++k) {
            std::vector<double> scores;
            std::vector<std::uint8_t> positive;
            for (const auto& row : table.rows) {
                const auto score = parseDouble(row[first + n * classes.size() + k]);
                if (!score)
                    return fail(ErrorCode::BadData, "{}: \"{}\" is no probability", (run / "predictions.csv").string(), row[first + n * classes.size() + k]);
                scores.push_back(*score);
                positive.push_back(row[2] == classes[k]);
            }
            if (const auto ones = std::ranges::count(positive, 1); ones == 0 || ones == std::ssize(positive))
                continue; // no curve without both
            RocOfClass curve{.name = n == 0 ? "pre-trained" : "untrained", .points = {}};
            if (classes.size() > 2)
                curve.name += ", " + classes[k];
            for (const stats::RocPoint& p : stats::rocCurve(scores, positive))
                curve.points.push_back({p.falsePositiveRate, p.truePositiveRate});
            out.curves.push_back(std::move(curve));
        }
    return out;
}

std::string gainSentence(const Json& evaluation)
{
    if (!evaluation.contains("difference"))
        return {};
    const Json& d = evaluation["difference"].at("auroc");
    if (evaluation.value("held_out_patients", 0) == 1)
        return "no gain is shown: one held-out patient does not tell how far others are from it";
    if (!d.at("low").is_number() || !d.at("high").is_number())
        return "no gain is shown: there is no interval of the gain in AUROC, since no draw of held-out patients had both classes";
    if (d["low"].get<double>() > 0)
        return "pre-training helps here: the interval of the gain in AUROC lies above 0";
    if (d["high"].get<double>() < 0)
        return "pre-training hurts here: the interval of the gain in AUROC lies below 0";
    return "no gain is shown: the interval of the gain in AUROC holds 0";
}

} // namespace hilum::services
