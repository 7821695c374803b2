#include "core/services/hit_rates.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <cmath>
#include <optional>
#include <utility>

namespace hilum::services {

namespace {

path runOf(const path& model)
{
    std::error_code unread; // reported as not there
    path folder = std::filesystem::is_directory(model, unread) ? model : model.parent_path();
    if (!folder.has_filename()) // "RUN/"
        folder = folder.parent_path();
    return folder.parent_path().filename() == "checkpoints" ? folder.parent_path().parent_path() : folder;
}

std::string textIn(const Json& object, const char* key)
{
    const auto it = object.find(key);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<double> numberIn(const Json& object, const std::string& key)
{
    const auto it = object.find(key);
    return it != object.end() && it->is_number() ? std::optional(it->get<double>()) : std::nullopt;
}

std::string percent(double share, int decimals) { return fixed(100 * share, decimals); }

/// "[8, 27]" in per cent, with a blank before; empty where there is none.
std::string intervalText(const Json& evaluation, const std::string& key)
{
    const auto all = evaluation.find("intervals");
    if (all == evaluation.end() || !all->contains(key))
        return {};
    const auto low = numberIn(all->at(key), "low"), high = numberIn(all->at(key), "high");
    return low && high ? hilum::format(" [{}, {}]", percent(*low, 0), percent(*high, 0)) : std::string();
}

} // namespace

Result<Json> evaluationOf(const path& model)
{
    const path run = runOf(model), file = run / "evaluation.json";
    std::error_code unread; // reported as not there
    if (!std::filesystem::exists(file, unread))
        return fail(ErrorCode::NotFound, "{} holds no evaluation.json: a training writes it at its end, where patients are held out", run.filename().string());
    HILUM_TRY(const std::string text, readTextFile(file));
    auto evaluation = parseJson(text);
    if (!evaluation)
        return std::unexpected(withContext(evaluation.error(), "reading " + file.string()));
    if (const std::string schema = textIn(*evaluation, "schema"); schema != "hilum.evaluation/1")
        return fail(ErrorCode::WrongVersion, "{} holds no evaluation of a pre-training (schema \"{}\")", file.string(), schema);
    evaluation->erase("cases");
    return evaluation;
}

std::string hitRateText(const Json& evaluation, RetrievalPool pool)
{
    const char* const end = pool == RetrievalPool::Radiographs ? "radiograph" : pool == RetrievalPool::Volumes ? "volume" : "both";
    std::string out;
    for (const auto& [direction, words] : {std::pair{"image_to_report", "image to report"}, {"report_to_image", "report to image"}})
        for (const int first : {1, 5}) {
            const std::string name = hilum::format("at_{}_{}_{}", first, direction, end), key = "recall_" + name;
            const auto found = numberIn(evaluation, key), chance = numberIn(evaluation, "chance_" + name), before = numberIn(evaluation, "untrained_" + key);
            if (!found)
                continue;
            out += hilum::format("{}{}, {}: {} %{}", out.empty() ? "" : "\n", words, first == 1 ? "first" : "among the first 5", percent(*found, 0), intervalText(evaluation, key));
            if (chance)
                out += hilum::format(", chance {} %", percent(*chance, 1));
            if (before)
                out += hilum::format(", before training {} %", percent(*before, 0));
        }
    if (out.empty())
        return pool == RetrievalPool::Both ? "No hit rates of both kinds together: the held-out cases are of one kind, or an older version evaluated them."
                                           : hilum::format("No hit rates: no {} was held out.", pool == RetrievalPool::Volumes ? "CT" : "radiograph");
    if (const auto patients = numberIn(evaluation, "held_out_patients"))
        out += hilum::format("\n{} held-out patient{}", std::llround(*patients), std::llround(*patients) == 1 ? "" : "s");
    return out;
}

std::string otherWeightsText(const Json& evaluation, const Json& model)
{
    const std::string evaluated = textIn(evaluation, "weights_sha256");
    if (evaluated.empty())
        return "The evaluation does not say of which weights it is.";
    if (evaluated == textIn(model, "weights_sha256"))
        return {};
    const auto step = numberIn(evaluation, "step");
    return step ? hilum::format("Of the weights at step {}, not of those shown:", std::llround(*step)) : std::string("Of other weights than those shown:");
}

} // namespace hilum::services
