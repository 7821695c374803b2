#include "app/hilum/classification.h"

#include "core/services/classification_result.h"

namespace hilum::app {

std::string classificationText(const Json& e)
{
    std::string text = hilum::format("column {}: trained on {} images of {} patients, tested on {} images of {} patients ({})\n", e.value("label_column", ""), e.value("train_images", 0),
                                     e.value("train_patients", 0), e.value("held_out_images", 0), e.value("held_out_patients", 0), e.value("held_out", ""));
    for (const Json& k : e.at("classes"))
        text += hilum::format("  class {}: {} training patients, {} held out\n", k.value("name", ""), k.value("train_patients", 0), k.value("held_out_patients", 0));
    const auto rows = [&](const char* title, const Json& metrics) {
        text += hilum::format("{}\n", title);
        for (const auto& [key, words] : {std::pair{"auroc", "AUROC"}, {"average_precision", "average precision"}, {"accuracy", "accuracy"}, {"f1", "F1"}}) {
            const Json& m = metrics.at(key);
            const auto number = [&](const char* which) { return m.at(which).is_number() ? hilum::format("{:.3f}", m.at(which).get<double>()) : std::string("-"); };
            text += hilum::format("  {:<20} {:>7}  ({} to {})\n", words, number("estimate"), number("low"), number("high"));
        }
    };
    rows("pre-trained weights, 95 % interval over held-out patients", e.at("trained").at("metrics"));
    if (e.contains("untrained"))
        rows("the same network with untrained weights", e.at("untrained").at("metrics"));
    if (e.contains("difference")) {
        rows("gain of pre-training (paired difference)", e.at("difference"));
        text += services::gainSentence(e) + "\n";
    }
    return text;
}

} // namespace hilum::app
