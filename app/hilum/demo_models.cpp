#include "app/hilum/demo_models.h"

#include "app/hilum/training.h"

#include <cstdio>

namespace hilum::app {

namespace {

struct DemoModel {
    const char* method;
    int steps, keepEvery;
};
// short on purpose: weights that have learnt something, not good ones
constexpr DemoModel Models[] = {{"hdxray-mae", 160, 40}, {"mae", 120, 40}};
constexpr int Batch = 8;

/// images.csv beside cxr/: the radiographs that can be read, with their patients (some people have two).
Result<path> writeImageTable(const path& folder, const Json& facts)
{
    std::string table = "filename,patientid\n";
    for (const char* kind : {"dicom", "png"})
        for (const Json& film : facts.at("cxr").at(kind))
            if (!film.value("truncated", false))
                table += hilum::format("cxr/{},{}\n", film.at("file").get<std::string>(), film.at("patient_id").get<std::string>());
    const path file = folder / "images.csv";
    HILUM_TRY_STATUS(writeFileAtomically(file, table));
    return file;
}

/// Whether a run folder holds this very job (the films are a function of the seed, which is among the options); Usage when it holds another one.
Result<bool> holds(const path& run, const MethodChoice& method)
{
    HILUM_TRY(const bool there, isThere(run / "job.json"));
    if (!there)
        return false;
    HILUM_TRY(const std::string text, readTextFile(run / "job.json"));
    HILUM_TRY(const Json job, parseJson(text));
    if (job.value("method", "") != method.id || job.value("options", Json()) != method.options)
        return fail(ErrorCode::Usage, "{} holds a run with other options; remove it or choose another folder", run.string());
    return true;
}

Result<Json> train(const DemoModel& model, const path& images, const path& run, std::uint64_t seed, const Work& work)
{
    HILUM_TRY(const MethodChoice method, chooseMethod(model.method, "tiny",
                                                      {hilum::format("steps={}", model.steps), hilum::format("batch={}", Batch), "warmup_steps=10", hilum::format("checkpoint_every={}", model.keepEvery),
                                                       hilum::format("keep_every={}", model.keepEvery), hilum::format("preview_every={}", model.keepEvery), hilum::format("seed={}", seed)}));
    HILUM_TRY(const bool there, holds(run, method));
    HILUM_TRY(const bool finished, isThere(run / "evaluation.json"));
    if (!there || !finished) {
        services::JobRequest request{.method = method.id, .preset = method.preset, .title = method.title + " " + method.preset, .options = method.options, .cache = {},
                                     .threads = jobThreads(0), .run = run};
        if (!there) {
            HILUM_TRY(const services::PreparedCache cache, cacheFor({images}, method, {}, work));
            request.cache = cache.folder;
        }
        std::fputs(hilum::format("pre-training {} {}, {} steps\n", method.id, method.preset, model.steps).c_str(), stderr);
        HILUM_TRY(const services::JobStatus job, followJob(request, there));
        if (job.state == services::JobState::Cancelled)
            return fail(ErrorCode::Cancelled, "{}", job.message);
    }
    HILUM_TRY(const std::string text, readTextFile(run / "evaluation.json"));
    HILUM_TRY(const Json evaluation, parseJson(text));
    Json fact = {{"run", "models/" + run.filename().string()}, {"method", method.id}, {"preset", method.preset}, {"steps", model.steps}, {"checkpoint_every", model.keepEvery}};
    for (const char* key : {"weights_sha256", "held_out_patients", "held_out_loss", "untrained_loss"})
        fact[key] = evaluation.value(key, Json());
    return fact;
}

} // namespace

Status writeDemoModels(const path& folder, std::uint64_t seed, const Work& work)
{
    HILUM_TRY(const std::string text, readTextFile(folder / "facts.json"));
    HILUM_TRY(Json facts, parseJson(text));
    HILUM_TRY(const path images, writeImageTable(folder, facts));
    facts["models"] = Json::array();
    for (const DemoModel& model : Models) {
        HILUM_TRY(Json fact, train(model, images, folder / "models" / (std::string(model.method) + "-tiny"), seed, work));
        facts["models"].push_back(std::move(fact));
    }
    return writeFileAtomically(folder / "facts.json", facts.dump(2) + "\n");
}

} // namespace hilum::app
