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

} // namespace

Run declareAttention(CLI::App& verb)
{
    verb.description("what a model's encoder attends to in an image");
    struct Arguments {
        app::ModelArguments model;
        std::string image, out, kind = "rollout", query;
        std::int64_t layer = -1, head = 0;
        bool json = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("--model", a->model.model, "run folder, checkpoint folder or model file");
    verb.add_option("--method", a->model.method, "method with untrained weights, instead of --model");
    verb.add_option("--preset", a->model.preset, "its preset");
    verb.add_option("IMAGE", a->image, "file or folder of one image")->required();
    verb.add_option("--out", a->out, "folder for the picture, of a volume also NIfTI, tensors and result.json")->required();
    verb.add_option("--kind", a->kind, "rollout, mean, head or gradient")->check(CLI::IsMember({"rollout", "mean", "head", "gradient"}));
    verb.add_option("--query", a->query, "X,Y in pixels of a radiograph, X,Y,Z in patient millimetres (LPS) of a volume: attention of the patch there; without it, of the class token");
    verb.add_option("--layer", a->layer, "layer of mean and head, from 0; -1 is the last");
    verb.add_option("--head", a->head, "head of head, from 0");
    verb.add_flag("--json", a->json, "result.json on standard output");
    return [a]() -> Status {
        const Work work = consoleWork();
        HILUM_TRY(const app::Inference inference, app::openForInference(a->model, a->image, work, {}, {.use = app::RegionWish::Use::Unread})); // nothing is hidden: inside and outside do not matter
        if (!inference.input.plane && !app::shows(inference, "attention"))
            return fail(ErrorCode::Unsupported, "{} has no attention map of a whole volume; `hilum reconstruct` shows {}", inference.entry.value("title", ""),
                        listOf(inference.entry.value("shows", Json::array())));
        Json fields = {{"kind_of", a->kind}, {"layer", a->layer}, {"head", a->head}, {"query", nullptr}};
        if (!a->query.empty()) {
            HILUM_TRY(const std::int64_t token, tokenOf(a->query, inference));
            fields["query"] = token;
        }
        HILUM_TRY(const Json result, app::infer(protocol::Attention, inference, nullptr, fields, a->out, work));
        print(a->json ? jsonDocument(result) : std::format("{} attention; {} in {}", a->kind, inference.input.plane ? "picture" : "picture and volume", a->out));
        return {};
    };
}

} // namespace hilum::commands
