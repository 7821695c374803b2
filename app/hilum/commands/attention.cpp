#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"

#include <cmath>

namespace hilum::commands {

namespace {

std::string listOf(const Json& names)
{
    std::string out;
    for (const Json& name : names)
        out += (out.empty() ? "" : ", ") + name.get<std::string>();
    return out;
}

/// "X,Y" in pixels of the image -> token index.
Result<std::int64_t> tokenOf(const std::string& text, const app::Inference& inference)
{
    const auto comma = text.find(',');
    if (comma == std::string::npos)
        return fail(ErrorCode::Usage, "--query is \"{}\", it must be X,Y in pixels of the image", text);
    HILUM_TRY(const double x, parseDouble(std::string_view(text).substr(0, comma)));
    HILUM_TRY(const double y, parseDouble(std::string_view(text).substr(comma + 1)));
    const imaging::ModelInput& plane = *inference.input.plane;
    const auto [mx, my] = plane.fromImage(x, y);
    if (mx < -0.5 || my < -0.5 || mx > static_cast<double>(plane.width) - 0.5 || my > static_cast<double>(plane.height) - 0.5)
        return fail(ErrorCode::Usage, "--query {} lies outside the image of {} x {} pixels", text, inference.image.geometry().size[0], inference.image.geometry().size[1]);
    const auto cell = [](double at, std::int64_t pixels, std::int64_t tokens) {
        return std::min(static_cast<std::int64_t>((at + 0.5) * static_cast<double>(tokens) / static_cast<double>(pixels)), tokens - 1);
    };
    return cell(my, plane.height, inference.grid[0]) * inference.grid[1] + cell(mx, plane.width, inference.grid[1]);
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
    verb.add_option("--out", a->out, "folder for the picture, tensors and result.json")->required();
    verb.add_option("--kind", a->kind, "rollout, mean, head or gradient")->check(CLI::IsMember({"rollout", "mean", "head", "gradient"}));
    verb.add_option("--query", a->query, "X,Y in pixels of the image: attention of the patch there; without it, of the class token");
    verb.add_option("--layer", a->layer, "layer of mean and head, from 0; -1 is the last");
    verb.add_option("--head", a->head, "head of head, from 0");
    verb.add_flag("--json", a->json, "result.json on standard output");
    return [a]() -> Status {
        const Work work = consoleWork();
        HILUM_TRY(const app::Inference inference, app::openForInference(a->model, a->image, work));
        if (!inference.input.plane)
            return fail(ErrorCode::Unsupported, "{} has no attention map of a whole volume; `hilum reconstruct` shows {}", inference.entry.value("title", ""),
                        listOf(inference.entry.value("shows", Json::array())));
        Json fields = {{"kind_of", a->kind}, {"layer", a->layer}, {"head", a->head}, {"query", nullptr}};
        if (!a->query.empty()) {
            HILUM_TRY(const std::int64_t token, tokenOf(a->query, inference));
            fields["query"] = token;
        }
        HILUM_TRY(const Json result, app::infer(protocol::Attention, inference, nullptr, fields, a->out, work));
        print(a->json ? result.dump(2) : std::format("{} attention; picture in {}", a->kind, a->out));
        return {};
    };
}

} // namespace hilum::commands
