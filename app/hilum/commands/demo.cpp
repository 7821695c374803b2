#include "app/hilum/commands/command.h"
#include "app/hilum/demo_summary.h"
#include "app/hilum/models.h"
#include "app/hilum/training.h"
#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/read.h"
#include "core/project/library.h"
#include "core/services/importer.h"

#include <chrono>
#include <set>

namespace hilum::commands {

namespace {

struct Arguments {
    std::string out;
    std::int64_t studies = 24, steps = 0;
    std::uint64_t seed = 1;
    std::string device = "auto";
    bool json = false;
};

void say(const std::string& text)
{
    std::fputs((text + "\n").c_str(), stderr);
}

Result<std::vector<imaging::Item>> radiographs(const path& studies, const Work& work)
{
    HILUM_TRY(const imaging::ScanResult found, imaging::scan({studies}, work));
    std::vector<imaging::Item> out;
    for (const imaging::Item& item : found.items)
        if (item.kind == imaging::ItemKind::Image && item.modality == "DX")
            out.push_back(item);
    if (out.empty())
        return fail(ErrorCode::Empty, "the demo studies in {} hold no radiograph", studies.string());
    return out;
}

/// A film of a person whom the run never trained on. The cache names a case by a keyed hash and tells its file by the digest.
Result<path> heldOutFilm(const std::vector<path>& films, const path& cache, const path& run)
{
    HILUM_TRY(const std::string splitText, readTextFile(run / "split.json", std::uintmax_t{1} << 30));
    HILUM_TRY(const Json split, parseJson(splitText));
    HILUM_TRY(const std::string indexText, readTextFile(cache / "index.json", std::uintmax_t{1} << 30));
    HILUM_TRY(const Json index, parseJson(indexText));
    std::set<std::string> keys, digests;
    for (const Json& key : split.at("held_out"))
        keys.insert(key.get<std::string>());
    for (const Json& one : index.at("cases"))
        if (keys.contains(one.value("key", "")))
            digests.insert(one.value("source_digest", ""));
    for (const path& film : films) {
        HILUM_TRY(const std::string digest, sha256File(film));
        if (digests.contains(digest))
            return film;
    }
    return fail(ErrorCode::NotFound, "{} holds nobody out of training", run.string());
}

Status runDemo(const Arguments& a)
{
    const auto start = std::chrono::steady_clock::now();
    const Work work = consoleWork();
    const path out = a.out;
    HILUM_TRY_STATUS(makeFolder(out));
    std::error_code unread;
    const bool empty = std::filesystem::is_empty(out, unread);
    if (unread)
        return std::unexpected(systemError("read the folder", out.string(), unread.value()));
    if (!empty)
        return fail(ErrorCode::Usage, "{} is not empty; choose a new folder", out.string());
    app::DemoSummary summary;

    say(hilum::format("making {} studies (CT, radiograph, segmentation, report)", a.studies));
    HILUM_TRY_STATUS(imaging::writeDemoStudies(out / "studies", a.seed, static_cast<int>(a.studies), imaging::ThoraxPreset::Small, work));
    summary.studies = a.studies;
    summary.commands.push_back(hilum::format("hilum library add {}/studies", out.filename().string()));

    say("importing");
    {
        HILUM_TRY(const std::unique_ptr<project::Library> library, project::Library::open(out / "library"));
        HILUM_TRY(const services::ImportSummary imported, services::importPaths(*library, {std::filesystem::absolute(out / "studies")}, work));
        summary.series = imported.series;
        summary.refused = static_cast<std::int64_t>(imported.refused.size());
    }

    say("looking at one study");
    path first;
    for (const auto& entry : std::filesystem::directory_iterator(out / "studies"))
        if (entry.is_directory() && (first.empty() || entry.path() < first))
            first = entry.path();
    HILUM_TRY(const imaging::ScanResult oneStudy, imaging::scan({first}, work));
    summary.info = {{"schema", "hilum.info/1"}, {"items", Json::array()}};
    for (const imaging::Item& item : oneStudy.items) {
        HILUM_TRY(const Json described, imaging::describeItem(item, false, work));
        summary.info["items"].push_back(described);
    }
    summary.commands.push_back("hilum info " + (out.filename() / "studies" / first.filename()).string());

    std::vector<std::string> settings;
    if (a.steps > 0)
        settings.push_back("steps=" + std::to_string(a.steps));
    HILUM_TRY(const app::MethodChoice method, app::chooseMethod("hdxray-mae", "tiny", settings));
    HILUM_TRY(const std::vector<imaging::Item> films, radiographs(out / "studies", work));
    std::vector<path> files;
    for (const imaging::Item& film : films)
        files.push_back(film.files.front());
    say("preparing the radiographs");
    HILUM_TRY(const services::PreparedCache cache, app::cacheFor(files, method, out / "cache", work));

    say("pre-training hdxray-mae tiny");
    services::JobRequest request{.method = method.id, .preset = method.preset, .title = "demo", .options = method.options, .cache = cache.folder, .device = a.device,
                                 .threads = app::jobThreads(0),
                                 .run = out / "run"};
    HILUM_TRY(const services::JobStatus job, app::followJob(request, false));
    if (job.state == services::JobState::Cancelled)
        return fail(ErrorCode::Cancelled, "{}", job.message);
    summary.commands.push_back("hilum train --method hdxray-mae --preset tiny --data IMAGES --out " + (out.filename() / "run").string());
    HILUM_TRY(const std::string evaluation, readTextFile(out / "run" / "evaluation.json"));
    HILUM_TRY(summary.evaluation, parseJson(evaluation));
    HILUM_TRY(const std::string events, readTextFile(out / "run" / "events.jsonl", std::uintmax_t{1} << 30));
    for (const auto& event : JsonLineReader().feed(events))
        if (event && event->value("kind", "") == protocol::Metric)
            summary.metrics.push_back(*event);

    say("reconstructing and attending");
    const app::ModelArguments model{.model = (out / "run").string(), .method = "", .preset = "", .settings = {}, .seed = 0};
    HILUM_TRY(const path film, heldOutFilm(files, cache.folder, out / "run"));
    HILUM_TRY(const app::Inference inference, app::openForInference(model, film, work));
    HILUM_TRY(summary.reconstruction, app::infer(protocol::Reconstruct, inference, nullptr, {{"seed", 7}}, out / "reconstruction", work));
    HILUM_TRY(const Json attention, app::infer(protocol::Attention, inference, nullptr, {{"kind_of", "rollout"}, {"layer", -1}, {"head", 0}, {"query", nullptr}}, out / "attention", work));
    summary.pictures = {{hilum::format("Original, disrupted ({:.0f} % hidden), reconstruction, error (blue too dark, red too bright) of a person who was held out: the model never saw this film",
                                       100 * summary.reconstruction.value("hidden_fraction", 0.0)),
                         "reconstruction/montage.png"},
                        {"Attention rollout of the class token, on the same film", "attention/attention.png"}};
    summary.commands.push_back(hilum::format("hilum reconstruct --model {0}/run IMAGE --out {0}/reconstruction --seed 7", out.filename().string()));
    summary.commands.push_back(hilum::format("hilum attention --model {0}/run IMAGE --out {0}/attention --kind rollout", out.filename().string()));
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    HILUM_TRY_STATUS(writeFileAtomically(out / "summary.html", app::demoPage(summary)));

    HILUM_TRY(const std::string text, app::evaluationText(out / "run" / "evaluation.json"));
    if (a.json)
        print(jsonDocument(Json{{"schema", "hilum.demo/1"}, {"studies", summary.studies}, {"series", summary.series}, {"evaluation", summary.evaluation}, {"film", film.string()}, {"summary", (out / "summary.html").string()}}));
    else
        print(text + "open " + (out / "summary.html").string());
    return {};
}

} // namespace

Run declareDemo(CLI::App& verb)
{
    verb.description("the whole main job without a display, on made-up patients: import, look, prepare, pre-train, reconstruct, attend");
    auto a = std::make_shared<Arguments>();
    verb.add_option("--out", a->out, "new folder for everything")->required();
    verb.add_option("--studies", a->studies, "how many patients")->check(CLI::Range(5, 1000));
    verb.add_option("--steps", a->steps, "training steps; 0 takes the preset's own");
    verb.add_option("--seed", a->seed, "of the patients");
    verb.add_option("--device", a->device, "auto, cpu or cuda:N");
    verb.add_flag("--json", a->json, "one JSON document");
    return [a] { return runDemo(*a); };
}

} // namespace hilum::commands
