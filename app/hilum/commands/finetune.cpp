#include "app/hilum/classification.h"
#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "app/hilum/training.h"
#include "core/services/labels.h"
#include "core/services/worker_program.h"

#include <memory>

namespace hilum::commands {

Run declareFinetune(CLI::App& verb)
{
    verb.description("trains a classifier on the features of a model, or the whole encoder with it, and tests it on held-out patients");
    struct Arguments {
        std::string task = "classify", mode = "linear", label, model, out, device = "auto";
        std::vector<std::string> data, positive, settings;
        double fraction = 1;
        std::uint64_t seed = 0;
        bool compareUntrained = false, json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--task", a->task, "classify")->check(CLI::IsMember({"classify"}));
    verb.add_option("--mode", a->mode, "linear: logistic regression on frozen features; full: encoder and a linear head are trained together")->check(CLI::IsMember({"linear", "full"}));
    verb.add_option("--set", a->settings, "key=value of --mode full, epochs or learning_rate for instance (the guide's page Metrics has all)");
    verb.add_option("--label", a->label, "column of the table that holds the labels")->required();
    verb.add_option("--positive", a->positive, "values that count as positive, against all others; without it each value is a class")->delimiter(',');
    verb.add_option("--model", a->model, "run folder or model file")->required();
    verb.add_option("--data", a->data, "a folder with a CSV of its images (filename) or of its patients (patient_id, as DICOM has them), or the CSV of images")->required();
    verb.add_option("--out", a->out, "new folder for evaluation.json, predictions.csv, head.safetensors and provenance.json; with full also the tuned model.safetensors")->required();
    verb.add_option("--fraction", a->fraction, "share of the training patients whose labels are used")->check(CLI::Range(0.001, 1.0));
    verb.add_option("--seed", a->seed, "draws these patients, and held-out ones where no pre-training split says them");
    verb.add_option("--device", a->device, "auto, cpu or cuda:N");
    verb.add_flag("--compare-untrained", a->compareUntrained, "also the same network with weights drawn by its run's seed, untrained, and the paired difference");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a]() -> Status {
        const Work work = consoleWork();
        const path out = a->out;
        if (std::filesystem::exists(out / "evaluation.json") || std::filesystem::exists(out / "job.json"))
            return fail(ErrorCode::Usage, "{} holds a run already; choose another folder", a->out);
        if (a->mode == "linear" && !a->settings.empty())
            return fail(ErrorCode::Usage, "--set is for --mode full: a linear probe has nothing to set");
        const std::vector<path> data{a->data.begin(), a->data.end()};
        if (data.size() == 1 && std::filesystem::exists(data.front() / "index.json"))
            return fail(ErrorCode::Usage, "{} is a prepared cache, which names no image; labels need the folder or CSV that it was made from", data.front().string());
        HILUM_TRY(const Json metadata, app::modelMetadata(a->model));
        HILUM_TRY(const services::Labels labels, services::readLabels(data, a->label, a->positive, work));
        const app::MethodChoice method{.id = metadata.value("method", ""), .preset = metadata.value("preset", ""), .title = "", .options = metadata.value("options", Json::object()),
                                       .pipeline = metadata.value("pipeline", Json::object())};
        HILUM_TRY(const services::PreparedCache cache, app::cacheFor(data, method, {}, work));
        HILUM_TRY(const TemporaryFolder folder, TemporaryFolder::make("hilum-labels"));
        const path file = folder.where() / "labels.json";
        HILUM_TRY_STATUS(writeFileAtomically(file, jsonLine({{"schema", "hilum.labels/1"}, {"column", a->label}, {"classes", labels.classes}, {"labels", labels.byKey}})));
        std::vector<std::string> arguments{"finetune", "--model", a->model, "--cache", cache.folder.string(), "--labels", file.string(), "--out", a->out, "--fraction",
                                           std::format("{}", a->fraction), "--seed", std::to_string(a->seed), "--device", a->device, "--mode", a->mode};
        for (const std::string& setting : a->settings)
            arguments.insert(arguments.end(), {"--set", setting});
        if (a->compareUntrained)
            arguments.push_back("--compare-untrained");
        HILUM_TRY(const Json result, services::runWorker(arguments,
                                                         [&](const Json& line) {
                                                             if (line.value("kind", "") == "progress")
                                                                 work.progress(line.value("done", std::int64_t{0}), line.value("total", std::int64_t{1}),
                                                                               (a->mode == "full" ? "fine-tuning, " : "features, ") + line.value("phase", ""));
                                                         },
                                                         [&] { return work.cancelled(); }));
        HILUM_TRY(const Json evaluation, app::readClassification(out / "evaluation.json"));
        print(a->json ? evaluation.dump(2) : app::classificationText(evaluation));
        return {};
    };
}

} // namespace hilum::commands
