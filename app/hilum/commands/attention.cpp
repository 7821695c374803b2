#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace hilum::commands {

namespace {

std::string listOf(const Json& names)
{
    std::string out;
    for (const Json& name : names)
        out += (out.empty() ? "" : ", ") + name.get<std::string>();
    return out;
}

/// `count` numbers between commas.
Result<std::vector<double>> numbersOf(std::string_view text, std::size_t count)
{
    std::vector<double> out;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t comma = std::min(text.find(',', from), text.size());
        HILUM_TRY(const double number, parseDouble(text.substr(from, comma - from)));
        out.push_back(number);
        from = comma + 1;
    }
    if (out.size() != count)
        return fail(ErrorCode::Usage, "{} numbers where {} are expected", out.size(), count);
    return out;
}

/// The token that holds position `at` of an axis, pixel centres at whole numbers.
std::int64_t cell(double at, std::int64_t pixels, std::int64_t tokens)
{
    return std::clamp(static_cast<std::int64_t>((at + 0.5) * static_cast<double>(tokens) / static_cast<double>(pixels)), std::int64_t{0}, tokens - 1);
}

/// "X,Y" in pixels of a radiograph, "X,Y,Z" in millimetres of the patient -> token index.
Result<std::int64_t> tokenOf(const std::string& text, const app::Inference& inference)
{
    HILUM_TRY(const std::vector<std::int64_t> tokens, app::tokensOver(inference));
    const bool volume = inference.input.volume != nullptr;
    const auto at = numbersOf(text, volume ? 3u : 2u);
    if (!at)
        return fail(ErrorCode::Usage, "--query is \"{}\", it must be {}", text, volume ? "X,Y,Z in patient millimetres (LPS)" : "X,Y in pixels of the image");
    if (volume) {
        const Geometry& grid = inference.input.volume->geometry;
        const Vec3 voxel = grid.worldToIndex({(*at)[0], (*at)[1], (*at)[2]});
        if (!grid.contains(voxel))
            return fail(ErrorCode::Usage, "--query {} lies outside of the volume that the model sees", text);
        return (cell(voxel[2], grid.size[2], tokens[0]) * tokens[1] + cell(voxel[1], grid.size[1], tokens[1])) * tokens[2] + cell(voxel[0], grid.size[0], tokens[2]);
    }
    const imaging::ModelInput& plane = *inference.input.plane;
    const std::int64_t cut = app::cutOf(inference), width = plane.width - cut, height = plane.height - cut;
    const auto [px, py] = plane.fromImage((*at)[0], (*at)[1]);
    const double mx = px - static_cast<double>(cut / 2), my = py - static_cast<double>(cut / 2);
    if (mx < -0.5 || my < -0.5 || mx > static_cast<double>(width) - 0.5 || my > static_cast<double>(height) - 0.5)
        return fail(ErrorCode::Usage, "--query {} lies outside {} the image of {} x {} pixels", text, cut > 0 ? "what the encoder gets of" : "of", inference.image.geometry().size[0],
                    inference.image.geometry().size[1]);
    return cell(my, height, tokens[0]) * tokens[1] + cell(mx, width, tokens[1]);
}

std::vector<std::string> kindsOf(const app::Inference& inference)
{
    std::vector<std::string> out;
    for (const Json& one : inference.entry.value("maps", Json::array()))
        if (one.is_string())
            out.push_back(one.get<std::string>());
    return out;
}

/// Which map is asked for: `asked`, or without a wish the first that there is.
Result<std::string> kindFor(const app::Inference& inference, const std::string& asked)
{
    const std::string title = inference.entry.value("title", "");
    const std::vector<std::string> kinds = kindsOf(inference);
    if (kinds.empty())
        return fail(ErrorCode::Unsupported, "{} has no map of what its output depends on; `hilum reconstruct` shows {}", title, listOf(inference.entry.value("shows", Json::array())));
    if (asked.empty())
        return kinds.front();
    if (std::ranges::find(kinds, asked) != kinds.end())
        return asked;
    if (kinds == std::vector<std::string>{protocol::Occlusion})
        return fail(ErrorCode::Unsupported, "{} has no {} map: its encoder attends within shifted windows, and no rollout through these is accepted; --kind occlusion is what there is", title, asked);
    return fail(ErrorCode::Unsupported, "{} has no {} map; --kind can be {}", title, asked, listOf(inference.entry["maps"]));
}

std::int64_t blocksIn(const Json& result)
{
    std::int64_t out = 1;
    for (const Json& side : result.value("grid", Json::object()).value("tokens", Json::array()))
        out *= side.get<std::int64_t>();
    return out;
}

/// The fields of a map by occlusion. \param at "X,Y,Z" in millimetres of the patient, around which the crop lies; empty: where the method takes it
Result<Json> occlusionFields(const app::Inference& inference, std::int64_t block, const std::string& at)
{
    Json fields = {{"kind_of", protocol::Occlusion}, {"block", block}};
    if (at.empty())
        return fields;
    if (inference.input.plane || app::shows(inference, "crop_boxes"))
        return fail(ErrorCode::Usage, "--at says nothing to {}: its map is of the whole that it works on, not of one crop", inference.entry.value("title", ""));
    const auto point = numbersOf(at, 3);
    if (!point)
        return fail(ErrorCode::Usage, "--at is \"{}\", it must be X,Y,Z in patient millimetres (LPS)", at);
    HILUM_TRY(const Json crop, app::cropFields(inference, {{(*point)[0], (*point)[1], (*point)[2]}}));
    fields.update(crop);
    return fields;
}

} // namespace

Run declareAttention(CLI::App& verb)
{
    verb.description("what a model's encoder attends to in an image, or which parts of it its features depend on");
    struct Arguments {
        app::ModelArguments model;
        std::string image, out, kind, query, at;
        std::int64_t layer = -1, head = 0, block = 0;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--model", a->model.model, "run folder, checkpoint folder or model file");
    verb.add_option("--method", a->model.method, "method with untrained weights, instead of --model");
    verb.add_option("--preset", a->model.preset, "its preset");
    verb.add_option("IMAGE", a->image, "file or folder of one image")->required();
    verb.add_option("--out", a->out, "folder for the picture, of a volume also NIfTI, tensors and result.json")->required();
    verb.add_option("--kind", a->kind, "rollout, mean, head or gradient of the attention, or occlusion: how much the features change when a block of the image is hidden; without it rollout, "
                                       "and occlusion where there is no other (voco, dae)")
        ->check(CLI::IsMember({"rollout", "mean", "head", "gradient", "occlusion"}));
    auto* query = verb.add_option("--query", a->query, "X,Y in pixels of a radiograph, X,Y,Z in patient millimetres (LPS) of a volume: attention of the patch there; without it, of the class token");
    auto* layer = verb.add_option("--layer", a->layer, "layer of mean and head, from 0; -1 is the last");
    auto* head = verb.add_option("--head", a->head, "head of head, from 0");
    auto* block = verb.add_option("--block", a->block, "side of a hidden block of occlusion, in voxels or pixels of what the model sees; 0: patches of the model, doubled until 512 blocks or fewer are left")
                      ->check(CLI::NonNegativeNumber);
    auto* at = verb.add_option("--at", a->at, "X,Y,Z in patient millimetres (LPS): middle of the crop that occlusion looks at (dae)");
    verb.add_flag("--json", a->json, "result.json on standard output");
    return [=]() -> Status {
        const Work work = consoleWork();
        HILUM_TRY(const app::Inference inference, app::openForInference(a->model, a->image, work, {}, {.use = app::RegionWish::Use::Unread})); // nothing is hidden: inside and outside do not matter
        HILUM_TRY(const std::string kind, kindFor(inference, a->kind));
        const bool occlusion = kind == protocol::Occlusion;
        for (const CLI::Option* option : occlusion ? std::vector{query, layer, head} : std::vector{block, at})
            if (option->count() > 0)
                return fail(ErrorCode::Usage, "{} says nothing to the {} map", option->get_name(), kind);
        Json fields = {{"kind_of", kind}, {"layer", a->layer}, {"head", a->head}, {"query", nullptr}};
        if (occlusion) {
            HILUM_TRY(fields, occlusionFields(inference, a->block, a->at));
        } else if (!a->query.empty()) {
            HILUM_TRY(const std::int64_t token, tokenOf(a->query, inference));
            fields["query"] = token;
        }
        HILUM_TRY(const Json result, app::infer(protocol::Attention, inference, nullptr, fields, a->out, work));
        const char* files = inference.input.plane ? "picture" : "picture and volume";
        const Json numbers = result.value("numbers", Json::object());
        print(a->json     ? jsonDocument(result)
              : occlusion ? hilum::format("occlusion of {} blocks, values {} to {}; {} in {}", blocksIn(result), shortest(numbers.value("minimum", 0.0)), shortest(numbers.value("maximum", 0.0)), files, a->out)
                          : hilum::format("{} attention; {} in {}", kind, files, a->out));
        return {};
    };
}

} // namespace hilum::commands
