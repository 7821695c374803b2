#include "app/hilum/classification.h"

namespace hilum::app {

Result<Json> readClassification(const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file));
    HILUM_TRY(Json json, parseJson(text));
    if (json.value("schema", "") != "hilum.classification/1")
        return fail(ErrorCode::WrongVersion, "{} holds no classification (schema \"{}\")", file.string(), json.value("schema", ""));
    return json;
}

std::string classificationText(const Json& e)
{
    std::string text = std::format("column {}: trained on {} images of {} patients, tested on {} images of {} patients ({})\n", e.value("label_column", ""), e.value("train_images", 0),
                                   e.value("train_patients", 0), e.value("held_out_images", 0), e.value("held_out_patients", 0), e.value("held_out", ""));
    for (const Json& k : e.at("classes"))
        text += std::format("  class {}: {} training patients, {} held out\n", k.value("name", ""), k.value("train_patients", 0), k.value("held_out_patients", 0));
    const auto rows = [&](const char* title, const Json& metrics) {
        text += std::format("{}\n", title);
        for (const auto& [key, words] : {std::pair{"auroc", "AUROC"}, {"average_precision", "average precision"}, {"accuracy", "accuracy"}, {"f1", "F1"}}) {
            const Json& m = metrics.at(key);
            const auto number = [&](const char* which) { return m.at(which).is_number() ? std::format("{:.3f}", m.at(which).get<double>()) : std::string("-"); };
            text += std::format("  {:<20} {:>7}  ({} to {})\n", words, number("estimate"), number("low"), number("high"));
        }
    };
    rows("pre-trained weights, 95 % interval over held-out patients", e.at("trained").at("metrics"));
    if (e.contains("untrained"))
        rows("the same network with untrained weights", e.at("untrained").at("metrics"));
    if (e.contains("difference")) {
        rows("gain of pre-training (paired difference)", e.at("difference"));
        const Json& d = e.at("difference").at("auroc");
        const bool shown = d.at("low").is_number() && d.at("low").get<double>() > 0, worse = d.at("high").is_number() && d.at("high").get<double>() < 0;
        text += shown ? "pre-training helps here: the interval of the gain in AUROC lies above 0\n"
                      : worse ? "pre-training hurts here: the interval of the gain in AUROC lies below 0\n" : "no gain is shown: the interval of the gain in AUROC holds 0\n";
    }
    return text;
}

} // namespace hilum::app
