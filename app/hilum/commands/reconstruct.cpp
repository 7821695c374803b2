#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/options_json.h"
#include "core/services/report_gallery.h"

namespace hilum::commands {

namespace {

/// "X,Y,Z" in millimetres.
Result<Vec3> pointOf(const std::string& text)
{
    Vec3 out{};
    std::size_t from = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::size_t comma = axis < 2 ? text.find(',', from) : text.size();
        const auto value = comma == std::string::npos ? Result<double>(fail(ErrorCode::Usage, "")) : parseDouble(std::string_view(text).substr(from, comma - from));
        if (!value)
            return fail(ErrorCode::Usage, "--at is \"{}\", it must be X,Y,Z in millimetres", text);
        out[axis] = *value;
        from = comma + 1;
    }
    return out;
}

} // namespace

Run declareReconstruct(CLI::App& verb)
{
    verb.description("shows what a model makes of one image: what it hides and fills in, which crops it compares, which slices count");
    struct Arguments {
        app::ModelArguments model;
        std::string image, out, mask, region, donor;
        std::vector<std::string> others, points, reports;
        std::uint64_t seed = 0;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--model", a->model.model, "run folder, checkpoint folder or model file");
    verb.add_option("--method", a->model.method, "method with untrained weights, instead of --model");
    verb.add_option("--preset", a->model.preset, "its preset");
    verb.add_option("--set", a->model.settings, "key=value of the method for this image, region_source for instance");
    verb.add_option("IMAGE", a->image, "file or folder of one image")->required();
    verb.add_option("--out", a->out, "folder for pictures, tensors and result.json")->required();
    auto* seed = verb.add_option("--seed", a->seed, "of the mask");
    verb.add_option("--mask", a->mask, "image, label map or safetensors: non-zero is hidden (methods that hide places of a radiograph)")->excludes(seed);
    verb.add_option("--region", a->region, "image of the chest region, as large as IMAGE: non-zero is inside (hdxray-mae; needed by models that were trained with mask files)");
    verb.add_option("--donor", a->donor, "another radiograph, whose pixels fill the hidden groups (spcxr)");
    verb.add_option("--other", a->others, "other volumes to compare with (dae: similarity of modalities)");
    verb.add_option("--at", a->points, "X,Y,Z in patient millimetres (LPS): middle of the crop of a volume; voco takes it several times");
    verb.add_option("--report", a->reports, "text file with a report to compare the image with, or a table (CSV) of reports; several times for several (unimedi)")->allow_extra_args(false);
    verb.add_flag("--json", a->json, "result.json on standard output");
    return [a]() -> Status {
        const Work work = consoleWork();
        if (!a->donor.empty() && !a->others.empty())
            return fail(ErrorCode::Usage, "--donor is for radiographs and --other for volumes: give one of them");
        std::vector<path> others(a->others.begin(), a->others.end());
        if (!a->donor.empty())
            others = {a->donor};
        HILUM_TRY(const app::Inference inference, app::openForInference(a->model, a->image, work, others, {.file = a->region}));
        const std::string title = inference.entry.value("title", "");
        for (const auto& [given, option, needs] : {std::tuple{!a->donor.empty(), "--donor", "donor"}, {!a->others.empty(), "--other", "cmcl_similarity"}, {!a->reports.empty(), "--report", "similarity"}})
            if (given && !app::shows(inference, needs))
                return fail(ErrorCode::Usage, "{} says nothing to {}, which shows no {}", option, title, needs);
        Json fields = {{"seed", a->seed}};
        const std::string column = inference.metadata.value("pipeline", Json::object()).value("report_column", "");
        HILUM_TRY(const std::vector<services::NamedText> texts, services::readTexts({a->reports.begin(), a->reports.end()}, column, work));
        if (!a->points.empty()) {
            std::vector<Vec3> points;
            for (const std::string& text : a->points) {
                HILUM_TRY(const Vec3 point, pointOf(text));
                points.push_back(point);
            }
            HILUM_TRY(const Json crops, app::cropFields(inference, points));
            fields.update(crops);
        }
        if (!a->model.settings.empty()) {
            HILUM_TRY(const Json overrides, settingsToJson(a->model.settings, inference.entry.value("schema", Json::array())));
            fields.update(overrides);
        }
        if (!a->region.empty())
            fields["region_source"] = "mask-file"; // a model of the rectangle would not look at what is sent
        app::GivenMask mask;
        if (!a->mask.empty()) {
            HILUM_TRY(mask, app::readMask(a->mask, inference));
        }
        HILUM_TRY(const Json result, app::infer(protocol::Reconstruct, inference, mask.values.empty() ? nullptr : &mask, fields, a->out, work, texts));
        if (a->json)
            print(jsonDocument(result));
        else if (inference.input.volume)
            print(hilum::format("{} pictures and volumes in {}", result.value("files", Json::array()).size() - 1, a->out));
        else if (result.contains("hidden_fraction"))
            print(hilum::format("hidden {:.1f} %, loss {:.4f}; pictures in {}", 100 * result.value("hidden_fraction", 0.0), result.value("loss", 0.0), a->out));
        else
            print(hilum::format("{} files in {}", result.value("files", Json::array()).size(), a->out));
        if (!a->json)
            for (const Json& one : result.value("nearest", Json::array()))
                print(hilum::format("{:7.3f}  {}", one.at("cosine").get<double>(), one.at("text").get<std::string>()));
        return {};
    };
}

} // namespace hilum::commands
